/** A token of a Lua 5.1 source; comments and white space are none. */
export interface Token {
  readonly kind: 'name' | 'string' | 'number' | 'symbol'
  /** As it stands in the source. */
  readonly text: string
  readonly start: number
  readonly end: number
}

const SPACE = /[ \t\r\n\v\f]+/y
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
/** Of `0xe+1` the sign is not part: an exponent stands behind digits and points alone [Lua 5.1 llex.c read_numeral]. */
const NUMBER = /\.?\d[\d.]*(?:[eE][+-]?)?[A-Za-z0-9_]*/y
const SYMBOL = /\.\.\.|\.\.|==|~=|<=|>=|[\s\S]/y
const LONG_OPEN = /\[(=*)\[/y
/** A carriage return ends a line as well. */
const LINE_REST = /[^\r\n]*/y

/**
 * The tokens of a Lua 5.1 source that a server has compiled, one character a byte [Lua 5.1 llex.c]. What does not end (which such
 * a source has not) ends with the source.
 */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let pos = 0
  const matched = (pattern: RegExp) => {
    pattern.lastIndex = pos
    return pattern.exec(source)
  }
  const longEnd = () => {
    const open = matched(LONG_OPEN)
    if (open === null) return -1
    const at = source.indexOf(`]${open[1]}]`, pos + open[0].length)
    return at < 0 ? source.length : at + open[1].length + 2
  }
  while (pos < source.length) {
    const space = matched(SPACE)
    if (space !== null) {
      pos += space[0].length
      continue
    }
    if (source.startsWith('--', pos)) {
      pos += 2
      const end = longEnd()
      pos = end >= 0 ? end : pos + matched(LINE_REST)![0].length
      continue
    }
    const start = pos
    const char = source[pos]
    const name = matched(NAME)
    const number = name === null ? matched(NUMBER) : null
    let kind: Token['kind'] = 'symbol'
    if (char === '"' || char === "'") {
      kind = 'string'
      pos = quotedEnd(source, pos)
    } else if (longEnd() >= 0) {
      kind = 'string'
      pos = longEnd()
    } else if (name !== null) {
      kind = 'name'
      pos += name[0].length
    } else if (number !== null) {
      kind = 'number'
      pos += number[0].length
    } else pos += matched(SYMBOL)![0].length
    tokens.push({ kind, text: source.slice(start, pos), start, end: pos })
  }
  return tokens
}

/** The text of a string token that has no escapes and is not a long one; undefined for others. */
export function plainText({ kind, text }: Token): string | undefined {
  if (kind !== 'string' || text[0] === '[' || text.includes('\\')) return undefined
  return text.slice(1, -1)
}

function quotedEnd(source: string, start: number): number {
  for (let i = start + 1; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === source[start]) return i + 1
  }
  return source.length
}
