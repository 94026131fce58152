import t from 'tap'
import { namePattern } from '../../src/membership/name-pattern.js'

t.test('names match patterns as keys do in KEYS', async (t) => {
  const cases: [pattern: string, matching: string[], others: string[]][] = [
    ['dt-*', ['dt-1', 'dt-', 'dt-a-b', 'dt-*'], ['dt', 'xdt-1', 'DT-1', '']],
    ['*', ['', 'anything', 'a\nb'], []],
    ['dt-?', ['dt-1', 'dt-?'], ['dt-', 'dt-10']],
    ['dt-[12]', ['dt-1', 'dt-2'], ['dt-3', 'dt-[12]']],
    ['dt-[1-3]x', ['dt-2x'], ['dt-4x', 'dt--x']],
    ['dt-[^1]', ['dt-2'], ['dt-1']],
    ['dt-\\*', ['dt-*'], ['dt-1']],
    ['dt.$(1)|x{2}+/', ['dt.$(1)|x{2}+/'], ['dtx$(1)|x{2}+/']],
    ['dt-[1', ['dt-[1'], ['dt-1']],
    ['dt\\', ['dt\\'], ['dt']],
    ['[]]', [']'], ['[]']],
    ['[a\\b]', ['a', 'b', '\\'], ['c']],
  ]
  for (const [pattern, matching, others] of cases) {
    const matches = namePattern(pattern)
    for (const name of matching) t.ok(matches(name), `${pattern} matches ${name}`)
    for (const name of others) t.notOk(matches(name), `${pattern} does not match ${name}`)
  }
})
