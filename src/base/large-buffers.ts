/**
 * Buffers for large values, used again. A fresh Buffer for each makes V8 collect garbage after every 64 MB of them, and
 * the kernel find pages: half of the CPU of SETs of 16 KB, and two thirds of those of 1 MB.
 *
 * Such a buffer is passed on without being copied: who wants to keep what lies in it for longer than a call holds it,
 * and releases it afterwards. When the last one has, it is used again, the one that was released last first: it may
 * still be in a cache. Whoever forgets it, because his connection broke, leaves it to the garbage collector.
 */

/** The least size. */
const LEAST_BYTES = 8 * 1024
/** Larger ones are not kept. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024
/** How much is kept for the next values: so much for good, and more as long as it is needed now and then. */
const SPARE_BYTES = 64 * 1024 * 1024
const SPARE_BYTES_MAX = 256 * 1024 * 1024
const LOOK_MS = 10_000

/** What is larger than this is passed on by holding its buffer; copying less costs less than the bookkeeping. */
export const HELD_BYTES = 64 * 1024

interface Use {
  holders: number
}

/** The spare buffers of one size, and how many of them nobody has needed since the last look. */
interface Spare {
  readonly buffers: Buffer[]
  unneeded: number
}

const uses = new WeakMap<Buffer, Use>()
const spares = new Map<number, Spare>()
let spareBytes = 0
let timer: NodeJS.Timeout | undefined

/** A buffer of at least `size` bytes, held by the caller. */
export function takeLarge(size: number): Buffer {
  const length = sizeFor(size)
  const spare = spares.get(length)
  const used = spare?.buffers.pop()
  if (used !== undefined) {
    spareBytes -= length
    spare!.unneeded = Math.min(spare!.unneeded, spare!.buffers.length)
    uses.get(used)!.holders = 1
    return used
  }
  const buffer = Buffer.allocUnsafeSlow(length)
  uses.set(buffer, { holders: 1 })
  return buffer
}

/** Holds the buffer once more; false when it is none of ours, and its bytes have to be copied. */
export function hold(buffer: Buffer): boolean {
  const use = uses.get(buffer)
  if (use === undefined) return false
  use.holders++
  return true
}

/** The caller needs the buffer no more. */
export function release(buffer: Buffer): void {
  const use = uses.get(buffer)
  if (use === undefined || --use.holders > 0) return
  const { length } = buffer
  if (length > KEPT_BYTES_MAX || spareBytes + length > SPARE_BYTES_MAX) return
  spareBytes += length
  let spare = spares.get(length)
  if (spare === undefined) {
    spare = { buffers: [], unneeded: 0 }
    spares.set(length, spare)
  }
  spare.buffers.push(buffer)
  if (spareBytes > SPARE_BYTES) timer ??= setInterval(letGoUnneeded, LOOK_MS).unref()
}

/** If too much is kept, leaves to the garbage collector what was spare all the time since it was called last. */
export function letGoUnneeded(): void {
  for (const [length, { buffers, unneeded }] of spares) {
    const count = Math.min(unneeded, Math.ceil(Math.max(spareBytes - SPARE_BYTES, 0) / length))
    buffers.splice(0, count)
    spareBytes -= count * length
    if (buffers.length === 0) spares.delete(length)
    else spares.get(length)!.unneeded = buffers.length
  }
  if (spareBytes > SPARE_BYTES) return
  clearInterval(timer)
  timer = undefined
}

/**
 * Sizes are eighths of powers of two: so that values of about one size use each other's buffers, and a command with a
 * value of 1 MB takes not much more than that.
 */
function sizeFor(size: number): number {
  if (size <= LEAST_BYTES) return LEAST_BYTES
  if (size > KEPT_BYTES_MAX) return size
  const step = 2 ** (28 - Math.clz32(size))
  return Math.ceil(size / step) * step
}
