import { setTimeout as sleep } from 'node:timers/promises'
import { preciseNowMs } from '../../backend/handshake.js'
import { type Link, LinkLostError } from '../../backend/link.js'
import { type KeyId, keyOfId } from '../../base/key-id.js'
import { textOf } from '../../resp/decode.js'
import { frameOf } from '../../resp/frame.js'
import type { Lanes } from '../lanes.js'
import { RefusedError, Source } from './asking.js'
import { Budget } from './budget.js'
import { HIDDEN_NAME, removeLeftovers } from './hidden-name.js'
import { IndivisibleError, pagesOf } from './pages.js'
import { type Rereading, rereadingOf } from './rereading.js'
import type { Slots } from './slots.js'
import { Writer } from './writer.js'

/** What is built ahead shares with all copies of large values, see `Pieces`. */
export interface AheadPieces {
  readonly maxBlockMs: number
  readonly slots: Slots
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

/** Elements that may be written again while the key is held. */
const LAST_ELEMENTS = 200
/** The writes of a value that is built ahead may name so much that was not read again yet. */
const CHANGED_MAX = 1_000_000
const CHANGED_BYTES_MAX = 64 * 1024 * 1024
/** After so many pages of what was changed it is not waited any more for fewer changes. */
const REREAD_PAGES_MAX = 2000
/** A key with a deadline is built ahead only if that is further away, and for no longer than a half of it. */
const DEADLINE_MS = 3_600_000
/** A value that changes all the time in ways that spoil it is not built ahead. */
const TRIES_MAX = 2
/** So long it is waited for what is held on the key. */
const HELD_MAX_MS = 100
const HELD_POLL_MS = 1

/**
 * A large value that is to be copied to a member which gets no writes of it yet, built there before the key is held
 * [design §7 Copying in pieces]: while it is read, the writes of it go on. A page has what the source has in the moment in which
 * it is read, and what a write changes afterwards is read again:
 *
 *     writes    ──────w(a)───────w(b)w(a)────w(c)──────────┐ T
 *     source    [page][page][page]  [a b?] [a?]  ·········· hold [c?][how many?] writes
 *     target       [page][page][page]  [a b]  [a] ········· hold [c][how many?][MULTI RENAME EXEC] writes
 *
 * Of every write that is emitted from the first page on it is known which elements it may change, from the table; one of which
 * that is not known, and all else that may make another value of it, spoils it. Then it is copied as others are.
 *
 * Why it is right: all goes over one link, so a page shows each write that was emitted before it, and an element that was
 * written since then is among the changed ones. When the key is held at T nothing is on its way, and each element is on
 * the target as it was after its last write before T: it was read then, or has not been changed since it was read.
 */
export class Ahead {
  readonly writer: Writer
  private readonly budget: Budget
  private readonly reader: Source
  private rereading: Rereading | undefined
  /** Elements that may have been written since they were read. */
  private readonly changed = new Set<string>()
  private changedBytes = 0
  private spoiled = false
  private built = false
  private ended = false
  private writing: Promise<void> = Promise.resolve()
  private bytesEach = 1
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

  /** What names elements of the value is emitted; undefined when it may do anything to it. */
  wrote(elements: readonly string[] | undefined): void {
    if (elements === undefined) {
      this.spoil()
      return
    }
    for (const element of elements) {
      if (this.changed.has(element)) continue
      this.changed.add(element)
      this.changedBytes += element.length
    }
    if (this.changed.size > CHANGED_MAX || this.changedBytes > CHANGED_BYTES_MAX) this.spoil()
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

  /** Whether nothing of the key is on its way that its source has not been sent: holds in this turn. */
  get isFree(): boolean {
    return !this.isOver && !this.isHeld
  }

  /** It is not wanted any more. Nothing is left of it. */
  drop(): void {
    if (this.ended) return
    const { source, target } = this.value
    this.taken()
    this.clear()
    this.pieces.slots.leave([source, target])
  }

  /** The key is held: a copy of it goes on with what was built, and with both members. */
  taken(): void {
    this.ended = true
    this.pieces.aheads.remove(this)
    this.pieces.underWay--
  }

  /**
   * Reads what is left, while the key is held. False when the value has to be copied from its beginning all the same; nothing
   * is left of it then.
   *
   * @throws LinkLostError
   */
  async finish(): Promise<boolean> {
    try {
      while (this.changed.size > 0 && !this.writer.isStopped) await this.reread()
      await this.writing
      if (!this.writer.isStopped && (await this.isComplete())) return true
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      await this.writing
    }
    this.clear()
    return false
  }

  private get isOver(): boolean {
    return this.spoiled || !this.value.isWanted()
  }

  private get isHeld(): boolean {
    const { source, target, id } = this.value
    return this.lanes.isHeld(source, id) || this.lanes.isHeld(target, id)
  }

  private async isBuilt(): Promise<boolean> {
    try {
      if (!(await this.whenFree())) return false
      this.pieces.aheads.add(this)
      return this.isFree && this.value.target.ready && (await this.readAll())
    } catch (error) {
      if (error instanceof RefusedError || error instanceof LinkLostError || error instanceof IndivisibleError)
        return false
      throw error
    } finally {
      await this.writing
    }
  }

  private async readAll(): Promise<boolean> {
    const { reader, value, budget, writer } = this
    const type = textOf(await reader.reply('TYPE')) ?? ''
    const deadlineMs = Number(await reader.reply('PEXPIRETIME'))
    const isSoon = deadlineMs >= 0 && deadlineMs - (preciseNowMs() + value.source.clockOffsetMs) < DEADLINE_MS
    this.rereading = await rereadingOf(type, reader)
    if (this.rereading === undefined || isSoon || this.isOver) return false
    this.bytesEach = value.bytes / Math.max(1, Number(await reader.reply(this.rereading.count)))
    if (this.isOver) return false
    this.writing = writer.write([frameOf(['UNLINK', HIDDEN_NAME])])
    for await (const page of pagesOf(type, { source: reader, bytes: value.bytes, budget })) {
      await this.writing
      if (this.isOver || !writer.hasAll) return false
      this.writing = writer.write(page)
    }
    for (let pages = 0; this.changed.size > LAST_ELEMENTS && pages < REREAD_PAGES_MAX; pages++) {
      if (!(await this.whenFree()) || !writer.hasAll) return false
      if (this.isFree) await this.reread()
    }
    await this.writing
    return (await this.whenFree()) && writer.hasAll
  }

  /**
   * Resolves with true when nothing of the key is held, so that all its writes that there were have been emitted. Not before
   * long: what is held may wait for our place on the members.
   */
  private async whenFree(): Promise<boolean> {
    const untilMs = performance.now() + HELD_MAX_MS
    while (!this.isOver && this.isHeld && performance.now() < untilMs) await sleep(HELD_POLL_MS)
    return this.isFree
  }

  /** Reads a page of what was changed, and begins to write it. */
  private async reread(): Promise<void> {
    const most = this.budget.elementsOf(this.bytesEach)
    const names: Buffer[] = []
    for (const name of this.changed) {
      if (names.length === most) break
      this.changed.delete(name)
      this.changedBytes -= name.length
      names.push(Buffer.from(name, 'latin1'))
    }
    const page = await this.rereading!.page(names)
    await this.writing
    if (!this.writer.isStopped) this.writing = this.writer.write(page)
  }

  /** Whether it has as many elements on both: it may have expired, and been made again, without anybody's having been told. */
  private async isComplete(): Promise<boolean> {
    const { reader, value, rereading } = this
    if (performance.now() - this.beganAtMs > DEADLINE_MS / 2) return false
    const built = new Source(value.target, this.reader.db, HIDDEN_NAME, this.budget)
    const [here, there] = await Promise.all([reader.reply(rereading!.count), built.reply(rereading!.count)])
    return here === there
  }

  /** Databases may have been swapped since. */
  private clear(): void {
    const { target } = this.value
    if (target.ready) removeLeftovers(target, target.info?.databases ?? 0)
  }
}
