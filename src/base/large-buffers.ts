/**
 * Buffers for large values, used again. A fresh Buffer for each makes V8 collect garbage after every 64 MB of them, and
 * the kernel find pages: half of the CPU of SETs of 16 KB, and two thirds of those of 1 MB.
 *
 * Such a buffer is passed on without being copied: who wants to keep what lies in it for longer than a call holds it,
 * and releases it afterwards. When the last one has, it is used again. Whoever forgets it, because his connection broke,
 * leaves it to the garbage collector.
 */

/** Sizes are powers of two, from this one on. */
const LEAST_BITS = 13
/** Larger ones are not kept. */
const KEPT_BITS_MAX = 24
/** How much is kept in all for the next values. */
const SPARE_BYTES_MAX = 64 * 1024 * 1024

/** What is larger than this is passed on by holding its buffer; copying less costs less than the bookkeeping. */
export const HELD_BYTES = 64 * 1024

interface Use {
  holders: number
}

const uses = new WeakMap<Buffer, Use>()
const spare: Buffer[][] = Array.from({ length: KEPT_BITS_MAX + 1 }, () => [])
let spareBytes = 0

/** A buffer of at least `size` bytes, held by the caller. */
export function takeLarge(size: number): Buffer {
  const bits = Math.max(LEAST_BITS, Math.ceil(Math.log2(size)))
  const used = bits <= KEPT_BITS_MAX ? spare[bits].pop() : undefined
  if (used !== undefined) {
    spareBytes -= used.length
    uses.get(used)!.holders = 1
    return used
  }
  const buffer = Buffer.allocUnsafeSlow(bits <= KEPT_BITS_MAX ? 2 ** bits : size)
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
  if (length > 2 ** KEPT_BITS_MAX || spareBytes + length > SPARE_BYTES_MAX) return
  spareBytes += length
  spare[Math.log2(length)].push(buffer)
}
