import { setTimeout as sleep } from 'node:timers/promises'
import { preciseNowMs } from '../../backend/handshake.js'
import { type Link, LinkLostError } from '../../backend/link.js'
import { type KeyId, keyOfId } from '../../base/key-id.js'
import { textOf } from '../../resp/decode.js'
import { frameOf } from '../../resp/frame.js'
import type { Lanes } from '../lanes.js'
import { RefusedError, Source } from './asking.js'
import { Budget } from './budget.js'
import { type Building, type Reading, SpoiledError, type Written } from './building.js'
import { buildingOf } from './buildings.js'
import { HIDDEN_NAME } from './hidden-name.js'
import type { Leftovers } from './leftovers.js'
import type { Page } from './page.js'
import { IndivisibleError } from './pages.js'
import type { Slots } from './slots.js'
import { Writer } from './writer.js'

/** What is built ahead shares with all copies of large values, see `Pieces`. */
export interface AheadPieces {
  readonly maxBlockMs: number
  readonly slots: Slots
  readonly leftovers: Leftovers
  underWay: number
  readonly aheads: { add(ahead: Ahead): void; remove(ahead: Ahead): void }
}

/** A value that is built ahead. */
export interface AheadValue {
  readonly id: KeyId
  /** About how much memory it takes. */
  readonly bytes: number
  readonly source: Link
  readonly target: Link
  /** Whether anybody wants it still. */
  isWanted(): boolean
}

/** A key with a deadline is built ahead only if that is further away, and for no longer than a half of it. */
const DEADLINE_MS = 3_600_000
/** A value that changes all the time in ways that spoil it is not built ahead. */
const TRIES_MAX = 2
/** So long it is waited for what is held on the key. */
const HELD_MAX_MS = 100
const HELD_POLL_MS = 1

/**
 * A large value that is to be copied to a member which gets no writes of it yet, built there before the key is held
 * [design §7 Built ahead]: while it is read, the writes of it go on. A page has what the source has in the moment in which
 * it is read, and what a write changes afterwards is read again:
 *
 *     writes    ──────w(a)───────w(b)w(a)────w(c)──────────┐ T
 *     source    [page][page][page]  [a b?] [a?]  ·········· hold [c?][how many?] writes
 *     target       [page][page][page]  [a b]  [a] ········· hold [c][how many?][MULTI RENAME EXEC] writes
 *
 * Of every write that is emitted from the first page on it is known which elements it may change, from the table: what that
 * means is the type's own matter (`Building`). One of which it is not known, and all else that may make another value of it,
 * spoils it. Then it is copied as others are.
 *
 * Why it is right: all goes over one link, so a page shows each write that was emitted before it, and what was
 * written since then is read again. When the key is held at T nothing is on its way, and each element is on
 * the target as it was after its last write before T: it was read then, or has not been changed since it was read.
 */
export class Ahead {
  readonly writer: Writer
  private readonly budget: Budget
  private readonly reader: Source
  private building: Building | undefined
  /** The copy has its place among the writes: what is told of from now on comes behind it. */
  private isOrdered = false
  /** Something was counted on that has not happened. */
  private isWrong = false
  private spoiled = false
  private built = false
  private ended = false
  private writing: Promise<void> = Promise.resolve()
  private readonly beganAtMs = performance.now()

  private constructor(
    private readonly lanes: Lanes,
    private readonly pieces: AheadPieces,
    readonly value: AheadValue,
  ) {
    const { source, target } = value
    const { db, key } = keyOfId(value.id)
    this.budget = new Budget(pieces.maxBlockMs)
    this.writer = new Writer(db, [target], this.budget)
    this.reader = new Source(source, db, key, this.budget)
  }

  /**
   * Builds a value; undefined when that cannot be, or was spoiled: then it is as if nothing had been done. The member must not
   * be sent writes of it meanwhile. `drop` must follow, unless a copy of the key takes it; until then both members are taken.
   */
  static async build(lanes: Lanes, pieces: AheadPieces, value: AheadValue): Promise<Ahead | undefined> {
    for (let tries = 0; tries < TRIES_MAX && value.isWanted(); tries++) {
      await pieces.slots.enter([value.source, value.target])
      const ahead = new Ahead(lanes, pieces, value)
      pieces.underWay++
      ahead.built = await ahead.isBuilt()
      if (ahead.built) return ahead
      ahead.drop()
    }
    return undefined
  }

  /** A write of the key, and perhaps of others, is emitted. */
  wrote(write: Written): void {
    if (!this.isOrdered && this.building?.wrote(write) !== true) this.spoil()
  }

  /** The source has refused a write of the key. */
  refused(): void {
    if (this.building?.isExact !== true) return
    if (this.ended) this.isWrong = true
    else this.spoil()
  }

  /** A copy of the key has its place among its writes. */
  ordered(): void {
    if (this.isReady) this.isOrdered = true
    else this.spoil()
  }

  /** What was built is not the value any more. */
  spoil(): void {
    this.spoiled = true
    this.writer.stop()
  }

  /** Whether it can be taken when the key is held. */
  get isReady(): boolean {
    return this.built && !this.spoiled
  }

  /** Whether a copy of the key may go behind what is held of it, and have our place on the members: holds in this turn. */
  get isFree(): boolean {
    return !this.isOver && !this.isHeld
  }

  /** It is not wanted any more. Nothing is left of it. */
  drop(): void {
    if (this.ended) return
    const { source, target } = this.value
    this.taken()
    this.over()
    this.clear()
    this.pieces.slots.leave([source, target])
  }

  /** The key is held: a copy of it goes on with what was built, and with both members. */
  taken(): void {
    this.ended = true
    this.pieces.underWay--
  }

  /** Nothing needs to be told to it any more. */
  over(): void {
    this.pieces.aheads.remove(this)
  }

  /**
   * Reads what is left, while the key is held. False when the value has to be copied from its beginning all the same; nothing
   * is left of it then.
   *
   * @throws LinkLostError
   */
  async finish(): Promise<boolean> {
    try {
      if ((await this.write(this.building!.rest())) && !this.writer.isStopped && (await this.isComplete())) {
        // What was answered to the last write before has come before that.
        if (!this.isWrong) return true
      }
    } catch (error) {
      if (!(error instanceof RefusedError || error instanceof SpoiledError)) throw error
      await this.writing
    }
    this.clear()
    return false
  }

  private get isOver(): boolean {
    return this.spoiled || !this.value.isWanted()
  }

  /** The key may have got a deadline since, which has passed; or it is written faster than it can be copied. */
  private get isLate(): boolean {
    return performance.now() - this.beganAtMs > DEADLINE_MS / 2
  }

  private get isHeld(): boolean {
    const { source, target, id } = this.value
    return !this.lanes.isOnlyWritten(source, id) || this.lanes.isHeld(target, id)
  }

  private async isBuilt(): Promise<boolean> {
    try {
      if (!(await this.whenFree())) return false
      return await this.readAll()
    } catch (error) {
      const isUsual = [RefusedError, LinkLostError, IndivisibleError, SpoiledError].some(
        (kind) => error instanceof kind,
      )
      if (isUsual) return false
      throw error
    } finally {
      await this.writing
    }
  }

  private async readAll(): Promise<boolean> {
    const { reader, value, budget, writer, pieces } = this
    const inOrder: Reading['inOrder'] = (ask) => this.inOrder(ask)
    const type = textOf(await reader.reply('TYPE')) ?? ''
    this.building = await buildingOf(type, { source: reader, bytes: value.bytes, budget, inOrder })
    if (this.building === undefined || this.isOver || !value.target.ready) return false
    pieces.aheads.add(this)
    // From here on every write is told of: what was emitted before has been executed when that is answered.
    const isSame = textOf(await this.inOrder(() => reader.reply('TYPE'))) === type
    const deadlineMs = Number(await reader.reply('PEXPIRETIME'))
    const isSoon = deadlineMs >= 0 && deadlineMs - (preciseNowMs() + value.source.clockOffsetMs) < DEADLINE_MS
    if (!isSame || isSoon || this.isOver) return false
    this.writing = writer.write([frameOf(['UNLINK', HIDDEN_NAME])])
    return (await this.write(this.building.pages())) && (await this.whenFree()) && writer.hasAll
  }

  /** Writes pages, of which the next one is read meanwhile. False when not all of them were written. */
  private async write(pages: AsyncGenerator<Page>): Promise<boolean> {
    const { writer } = this
    for await (const page of pages) {
      await this.writing
      if ((!this.ended && this.isOver) || this.isLate || !writer.hasAll || writer.isOver) return false
      this.writing = writer.write(page)
    }
    await this.writing
    return true
  }

  /**
   * Resolves with true when nothing of the key is held but writes of it alone. Not before
   * long: what else is held may wait for our place on the members.
   */
  private async whenFree(): Promise<boolean> {
    const untilMs = performance.now() + HELD_MAX_MS
    while (!this.isOver && this.isHeld && performance.now() < untilMs) await sleep(HELD_POLL_MS)
    return this.isFree
  }

  /** See `Reading`. Who is before us in the lane may wait for our place on the members. */
  private inOrder<T>(ask: () => Promise<T>): Promise<T> {
    const { lanes, value, ended } = this
    if (ended || !lanes.isHeld(value.source, value.id)) return ask()
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(new SpoiledError('what is held for the key is not emitted'))
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        giveUp()
      }, HELD_MAX_MS)
      const emit = () => {
        clearTimeout(timer)
        if (!isLate) resolve(ask())
      }
      const never = () => {
        clearTimeout(timer)
        giveUp()
      }
      lanes.hold(value.source, [value.id], { emit, dropped: never, covered: never })()
    })
  }

  /** Whether it has as many elements on both: it may have expired, and been made again, without anybody's having been told. */
  private async isComplete(): Promise<boolean> {
    const { reader, value, building } = this
    if (this.isLate) return false
    const built = new Source(value.target, this.reader.db, HIDDEN_NAME, this.budget)
    const [here, there] = await Promise.all([reader.reply(building!.count), built.reply(building!.count)])
    return here === there
  }

  /** Databases may have been swapped since. */
  private clear(): void {
    const { target } = this.value
    if (target.ready) this.pieces.leftovers.removeBuilt(target)
  }
}
