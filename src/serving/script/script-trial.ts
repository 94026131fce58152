import type { Link } from '../../backend/link.js'
import { nameOf } from '../../base/name-of.js'
import { OUT_OF_MEMORY } from '../../order/memory.js'
import type { Order } from '../../order/order.js'
import { parkedPart } from '../../order/pieces/hidden-name.js'
import { OUTCOME_UNKNOWN } from '../../order/replies.js'
import { type ErrorReply, error } from '../../resp/encode.js'
import { IS_ERROR } from '../../resp/reply-framer.js'
import type { Executed, Left } from '../several/gather/block.js'
import type { Source } from '../several/gather/cut.js'
import { GatherRun } from '../several/gather/gather.js'
import type { Gathering } from '../several/gather/gathering.js'
import { Placed } from '../several/gather/placed.js'
import { type Dumped, Over, sizeOf } from '../several/gather/whole-values.js'
import { type Attempt, causeOf } from '../several/operation.js'
import { type TrialOutcome, trialOutcomeOf } from './outcome.js'
import type { Run } from './run.js'
import type { TrialLimits } from './script-call.js'

/**
 * A script that is only tried, and what it would leave in the keys that it has changed:
 *
 *     executor   [MULTI … EVALSHA: DUMP of what is small, RENAME k2 p.0 of what is large … EXEC]
 *     replicas   of k2                                              [page of p.0] [page] … [p.0]
 *     all                                                                                        [RESTORE k1] [RENAME p.0 k2], in one turn
 *
 * So is what it changes: what is small is dumped before, and restored in the end. What is large is brought to the executor as a guest, also
 * if that has it itself, and is gone with the block: it is stopped before it writes to such a key that is none [prologue-keys.ts].
 */
export abstract class ScriptTrial<Called extends Run> extends GatherRun {
  /** What came of it in this attempt, and what it leaves. */
  protected tried: TrialOutcome | undefined
  private left: readonly { readonly key: Buffer; readonly value: Dumped }[] = []
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
    return { wholeBytes: this.order.pieces.wholeBytes, parked: this.parkedAs.name, guests }
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

  /** What stands against writing what it has left in this turn. @throws Over */
  protected obstacle(executor: Link): Attempt | undefined {
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

  /** What it has done to the executor is looked at whether it may or not, and it is asked behind that. */
  protected override mayWriteFound(): boolean {
    return true
  }

  /** Writes what it has left, all in this turn; gives what failed. */
  protected async putAll(executor: Link): Promise<Attempt | undefined> {
    const { left } = this
    const { pieces } = this.order
    this.slot.wrote?.(left.map(({ key }) => this.idOf(key)))
    for (const { key, value } of left) pieces.noteSize(this.idOf(key), sizeOf(value))
    const failures = await Promise.all(left.map(({ key, value }) => this.leave(key, value, executor)))
    const failed = failures.filter((failure) => failure !== undefined)
    return failed.length === 0 ? undefined : { reply: notAllLeft(failed, left.length) }
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

function parkedIn(tried: TrialOutcome | undefined): number {
  return tried?.kind === 'done' ? tried.left.filter(({ value }) => value.parkedBytes !== undefined).length : 0
}

/** About how many bytes it has. */
function bytesOf({ parkedBytes, payload }: Left): number {
  return parkedBytes ?? payload?.length ?? 0
}
