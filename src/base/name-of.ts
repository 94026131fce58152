import { createHash } from 'node:crypto'

/** Longer names are called by their digest: a client may give 512 MB, which is more than a string can have. */
const SHORT_BYTES_MAX = 1024

/** Stands before a digest: no byte of a short name is written like that. */
const LONG = 'Ā'

/** What the bytes of `buf` from `start` to `end` are called in tables: the same text for the same bytes, and no long one. */
export function nameOf(buf: Buffer, start = 0, end = buf.length): string {
  if (end - start <= SHORT_BYTES_MAX) return buf.latin1Slice(start, end)
  return LONG + createHash('sha256').update(buf.subarray(start, end)).digest('base64')
}

/** Each of them once, in their order. */
export function distinct(all: readonly Buffer[]): Buffer[] {
  return [...new Map(all.map((bytes) => [nameOf(bytes), bytes])).values()]
}
