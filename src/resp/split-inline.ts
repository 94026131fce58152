const SPACE = 32
const DOUBLE_QUOTE = 34
const SINGLE_QUOTE = 39
const BACKSLASH = 92

/**
 * Splits the line of an inline command into its arguments as a shell would: Redis's own rules, with its oddities
 * [Redis sds.c sdssplitargs]. The line has no NUL and no line feed at its end. Undefined when quotes are not
 * balanced or a closing quote is not followed by a blank.
 */
export function splitInline(line: Buffer): Buffer[] | undefined {
  const args: Buffer[] = []
  const end = line.length
  // No argument is longer than the text it is written as, so one buffer of the line's size holds them all.
  const out = Buffer.allocUnsafe(end)
  let size = 0
  let p = 0
  for (;;) {
    while (p < end && isSpace(line[p])) p++
    if (p === end) return args
    const from = size
    let quote = 0
    for (; p < end; p++) {
      const c = line[p]
      if (quote === 0) {
        // A vertical tab or form feed does not end a word, though it is skipped in front of one.
        if (c === SPACE || c === 9 || c === 10 || c === 13) break
        if (c === DOUBLE_QUOTE || c === SINGLE_QUOTE) quote = c
        else out[size++] = c
      } else if (c === quote) {
        if (p + 1 < end && !isSpace(line[p + 1])) return undefined
        quote = 0
        p++
        break
      } else if (quote === SINGLE_QUOTE) {
        if (c === BACKSLASH && line[p + 1] === SINGLE_QUOTE) p++
        out[size++] = line[p]
      } else if (c === BACKSLASH && p + 1 < end) {
        const high = line[p + 1] === 120 && p + 3 < end ? hexDigit(line[p + 2]) : -1
        const low = high >= 0 ? hexDigit(line[p + 3]) : -1
        if (low >= 0) {
          out[size++] = high * 16 + low
          p += 3
        } else {
          out[size++] = unescaped(line[p + 1])
          p++
        }
      } else {
        out[size++] = c
      }
    }
    if (quote !== 0) return undefined
    args.push(out.subarray(from, size))
  }
}

/** C's isspace in the C locale. */
function isSpace(c: number): boolean {
  return c === SPACE || (c >= 9 && c <= 13)
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48
  const lower = c | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

function unescaped(c: number): number {
  switch (c) {
    case 110: // n
      return 10
    case 114: // r
      return 13
    case 116: // t
      return 9
    case 98: // b
      return 8
    case 97: // a
      return 7
    default:
      return c
  }
}
