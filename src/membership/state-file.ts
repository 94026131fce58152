import { closeSync, fsyncSync, openSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open, readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Logger } from '../base/log.js'
import { UserError } from '../base/user-error.js'
import { decodeState, encodeState, type KeptRecord, ownerOfState } from './marker.js'

/** The ring may stay as it is for months: so often it is tried whether the file could be written. */
const TRY_MS = 10_000
/** A disk that takes longer is not well. */
const SLOW_MS = 10_000

/** How long the members may take to tell who has taken over when the file says that somebody has. */
const MEMBERS_TELL_MS = 1000

interface StateRead extends ReturnType<typeof decodeState> {
  readonly text: string
}

const NEW = '.new'

/** The term of the proxy that uses a file is larger: it is not ours any more. */
class TakenError extends Error {}

/**
 * The local state file: every view of this ring is in it before something is acknowledged under it, so that a proxy which
 * finds only few members knows that there is no later one [design §12]. For that it must never be older than what was
 * acknowledged, and no two proxies may use it at a time: whoever starts writes its term into it, and from then on one
 * with a smaller term writes no more.
 */
export class StateFile {
  /** Epoch of the record that is on disk, or that cannot be there because there is no file. */
  savedEpoch = 0
  /** Where it is, for people on other machines. */
  readonly where: string
  private readonly path: string
  private readonly temporary: string
  private wanted: KeptRecord | undefined
  private saving: Promise<void> | undefined
  /** What could not be written when it was tried last. */
  private unwritten: KeptRecord | undefined
  /** What was said of that: not every second the same. */
  private readonly said = new Set<string>()
  /** Why it could not be written when that was done, or tried, last. */
  fault: string | undefined
  private triedAtMs = Number.NEGATIVE_INFINITY
  /** Since when something is being written. */
  private busySinceMs: number | undefined

  /**
   * `run` is that of our proxy. `taken` is told when another proxy uses the file, so that nothing can be noted in it any
   * more.
   */
  constructor(
    path: string,
    run: string,
    private readonly log: Logger,
    private readonly taken: (reason: string) => void = () => {},
  ) {
    this.path = targetOf(path)
    this.where = `${hostname()}:${resolve(this.path)}`
    this.temporary = `${this.path}.${run.slice(0, 8)}${NEW}`
  }

  /**
   * The record of an earlier run, or undefined when there is no file.
   *
   * @throws UserError when there is one that cannot be used
   */
  read(): KeptRecord | undefined {
    return this.readState()?.record
  }

  /** The term of the proxy that uses the file, which need not have published a view; 0 when there is no file. */
  ownerTerm(): number {
    return this.readState()?.owner ?? 0
  }

  /**
   * Makes the file ours, if it is not: what an owner with a smaller term writes later does not get into it. Gives the
   * record that is in it. Where there is no file that owner may still make one: then it is to be claimed again.
   *
   * @throws UserError when it cannot be read or written, is another ring's, or belongs to somebody with a larger term
   */
  claim(ringId: string, term: number): KeptRecord | undefined {
    for (;;) {
      const state = this.readState()
      if (state !== undefined && state.record.ringId !== ringId) {
        throw new UserError(`${this.path} is the state file of the ring ${state.record.ringId}: set ring.stateFile`)
      }
      if (state?.owner === term) return state.record
      if (this.tryToClaim(state, term)) return state?.record
    }
  }

  /** False when somebody wrote a record while ours was on its way to the disk: that one counts, and is not to be lost. */
  private tryToClaim(state: StateRead | undefined, term: number): boolean {
    try {
      this.writeNow(state === undefined ? '' : encodeState(state.record, term))
      if (this.readState()?.text !== state?.text) return false
      if (state === undefined) rmSync(this.temporary)
      else this.rename(term)
      this.syncNow()
      return true
    } catch (error) {
      if (error instanceof UserError) throw error
      if (error instanceof TakenError) throw new UserError(error.message)
      throw new UserError(
        `the state file ${this.path} cannot be written: ${(error as Error).message}; ` +
          'set ring.stateFile to a path that can be, and that lasts, or to none',
      )
    }
  }

  /** Writes a record, or a later one that is wanted meanwhile; resolves when that is on disk. */
  save(record: KeptRecord): Promise<void> {
    this.wanted = record
    this.saving ??= this.saveAll().finally(() => {
      this.saving = undefined
    })
    return this.saving
  }

  /** To be called now and then; as `saveAgain`. */
  beat(): Promise<void> | undefined {
    this.look()
    return this.saveAgain()
  }

  /** What could not be written is tried again. Undefined when there is no such thing. */
  saveAgain(): Promise<void> | undefined {
    return this.unwritten === undefined || this.saving !== undefined ? undefined : this.save(this.unwritten)
  }

  /** Nothing is written while the ring stays as it is: tries now and then whether it could be. */
  private look(): void {
    const nowMs = performance.now()
    const { busySinceMs, unwritten, triedAtMs } = this
    if (busySinceMs !== undefined) {
      if (nowMs - busySinceMs > SLOW_MS)
        this.cannot(new Error(`a write does not come to an end within ${SLOW_MS / 1000} s`))
    } else if (unwritten === undefined && nowMs - triedAtMs >= TRY_MS) void this.tryToWrite()
  }

  /** Writes a file beside it. What stands in it is left alone: that is right, however the disk is. */
  async tryToWrite(): Promise<void> {
    const beside = `${this.temporary.slice(0, -NEW.length)}.try`
    this.triedAtMs = performance.now()
    this.busySinceMs = this.triedAtMs
    try {
      const text = await readFile(this.path, 'utf8').catch(() => '{}')
      await writeSynced(beside, text)
      await rm(beside)
      this.canBeWritten()
    } catch (error) {
      await rm(beside, { force: true }).catch(() => {})
      this.cannot(error as Error)
    }
    this.busySinceMs = undefined
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.saving
  }

  private async saveAll(): Promise<void> {
    for (let record = this.wanted; record !== undefined; record = this.wanted) {
      this.wanted = undefined
      this.unwritten = undefined
      const { term, view } = record
      this.busySinceMs = performance.now()
      try {
        await writeSynced(this.temporary, encodeState(record, term))
        this.rename(term)
        await this.syncDirectory()
        this.savedEpoch = view.epoch
        this.canBeWritten()
      } catch (error) {
        await rm(this.temporary, { force: true }).catch(() => {})
        if (error instanceof TakenError) {
          this.taken(error.message)
          return
        }
        this.unwritten = record
        this.failed(error as Error, 'the state file cannot be written: it is removed, and tried again')
        if (await this.remove(term)) this.savedEpoch = view.epoch
      } finally {
        this.busySinceMs = undefined
      }
    }
  }

  private writeNow(text: string): void {
    const file = openSync(this.temporary, 'w')
    try {
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  /** The file has either its old content or the new one, whatever happens. Nothing comes between the look and the change. */
  private rename(term: number): void {
    this.assertOurs(term)
    renameSync(this.temporary, this.path)
  }

  /** No file says less than an old one. */
  private async remove(term: number): Promise<boolean> {
    try {
      this.assertOurs(term)
      rmSync(this.path, { force: true })
      await this.syncDirectory()
      return true
    } catch (error) {
      if (error instanceof TakenError) this.taken(error.message)
      else {
        const what =
          'the state file can neither be written nor removed, so no new view is acknowledged: it is tried again'
        this.failed(error as Error, what)
      }
      return false
    }
  }

  private cannot(error: Error): void {
    const what =
      'the state file could not be written now: should the ring change, it would be removed, and where that fails as well nothing would be acknowledged; make room on its disk, or let its directory be writable'
    this.failed(error, what)
  }

  private canBeWritten(): void {
    if (this.fault !== undefined) {
      this.log.info({ event: 'state-file-written', file: this.path }, 'the state file can be written again')
    }
    this.fault = undefined
    this.said.clear()
  }

  private failed(error: Error, what: string): void {
    this.fault = error.message
    const failure = `${what}: ${error.message}`
    if (!this.said.has(failure)) this.log.error({ event: 'state-file-failed', file: this.path, err: error }, what)
    this.said.add(failure)
  }

  /** @throws TakenError, and what reading it threw: what cannot be looked at may be another's */
  private assertOurs(term: number): void {
    let text: string
    try {
      text = readFileSync(this.path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      throw error
    }
    // One that is broken is written anew.
    if (ownerOfState(text) > term)
      throw new TakenError(`another proxy has taken over: it uses the state file ${this.path}`)
  }

  /** A name that was changed is on disk when its directory is. */
  private async syncDirectory(): Promise<void> {
    const directory = await open(dirname(this.path), 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  private syncNow(): void {
    const directory = openSync(dirname(this.path), 'r')
    try {
      fsyncSync(directory)
    } finally {
      closeSync(directory)
    }
  }

  private readState(): StateRead | undefined {
    try {
      const text = readFileSync(this.path, 'utf8')
      return { ...decodeState(text), text }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new UserError(
        `the state file ${this.path} cannot be used: ${(error as Error).message}; ` +
          'without it all members have to be there at a start, and then it may be deleted',
      )
    }
  }
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** What a symbolic link leads to, there or not: a rename would put the file in the place of the link. */
function targetOf(path: string): string {
  try {
    return targetOf(resolve(dirname(path), readlinkSync(path)))
  } catch {
    return path
  }
}

/** The state file of these settings: `none` is none. `cease` is called when another proxy uses it. */
export function openStateFile(
  path: string,
  run: string,
  log: Logger,
  cease: (reason: string) => void,
): StateFile | undefined {
  if (path === 'none') return undefined
  return new StateFile(path, run, log, (reason) => setTimeout(cease, MEMBERS_TELL_MS, reason))
}
