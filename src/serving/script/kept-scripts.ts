import { lowerCase } from '../../base/ascii.js'
import type { CommandRow } from '../../command/row.js'
import { rowsCount } from '../../command/table.js'
import { error, type Reply, simple } from '../../resp/encode.js'
import { argumentOf, type Frame } from '../../resp/frame.js'
import { type Script, shaOf, tooLong, wrap } from './script.js'
import { ScriptCache } from './script-cache.js'

const FLUSH_HOW = error('ERR SCRIPT FLUSH only support SYNC|ASYNC option')
const OK = simple('OK')

export interface KeptScriptOptions {
  /** So much of what a script has done is noted; beyond it its keys are copied. */
  readonly scriptEffectsBytes: number
  /** Of sources that clients may have loaded. */
  readonly loadedScriptsBytes: number
}

/** Who keeps what was loaded, so that it outlives this proxy: see function/kept.ts. */
export interface Keeping {
  readonly isKnown: boolean
  /** Resolves when it is known what is kept, or with the error that says why it is not. */
  whenKnown(): Promise<Reply | undefined>
  /** Resolve with an error when it was not done. */
  keepScript(sha: string, source: Buffer): Promise<Reply | undefined>
  forgetScripts(): Promise<Reply | undefined>
}

/** The scripts that clients may call by their SHA1. Those that were loaded are kept by the members as well. */
export class KeptScripts {
  /** Undefined where nobody keeps them. */
  keeping: Keeping | undefined
  private readonly cache: ScriptCache

  constructor(readonly options: KeptScriptOptions) {
    this.cache = new ScriptCache(options.loadedScriptsBytes)
  }

  get size(): number {
    return this.cache.size
  }

  /** Whether those are known that were loaded before this proxy began. */
  get isKnown(): boolean {
    return this.keeping === undefined || this.keeping.isKnown
  }

  get(sha: string): Script | undefined {
    const script = this.cache.get(sha)
    if (script === undefined || script.rowsKnown === rowsCount()) return script
    return this.cache.renew(wrap(script.source, this.options.scriptEffectsBytes))
  }

  /** That of a command which runs one, as long as it is known. */
  of(frame: Frame, { script }: CommandRow): Script | undefined {
    const word = argumentOf(frame, 1)
    if (tooLong(word, 'scripts') !== undefined) return undefined
    return this.get(script === 'run' ? shaOf(word) : lowerCase(word))
  }

  /** Somebody has evaluated it. */
  note(script: Script): void {
    this.cache.note(script)
  }

  /** It was loaded before this proxy began. */
  learn(source: Buffer): void {
    this.cache.load(wrap(source, this.options.scriptEffectsBytes))
  }

  /** SCRIPT EXISTS. */
  exist(frame: Frame): Reply {
    const shas = Array.from({ length: frame.argc - 2 }, (_, i) => lowerCase(argumentOf(frame, i + 2)))
    return shas.map((sha) => (this.cache.get(sha) === undefined ? 0 : 1))
  }

  /** SCRIPT LOAD of one that a server has compiled. */
  async load(script: Script): Promise<Reply> {
    const { cache, keeping } = this
    const { sha, source } = script
    if (!cache.hasLoaded(sha)) {
      if (!cache.hasRoomFor(script)) return noRoom(this.options.loadedScriptsBytes)
      const failure = await keeping?.keepScript(sha, source)
      if (failure !== undefined) return failure
      if (!cache.load(script)) return noRoom(this.options.loadedScriptsBytes)
    }
    return Buffer.from(sha)
  }

  /** SCRIPT FLUSH. The servers have what they execute: who runs a script names it by its wrapped form, which no client knows. */
  async flush(frame: Frame): Promise<Reply> {
    const how = frame.argc === 3 ? lowerCase(argumentOf(frame, 2)) : frame.argc === 2 ? 'sync' : ''
    if (how !== 'sync' && how !== 'async') return FLUSH_HOW
    const failure = await this.keeping?.forgetScripts()
    if (failure !== undefined) return failure
    this.cache.flush()
    return OK
  }
}

function noRoom(bytes: number): Reply {
  return error(
    `ERR no more scripts can be loaded: limits.loadedScriptsBytes is ${bytes}; SCRIPT FLUSH forgets those that were, or use EVAL`,
  )
}
