/**
 * A test for names by a pattern as in Redis's KEYS: `*`, `?`, `[abc]`, `[a-c]`, `[^a]`, and `\` before a character that
 * stands for itself.
 */
export function namePattern(pattern: string): (name: string) => boolean {
  let source = ''
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]
    const close = char === '[' ? pattern.indexOf(']', i + 2) : -1
    if (char === '*') source += '.*'
    else if (char === '?') source += '.'
    else if (char === '\\' && i + 1 < pattern.length) source += literal(pattern[++i])
    else if (close === -1) source += literal(char)
    else {
      const negated = pattern[i + 1] === '^'
      const set = pattern.slice(i + (negated ? 2 : 1), close)
      source += `[${negated ? '^' : ''}${set.replace(/[\\\][^]/g, '\\$&')}]`
      i = close
    }
  }
  const regExp = new RegExp(`^${source}$`, 's')
  return (name) => regExp.test(name)
}

function literal(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&')
}
