import { array, assert, constantFrom, integer, property, record } from 'fast-check'
import t, { type Test } from 'tap'
import { checkCounter } from '../checkers/counter.js'
import { checkDeadline } from '../checkers/deadline.js'
import { checkList } from '../checkers/list.js'
import { type Model, replyOf, textArg } from '../checkers/model.js'
import { checkStream } from '../checkers/stream.js'
import type { Violation } from '../checkers/violation.js'
import type { Operation, Value } from '../history.js'
import { Random } from '../random.js'
import { isLinearizable } from './brute-force.js'
import {
  counterServer,
  listServer,
  planCounter,
  planList,
  planStream,
  type Server,
  simulate,
  streamServer,
} from './simulate.js'
import { tell } from './tell.js'

type Check = (key: string, operations: readonly Operation[]) => readonly Violation[]

/** Each with the check that fails, or nothing. */
type Cases = [title: string, check: string | undefined, history: string][]

function judge(test: Test, check: Check, cases: Cases): void {
  for (const [title, expected, text] of cases) test.equal(check('k', tell(text))[0]?.check, expected, title)
}

t.test('counters', async (t) => {
  judge(t, checkCounter, [
    ['nothing but a missing key', undefined, '0-1 get -> nil'],
    ['one after the other', undefined, '0-1 incr -> 1\n2-3 incr -> 2\n4-5 get -> 2'],
    ['at once, answered in the other order', undefined, '0-9 incr -> 2\n0-9 incr -> 1\n0-9 get -> 1'],
    ['the same reply twice', 'replies unique', '0-9 incr -> 1\n0-9 incr -> 1'],
    ['an acknowledged one is lost', 'order', '0-1 incr -> 1\n2-3 incr -> 2\n4-5 get -> 1'],
    ['all are lost', 'order', '0-1 incr -> 1\n2-3 get -> nil'],
    ['one is counted twice', 'too many', '0-1 incr -> 1\n2-3 get -> 2'],
    ['one is counted twice, seen by the next', 'too many', '0-1 incr -> 1\n2-3 incr -> 3'],
    ['one of unknown outcome counts', undefined, '0-1 incr -> 1\n2- incr -> ?\n4-5 get -> 2'],
    ['one of unknown outcome does not count', undefined, '0-1 incr -> 1\n2- incr -> ?\n4-5 get -> 1\n6-7 incr -> 2'],
    ['one of unknown outcome counts twice', 'too many', '0-1 incr -> 1\n2- incr -> ?\n4-5 get -> 3'],
    ['one of unknown outcome counts before it was sent', 'order', '0-1 incr -> 1\n2-3 get -> 2\n4- incr -> ?'],
    ['a failed one counts', 'too many', '0-1 incr -> !\n2-3 get -> 1'],
    ['a read goes back', 'order', '0-9 incr -> 1\n1-2 get -> 1\n3-4 get -> nil'],
    ['a later one is answered lower', 'order', '0-1 incr -> 2\n2-3 incr -> 1'],
    [
      'the gap is filled by the only unknown that was early enough',
      undefined,
      '0- incr -> ?\n2-3 incr -> 2\n4- incr -> ?\n6-7 get -> 3',
    ],
    ['a pipelined read overtakes', 'pipeline', '0-9 incr -> 1\n0-9 get -> nil after 1'],
    ['a pipelined read behind', undefined, '0-9 incr -> 1\n0-9 get -> 1 after 1'],
    ['pipelined increments in the wrong order', 'pipeline', '0-9 incr -> 2\n0-9 incr -> 1 after 1'],
    ['no number', 'value', '0-1 get -> x'],
  ])
})

t.test('lists', async (t) => {
  judge(t, checkList, [
    ['empty', undefined, '0-1 lrange -> []'],
    ['one after the other', undefined, '0-1 rpush a -> 1\n2-3 rpush b -> 2\n4-5 lrange -> [a b]'],
    ['an acknowledged element is lost', 'order', '0-1 rpush a -> 1\n2-3 rpush b -> 2\n4-5 lrange -> [a]'],
    ['the first is lost', 'lost', '0-1 rpush a -> 1\n2-3 rpush b -> 2\n4-5 lrange -> [b]'],
    ['an element stands twice', 'once', '0-1 rpush a -> 1\n4-5 lrange -> [a a]'],
    ['a read is no prefix', 'prefix', '0-9 rpush a -> 1\n0-9 rpush b -> 2\n1-2 lrange -> [b]\n10-11 lrange -> [a b]'],
    ['an unknown push is there', undefined, '0- rpush a -> ?\n2-3 rpush b -> 2\n4-5 lrange -> [a b]'],
    ['an unknown push is not there', undefined, '0- rpush a -> ?\n2-3 rpush b -> 1\n4-5 lrange -> [b]'],
    [
      'an unknown push comes late',
      undefined,
      '0- rpush a -> ?\n2-3 rpush b -> 1\n4-5 lrange -> [b]\n6-7 lrange -> [b a]',
    ],
    ['an unknown push goes again', 'order', '0- rpush a -> ?\n2-3 lrange -> [a]\n4-5 lrange -> []'],
    ['a failed push is there', 'not applied', '0-1 rpush a -> !\n2-3 lrange -> [a]'],
    ['a stranger is there', 'stranger', '2-3 lrange -> [a]'],
    ['two are told the same place', 'lost', '0-9 rpush a -> 1\n0-9 rpush b -> 1'],
    ['not where it was told to be', 'place', '0-9 rpush a -> 1\n0-9 rpush b -> 3\n10-11 lrange -> [a b]'],
    ['LLEN goes back', 'order', '0-1 rpush a -> 1\n2-3 llen -> 0'],
  ])
})

t.test('streams', async (t) => {
  const entries = (...ids: string[]) => `[${ids.map((id) => `[ ${id} [ f v${id.split('-')[0]} ] ]`).join(' ')}]`
  judge(t, checkStream, [
    [
      'one after the other',
      undefined,
      `0-1 xadd * v1 -> 1-0\n2-3 xadd * v2 -> 2-0\n4-5 xrange -> ${entries('1-0', '2-0')}`,
    ],
    [
      'an acknowledged entry is lost at the end',
      'order',
      `0-1 xadd * v1 -> 1-0\n2-3 xadd * v2 -> 2-0\n4-5 xrange -> ${entries('1-0')}`,
    ],
    [
      'an acknowledged entry is lost in the middle',
      'lost',
      `0-1 xadd * v1 -> 1-0\n2-3 xadd * v2 -> 2-0\n4-5 xrange -> ${entries('2-0')}`,
    ],
    ['another id than acknowledged', 'place', `0-1 xadd * v1 -> 1-5\n4-5 xrange -> ${entries('1-0')}`],
    ['ids fall', 'ids grow', `0-9 xadd * v1 -> 1-0\n0-9 xadd * v2 -> 2-0\n10-11 xrange -> ${entries('2-0', '1-0')}`],
    ['an id is given twice', 'ids grow', '0-9 xadd * v1 -> 1-0\n0-9 xadd * v2 -> 1-0'],
    ['a later entry has a lower id', 'order', '0-1 xadd * v2 -> 2-0\n2-3 xadd * v1 -> 1-0'],
    ['an entry is there twice', 'once', `0- xadd * v1 -> ?\n2-3 xrange -> [[ 1-0 [ f v1 ] ] [ 2-0 [ f v1 ] ]]`],
    ['an unknown entry', undefined, `0- xadd * v1 -> ?\n0-1 xadd * v2 -> 2-0\n2-3 xrange -> ${entries('1-0', '2-0')}`],
    ['a failed entry', 'not applied', `0-1 xadd * v1 -> !\n2-3 xrange -> ${entries('1-0')}`],
    [
      'the sequence number counts as a number',
      undefined,
      `0-1 xadd * v1 -> 1-9\n2-3 xadd * v2 -> 1-10\n4-5 xrange -> [[ 1-9 [ f v1 ] ] [ 1-10 [ f v2 ] ]]`,
    ],
  ])
})

t.test('writes at a deadline', async (t) => {
  const begin = '0-1 create 1000 -> 1\n'
  judge(t, checkDeadline, [
    ['in time, and gone', undefined, `${begin}999-1000 aim 1000 -> 1\n1020-1021 look -> ''`],
    ['late, and there', undefined, `${begin}1000-1002 aim 1000 -> 1\n1020-1021 look -> new\n1900-1901 look -> new`],
    ['the old content lives on', 'deadline', `${begin}999-1000 aim 1000 -> 1\n1020-1021 look -> both`],
    ['gone and back', 'deadline', `${begin}999-1002 aim 1000 -> 1\n1020-1021 look -> ''\n1022-1023 look -> new`],
    ['there and gone', 'deadline', `${begin}999-1002 aim 1000 -> 1\n1020-1021 look -> new\n1022-1023 look -> ''`],
    ['far too late, and gone', 'deadline', `${begin}1010-1012 aim 1000 -> 1\n1020-1021 look -> ''`],
    [
      'carried, and gone',
      'deadline',
      `${begin}1010-1011 touch 1000 -> 1\n1010-1012 aim 1000 -> 1\n1020-1021 look -> ''`,
    ],
    ['nothing to carry', undefined, `${begin}1010-1011 touch 1000 -> !\n1010-1012 aim 1000 -> 0\n1020-1021 look -> ''`],
    ['long before, and there', 'deadline', `${begin}900-902 aim 1000 -> 1\n1020-1021 look -> new`],
    ['of unknown outcome', undefined, `${begin}999- aim 1000 -> ?\n1020-1021 look -> ''\n1900-1901 look -> new`],
    ['failed, and there', 'not applied', `${begin}999-1002 aim 1000 -> !\n1020-1021 look -> new`],
  ])
})

/** What a counter and a list are as models, for the search of all orders. */
const counterModel: Model<number> = {
  name: 'counter',
  initial: 0,
  key: String,
  isRead: ({ name }) => name === 'get',
  step(state, operation) {
    const value = Number(replyOf(operation))
    if (operation.name === 'get') return value === state ? [state] : []
    return value === state + 1 ? [value] : []
  },
  outcomes: (state, { name }) => [name === 'get' ? state : state + 1],
  assist: () => [],
}

const listModel: Model<readonly string[]> = {
  name: 'list',
  initial: [],
  key: (state) => state.join(' '),
  isRead: ({ name }) => name !== 'rpush',
  step(state, operation) {
    const next = this.outcomes(state, operation)[0]
    const reply = operation.name === 'lrange' ? (replyOf(operation) as readonly Value[]).join(' ') : replyOf(operation)
    return reply === (operation.name === 'lrange' ? state.join(' ') : next.length) ? [next] : []
  },
  outcomes: (state, operation) => [operation.name === 'rpush' ? [...state, textArg(operation, 0)] : state],
  assist: () => [],
}

interface Form {
  readonly name: string
  readonly replies: readonly Value[]
}

/** Small histories in any arrangement; each mutation has an argument of its own. */
function smallHistories(forms: readonly Form[]) {
  const one = record({
    form: constantFrom(...forms),
    reply: integer({ min: 0, max: 9 }),
    known: constantFrom(true, true, false),
    fromMs: integer({ min: 0, max: 20 }),
    lengthMs: integer({ min: 0, max: 10 }),
  })
  return array(one, { minLength: 2, maxLength: 6, size: 'max' }).map((parts) =>
    parts.map(
      ({ form: { name, replies }, reply, known, fromMs, lengthMs }, i): Operation => ({
        id: i + 1,
        client: 1,
        workload: '',
        key: 'k',
        name,
        args: name === 'rpush' ? ['abcdef'[i]] : [],
        invokedMs: fromMs,
        returnedMs: known ? fromMs + lengthMs : Infinity,
        outcome: known ? { kind: 'ok', value: replies[reply % replies.length] } : { kind: 'unknown', reason: '' },
      }),
    ),
  )
}

t.test('the checks say of any small history what trying all orders says', async (t) => {
  const cases: [string, Model<never>, Check, Form[]][] = [
    [
      'counter',
      counterModel as Model<never>,
      checkCounter,
      [
        { name: 'incr', replies: [1, 2, 3] },
        { name: 'get', replies: [0, 1, 2, 3] },
      ],
    ],
    [
      'list',
      listModel as Model<never>,
      checkList,
      [
        { name: 'rpush', replies: [1, 2, 3] },
        { name: 'llen', replies: [0, 1, 2] },
        { name: 'lrange', replies: [[], ['a'], ['b'], ['a', 'b'], ['b', 'a'], ['a', 'c']] },
      ],
    ],
  ]
  for (const [name, model, check, forms] of cases) {
    const answers = [0, 0]
    assert(
      property(smallHistories(forms), (operations) => {
        const expected = isLinearizable(model, operations)
        answers[Number(expected)]++
        return (check('k', operations).length === 0) === expected
      }),
      { numRuns: 5000 },
    )
    t.ok(
      answers.every((count) => count > 100),
      `${name}: ${answers[1]} were linearizable and ${answers[0]} were not`,
    )
  }
})

const simulations: [string, () => Server, (random: Random, i: number) => { name: string; args: string[] }, Check][] = [
  ['counter', counterServer, planCounter, checkCounter],
  ['list', listServer, planList, checkList],
  ['stream', streamServer, planStream, checkStream],
]

t.test('what one server did passes, with thousands of operations on one key', async (t) => {
  for (const [name, server, plan, check] of simulations) {
    for (let seed = 1; seed <= 3; seed++) {
      const options = { workload: name, count: 3000, spreadMs: 50, unknown: 0.05, failed: 0.02 }
      const { operations } = simulate(new Random(seed, name), server(), plan, options)
      t.strictSame(check('k', operations), [], `${name}, seed ${seed}`)
    }
  }
})

t.test('one mutation that was acknowledged and never ran is found among thousands', async (t) => {
  for (const [name, server, plan, check] of simulations) {
    for (let seed = 1; seed <= 3; seed++) {
      const options = { workload: name, count: 1000, spreadMs: 50, unknown: 0, failed: 0 }
      const real = server()
      // The reply is computed from what would be, and then it is forgotten: acknowledged and lost.
      let mutations = 0
      const replayed: [string, readonly (string | number)[]][] = []
      const forgetful: Server = (operation, args, atMs) => {
        if (!['incr', 'rpush', 'xadd'].includes(operation)) return latest(server, replayed)(operation, args, atMs)
        if (++mutations !== 200) {
          replayed.push([operation, args])
          return real(operation, args, atMs)
        }
        return latest(server, replayed)(operation, args, atMs)
      }
      const { operations } = simulate(new Random(seed, name), forgetful, plan, options)
      t.not(check('k', operations).length, 0, `${name}, seed ${seed}`)
    }
  }
})

/** A server that has run these and nothing else. */
function latest(server: () => Server, done: readonly [string, readonly (string | number)[]][]): Server {
  const fresh = server()
  for (const [operation, args] of done) fresh(operation, args, 0)
  return fresh
}
