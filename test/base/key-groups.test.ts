import fc from 'fast-check'
import t from 'tap'
import { faultOfKeyGroups, KeyGroups } from '../../src/base/key-groups.js'

/** The text that places a key, or undefined. */
function groupOf(patterns: readonly string[], key: string): string | undefined {
  const buf = Buffer.from(`before${key}behind`)
  const start = 'before'.length
  const end = new KeyGroups(patterns).endOfGroup(buf, start, start + Buffer.byteLength(key))
  return end < 0 ? undefined : buf.toString('utf8', start, end)
}

t.test('keys with the same text at {*} have the same group', async (t) => {
  const bull = ['bull:{*}:*']
  t.equal(groupOf(bull, 'bull:mail:wait'), 'bull:mail')
  t.equal(groupOf(bull, 'bull:mail:17:lock'), 'bull:mail')
  t.equal(groupOf(bull, 'bull:mail:'), 'bull:mail', 'anything is nothing, too')
  for (const key of ['bull:mail', 'bull::wait', 'bull:', 'bullet:mail:x', 'xbull:mail:x', '']) {
    t.equal(groupOf(bull, key), undefined, key)
  }
  t.equal(groupOf(['session:{*}'], 'session:42'), 'session:42')
  t.equal(groupOf(['session:{*}'], 'session:42:x'), undefined, 'the text has no colon')
  t.equal(groupOf(['q:{*}:jobs'], 'q:é:jobs'), 'q:é')
  t.equal(groupOf(['q:{*}:jobs'], 'q:a:jobs2'), undefined)
  t.equal(groupOf(['a{*}x*'], 'axxx'), 'ax', 'the shortest that is not empty')
  t.equal(groupOf(['{*}:*'], 'a:b'), 'a')
  t.equal(groupOf(['bull:{*}', 'bull:{*}:*'], 'bull:mail'), 'bull:mail', 'the key of the queue itself')
})

t.test('patterns that are none, and two for one key, are refused', async (t) => {
  for (const right of [[], ['bull:{*}:*'], ['bull:{*}', 'bull:{*}:*'], ['a:{*}:*', 'b:{*}:*'], ['{*}']]) {
    t.equal(faultOfKeyGroups(right), undefined, right.join(' '))
  }
  for (const wrong of ['', 'bull', 'bull:*', 'b*:{*}', '{*}*', 'a{*}b{*}', '{x}:{*}', 'a:{*}:*:b', 'a:{*}:**', '{*']) {
    t.match(faultOfKeyGroups(['ok:{*}', wrong]), `must be patterns such as bull:{*}:*`, wrong)
  }
  for (const pair of [
    ['a:{*}:*', 'a:{*}:*'],
    ['a:{*}:*', 'a:b:{*}:*'],
    ['a:b:{*}', 'a:{*}:*'],
    ['a:{*}', 'a:{*}x'],
    ['{*}:*', 'a:{*}'],
  ]) {
    t.match(faultOfKeyGroups(pair), 'must not have two patterns for one key', pair.join(' '))
  }
})

t.test('what patterns are let in never give a key two groups, and find what a regular expression finds', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', ':'), maxLength: 4 })
  const behind = fc.oneof(
    fc.constant(''),
    fc.tuple(text, fc.constantFrom('', '*')).map((parts) => parts.join('')),
  )
  const pattern = fc.tuple(text, behind).map(([before, behind]) => `${before}{*}${behind}`)
  fc.assert(
    fc.property(
      fc.array(pattern, { minLength: 1, maxLength: 3 }),
      fc.array(text, { maxLength: 4 }),
      (patterns, parts) => {
        if (faultOfKeyGroups(patterns) !== undefined) return true
        const key = parts.join('')
        const found = patterns.flatMap((each) => {
          const [, before, literal, star] = /^(.*)\{\*\}([^*]*)(\*?)$/.exec(each)!
          // Lazily, and without going on behind the first place where it could end.
          const text = literal === '' ? '[^:]+' : `(?:(?!(?<=^${before}.+)${literal})[^:])+`
          const match = new RegExp(`^(${before}${text})${literal}${star === '' ? '$' : ''}`).exec(key)
          return match === null ? [] : [match[1]]
        })
        return found.length <= 1 && groupOf(patterns, key) === found[0]
      },
    ),
    { numRuns: 3000 },
  )
})
