import t from 'tap'
import { readReply } from '../../helpers/raw-reply.js'
import { bankModel, bankModelFor } from '../checkers/bank.js'
import { checkHistory } from '../checkers/check-history.js'
import { movedModel } from '../checkers/moved.js'
import { casModel } from '../checkers/register.js'
import { rotatedModel } from '../checkers/rotated.js'
import { ringModel } from '../checkers/tagged.js'
import { DEADLINE_TYPES, encode, outcomeOfAll, type Plan, repliesTo } from '../commands.js'
import { placement } from '../placement.js'
import { ACCOUNTS, keysOf } from '../several-keys.js'
import { agrees, type Form } from './small-histories.js'
import { tell } from './tell.js'

/*
 * Histories of operations on several keys: banks, sets and lists between which elements are moved.
 */

function checks(text: string, workload: string): string[] {
  const { violations, undecided } = checkHistory(tell(text, workload, '0/k'))
  return [...violations.map(({ check }) => check), ...undecided]
}

t.test('the sum of all accounts is the same for whoever looks', async (t) => {
  const before = '0-1 transfer a b 5 -> [-5 5]\n'
  t.strictSame(checks(`${before}2-3 look -> [-5 5 0 0 0]`, 'bank'), [])
  t.strictSame(checks(`${before}2-3 look -> [-5 0 0 0 0]`, 'bank'), ['linearizable'])
  t.strictSame(checks('0-9 transfer a b 5 -> [-5 5]\n2-3 look -> [-5 0 0 0 0]', 'bank'), ['linearizable'])
  t.strictSame(checks('0-9 transfer a b 5 -> [-5 5]\n2-3 look -> [0 0 0 0 0]\n4-5 balance b -> [5]', 'bank'), [])
})

t.test('nobody comes between the two parts of a transfer', async (t) => {
  t.strictSame(checks('0-1 audited a b 5 -> [-5 -5 0 0 0 0 5]', 'bank'), [])
  t.strictSame(checks('0-1 audited a b 5 -> [-5 0 0 0 0 0 5]', 'bank'), ['linearizable'])
  t.strictSame(checks('0-9 audited a b 5 -> [-5 -5 7 0 0 0 12]\n1-8 transfer c b 7 -> [-7 7]', 'bank'), [
    'linearizable',
  ])
})

t.test(
  'a transfer of unknown outcome may have been executed in one part, where the accounts are on different servers',
  async (t) => {
    for (const found of ['[0 0 0 0 0]', '[-5 5 0 0 0]', '[-5 0 0 0 0]', '[0 5 0 0 0]']) {
      t.strictSame(checks(`0- transfer a b 5 -> ?\n2-3 look -> ${found}`, 'bank'), [], found)
    }
    t.strictSame(checks('0- transfer x* y* 5 -> ?\n2-3 look -> [0 0 0 -5 5]', 'bank'), [])
    t.strictSame(checks('0- transfer x* y* 5 -> ?\n2-3 look -> [0 0 0 -5 0]', 'bank'), ['linearizable'])
    t.strictSame(checks('0- transfer a b 5 -> ?\n2-3 look -> [-5 0 0 0 0]\n4-5 look -> [-5 5 0 0 0]', 'bank'), [
      'linearizable',
    ])
    t.strictSame(checks('0-1 transfer a b 5 -> !\n2-3 look -> [-5 0 0 0 0]', 'bank'), ['linearizable'])
  },
)

t.test('what was watched is set if it is what it was', async (t) => {
  const set = '0-1 set c1.1 -> OK\n2-3 watch -> c1.1\n'
  t.strictSame(checks(`${set}4-5 cas c1.2 c1.1 -> nil\n6-7 get -> c1.2`, 'cas'), [])
  t.strictSame(checks(`${set}3-4 set c1.3 -> OK\n5-6 cas c1.2 c1.1 -> nil`, 'cas'), ['linearizable'])
  t.strictSame(checks(`${set}3-4 set c1.3 -> OK\n5-6 cas c1.2 c1.1 -> !`, 'cas'), [])
  t.strictSame(checks(`${set}4- cas c1.2 c1.1 -> ?\n4- cas c1.4 c1.2 -> ?\n6-7 get -> c1.4`, 'cas'), [])
  const before = '0-1 transfer a b 5 -> [-5 5]\n2-3 watch a b -> [-5 5]\n'
  t.strictSame(checks(`${before}4-5 watched a b 2 -5 5 -> nil\n6-7 look -> [-7 7 0 0 0]`, 'bank'), [])
  t.strictSame(checks(`${before}3-4 transfer c b 1 -> [-1 6]\n4-5 watched a b 2 -5 5 -> nil`, 'bank'), ['linearizable'])
  const unknown = `${before}3-4 transfer c b 1 -> [-1 6]\n5- watched a b 2 -5 5 -> ?\n`
  t.strictSame(checks(`${unknown}6-7 look -> [-5 6 -1 0 0]`, 'bank'), [])
  t.strictSame(checks(`${unknown}6-7 look -> [-7 6 -1 0 0]`, 'bank'), ['linearizable'])
})

t.test(
  'of a transaction behind a WATCH of which nobody knows, one part may have been executed before an account changed',
  async (t) => {
    const unknown = '0- watched b y* 3 0 0 -> ?\n'
    const history = `${unknown}1-2 transfer x* y* 5 -> [-5 5]\n3-4 look -> `
    t.strictSame(checks(`${history}[0 -3 0 -5 5]`, 'bank'), [], 'on the one server alone')
    t.strictSame(checks(`${history}[0 0 0 -5 5]`, 'bank'), [])
    t.strictSame(
      checks(`${history}[0 -3 0 -5 8]`, 'bank'),
      ['linearizable'],
      'the other account was not what it was any more',
    )
  },
)

t.test('what has expired since it was watched keeps EXEC from being executed', async (t) => {
  const check = (watch: string, aim: string) => {
    return checkHistory(tell(`${watch}\n${aim}`, 'deadline', '0/watched:deadline:1:1')).violations.map(
      (one) => one.check,
    )
  }
  t.strictSame(check('10-20 touch 100 -> OK', '110-120 aim 100 -> nil'), ['watch'])
  t.strictSame(check('10-20 touch 100 -> OK', '110-120 aim 100 -> !'), [])
  t.strictSame(check('10-20 touch 100 -> OK', '99-120 aim 100 -> nil'), [])
  t.strictSame(check('10-105 touch 100 -> OK', '110-120 aim 100 -> nil'), [])
})

t.test('an element that is moved is in one set, or in both when nobody knows the outcome', async (t) => {
  const added = '0-1 sadd a e0 -> 1\n'
  t.strictSame(checks(`${added}2-3 smove a b e0 -> 1\n4-5 look -> [[] [e0] []]`, 'moved'), [])
  t.strictSame(checks(`${added}2-9 smove a b e0 -> 1\n4-5 look -> [[e0] [e0] []]`, 'moved'), ['linearizable'])
  t.strictSame(checks(`${added}2-9 smove a b e0 -> 1\n4-5 look -> [[] [] []]`, 'moved'), ['linearizable'])
  t.strictSame(checks(`${added}2- smove a b e0 -> ?\n4-5 look -> [[e0] [e0] []]`, 'moved'), [])
  t.strictSame(checks(`${added}2- smove a b e0 -> ?\n4-5 look -> [[] [] []]`, 'moved'), ['linearizable'])
  t.strictSame(checks(`${added}2-3 smove a b e0 -> 1\n2-3 smove a c e0 -> 1`, 'moved'), ['linearizable'])
})

t.test('what is in several sets together is there for whoever asks', async (t) => {
  const added = '0-1 sadd a e0 -> 1\n0-1 sadd b e1 -> 1\n'
  t.strictSame(
    checks(`${added}2-3 sunion -> [e1 e0]\n4-5 sunionstore c a b -> 2\n6-7 look -> [[e0] [e1] [e0 e1]]`, 'moved'),
    [],
  )
  t.strictSame(checks(`${added}2-3 sunion -> [e1]`, 'moved'), ['linearizable'])
  t.strictSame(checks(`${added}2-3 sunionstore c a b -> 1`, 'moved'), ['linearizable'])
  t.strictSame(checks(`${added}2- sunionstore c a b -> ?\n6-7 look -> [[e0] [e1] [e0]]`, 'moved'), ['linearizable'])
})

t.test('names on different servers may be deleted in part when nobody knows the outcome', async (t) => {
  const both = '0-1 set a c1.1 -> OK\n0-1 set b c1.2 -> OK\n2- dels a b -> ?\n'
  t.strictSame(checks(`${both}4-5 mget -> [nil c1.2 nil]`, 'ring'), [])
  t.strictSame(checks(`${both}4-5 mget -> [nil c1.2 nil]`, 'tagged'), ['linearizable'])
})

t.test('an element that is rotated stands in one list, once', async (t) => {
  const pushed = '0-1 rpush a c1.1 -> 1\n1-2 rpush a c1.2 -> 2\n'
  t.strictSame(checks(`${pushed}3-4 lmove a b LEFT LEFT -> c1.1\n5-6 look -> [[c1.2] [c1.1] []]`, 'rotated'), [])
  t.strictSame(checks(`${pushed}3-4 lmove a a LEFT RIGHT -> c1.1\n5-6 look -> [[c1.2 c1.1] [] []]`, 'rotated'), [])
  t.strictSame(checks(`${pushed}3-4 rpoplpush a b -> c1.2\n5-6 lmpop RIGHT -> c1.1`, 'rotated'), [])
  t.strictSame(checks(`${pushed}3-9 lmove a b LEFT LEFT -> c1.1\n5-6 look -> [[c1.1 c1.2] [c1.1] []]`, 'rotated'), [
    'linearizable',
  ])
  t.strictSame(checks(`${pushed}3- lmove a b LEFT LEFT -> ?\n5-6 look -> [[c1.1 c1.2] [c1.1] []]`, 'rotated'), [])
  t.strictSame(checks(`${pushed}3- lmove a b LEFT LEFT -> ?\n5-6 look -> [[c1.2] [] []]`, 'rotated'), ['linearizable'])
})

const bankForms: Form[] = [
  {
    name: 'transfer',
    args: ['a', 'b', 1],
    replies: [
      [-1, 1],
      [-1, 3],
      [-3, 3],
    ],
  },
  {
    name: 'transfer',
    args: ['b', 'a', 2],
    replies: [
      [-2, 2],
      [-1, 1],
      [-2, 1],
    ],
  },
  { name: 'transfer', args: ['x*', 'y*', 4], replies: [[-4, 4]] },
  { name: 'watched', args: ['a', 'b', 1, 0, 0], replies: [null] },
  { name: 'watched', args: ['b', 'a', 1, 1, -1], replies: [null] },
  { name: 'balance', args: ['a'], replies: [[0], [-1], [1], [2]] },
  {
    name: 'look',
    args: [],
    replies: [
      [0, 0, 0, 0, 0],
      [-1, 1, 0, 0, 0],
      [2, 0, 0, -4, 4],
      [1, -1, 0, 0, 0],
    ],
  },
]

const casForms: Form[] = [
  { name: 'set', args: ['u'], replies: ['OK'] },
  { name: 'cas', args: ['v', 'u'], replies: [null] },
  { name: 'cas', args: ['w', 'v'], replies: [null] },
  { name: 'cas', args: ['u', 'nil'], replies: [null] },
  { name: 'del', args: [], replies: [0, 1] },
  { name: 'get', args: [], replies: ['u', 'v', 'w', null] },
]

const movedForms: Form[] = [
  { name: 'sadd', args: ['a', 'e0'], replies: [1, 1, 0] },
  { name: 'srem', args: ['b', 'e0'], replies: [1, 0] },
  { name: 'smove', args: ['a', 'b', 'e0'], replies: [1, 0] },
  { name: 'smove', args: ['b', 'c', 'e0'], replies: [1, 0] },
  { name: 'sunionstore', args: ['c', 'a', 'b'], replies: [1, 0] },
  { name: 'sunion', args: [], replies: [[], ['e0']] },
  {
    name: 'look',
    args: [],
    replies: [
      [[], [], []],
      [['e0'], [], []],
      [[], ['e0'], []],
      [['e0'], ['e0'], []],
      [['e0'], [], ['e0']],
    ],
  },
]

const ringForms: Form[] = [
  { name: 'set', args: ['a', 'u'], replies: ['OK'] },
  { name: 'set', args: ['b', 'v'], replies: ['OK'] },
  { name: 'mset', args: ['a', 'c', 'w'], replies: ['OK'] },
  { name: 'rename', args: ['a', 'b'], replies: ['OK', 'none'] },
  { name: 'bitop', args: ['b', 'c'], replies: [1, 0] },
  { name: 'dels', args: ['a', 'b'], replies: [0, 1, 2] },
  { name: 'get', args: ['b'], replies: ['u', 'v', null] },
  {
    name: 'mget',
    args: [],
    replies: [
      [null, null, null],
      ['u', null, null],
      [null, 'u', null],
      ['u', 'u', null],
      [null, 'v', 'v'],
      ['w', null, 'w'],
      [null, null, 'w'],
    ],
  },
]

const rotatedForms: Form[] = [
  { name: 'rpush', args: ['a', 'u'], replies: [1, 1, 2] },
  { name: 'rpush', args: ['b', 'v'], replies: [1, 2] },
  { name: 'lpop', args: ['b'], replies: ['u', 'v', null] },
  { name: 'lmpop', args: ['LEFT'], replies: ['u', 'v', null] },
  { name: 'lmove', args: ['a', 'b', 'LEFT', 'LEFT'], replies: ['u', 'v', null] },
  { name: 'rpoplpush', args: ['b', 'a'], replies: ['v', 'u', null] },
  {
    name: 'look',
    args: [],
    replies: [
      [[], [], []],
      [['u'], [], []],
      [[], ['u'], []],
      [['u'], ['u'], []],
      [[], ['u', 'v'], []],
      [[], ['v', 'u'], []],
    ],
  },
]

t.test('the search says of any small history what trying all orders says', async (t) => {
  const answers = {
    bank: agrees(bankModel, bankForms, 20, 2000),
    'bank, with what is known of sums': agrees(bankModel, bankForms, 20, 2000, bankModelFor),
    cas: agrees(casModel, casForms, 20, 2000),
    moved: agrees(movedModel, movedForms, 20, 2000),
    rotated: agrees(rotatedModel, rotatedForms, 20, 2000),
    ring: agrees(ringModel, ringForms, 20, 2000),
  }
  for (const [name, [wrong, right]] of Object.entries(answers)) {
    t.ok(wrong > 200 && right > 200, `${name}: ${right} were linearizable and ${wrong} were not`)
  }
})

t.test('several commands are one operation, whose reply is that of the last one', async (t) => {
  const plan: Plan = { workload: 'bank', key: 'bank:0', name: 'transfer', args: ['a', 'b', 5] }
  t.match(encode(plan).toString(), /MULTI.*DECRBY.*bank:0:a.*INCRBY.*bank:0:b.*EXEC/s)
  t.equal(repliesTo(plan), 4)
  const outcome = (...replies: string[]) =>
    outcomeOfAll(
      plan,
      replies.map((text) => readReply(Buffer.from(`${text}\r\n`))),
    )
  t.strictSame(outcome('+OK', '+QUEUED', '+QUEUED', '*2\r\n:-5\r\n:5'), { kind: 'ok', value: [-5, 5] })
  t.match(outcome('+OK', '-ERR no', '+QUEUED', '-EXECABORT because of that'), { kind: 'failed' })
  t.match(outcome('+OK', '+QUEUED', '+QUEUED', '-ERR the outcome of this transaction is unknown: why'), {
    kind: 'unknown',
  })
  t.match(outcome('+OK', '+QUEUED', '+QUEUED', '*-1'), { reason: /^a reply that this command does not have/ })
  t.match(outcome('+OK', '+OK', ':1', '*2\r\n:-5\r\n:5'), { reason: /^a reply that this command does not have: 1/ })
})

t.test('an operation on several keys is on all their servers', async (t) => {
  t.strictSame(
    keysOf('bank:0').map(String),
    ACCOUNTS.map((name) => (name.endsWith('*') ? `{bank:0}:${name}` : `bank:0:${name}`)),
  )
  t.strictSame(keysOf('register:0').map(String), ['register:0'])
})

t.test('where the keys of each operation at a deadline are is known', async (t) => {
  const holdersOf = placement(['dt-1', 'dt-2', 'dt-3', 'dt-4', 'dt-5', 'dt-6'], 1)
  for (const type of DEADLINE_TYPES) {
    for (let i = 0; i < 20; i++) {
      const key = `${type}:deadline:3:${i}`
      const [, , , , written] = encode({ workload: 'deadline', key, name: 'create', args: [] }).toString().split('\r\n')
      t.strictSame(new Set(keysOf(key).flatMap(holdersOf)), new Set(holdersOf(Buffer.from(written))), written)
    }
  }
})
