import { LOWER } from './ascii.js'

const STAR = 0x2a
const QUESTION = 0x3f
const OPEN = 0x5b
const CLOSE = 0x5d
const CARET = 0x5e
const BACKSLASH = 0x5c
const DASH = 0x2d

/** Steps of a pattern beside single bytes. */
export const ANY_TEXT = -1
export const ANY_BYTE = -2

/** What one step matches: any text, any byte, one byte (in lower case, where case does not count), or those marked. No two stars follow each other. */
export type Step = number | Uint8Array

/**
 * Redis's glob matching: `*`, `?`, `[abc]`, `[^a-z]`, `\x` [Redis util.c stringmatchlen], with its corners: `*` does not
 * match an empty text, a `[` without `]` ends with the pattern, bytes above 127 are negative in ranges.
 *
 * A pattern is read once, whatever it is, and never costs more than its steps times the text's length, because only the last
 * `*` needs to be tried again: clients choose both.
 */
export class Glob {
  readonly steps: Step[] = []
  /** The pattern has more steps than any text has bytes. */
  private isTooLong = false

  /**
   * @param nocase letters match in either case
   * @param longest no text has more bytes
   */
  constructor(
    pattern: Buffer,
    private readonly nocase = false,
    longest = Number.POSITIVE_INFINITY,
  ) {
    let bytes = 0
    for (let p = 0; p < pattern.length; ) {
      if (pattern[p] === STAR) {
        if (this.steps.at(-1) !== ANY_TEXT) this.steps.push(ANY_TEXT)
        p++
        continue
      }
      if (++bytes > longest) {
        this.isTooLong = true
        return
      }
      p = this.readStep(pattern, p)
    }
  }

  matches(text: Buffer): boolean {
    const { steps } = this
    if (text.length === 0) return steps.length === 0
    if (this.isTooLong) return false
    let p = 0
    let s = 0
    let star = -1
    let starText = 0
    while (s < text.length) {
      if (steps[p] === ANY_TEXT) {
        if (p === steps.length - 1) return true
        star = p++
        starText = s
      } else if (p < steps.length && this.isMatch(steps[p], text[s])) {
        p++
        s++
      } else {
        if (star < 0) return false
        p = star + 1
        s = ++starText
      }
    }
    return p === steps.length || (p === steps.length - 1 && steps[p] === ANY_TEXT)
  }

  private isMatch(step: Step, byte: number): boolean {
    if (typeof step !== 'number') return step[byte] === 1
    return step === ANY_BYTE || step === (this.nocase ? LOWER[byte] : byte)
  }

  /** Reads what stands at `p`, which is no star; gives the place behind it. */
  private readStep(pattern: Buffer, p: number): number {
    if (pattern[p] === OPEN) return this.readClass(pattern, p + 1)
    if (pattern[p] === QUESTION) this.steps.push(ANY_BYTE)
    else {
      if (pattern[p] === BACKSLASH && p + 1 < pattern.length) p++
      this.steps.push(this.nocase ? LOWER[pattern[p]] : pattern[p])
    }
    return p + 1
  }

  private readClass(pattern: Buffer, start: number): number {
    const { nocase } = this
    const isNegated = pattern[start] === CARET
    const members = new Uint8Array(256)
    let p = isNegated ? start + 1 : start
    for (; p < pattern.length && pattern[p] !== CLOSE; p++) {
      // An escaped byte in a class is compared with its case.
      if (pattern[p] === BACKSLASH && p + 1 < pattern.length) members[pattern[++p]] = 1
      else if (p + 2 < pattern.length && pattern[p + 1] === DASH) {
        for (let byte = 0; byte < 256; byte++) if (inRange(pattern[p], pattern[p + 2], byte, nocase)) members[byte] = 1
        p += 2
      } else {
        members[pattern[p]] = 1
        if (nocase) markBothCases(members, pattern[p])
      }
    }
    if (isNegated) for (let byte = 0; byte < 256; byte++) members[byte] = 1 - members[byte]
    this.steps.push(members)
    return Math.min(p + 1, pattern.length)
  }
}

function markBothCases(members: Uint8Array, byte: number): void {
  members[LOWER[byte]] = 1
  if (LOWER[byte] >= 0x61 && LOWER[byte] <= 0x7a) members[LOWER[byte] - 0x20] = 1
}

/** Redis orders the ends of a range before it lowers their case. */
function inRange(from: number, to: number, byte: number, nocase: boolean): boolean {
  let low = signed(from)
  let high = signed(to)
  if (low > high) [low, high] = [high, low]
  const at = signed(nocase ? LOWER[byte] : byte)
  return at >= lower(low, nocase) && at <= lower(high, nocase)
}

function signed(byte: number): number {
  return (byte << 24) >> 24
}

function lower(signedByte: number, nocase: boolean): number {
  return nocase && signedByte > 0 ? LOWER[signedByte] : signedByte
}

/** The steps of a pattern. */
export function stepsOf(pattern: Buffer): readonly Step[] {
  return new Glob(pattern).steps
}
