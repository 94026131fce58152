import { assert } from '../../base/assert.js'
import { copyBytes } from '../../base/copy-bytes.js'
import { release, takeLarge } from '../../base/large-buffers.js'
import type { CommandRow } from '../../command/row.js'
import { replyShape } from '../../command/table.js'
import { deliver, isUnknownOutcome, NOT_APPLIED } from '../../order/replies.js'
import { InnerSlot, type ReplySlot, type WholeRead } from '../../order/reply-slot.js'
import { NULL_BULK, OK } from '../../resp/encode.js'
import { type Frame, frameIn } from '../../resp/frame.js'
import { HAS_RESP3, OWNED, REPLY_MAX_BYTES, TOO_LARGE_REPLY } from '../../resp/reply-framer.js'
import { ARRAY_HEADER_BYTES_MAX, writeArrayHeader } from './part-frame.js'

const MINUS = 0x2d
const ASTERISK = 0x2a
const DOLLAR = 0x24
const UNDERSCORE = 0x5f
const PERCENT = 0x25
const CR = 0x0d
const ZERO = 0x30
/** Enough for the values of some ten keys; each has so much for ever, and takes more when it needs it. */
const KEPT_BYTES = 1024
/** How the answer to a read of one stream begins. */
const ONE_STREAM = '%1\r\n'
const NULL = Buffer.from('_\r\n')
const KEPT_COMMAND_BYTES = 1024
/** Replies up to this size are merged here: whoever gets them copies them. */
const scratch = Buffer.allocUnsafeSlow(8192)
/** What a larger command needed is not kept for the next one. */
const KEPT_KEYS = 1024

/**
 * Collects the replies of the parts of one command in one buffer, and gives the client one reply. Used again, with its
 * slots and arrays: a MGET of ten keys on four servers costs no object but those of its reads.
 */
export class Merge {
  private static readonly spare: Merge[] = []

  slot!: ReplySlot
  protected row!: CommandRow
  private open = 0
  protected parts = 0
  /** For each key in which part it is. */
  private readonly partOf: number[] = []
  protected keyCount = 0
  /** The replies, one after the other in the order in which they came, and where that of each part begins and ends. */
  private readonly kept: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES)
  private bytes: Buffer = this.kept
  private used = 0
  private readonly starts: number[] = []
  private readonly ends: number[] = []
  private tooLarge = false
  /** Of a read: its bytes up to `commandEnd`. */
  private readonly keptCommand: Buffer = Buffer.allocUnsafeSlow(KEPT_COMMAND_BYTES)
  private command: Buffer = this.keptCommand
  private commandEnd = 0
  /** The read is asked again: what its parts answer does not count. */
  private isGivenUp = false
  private readonly slots: PartSlot[] = []
  private readonly masters: string[] = []

  /** `partOf` says of each of the `keyCount` keys in which part it is; it is copied. */
  static of(row: CommandRow, slot: ReplySlot, parts: number, partOf: readonly number[], keyCount: number): Merge {
    const merge = Merge.spare.pop() ?? new Merge()
    merge.begin(row, slot, parts, keyCount)
    for (let k = 0; k < keyCount; k++) merge.partOf[k] = partOf[k]
    return merge
  }

  protected begin(row: CommandRow, slot: ReplySlot, parts: number, keyCount: number): void {
    this.row = row
    this.slot = slot
    this.open = parts
    this.parts = parts
    this.keyCount = keyCount
    this.used = 0
    this.tooLarge = false
    this.isGivenUp = false
  }

  /** The command is a read, of which no part is asked again alone. */
  isRead({ buf, start, end }: Frame): void {
    const length = end - start
    if (length > KEPT_COMMAND_BYTES) this.command = takeLarge(length)
    copyBytes(buf, start, end, this.command, 0)
    this.commandEnd = length
  }

  /** [ReplySlot.giveUp] A part has no answer. */
  giveUp(): WholeRead | undefined {
    const { row, slot, isGivenUp } = this
    const frame = isGivenUp ? undefined : this.whole()
    this.isGivenUp = true
    if (--this.open === 0) this.recycle()
    return frame && { frame, row, slot }
  }

  /** The read, to be asked again. */
  protected whole(): Frame {
    return frameIn(Buffer.from(this.command.subarray(0, this.commandEnd)))
  }

  /** @param master of whom the part asks, if its reply may come before those of others and be large */
  slotOf(part: number, master = ''): ReplySlot {
    this.masters[part] = master
    if (part === this.slots.length) this.slots.push(new PartSlot(this, part))
    return this.slots[part]
  }

  /** The reply of a part, whole and in RESP3; valid during the call. */
  partDone(part: number, buf: Buffer, start: number, end: number): void {
    const length = end - start
    if (this.isGivenUp) {
      if (--this.open === 0) this.recycle()
      return
    }
    if (this.size + length > REPLY_MAX_BYTES) this.tooLarge = true
    else this.keep(part, buf, start, end)
    const { slot } = this
    if (--this.open > 0) {
      const master = this.masters[part]
      if (master !== '') slot.cameFrom?.(master, length)
      return
    }
    if (this.tooLarge) slot.finish(TOO_LARGE_REPLY, 0, TOO_LARGE_REPLY.length, true)
    else this.finish()
    this.recycle()
  }

  /** A part failed inside the proxy: so did the whole, unless it is asked again. */
  partFailed(failure: Error, isWrite: boolean): void {
    if (!this.isGivenUp) this.slot.fail(failure, isWrite)
  }

  /** Bytes of the replies that have come. */
  protected get size(): number {
    return this.used
  }

  protected keep(part: number, buf: Buffer, start: number, end: number): void {
    this.reserve(end - start)
    copyBytes(buf, start, end, this.bytes, this.used)
    this.starts[part] = this.used
    this.used += end - start
    this.ends[part] = this.used
  }

  /** Nothing is expected any more. */
  protected recycle(): void {
    if (this.bytes !== this.kept) release(this.bytes)
    this.bytes = this.kept
    if (this.command !== this.keptCommand) release(this.command)
    this.command = this.keptCommand
    if (this.keyCount <= KEPT_KEYS) Merge.spare.push(this)
  }

  private finish(): void {
    const { slot } = this
    const reply = this.error() ?? this.simple()
    if (reply !== undefined) slot.finish(reply, 0, reply.length, true)
    else if (this.row.merge === 'streams') this.finishStreams()
    else this.finishArray()
  }

  /**
   * The first error, in the order of the keys. That of a write is true of all its parts: if the outcome of one is unknown the
   * whole says so, and if one was applied, no other part says that the command was not.
   */
  private error(): Buffer | undefined {
    const { bytes, starts, ends, row } = this
    let failed = -1
    let unknown = -1
    let applied = false
    for (let part = 0; part < this.parts; part++) {
      if (bytes[starts[part]] !== MINUS) applied = true
      else if (failed < 0) failed = part
      if (unknown < 0 && isUnknownOutcome(bytes, starts[part])) unknown = part
    }
    if (failed < 0) return undefined
    const shown = unknown < 0 ? failed : unknown
    if (row.replicate === 'none' || (!applied && unknown < 0)) {
      return Buffer.from(bytes.subarray(starts[shown], ends[shown]))
    }
    const text = bytes
      .toString('utf8', starts[shown], ends[shown] - 2)
      .replaceAll(NOT_APPLIED, 'some keys were not written')
    return Buffer.from(applied ? `${text} (other keys of this '${row.name}' were written)\r\n` : `${text}\r\n`)
  }

  /** The reply that is no array. */
  private simple(): Buffer | undefined {
    if (this.row.merge === 'ok') return OK
    if (this.row.merge !== 'sum') return undefined
    let sum = 0
    for (let part = 0; part < this.parts; part++) sum += numberAt(this.bytes, this.starts[part] + 1)
    return Buffer.from(`:${sum}\r\n`)
  }

  /** The elements of the parts' arrays in the places of their keys. */
  protected finishArray(): void {
    const { bytes, starts, keyCount, partOf } = this
    for (let part = 0; part < this.parts; part++) {
      assert(bytes[starts[part]] === ASTERISK, `a part of ${this.row.name} answers an array`)
      let at = starts[part]
      while (bytes[at] !== CR) at++
      starts[part] = at + 2
    }
    const nullElement = this.slot.proto === 3 ? undefined : NULL_BULK
    const sizeMax = ARRAY_HEADER_BYTES_MAX + this.used + keyCount * NULL_BULK.length
    const out = sizeMax <= scratch.length ? scratch : takeLarge(sizeMax)
    let size = writeArrayHeader(out, keyCount)
    for (let k = 0; k < keyCount; k++) {
      const part = partOf[k]
      const at = starts[part]
      const end = elementEnd(bytes, at)
      starts[part] = end
      size = copyElement(bytes, at, end, nullElement, out, size)
    }
    this.slot.finish(out, 0, size, false)
    if (out !== scratch) release(out)
  }

  /** The maps of the parts, each of one stream or nothing, as one, in their order. */
  private finishStreams(): void {
    const { bytes, starts, ends } = this
    const streams: Buffer[] = []
    for (let part = 0; part < this.parts; part++) {
      if (bytes[starts[part]] === UNDERSCORE) continue
      assert(bytes[starts[part]] === PERCENT, `a part of ${this.row.name} answers a map`)
      streams.push(bytes.subarray(starts[part] + ONE_STREAM.length, ends[part]))
    }
    const reply = streams.length === 0 ? NULL : Buffer.concat([Buffer.from(`%${streams.length}\r\n`), ...streams])
    deliver(this.slot, replyShape(this.row, 0), reply, 0, reply.length, HAS_RESP3 | OWNED)
  }

  private reserve(length: number): void {
    const { bytes, used } = this
    if (used + length <= bytes.length) return
    this.bytes = takeLarge(Math.max(used + length, 2 * bytes.length))
    bytes.copy(this.bytes, 0, 0, used)
    if (bytes !== this.kept) release(bytes)
  }
}

/** Copies an element to where `out` ends, at `size`, a null as `nullElement` if that is given; gives where it ends then. */
export function copyElement(
  buf: Buffer,
  start: number,
  end: number,
  nullElement: Buffer | undefined,
  out: Buffer,
  size: number,
): number {
  if (buf[start] === UNDERSCORE && nullElement !== undefined) {
    copyBytes(nullElement, 0, nullElement.length, out, size)
    return size + nullElement.length
  }
  copyBytes(buf, start, end, out, size)
  return size + end - start
}

/** Where the one-line value or bulk string that begins at `at` ends. */
export function elementEnd(buf: Buffer, at: number): number {
  let p = at
  while (buf[p] !== CR) p++
  return buf[at] === DOLLAR ? p + 2 + numberAt(buf, at + 1) + 2 : p + 2
}

/** The digits from `at` up to a CR. */
function numberAt(buf: Buffer, at: number): number {
  let value = 0
  for (let p = at; buf[p] !== CR; p++) value = value * 10 + buf[p] - ZERO
  return value
}

/** The slot of one part: asks for RESP3, so that all parts look alike. */
class PartSlot extends InnerSlot {
  constructor(
    private readonly merge: Merge,
    private readonly part: number,
  ) {
    super()
  }

  protected get whole(): ReplySlot {
    return this.merge.slot
  }

  override get proto(): 3 {
    return 3
  }

  finish(buf: Buffer, start: number, end: number): void {
    this.merge.partDone(this.part, buf, start, end)
  }

  override fail(failure: Error, isWrite: boolean): void {
    this.merge.partFailed(failure, isWrite)
  }

  giveUp(): WholeRead | undefined {
    return this.merge.giveUp()
  }
}
