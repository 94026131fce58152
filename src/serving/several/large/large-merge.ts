import { HELD_BYTES, hold, release, takeLarge } from '../../../base/large-buffers.js'
import { inSlices } from '../../../base/slices.js'
import type { ReplySlot } from '../../../order/reply-slot.js'
import { NULL_BULK, OK } from '../../../resp/encode.js'
import type { Frame } from '../../../resp/frame.js'
import { copyElement, elementEnd, Merge } from '../merge.js'
import { ARRAY_HEADER_BYTES_MAX, writeArrayHeader } from '../part-frame.js'
import type { LargeCommand, LargeCut } from './large-command.js'

const CR = 13
const ASTERISK = 0x2a
const AN_ARRAY = Buffer.from('*')
/** So many elements are a step, or so many bytes. */
const STEP_ELEMENTS = 512
const STEP_BYTES = 256 * 1024

/**
 * A `Merge` for a command with very many keys: arrays stay where they were received, and one is made of them in slices. The client has
 * its place, and nothing comes of it for others any more.
 */
export class LargeMerge extends Merge {
  private readonly arrays: Buffer[] = []
  private arrayBytes = 0
  /** In each of them, where its next element is. */
  private readonly at: number[] = []

  /** The read, see `Merge.whole`; of a write the bytes need not be kept. */
  private readonly read: LargeCommand | undefined

  constructor(
    command: LargeCommand,
    private readonly cut: LargeCut,
    slot: ReplySlot,
  ) {
    super()
    const { row, keyCount } = command
    this.begin(row, slot, cut.parts, keyCount)
    this.read = row.replicate === 'none' ? command : undefined
  }

  protected override whole(): Frame {
    return this.read!
  }

  protected override get size(): number {
    return super.size + this.arrayBytes
  }

  protected override keep(part: number, buf: Buffer, start: number, end: number): void {
    if (buf[start] !== ASTERISK) {
      super.keep(part, buf, start, end)
      return
    }
    super.keep(part, AN_ARRAY, 0, AN_ARRAY.length)
    const isHeld = end - start >= HELD_BYTES && hold(buf)
    this.arrays[part] = isHeld ? buf : Buffer.from(buf.subarray(start, end))
    this.arrayBytes += end - start
    let at = isHeld ? start : 0
    while (this.arrays[part][at] !== CR) at++
    this.at[part] = at + 2
  }

  /** It is one command's alone. */
  protected override recycle(): void {}

  protected override finishArray(): void {
    const { slot, keyCount, arrays, at } = this
    const { partOf } = this.cut
    const nullElement = slot.proto === 3 ? undefined : NULL_BULK
    const out = takeLarge(ARRAY_HEADER_BYTES_MAX + this.arrayBytes + keyCount * NULL_BULK.length)
    let size = writeArrayHeader(out, keyCount)
    let k = 0
    const step = () => {
      if (slot.abandoned) return false
      const to = Math.min(k + STEP_ELEMENTS, keyCount)
      const sizeMax = size + STEP_BYTES
      for (; k < to && size < sizeMax; k++) {
        const part = partOf[k]
        const array = arrays[part]
        const start = at[part]
        const end = elementEnd(array, start)
        at[part] = end
        size = copyElement(array, start, end, nullElement, out, size)
      }
      return k < keyCount
    }
    const done = () => {
      for (const array of arrays) release(array)
      if (slot.abandoned) slot.finish(OK, 0, OK.length, true)
      else slot.finish(out, 0, size, false)
      release(out)
    }
    inSlices(step)
      .then(done)
      .catch((failure: Error) => slot.fail(failure, false))
  }
}
