/*
 * Elements as they stand in a reply are, byte for byte, arguments of a command: they are never made into objects.
 */

const CR = 0x0d
const ZERO = 0x30

/** The number in the line at `at`, whatever its type, and where the next line begins. */
export function lineAt(buf: Buffer, at: number): { readonly value: number; readonly next: number } {
  let value = 0
  let p = at + 1
  for (; buf[p] !== CR; p++) value = value * 10 + buf[p] - ZERO
  return { value, next: p + 2 }
}

/** The place behind the bulk string at `at`. */
export function bulkEnd(buf: Buffer, at: number): number {
  const { value, next } = lineAt(buf, at)
  return next + value + 2
}

/** The length of the longest of the bulk strings from `start` to `end`. */
export function longestBulk(buf: Buffer, start: number, end: number): number {
  let longest = 0
  for (let at = start; at < end; ) {
    const { value, next } = lineAt(buf, at)
    longest = Math.max(longest, value)
    at = next + value + 2
  }
  return longest
}

/** Bulk strings that lie one behind the other. */
export interface Elements {
  readonly count: number
  readonly bytes: Buffer
}

/** The elements of an array of bulk strings that begins at `at` and is the last of the reply. */
export function elementsAt(reply: Buffer, at = 0): Elements {
  const { value, next } = lineAt(reply, at)
  return { count: value, bytes: reply.subarray(next) }
}

/** A reply to HSCAN, SSCAN or ZSCAN. */
export function scanned(reply: Buffer): { readonly cursor: string; readonly elements: Elements } {
  const { next } = lineAt(reply, 0)
  const line = lineAt(reply, next)
  const cursor = reply.latin1Slice(line.next, line.next + line.value)
  return { cursor, elements: elementsAt(reply, line.next + line.value + 2) }
}

/** Elements in the opposite order. */
export function reversed({ count, bytes }: Elements): Elements {
  const turned = Buffer.allocUnsafe(bytes.length)
  for (let at = 0; at < bytes.length; ) {
    const end = bulkEnd(bytes, at)
    bytes.copy(turned, bytes.length - end, at, end)
    at = end
  }
  return { count, bytes: turned }
}

/** Pairs the other way round. */
export function swappedPairs({ count, bytes }: Elements): Elements {
  const swapped = Buffer.allocUnsafe(bytes.length)
  let at = 0
  for (let pair = 0; pair < count / 2; pair++) {
    const middle = bulkEnd(bytes, at)
    const end = bulkEnd(bytes, middle)
    bytes.copy(swapped, at, middle, end)
    bytes.copy(swapped, at + (end - middle), at, middle)
    at = end
  }
  return { count, bytes: swapped }
}

/** The pairs for which `isFirst` says so, and the others. */
export function partitionPairs(
  { count, bytes }: Elements,
  isFirst: (pair: Buffer) => boolean,
): [first: Elements, others: Elements] {
  const parts: [Buffer[], Buffer[]] = [[], []]
  let at = 0
  for (let pair = 0; pair < count / 2; pair++) {
    const end = bulkEnd(bytes, bulkEnd(bytes, at))
    const both = bytes.subarray(at, end)
    parts[isFirst(both) ? 0 : 1].push(both)
    at = end
  }
  const joined = (pairs: Buffer[]) => ({ count: pairs.length * 2, bytes: Buffer.concat(pairs) })
  return [joined(parts[0]), joined(parts[1])]
}
