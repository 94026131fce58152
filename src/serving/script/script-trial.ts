import { preciseNowMs } from '../../backend/handshake.js'
import type { Link } from '../../backend/link.js'
import { expiresFields } from '../../backend/server-kind.js'
import type { KeyId } from '../../base/key-id.js'
import { distinct, nameOf } from '../../base/name-of.js'
import type { CommandRow } from '../../command/row.js'
import { rowOf } from '../../command/table.js'
import { OUT_OF_MEMORY } from '../../order/memory.js'
import type { Order } from '../../order/order.js'
import { parkedPart } from '../../order/pieces/hidden-name.js'
import { readerNow } from '../../order/readable.js'
import { OUTCOME_UNKNOWN } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Route, Router } from '../../order/router.js'
import { type ErrorReply, error, isError } from '../../resp/encode.js'
import { argumentsOf, type Frame, frameOf } from '../../resp/frame.js'
import { IS_ERROR } from '../../resp/reply-framer.js'
import type { Executed, Left } from '../several/gather/block.js'
import type { Source } from '../several/gather/cut.js'
import { GatherRun } from '../several/gather/gather.js'
import type { Gathering } from '../several/gather/gathering.js'
import type { Guest, Lacked } from '../several/gather/guests.js'
import { Placed } from '../several/gather/placed.js'
import { smallValues } from '../several/gather/small-values.js'
import { type Dumped, Over, sizeOf, sizeQuestion } from '../several/gather/whole-values.js'
import { type Attempt, causeOf, type Outcome } from '../several/operation.js'
import { type Did, type TrialOutcome, trialOutcomeOf } from './outcome.js'
import { NEAR_MS } from './prologue-trial.js'
import type { Run } from './run.js'
import type { TrialLimits } from './script-call.js'

/** So much of what it lacks a server is given without having been asked for the size before. */
const QUICK_BYTES = 256 * 1024
/** Of so many keys at most it is asked how much they hold, behind one script. */
const SIZES_ASKED = 2
/** About what an element takes beside its bytes. */
const ELEMENT_BYTES = 32

/** A run, and what emits writes in one turn, of which each server executes its share or nothing; see `emitTogether`. */
export interface TriedRun extends Run {
  readonly together: Together
}

export type Together = (
  writes: readonly { readonly frame: Frame; readonly row: CommandRow }[],
  slot: ReplySlot,
) => Promise<readonly ErrorReply[]> | undefined

/**
 * A script that is only tried, and what it has done, as commands of one key each, which are written on all replicas in the ordinary way. Where that
 * cannot be said it is what it would leave in the keys that it has changed:
 *
 *     executor   [MULTI … EVALSHA: DUMP of what is small, RENAME k2 p.0 of what is large … EXEC]
 *     replicas   of k2                                              [page of p.0] [page] … [p.0]
 *     all                                                                                        [RESTORE k1] [RENAME p.0 k2], in one turn
 *
 * So is what it changes: what is small is dumped before, and restored in the end. What is large is brought to the executor as a guest, also
 * if that has it itself, and is gone with the block: it is stopped before it writes to such a key that is none [prologue-keys.ts].
 */
export abstract class ScriptTrial<Called extends TriedRun> extends GatherRun {
  /** What came of it in this attempt, and what it leaves. */
  protected tried: TrialOutcome | undefined
  private left: readonly { readonly key: Buffer; readonly value: Dumped }[] = []
  /** By the view of this one it was found who has the values that it is tried with. */
  private tryingBy: Router | undefined
  /** What it has done is to be said as what it leaves: as commands it cannot be done in time, or by all. */
  private asksWhatIsLeft = false
  /** What is not known to be large is fetched as if it were small, by one command of each server. */
  private isQuick = false
  private wasLarge = false
  /** Of these guests there is none. */
  private missing: readonly KeyId[] = []
  /** Keys that have to be guests. */
  private readonly toBring = new Set<string>()
  /** The beginning of the names of what it parks, and where. */
  private parkedAs = new Placed(Buffer.alloc(0), [])

  constructor(
    order: Order,
    protected readonly call: Called,
    gathering: Gathering,
  ) {
    super(order, call.frame, call.row, call.slot, gathering.settings, gathering.copies)
  }

  /** All keys that it may touch. */
  protected abstract get allKeys(): readonly Buffer[]

  /** These have to be guests from now on; at the second time all: each attempt brings them anew. */
  protected bringAll(keys: readonly Buffer[]): void {
    const all = this.toBring.size === 0 ? keys : this.allKeys
    for (const key of all) this.toBring.add(nameOf(key))
  }

  private isBrought(key: Buffer): boolean {
    return this.toBring.has(nameOf(key))
  }

  protected override async sizes(isExact: boolean): Promise<(number | null)[]> {
    this.tryingBy = this.order.router
    this.isQuick = !isExact && !this.wasLarge && this.toBring.size === 0 && this.asks !== 'what it leaves'
    this.missing = []
    if (!this.isQuick) return super.sizes(isExact)
    const { pieces } = this.order
    return this.cut.sources.map(({ key }) => Math.min(Number.MAX_SAFE_INTEGER, pieces.lastSize(this.idOf(key)) ?? 0))
  }

  protected override async guestsOf(executor: Link, lacked: readonly Lacked[], moreBytes: number): Promise<Guest[]> {
    if (!this.isQuick) return super.guestsOf(executor, lacked, moreBytes)
    const { pieces } = this.order
    if (!this.mustAsk(executor)) this.wasLarge = true
    const keys = lacked.map(({ source }) => source.key)
    const values = this.wasLarge ? [] : (await this.whenHeard(Promise.all(this.asked(lacked)), keys)).flat()
    if (this.wasLarge) throw new Over('again')
    const isLarge = ({ bytes }: { readonly bytes: number }) => pieces.isLarge(bytes, [executor])
    for (const { source, value } of values) pieces.noteSize(this.idOf(source.key), value?.bytes ?? 0)
    if (values.some(({ value }) => value !== null && (value.payload === undefined || isLarge(value)))) {
      this.wasLarge = true
      throw new Over('again')
    }
    this.copied = values.reduce((sum, { value }) => sum + (value?.payload?.length ?? 0), moreBytes)
    this.checkCopied(values.map(({ source: { key }, value }) => ({ key, bytes: value?.bytes ?? 0 })))
    this.missing = values.filter(({ value }) => value === null).map(({ source: { key } }) => this.idOf(key))
    return values.flatMap(({ name, value }) => {
      if (value === null) return []
      const arrival = frameOf(['RESTORE', name, String(Math.max(0, value.deadline)), value.payload!, 'ABSTTL'])
      return [{ names: [name], arrival }]
    })
  }

  /** Whether it cannot be done without this server: then it may be asked without having been heard. */
  protected abstract mustAsk(executor: Link): boolean

  /** Asks for what the executor lacks, each key of who may be read now. */
  private asked(lacked: readonly Lacked[]) {
    const { order } = this
    const readers = new Map<Link, Lacked[]>()
    for (const each of lacked) {
      const { key } = each.source
      const reader = readerNow(order, this.routesOf([key])[0], [this.idOf(key)])
      if (reader === undefined) throw new Over('wait')
      const some = readers.get(reader)
      if (some === undefined) readers.set(reader, [each])
      else some.push(each)
    }
    return [...readers].map(async ([reader, some]) => {
      const keys = some.map(({ source }) => source.key)
      const values = await smallValues(reader, this.slot.db, keys, QUICK_BYTES)
      // What it said may never have been.
      if (!reader.ready || keys.some((key) => order.doubts.isInDoubt(reader, this.idOf(key)))) throw new Over('again')
      if (values === undefined) this.wasLarge = true
      return some.map((each, i) => ({ ...each, value: values?.[i] ?? null }))
    })
  }

  /** What was emitted for its keys before the gates were closed, and is held, is there afterwards. */
  protected async whenNothingIsHeld(): Promise<void> {
    const { lanes } = this.order
    const held = this.cut.sources.flatMap(({ key }) => {
      const id = this.idOf(key)
      return this.routesOf([key])[0].natural.map((link) => lanes.whenPassed(link, [id]))
    })
    if (held.some((each) => each !== undefined)) await Promise.all(held)
  }

  /** What is known of sizes may have changed: before it is refused for them, or copies much, they are asked. */
  protected checkEstimate(): void {
    if (!this.isQuick || this.copied <= Math.min(this.order.pieces.wholeBytes, this.settings.gatherBytes)) return
    this.wasLarge = true
    throw new Over('again')
  }

  protected override get unsure(): readonly KeyId[] {
    return this.missing
  }

  protected override readersOf(source: Source): readonly Link[] {
    return this.isBrought(source.key) ? [] : super.readersOf(source)
  }

  /** It is emitted next: whoever counts keys has to know from then on that something may be parked. */
  protected override executes(executor: Link, _inPlace: readonly Source[]): void {
    this.tried = undefined
    this.parkedAs = new Placed(this.parking.newName(), [executor])
    this.parking.note(executor, this.slot.db, this.parkedAs.name)
  }

  /** What it may ask of the executor in one go, which has these guests. */
  protected limitsWith(guests: readonly Buffer[]): TrialLimits {
    return { asks: this.asks, wholeBytes: this.order.pieces.wholeBytes, parked: this.parkedAs.name, guests }
  }

  /** What is emitted in one turn, to who has exactly what it has found: that is not certain before a key is settled, and one may be full. */
  private get asks(): TrialLimits['asks'] {
    const { memory, uncertainty, router } = this.order
    if (this.asksWhatIsLeft || this.isShared || memory.anyFull || uncertainty.active) return 'what it leaves'
    const mayExpireFields = router.links.some(({ info }) => info === undefined || expiresFields(info.kind))
    return mayExpireFields ? 'what it did, but to hashes' : 'what it did'
  }

  protected override noteParked(executor: Link, executed: Exclude<Executed, 'lost'>): void {
    const isRun = 'bytes' in executed && (executed.flags & IS_ERROR) === 0
    if (isRun) this.tried = trialOutcomeOf(this.call.script, executed.bytes)
    // Without its answer it may be any of them.
    const most = 'refusal' in executed ? this.allKeys.length : parkedIn(this.tried)
    const { name } = this.parkedAs
    for (let i = 0; i < most; i++) this.parking.note(executor, this.slot.db, parkedPart(name, i))
    this.parking.forget(name)
  }

  /** What it has left and parked goes in pieces to where it is to be. */
  protected async bringBack(executor: Link): Promise<void> {
    const { tried, order } = this
    this.left = []
    if (tried?.kind !== 'done') return
    // What was brought has been counted on the way there.
    const sizes = tried.left.map(({ key, value }) => ({ key, bytes: this.isBrought(key) ? 0 : bytesOf(value) }))
    this.copied = sizes.reduce((sum, { bytes }) => sum + bytes, this.copied)
    this.checkCopied(sizes)
    const left: { readonly key: Buffer; readonly value: Dumped }[] = []
    let i = 0
    for (const { key, value } of tried.left) {
      const { deadline, parkedBytes } = value
      if (parkedBytes === undefined) left.push({ key, value })
      else {
        // It has gone with the connection over which it was parked.
        if (!this.parkedAs.isOn(executor)) throw new Over('again')
        const placed = await this.carried(executor, parkedPart(this.parkedAs.name, i++), parkedBytes, key)
        left.push({ key, value: { payload: null, deadline, placed } })
      }
    }
    // Before they are settled, writes wait for that, each by itself.
    if (i > 0 && order.uncertainty.active) await this.look(left.map(({ key }) => ['EXISTS', key]))
    this.left = left
  }

  /** Writes what it did, or has left, all in this turn: gives what failed, or what stands against it. @throws Over */
  protected putAll(executor: Link): Attempt | Promise<Outcome | undefined> {
    const { tried } = this
    if (tried?.kind === 'done' && tried.did !== undefined) return this.doAll(tried.did, tried.deadlineMs, executor)
    return this.obstacle(executor) ?? this.leaveAll(executor)
  }

  /** What stands against writing what it has left. */
  private obstacle(executor: Link): Attempt | undefined {
    const { left } = this
    if (this.routesOf(left.map(({ key }) => key)).some((route) => !route.writable())) return 'wait'
    const growing = left.filter(({ value }) => value.payload !== null || value.placed !== undefined)
    if (this.isFull(growing.map(({ key }) => key))) return { reply: OUT_OF_MEMORY }
    for (const { key, value } of left) {
      if (value.placed === undefined) this.checkPut(key, value, executor)
      else if (!this.isPlaced(key, value.placed)) throw new Over('wait')
    }
    return this.beginsToWrite() ? undefined : 'wait'
  }

  /**
   * Does what it did on all servers: what a server gets of it is one transaction there, so that it has none or all of it, whatever
   * breaks, and whoever dies. Nothing of it is held for what must come first: then it is asked what it leaves.
   */
  private doAll(did: readonly Did[], deadlineMs: number, executor: Link): Attempt | Promise<Outcome | undefined> {
    const { order, slot, call } = this
    if (did.length === 0) return Promise.resolve(undefined)
    const { refusal, isCutOff } = order.opening
    if (refusal !== undefined) return { reply: refusal }
    const routes = this.routesOf(did.map(({ key }) => key))
    if (isCutOff || routes.some((route) => !route.writable())) return 'wait'
    const isLate = deadlineMs > 0 && deadlineMs < preciseNowMs() + executor.clockOffsetMs + NEAR_MS
    const mayDiffer = order.uncertainty.active || (order.doubts.any && this.isAnyInDoubt())
    if (this.tryingBy !== order.router) return 'again'
    if (!isLate && !mayDiffer && !order.memory.anyFull && did.every(({ frame }, i) => fits(frame, routes[i]))) {
      if (!this.beginsToWrite()) return 'wait'
      const failures = call.together(
        did.map(({ frame }) => ({ frame, row: rowOf(frame)! })),
        slot,
      )
      if (failures !== undefined) {
        slot.wrote?.(did.map(({ key }) => this.idOf(key)))
        this.noteGrowth(did, executor)
        return failures.then((failed) => (failed.length === 0 ? undefined : { reply: notAllDone(failed, did) }))
      }
    }
    this.asksWhatIsLeft = true
    return 'again'
  }

  /** What it has done to the executor is looked at whether it may or not, and it is asked behind that. */
  protected override mayWriteFound(): boolean {
    return true
  }

  private async leaveAll(executor: Link): Promise<Outcome | undefined> {
    const { left } = this
    const { pieces } = this.order
    this.slot.wrote?.(left.map(({ key }) => this.idOf(key)))
    for (const { key, value } of left) pieces.noteSize(this.idOf(key), sizeOf(value))
    const failures = await Promise.all(left.map(({ key, value }) => this.leave(key, value, executor)))
    const failed = failures.filter((failure) => failure !== undefined)
    return failed.length === 0 ? undefined : { reply: notAllLeft(failed, left.length) }
  }

  /** Of some keys of which it is not known how much they hold that is asked: the next one that names them knows then where it is better tried. */
  private noteGrowth(did: readonly Did[], executor: Link): void {
    const { pieces } = this.order
    const unknown: Buffer[] = []
    for (const { key, frame } of did) {
      const id = this.idOf(key)
      if (pieces.lastSize(id) === undefined) unknown.push(key)
      else pieces.noteGrowth(id, sizeOfArguments(frame))
    }
    const inPlace = distinct(unknown).filter((key) => this.routesOf([key])[0].natural.includes(executor))
    for (const key of inPlace.slice(0, SIZES_ASKED)) {
      executor.call(sizeQuestion(key), this.slot.db).then(
        (size) => {
          if (!isError(size)) pieces.noteSize(this.idOf(key), Number(size))
        },
        // It tells of that itself.
        () => {},
      )
    }
  }

  private async leave(key: Buffer, value: Dumped, executor: Link): Promise<ErrorReply | undefined> {
    const { placed, deadline } = value
    if (placed === undefined) return this.put(key, value, executor)
    try {
      return await this.placeNow(key, placed, deadline)
    } catch (over) {
      if (!(over instanceof Over)) throw over
      // The others have been written.
      return this.order.unavailable() as ErrorReply
    }
  }

  /** Then it may have found something else than what is there. */
  private isAnyInDoubt(): boolean {
    const { doubts } = this.order
    const isInDoubt = (key: Buffer) => {
      const id = this.idOf(key)
      return this.routesOf([key])[0].natural.some((link) => doubts.isInDoubt(link, id))
    }
    return this.cut.sources.some(({ key }) => isInDoubt(key))
  }

  protected isFull(keys: readonly Buffer[]): boolean {
    if (!this.order.memory.anyFull) return false
    return this.routesOf(keys).some(({ targets }) => targets.some(({ full }) => full))
  }
}

/**
 * What is answered when not all has been written that a script has left.
 *
 * @param failures why not, at least one; of several the first one is told
 * @param count of keys that it wrote
 */
export function notAllLeft(failures: readonly ErrorReply[], count: number): ErrorReply {
  const [failure] = failures
  if (count === 1) return failure
  const some = `${failures.length} of the ${count} keys that the script wrote`
  return error(`${OUTCOME_UNKNOWN}: ${some} may not have what it left, the others have: ${causeOf(failure.message)}`)
}

/** The same when not all has been done that it did. */
function notAllDone([failure]: readonly ErrorReply[], did: readonly Did[]): ErrorReply {
  if (did.length === 1) return failure
  const keys = distinct(did.map(({ key }) => key)).length
  const some = `some of the ${keys} keys that the script wrote`
  return error(`${OUTCOME_UNKNOWN}: ${some} may not have what it did, the others have: ${causeOf(failure.message)}`)
}

function parkedIn(tried: TrialOutcome | undefined): number {
  return tried?.kind === 'done' ? tried.left.filter(({ value }) => value.parkedBytes !== undefined).length : 0
}

/** Whether all servers of a key take arguments of this length. */
function fits(frame: Frame, { targets }: Route): boolean {
  const isTaken = ({ info }: Link) => {
    const most = info?.maxBulkBytes ?? Number.POSITIVE_INFINITY
    return frame.end - frame.start <= most || argumentsOf(frame).every(({ length }) => length <= most)
  }
  return targets.every(isTaken)
}

/** About how much what is given there may take. */
function sizeOfArguments(frame: Frame): number {
  return argumentsOf(frame).reduce((sum, { length }) => sum + length + ELEMENT_BYTES, 0)
}

/** About how many bytes it has. */
function bytesOf({ parkedBytes, payload }: Left): number {
  return parkedBytes ?? payload?.length ?? 0
}
