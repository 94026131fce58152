import { LOWER } from './ascii.js'

const STAR = 0x2a
const QUESTION = 0x3f
const OPEN = 0x5b
const CLOSE = 0x5d
const CARET = 0x5e
const BACKSLASH = 0x5c
const DASH = 0x2d

/**
 * Redis's glob matching: `*`, `?`, `[abc]`, `[^a-z]`, `\x` [Redis util.c stringmatchlen], with its corners: `*` does not
 * match an empty text, a `[` without `]` ends with the pattern, bytes above 127 are negative in ranges. A pattern never
 * costs more than its length times the text's, because only the last `*` needs to be tried again.
 */
export function globMatch(pattern: Buffer, text: Buffer, nocase = false): boolean {
  if (text.length === 0) return pattern.length === 0
  let p = 0
  let s = 0
  let star = -1
  let starText = 0
  while (s < text.length) {
    if (p < pattern.length && pattern[p] === STAR) {
      while (pattern[p + 1] === STAR) p++
      if (p === pattern.length - 1) return true
      star = p++
      starText = s
      continue
    }
    const next = p < pattern.length ? matchOne(pattern, p, text[s], nocase) : -1
    if (next >= 0) {
      p = next
      s++
    } else {
      if (star < 0) return false
      p = star + 1
      s = ++starText
    }
  }
  while (p < pattern.length && pattern[p] === STAR) p++
  return p === pattern.length
}

/** Matches one byte with what stands at `p`, which is no star: the place behind it, or -1. */
function matchOne(pattern: Buffer, p: number, byte: number, nocase: boolean): number {
  if (pattern[p] === QUESTION) return p + 1
  if (pattern[p] === OPEN) return matchClass(pattern, p + 1, byte, nocase)
  if (pattern[p] === BACKSLASH && p + 1 < pattern.length) p++
  return same(pattern[p], byte, nocase) ? p + 1 : -1
}

function matchClass(pattern: Buffer, p: number, byte: number, nocase: boolean): number {
  const negated = pattern[p] === CARET
  if (negated) p++
  let match = false
  for (; p < pattern.length && pattern[p] !== CLOSE; p++) {
    if (pattern[p] === BACKSLASH && p + 1 < pattern.length) {
      // An escaped byte in a class is compared with its case.
      if (pattern[++p] === byte) match = true
    } else if (p + 2 < pattern.length && pattern[p + 1] === DASH) {
      if (inRange(pattern[p], pattern[p + 2], byte, nocase)) match = true
      p += 2
    } else if (same(pattern[p], byte, nocase)) {
      match = true
    }
  }
  if (match === negated) return -1
  return Math.min(p + 1, pattern.length)
}

/** Redis orders the ends of a range before it lowers their case. */
function inRange(from: number, to: number, byte: number, nocase: boolean): boolean {
  let low = signed(from)
  let high = signed(to)
  if (low > high) [low, high] = [high, low]
  const at = signed(nocase ? LOWER[byte] : byte)
  return at >= lower(low, nocase) && at <= lower(high, nocase)
}

function same(a: number, b: number, nocase: boolean): boolean {
  return nocase ? LOWER[a] === LOWER[b] : a === b
}

function signed(byte: number): number {
  return (byte << 24) >> 24
}

function lower(signedByte: number, nocase: boolean): number {
  return nocase && signedByte > 0 ? LOWER[signedByte] : signedByte
}
