/**
 * Patterns that say which keys belong together without a {hash tag} [design §3 key group]:
 *
 *     bull:{*}:*      bull:mail:wait, bull:mail:17 …     placed by `bull:mail`
 *     session:{*}     session:42                         placed by `session:42`
 *
 * `{*}` stands for the shortest text that is not empty, has no `:` and is followed by what comes behind it in the pattern: the end
 * of the key, or some text, which is the end of it unless a `*` follows. The key is placed by all up to there.
 */
export class KeyGroups {
  private readonly groups: readonly Group[]

  /** Each pattern is right, and no two of them match one key: see `faultOfKeyGroups`. */
  constructor(patterns: readonly string[]) {
    this.groups = patterns.map((pattern) => groupOf(pattern)!)
  }

  /** Where the text ends that begins at `start` and places the key that lies in `buf` up to `end`; -1 when it is in no group. */
  endOfGroup(buf: Buffer, start: number, end: number): number {
    for (const group of this.groups) {
      const groupEnd = endIn(group, buf, start, end)
      if (groupEnd >= 0) return groupEnd
    }
    return -1
  }
}

interface Group {
  readonly before: Buffer
  readonly behind: Buffer
  /** Anything may follow. */
  readonly isOpen: boolean
}

const PATTERN = /^([^{}*]*)\{\*\}(?:([^{}*]+)(\*?))?$/
const COLON = 0x3a

/** What is wrong with a list of patterns; undefined when nothing is. */
export function faultOfKeyGroups(patterns: readonly string[]): string | undefined {
  const wrong = patterns.find((pattern) => groupOf(pattern) === undefined)
  if (wrong !== undefined) {
    return `must be patterns such as bull:{*}:* (text, {*}, and perhaps text with a * behind it), and ${wrong} is none`
  }
  for (const [i, pattern] of patterns.entries()) {
    const other = patterns.slice(0, i).find((each) => mayMeet(groupOf(each)!, groupOf(pattern)!))
    if (other !== undefined) return `must not have two patterns for one key, as ${other} and ${pattern} are`
  }
  return undefined
}

function groupOf(pattern: string): Group | undefined {
  const found = PATTERN.exec(pattern)
  if (found === null) return undefined
  const [, before, behind = '', star = ''] = found
  return { before: Buffer.from(before), behind: Buffer.from(behind), isOpen: star !== '' }
}

/** Whether a key might be in both, as far as their beginnings tell. */
function mayMeet(a: Group, b: Group): boolean {
  // What `{*}` stands for has no colon: one ends there, the other goes on with one.
  if (a.before.equals(b.before)) return !(isEnd(a) && goesOn(b)) && !(isEnd(b) && goesOn(a))
  const length = Math.min(a.before.length, b.before.length)
  return a.before.subarray(0, length).equals(b.before.subarray(0, length))
}

function isEnd({ behind }: Group): boolean {
  return behind.length === 0
}

function goesOn({ behind }: Group): boolean {
  return behind[0] === COLON
}

function endIn({ before, behind, isOpen }: Group, buf: Buffer, start: number, end: number): number {
  const from = start + before.length
  if (!isAt(before, buf, start, end)) return -1
  for (let at = from; at < end; at++) {
    if (at > from && behind.length > 0 && isAt(behind, buf, at, end)) {
      return isOpen || at + behind.length === end ? at : -1
    }
    if (buf[at] === COLON) return -1
  }
  return behind.length === 0 && end > from ? end : -1
}

function isAt(text: Buffer, buf: Buffer, at: number, end: number): boolean {
  if (at + text.length > end) return false
  for (let i = 0; i < text.length; i++) if (buf[at + i] !== text[i]) return false
  return true
}
