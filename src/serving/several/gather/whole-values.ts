import type { Link } from '../../../backend/link.js'
import { type KeyId, keyId } from '../../../base/key-id.js'
import { within } from '../../../base/within.js'
import type { CommandRow } from '../../../command/row.js'
import { rowNamed } from '../../../command/table.js'
import { OUT_OF_MEMORY } from '../../../order/memory.js'
import type { Order } from '../../../order/order.js'
import { linksOf } from '../../../order/pieces/large-copy.js'
import { Parking } from '../../../order/pieces/parking.js'
import { SIZE_SAMPLES } from '../../../order/pieces/sized-copy.js'
import type { Place } from '../../../order/pieces/slots.js'
import { MUST_WAIT } from '../../../order/replies.js'
import type { ReplySlot } from '../../../order/reply-slot.js'
import { decodeReply } from '../../../resp/decode.js'
import { type ErrorReply, isError, type Reply } from '../../../resp/encode.js'
import type { Frame } from '../../../resp/frame.js'
import { type Attempt, type Emitted, Operation, type Outcome } from '../operation.js'
import type { Words } from '../plans.js'
import type { CopiedLog } from './copied-log.js'
import { crowded, type GatherSettings, nobodyTakes, tookTooLong, tooLargeFor, tooMuch } from './limits.js'
import type { Placed } from './placed.js'
import { LARGE_BYTES, type Room } from './room.js'

/** What all commands that copy have in common. */
export interface Copies {
  readonly log: CopiedLog
  readonly room: Room
}

/** Asks how many bytes a value takes, about; null is answered where there is none. */
export function sizeQuestion(key: Buffer): Words {
  return ['MEMORY', 'USAGE', key, 'SAMPLES', SIZE_SAMPLES]
}

/** The attempt ends here. */
export class Over {
  constructor(readonly attempt: Attempt) {}
}

/** A value as DUMP gives it, null when there is none, and its deadline as PEXPIRETIME tells it. */
export interface Dumped {
  readonly payload: Buffer | null
  readonly deadline: number
  /** Where it was copied to in pieces instead. */
  readonly placed?: Placed
}

/** About how many bytes it has: infinite when it was copied in pieces, as it is large then. */
export function sizeOf({ payload, placed }: Dumped): number {
  return placed === undefined ? (payload?.length ?? 0) : Number.POSITIVE_INFINITY
}

/** A value that is to be copied in pieces. */
export interface InPieces {
  readonly id: KeyId
  /** About how much memory it takes. */
  readonly bytes: number
  readonly source: Link
  readonly to: Placed
  /** The database there. */
  readonly db: number
}

/** What makes of a parked value the one of a key. */
const PLACING: CommandRow = { ...rowNamed('rename')!, firstKey: 2, gather: undefined, binds: false }

/**
 * An operation that copies whole values from server to server, within the limits of the settings: first it finds out what is to be
 * written, which changes nothing and may be given up at any time, and then it writes.
 */
export abstract class WholeValues<Found> extends Operation {
  /** Bytes that are copied, about. */
  protected copied = 0
  /** How much of the room of all it has, and waits for. */
  private room = 0
  private wanted = 0
  private isServed = false
  /** Members on which it needs a place to copy large values, see `Slots`: it waits for that, and then has it for a moment. */
  private awaited: readonly Link[] | undefined
  private reserved: Place | undefined
  /** It is a step of somebody who keeps the gates. */
  protected isInside = false
  /** What this attempt copies in pieces. */
  protected parking: Parking
  /** How long it has had its gates without having written. */
  private heldMs = 0

  constructor(
    order: Order,
    frame: Frame,
    row: CommandRow,
    slot: ReplySlot,
    protected readonly settings: GatherSettings,
    private readonly copies: Copies,
  ) {
    super(order, frame, row, slot)
    this.parking = new Parking(order.lanes, order.pieces)
  }

  /** Finds out what there is to write. */
  protected abstract find(): Promise<Found>
  /** Whether it may be written: asked in the turn in which that begins. */
  protected mayWriteFound(): boolean {
    return this.beginsToWrite()
  }

  /** Writes it, and gives the answer. */
  protected abstract write(found: Found): Promise<Attempt | Emitted>

  override serve(ticket?: number): Promise<Outcome> {
    this.order.stats.gathers++
    return super.serve(ticket).finally(() => this.leaveRoom())
  }

  override inside(): Promise<Outcome | 'wait'> {
    this.order.stats.gathers++
    this.isInside = true
    return super.inside().finally(() => this.leaveRoom())
  }

  private leaveRoom(): void {
    this.isServed = true
    if (this.room > 0) this.copies.room.leave(this.room)
  }

  override async foreseen(): Promise<Reply | 'wait' | undefined> {
    try {
      await this.measure()
    } catch (over) {
      if (!(over instanceof Over)) throw over
      if (over.attempt === 'wait' || over.attempt === 'again') return 'wait'
      return 'reply' in over.attempt ? over.attempt.reply : undefined
    }
    return undefined
  }

  /** Finds out how much is to be copied; the attempt ends there if that is too much. */
  protected abstract measure(): Promise<void>

  protected override async prepared(deadlineMs: number): Promise<Reply | undefined> {
    const tooLate = () => crowded(this.row, this.order.options.unavailableTimeoutMs)
    if (this.wanted > 0) {
      if (!(await this.copies.room.enter(this.wanted, deadlineMs))) return tooLate()
      this.room = this.wanted
      this.wanted = 0
    }
    if (this.awaited === undefined) return undefined
    const place = this.order.pieces.slots.ask(this.awaited)
    this.awaited = undefined
    if ((await within(place.isKept, Math.max(0, deadlineMs - performance.now()))) !== true) {
      place.giveUp()
      return tooLate()
    }
    this.reserved = place
    return undefined
  }

  /** The attempt ends when it was given up because it took too long: nothing is begun any more. */
  protected checkWanted(): void {
    if (this.parking.isEnded) throw new Over('again')
  }

  /** Ends the attempt while others copy so much that it has to wait, which it does without the gates. */
  protected takeRoom(): void {
    const { copied, copies } = this
    // It was given up meanwhile, because it took too long.
    if (this.isServed) throw new Over('again')
    if (this.room > 0 || copied < LARGE_BYTES) return
    // Whoever keeps the gates does not wait for somebody who may wait at them.
    if (this.isInside) copies.room.takeAnyway(copied)
    if (this.isInside || copies.room.take(copied)) {
      this.room = copied
      return
    }
    this.wanted = copied
    throw new Over('again')
  }

  protected async attempt(): Promise<Attempt | Emitted> {
    const { settings, row, order } = this
    const beganMs = performance.now()
    const parking = new Parking(order.lanes, order.pieces, this.reserved)
    this.parking = parking
    this.reserved = undefined
    try {
      const found = await within(this.find(), Math.max(0, settings.gatherMs - this.heldMs))
      if (found === undefined) return { reply: tookTooLong(row, settings.gatherMs) }
      order.stats.gatherBytes += this.copied
      this.copies.log.note(row.name, this.copied)
      return this.mayWriteFound() ? await this.write(found) : 'wait'
    } catch (over) {
      if (over instanceof Over) return over.attempt
      throw over
    } finally {
      parking.end()
      this.heldMs += performance.now() - beganMs
    }
  }

  /** The answers to some questions, all asked in one turn; an error among them is the answer to the whole. */
  protected async look(steps: readonly Words[], dbOf?: (words: Words) => number): Promise<Reply[]> {
    const found = await this.lookAtAll(steps, dbOf)
    const failed = found.find(isError)
    if (failed !== undefined) throw new Over({ reply: failed })
    return found
  }

  /** The same with errors. */
  protected async lookAtAll(steps: readonly Words[], dbOf?: (words: Words) => number): Promise<Reply[]> {
    const found = await this.askAll(steps, dbOf)
    if (!Array.isArray(found)) throw new Over(found)
    if (!this.isShared && (await this.isAnyLost(steps, found, dbOf))) throw new Over('wait')
    return found
  }

  /** One value is copied, which has about so many bytes. */
  protected copiesOne(key: Buffer, bytes: number): void {
    this.copied = bytes
    this.checkCopied([{ key, bytes }])
  }

  /** Ends the attempt when more would be copied than may be. @param sizes of some keys, about */
  protected checkCopied(sizes: readonly { readonly key: Buffer; readonly bytes: number }[]): void {
    const { row, copied, settings } = this
    if (copied <= settings.gatherBytes) return
    const none = { key: this.keys[0], bytes: 0 }
    const largest = sizes.reduce((one, other) => (other.bytes > one.bytes ? other : one), none)
    const reply = tooMuch(row, copied, settings.gatherBytes, this.idOf(largest.key), largest.bytes)
    throw new Over({ reply })
  }

  /** Ends the attempt when the replicas of a key cannot all take a value now, which comes from this server. */
  protected checkPut(key: Buffer, { payload }: Dumped, from: Link | undefined): void {
    const [route] = this.routesOf([key])
    if (!route.writable()) throw new Over('wait')
    const bytes = payload?.length ?? 0
    for (const { name, info } of route.targets) {
      if (info === undefined || bytes <= info.maxBulkBytes) continue
      throw new Over({ reply: tooLargeFor(name, bytes, info.maxBulkBytes) })
    }
    if (from !== undefined && payload !== null && this.order.pieces.mustBeTakenApart(from, route.targets)) {
      throw new Over({ reply: nobodyTakes(this.row, 'they are of different versions') })
    }
  }

  /** Who has to have the value of a key when it is written: pending replicas that do not have it yet get it later. */
  protected replicasOf(key: Buffer, db = this.slot.db): Link[] {
    const [route] = this.routesOf([key])
    if (!route.writable()) throw new Over('wait')
    const id = this.idOf(key, db)
    return [...route.natural, ...route.pending.filter((link) => this.order.arrivals.has(link, id))]
  }

  /** Copies a large value in pieces; gives its deadline, or undefined when there is none any more. */
  protected async copyInPieces({ id, bytes, source, to, db }: InPieces): Promise<number | undefined> {
    const targets = to.links
    if (![source, ...targets].every(({ ready }) => ready)) throw new Over('wait')
    const { parking } = this
    const { info } = source
    const value = { id, bytes, source, targets, db }
    // Others wait at the gates meanwhile: it waits there only if it may not leave them, or would lose what it has copied.
    const became = await parking.copy(value, to.name, this.isInside || parking.hasAny)
    if (became === 'busy') {
      this.awaited = linksOf(value)
      throw new Over('again')
    }
    // What it had may never have been, or has gone with the connection.
    if (!source.ready || source.info !== info || this.order.doubts.isInDoubt(source, id)) throw new Over('wait')
    if (became === 'none') return undefined
    if ('deadline' in became) return became.deadline
    if (!targets.every((link) => to.isOn(link))) throw new Over('wait')
    return this.notTaken(became.reason, became.at)
  }

  /** A value could not be copied in pieces. @param at who did not take it; undefined where it cannot be */
  protected notTaken(reason: string, at: Link | undefined): never {
    if (at !== undefined) this.order.memory.look()
    const isFull = reason.startsWith('-OOM')
    throw new Over({ reply: isFull ? OUT_OF_MEMORY : nobodyTakes(this.row, at ? `${at.name}: ${reason}` : reason) })
  }

  /**
   * Writes a value on all replicas of a key, or that there is none; gives the error if there is one. Nothing was written when the
   * attempt ends here.
   */
  protected async put(key: Buffer, value: Dumped, from: Link | undefined, db = this.slot.db) {
    const { payload, deadline, placed } = value
    if (placed !== undefined) return this.place(key, placed, deadline, db)
    this.checkPut(key, value, from)
    const ttl = String(Math.max(0, deadline))
    const words: Words = payload === null ? ['UNLINK', key] : ['RESTORE', key, ttl, payload, 'REPLACE', 'ABSTTL']
    return this.writeStep(words, db)
  }

  /**
   * The same of one that is parked on all of them. Its deadline comes in the same turn, so for everybody else with the value: a parked
   * value does not expire.
   */
  private async place(key: Buffer, placed: Placed, deadline: number, db: number): Promise<ErrorReply | undefined> {
    // Before it is settled, a write waits for that.
    if (this.order.uncertainty.active) await this.look([['EXISTS', key]], () => db)
    if (!this.isPlaced(key, placed, db)) throw new Over('wait')
    return this.placeNow(key, placed, deadline, db)
  }

  /** Whether all who have to have it when it is written have it. */
  protected isPlaced(key: Buffer, placed: Placed, db = this.slot.db): boolean {
    return this.replicasOf(key, db).every((link) => placed.isOn(link))
  }

  /** In this turn. @throws Over when it could not be emitted */
  protected async placeNow(key: Buffer, placed: Placed, deadline: number, db = this.slot.db) {
    const steps = [this.placeStep(['RENAME', placed.name, key], db, PLACING)]
    if (deadline >= 0) steps.push(this.placeStep(['PEXPIREAT', key, String(deadline)], db))
    const failures = await Promise.all(steps)
    return failures.find((failure) => failure !== undefined)
  }

  /** @throws Over when it was not emitted in this turn */
  private async placeStep(words: Words, db: number, row?: CommandRow): Promise<ErrorReply | undefined> {
    const reply = await this.ask(words, 'admitted, now', db, row)
    if (reply.equals(MUST_WAIT)) throw new Over('wait')
    const value = decodeReply(reply, 0, reply.length)
    return isError(value) ? value : undefined
  }

  /** One write; gives its error if there is one. */
  protected async writeStep(words: Words, db = this.slot.db): Promise<ErrorReply | undefined> {
    const reply = await this.ask(words, 'admitted', db)
    const value = decodeReply(reply, 0, reply.length)
    return isError(value) ? value : undefined
  }

  protected idOf(key: Buffer, db = this.slot.db): KeyId {
    return keyId(db, key, 0, key.length)
  }
}
