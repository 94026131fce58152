import t from 'tap'
import { checkHistory } from '../checkers/check-history.js'
import { scriptedModelFor } from '../checkers/scripted.js'
import { encode, outcomeOfAll } from '../commands.js'
import { agrees, type Form } from './small-histories.js'
import { tell } from './tell.js'

/*
 * Histories of what scripts do.
 */

function checks(text: string, workload = 'scripted'): string[] {
  const { violations, undecided } = checkHistory(tell(text, workload, '0/k'))
  return [...violations.map(({ check }) => check), ...undecided]
}

t.test('a script that fails half-way keeps what it did, once', async (t) => {
  t.strictSame(checks('0-1 half -> half\n2-3 add -> [2 1]'), [])
  t.strictSame(checks('0-1 half -> half\n2-3 add -> [1 1]'), ['linearizable'])
  t.strictSame(checks('0-1 half -> half\n2-3 add -> [3 1]'), ['linearizable'])
  t.strictSame(checks('0- half -> ?\n2-3 add -> [2 1]'), [])
  t.strictSame(checks('0-1 add -> !\n2-3 addByFunction -> [2 2]'), ['linearizable'])
})

t.test('a queue has no more than its bound, and gives each element once', async (t) => {
  const full = [1, 2, 3, 4].map((i) => `${2 * i}-${2 * i + 1} push c1.${i} -> 1`).join('\n')
  t.strictSame(checks(`${full}\n10-11 push c1.5 -> 0\n12-13 pick -> c1.3\n14-15 serve -> [1 c1.1]`), [])
  t.strictSame(checks(`${full}\n10-11 push c1.5 -> 1`), ['linearizable'])
  t.strictSame(checks(`${full}\n10-11 serve -> [1 c1.2]`), ['linearizable'])
  t.strictSame(checks(`${full}\n10-11 pick -> c1.2\n12-13 pickByFunction -> c1.2`), ['linearizable'])
  t.strictSame(checks('0-1 serve -> [2 nil]'), ['linearizable'])
  t.strictSame(checks('0- push c1.1 -> ?\n2-3 push c1.2 -> 1\n4-5 serve -> [1 c1.1]\n6-7 serve -> [2 c1.2]'), [])
})

t.test(
  'what takes an element now and then, and nobody knows whether it was done, may have been done before others counted',
  async (t) => {
    const before =
      '0-1 push c1.1 -> 1\n2-3 add -> [1 1]\n4-5 add -> [2 2]\n6-7 add -> [3 3]\n8- tend -> ?\n10-11 half -> half\n'
    t.strictSame(checks(`${before}12-13 serve -> [6 c1.1]`), [])
    t.strictSame(checks(`${before}12-13 serve -> [6 nil]`), [])
    t.strictSame(checks(`${before}12-13 serve -> [5 c1.1]`), [])
    t.strictSame(checks(`${before}12-13 serve -> [5 nil]`), ['linearizable'])
  },
)

t.test('one holder has the lock, by a number that nobody had', async (t) => {
  const held = '0-1 lock c1 -> 1\n'
  t.strictSame(checks(`${held}2-3 lock c2 -> 0\n4-5 unlock c2 -> 0\n6-7 unlock c1 -> 1\n8-9 lock c2 -> 2`), [])
  t.strictSame(checks(`${held}2-3 lock c2 -> 2`), ['linearizable'])
  t.strictSame(checks(`${held}2-3 unlock c1 -> 1\n4-5 lock c2 -> 1`), ['linearizable'])
})

t.test('so many pass a limiter until it is lifted', async (t) => {
  const passed = [1, 2, 3, 4, 5].map((i) => `${2 * i}-${2 * i + 1} pass -> ${i}`).join('\n')
  t.strictSame(checks(`${passed}\n20-21 pass -> 0\n22-23 lift -> 5\n24-25 pass -> 1`), [])
  t.strictSame(checks(`${passed}\n20-21 pass -> 6`), ['linearizable'])
})

t.test('what scripts do with accounts on several servers is a transfer', async (t) => {
  const before = '0-1 transferToOther a b 5 -> [-5 5]\n'
  t.strictSame(checks(`${before}2-3 look -> [-5 5 0 0 0]`, 'scattered'), [])
  t.strictSame(checks(`${before}2-3 look -> [-5 10 0 0 0]`, 'scattered'), ['linearizable'])
  t.strictSame(checks('0-1 transferByOther a b 5 -> [-5 5]\n2-3 look -> [-5 5 0 0 0]', 'scattered'), [])
  t.strictSame(checks('0- transferByFunction x* y* 5 -> ?\n2-3 look -> [0 0 0 -5 0]', 'scattered'), ['linearizable'])
})

const forms: Form[] = [
  {
    name: 'add',
    args: [],
    replies: [
      [1, 1],
      [2, 1],
      [2, 2],
    ],
  },
  { name: 'half', args: [], replies: ['half'] },
  { name: 'push', args: ['u'], replies: [1] },
  { name: 'push', args: ['v'], replies: [1, 1, 0] },
  { name: 'pick', args: [], replies: ['u', 'v', null] },
  {
    name: 'serve',
    args: [],
    replies: [
      [1, 'u'],
      [1, 'v'],
      [2, 'u'],
      [1, null],
    ],
  },
  {
    name: 'tend',
    args: [],
    replies: [
      [1, null],
      [2, null],
      [5, 'u'],
    ],
  },
  { name: 'lock', args: ['c1'], replies: [1, 2, 0] },
  { name: 'unlock', args: ['c1'], replies: [1, 0] },
  { name: 'pass', args: [], replies: [1, 2] },
  { name: 'lift', args: [], replies: [0, 1] },
  {
    name: 'look',
    args: [],
    replies: [
      [0, 0, [], '', 0, 0],
      [1, 1, [], '', 0, 0],
      [0, 0, ['u'], '', 0, 0],
      [0, 0, ['v', 'u'], '', 0, 0],
      [0, 0, [], 'c1', 1, 0],
      [0, 0, [], '', 0, 1],
    ],
  },
]

t.test('the search says of any small history what trying all orders says', async (t) => {
  const [wrong, right] = agrees(scriptedModelFor([]), forms, 20, 3000, scriptedModelFor)
  t.ok(wrong > 200 && right > 200, `${right} were linearizable and ${wrong} were not`)
})

t.test('nobody can tell from its arguments which key a script touches that it does not declare', async (t) => {
  const plan = { workload: 'scripted', key: 'scripted:0', name: 'serve', args: [] }
  t.notMatch(encode(plan).toString(), '{scripted:0}:queue*')
  t.strictSame(outcomeOfAll(plan, [{ type: '*', items: [{ type: ':', text: '3' }] }]), { kind: 'ok', value: [3, null] })
})
