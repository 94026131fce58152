import { randomBytes } from 'node:crypto'
import { type Link, LinkLostError } from '../../backend/link.js'
import { lowerCase } from '../../base/ascii.js'
import type { Logger } from '../../base/log.js'
import { wrongWordsError } from '../../command/errors.js'
import type { CommandRow } from '../../command/row.js'
import { rowsCount } from '../../command/table.js'
import type { Order } from '../../order/order.js'
import { answer } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { fieldOf } from '../../resp/decode.js'
import {
  type ErrorReply,
  error,
  isError,
  map,
  type Reply,
  type SetReply,
  type SimpleReply,
  simple,
} from '../../resp/encode.js'
import { argumentOf, type Frame, ownFrame } from '../../resp/frame.js'
import { parseRequest } from '../../resp/request-parser.js'
import { numkeysOf } from '../script/run.js'
import { type Script, tooLong } from '../script/script.js'
import { clientsWords } from '../script/script-call.js'
import type { Scripts } from '../script/scripts.js'
import { Kept } from './kept.js'
import { collision, functionKey, joined, listed, type Policy } from './libraries.js'
import { type FunctionFacts, headOf, type Library, SAME_NAME, scriptsOf, watchingNames, withName } from './library.js'
import { dumpOf, sourcesIn } from './payload.js'

const OK = simple('OK')
const NOT_FOUND = error('ERR Function not found')
const BAD_NUMBER = error('ERR Bad number of keys provided')
const NO_LIBRARY = error('ERR Library not found')
const FLUSH_HOW = error('ERR FUNCTION FLUSH only supports SYNC|ASYNC option')
const WRONG_POLICY = error('ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.')
const OURS = error('ERR names of libraries that begin with dt_ are those of this proxy; nothing was loaded')
const SAME_NAMES = error(
  'ERR the library gives two functions names that differ in case alone, which servers do not tell apart; nothing was loaded',
)
const POLICIES: readonly string[] = ['append', 'replace', 'flush']

/**
 * FUNCTION and FCALL [design §7 Functions]. The proxy has the libraries; a server that is to execute one of their functions is sent its
 * wrapped form before, under a name that tells what is in it, so that no two servers, nor two moments, can mean different things by one
 * name. A function runs as a script does.
 *
 *     FUNCTION LOAD ──> compiled by a server, and asked what it registers ──> fits with the others ──> kept by all members
 *     FCALL         ──> [wrapped library, if it is not there] [FCALL its own name]   as EVALSHA [script/runs.ts]
 */
export class Functions {
  readonly kept: Kept
  private libraries: ReadonlyMap<string, Library> = new Map()
  /** What servers execute of each; one that stays keeps what was learnt of it, and what it has in its variables. */
  private wrapped: ReadonlyMap<Library, readonly Script[]> = new Map()
  /** How many rows the table had then: what is wrapped knows no commands that were learnt since. */
  private rowsKnown = rowsCount()
  /** By `functionKey`. */
  private functions: ReadonlyMap<string, Script> = new Map()

  constructor(
    private readonly order: Order,
    private readonly scripts: Scripts,
    log: Logger,
  ) {
    this.kept = new Kept(order, log, {
      learnt: (sources, libraries) => {
        for (const source of sources) scripts.kept.learn(source)
        this.become(libraries)
      },
      executed: () => this.executed(),
      equal: (link) => this.loadOn(link),
    })
    scripts.kept.keeping = this.kept
  }

  get librariesCount(): number {
    return this.libraries.size
  }

  get functionsCount(): number {
    return this.functions.size
  }

  /** Whether the function that a command calls says of itself that it writes nothing; false of one that is not known. */
  onlyReads(frame: Frame, row: CommandRow): boolean {
    return row.script === 'call' && this.functions.get(functionKey(argumentOf(frame, 1)))?.readsOnly === true
  }

  /** Serves a command whose row says `function`; `deadlineMs` as for `Order.park`. */
  serve(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    if (row.script === 'call' && this.kept.isKnown) {
      this.call(frame, row, slot, deadlineMs)
      return
    }
    const own = ownFrame(frame)
    slot.pauseClient()
    const served = this.kept.whenKnown().then((failure) => {
      if (failure !== undefined) return failure
      if (row.script !== 'call') return this.answerTo(parseRequest(own), row)
      // In another turn than the one in which it has passed the gates.
      this.order.resubmit(own, row, slot, deadlineMs)
      return undefined
    })
    served.then(
      (reply) => {
        if (reply !== undefined) answer(slot, reply)
      },
      (failure: Error) => slot.fail(failure, row.replicate !== 'none'),
    )
  }

  private call(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    if (this.rowsKnown !== rowsCount()) this.become([...this.libraries.values()])
    const script = this.functions.get(functionKey(argumentOf(frame, 1)))
    const numkeys = numkeysOf(frame, BAD_NUMBER)
    if (script === undefined) answer(slot, NOT_FOUND)
    else if (typeof numkeys !== 'number') answer(slot, numkeys)
    else {
      const words = this.scripts.wordsOfAll()
      const isFree = row.rights === undefined && words === undefined
      const own = isFree ? script : { ...script, rights: row.rights, words }
      this.scripts.runs.begin({ script: own, frame, row, slot, numkeys, deadlineMs })
    }
  }

  private async answerTo(args: readonly Buffer[], row: CommandRow): Promise<Reply> {
    const words = args.slice(2)
    switch (row.script) {
      case 'load-library':
        return this.load(words)
      case 'delete-library':
        return this.delete(words[0])
      case 'flush-libraries':
        return words.length > 1 ? wrongWordsError('function', args[1]) : this.flush(words)
      case 'restore-libraries':
        return words.length > 2 ? wrongWordsError('function', args[1]) : this.restore(words)
      case 'list-libraries':
        return listed(this.libraries, words)
      case 'dump-libraries':
        return dumpOf([...this.libraries.values()].map(({ source }) => source))
      case 'end':
        return this.scripts.long.kill(['FUNCTION', 'KILL'])
      default:
        return this.stats()
    }
  }

  private async load(words: readonly Buffer[]): Promise<Reply> {
    const unknown = words.slice(0, -1).find((word) => lowerCase(word) !== 'replace')
    if (unknown !== undefined) return error(Buffer.concat([Buffer.from('ERR Unknown option given: '), unknown]))
    const source = words[words.length - 1]
    let loaded: Library | undefined
    const failure = await this.change(async () => {
      const name = headOf(source)
      if (name !== undefined && words.length === 1 && this.libraries.has(name)) {
        return error(`ERR Library '${name}' already exists`)
      }
      const library = await this.tried(source)
      if (!('functions' in (library as object))) return library as Reply
      loaded = library as Library
      return joined(this.libraries, [loaded], 'replace')
    })
    return failure ?? loaded!.name
  }

  private async delete(name: Buffer): Promise<Reply> {
    const failure = await this.change(async () => {
      const rest = [...this.libraries.values()].filter((library) => library.name !== name.toString('latin1'))
      return rest.length === this.libraries.size ? NO_LIBRARY : rest
    })
    return failure ?? OK
  }

  private async flush(words: readonly Buffer[]): Promise<Reply> {
    if (words.length === 1 && !['sync', 'async'].includes(lowerCase(words[0]))) return FLUSH_HOW
    return (await this.change(async () => [])) ?? OK
  }

  private async restore(words: readonly Buffer[]): Promise<Reply> {
    const policy = words.length === 2 ? lowerCase(words[1]) : 'append'
    if (!POLICIES.includes(policy)) return WRONG_POLICY
    const { sources, fault } = sourcesIn(
      words[0],
      (length, all) => tooLong({ length }, 'libraries') ?? this.tooMuch(all),
    )
    const failure = await this.change(async () => {
      const restored: Library[] = []
      for (const source of sources) {
        const name = headOf(source)
        if (restored.some((library) => library.name === name)) return error(`ERR Library '${name}' already exists`)
        const library = await this.tried(source)
        if (!('functions' in (library as object))) return library as Reply
        const twice = collision(restored, library as Library)
        if (twice !== undefined) return error(`ERR Function ${twice.name} already exists`)
        restored.push(library as Library)
      }
      if (fault !== undefined) return typeof fault === 'string' ? error(`ERR ${fault}`) : fault
      return joined(this.libraries, restored, policy as Policy)
    })
    return failure ?? OK
  }

  private async stats(): Promise<Reply> {
    const running = await this.scripts.long.running()
    if (running !== undefined && isError(running)) return running
    return map([
      ['running_script', running === undefined ? null : this.shown(running)],
      [
        'engines',
        map([
          [
            'LUA',
            map([
              ['libraries_count', this.librariesCount],
              ['functions_count', this.functionsCount],
            ]),
          ],
        ]),
      ],
    ])
  }

  /** What a server says of the function that it executes, as its client knows it. */
  private shown(running: Reply): Reply {
    const wrapped = String(fieldOf(running, 'name'))
    const [verb, , ...words] = fieldOf(running, 'command') as Buffer[]
    const isIt = (script: Script) => script.wrappedSha === wrapped || script.learnt.trial?.wrappedSha === wrapped
    const name = [...this.functions.values()].find(isIt)?.sha ?? wrapped
    return map([
      ['name', name],
      ['command', [verb, name, ...clientsWords(words)]],
      ['duration_ms', fieldOf(running, 'duration_ms')!],
    ])
  }

  /** Changes which libraries there are; resolves with why not, or with nothing when all members keep them. */
  private change(next: () => Promise<readonly Library[] | Reply>): Promise<Reply | undefined> {
    const bounded = async () => {
      const libraries = await next()
      if (!Array.isArray(libraries)) return libraries
      const bytes = (libraries as readonly Library[]).reduce((sum, { source }) => sum + source.length, 0)
      return this.tooMuch(bytes) ?? libraries
    }
    return this.kept.changeLibraries(bounded, (libraries) => this.become(libraries))
  }

  /** What is said of libraries that have so many bytes; undefined when they may. */
  private tooMuch(bytes: number): ErrorReply | undefined {
    const most = this.scripts.kept.options.loadedScriptsBytes
    if (bytes <= most) return undefined
    return error(`ERR limits.loadedScriptsBytes is ${most}, and the libraries would have more; nothing was loaded`)
  }

  /** These are the libraries from now on. What servers execute of others is removed there, behind the calls that were emitted. */
  private become(libraries: readonly Library[]): void {
    const before = this.executed()
    const { scriptEffectsBytes } = this.scripts.kept.options
    const known = this.rowsKnown === rowsCount() ? this.wrapped : undefined
    const scriptsFor = (library: Library) => known?.get(library) ?? scriptsOf(library, scriptEffectsBytes)
    this.rowsKnown = rowsCount()
    this.libraries = new Map(libraries.map((library) => [library.name, library]))
    this.wrapped = new Map(libraries.map((library) => [library, scriptsFor(library)]))
    this.functions = new Map([...this.wrapped.values()].flat().map((script) => [functionKey(script.sha), script]))
    for (const library of this.executed()) before.delete(library)
    this.kept.remove([...before])
    for (const link of this.order.router.links) if (link.ready) this.loadOn(link)
  }

  /** So that a function which needs no memory can be called when the member has none. */
  private loadOn(link: Link): void {
    for (const [script] of this.wrapped.values()) this.scripts.runs.load(link, script)
  }

  /** What servers execute of the libraries. */
  private executed(): Set<string> {
    const forms = [...this.functions.values()].flatMap((script) => [script, script.learnt.trial ?? script])
    return new Set(forms.map(({ library }) => library!))
  }

  /** What a server says of a library: it is loaded under a name that nobody has, and removed in the same turn. Never sent twice. */
  private async tried(source: Buffer): Promise<Library | Reply> {
    const name = headOf(source)
    if (name?.startsWith('dt_')) return OURS
    const refusal = tooLong(source, 'libraries')
    if (refusal !== undefined) return refusal
    const link = this.scripts.anyMember.serving()
    if (link === undefined) return this.order.unavailable()
    try {
      if (name === undefined) return await this.unnamed(link, source)
      const as = `dt_t_${randomBytes(8).toString('hex')}`
      const names = await link.call(['FUNCTION', 'LOAD', watchingNames(source, as)])
      if (!isError(names)) await link.call(['FUNCTION', 'DELETE', as])
      else if (names.message.includes(SAME_NAME)) return SAME_NAMES
      const [said, list] = await Promise.all([
        link.call(['FUNCTION', 'LOAD', withName(source, as)]),
        link.call(['FUNCTION', 'LIST', 'LIBRARYNAME', as]),
        link.call(['FUNCTION', 'DELETE', as]),
      ])
      if (isError(said)) return said
      return { name, engine: 'LUA', loading: randomBytes(8).toString('hex'), source, functions: functionsIn(list) }
    } catch (failure) {
      if (!(failure instanceof LinkLostError)) throw failure
      return error(`ERR the connection to ${link.name} broke while it compiled the library; nothing was loaded`)
    }
  }

  /** What a server says of a library in whose first line we see no name. */
  private async unnamed(link: Link, source: Buffer): Promise<Reply> {
    const said = await link.call(['FUNCTION', 'LOAD', source])
    if (isError(said)) return said
    await link.call(['FUNCTION', 'DELETE', String(said)])
    return error('ERR this proxy does not understand the first line of the library; nothing was loaded')
  }
}

/** The functions of the one library that FUNCTION LIST has told of. */
function functionsIn(list: Reply): FunctionFacts[] {
  const [library] = list as readonly Reply[]
  const functions = fieldOf(library, 'functions') as readonly Reply[]
  return functions.map((each) => ({
    name: String(fieldOf(each, 'name')),
    description: fieldOf(each, 'description') as Buffer | null,
    flags: (fieldOf(each, 'flags') as SetReply).items.map((flag) => (flag as SimpleReply).text),
  }))
}
