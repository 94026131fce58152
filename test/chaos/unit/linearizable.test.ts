import t, { type Test } from 'tap'
import { expiringModel } from '../checkers/expiring.js'
import { hashModel } from '../checkers/hash.js'
import { checkLinearizable } from '../checkers/linearizable.js'
import type { Model } from '../checkers/model.js'
import { registerModel } from '../checkers/register.js'
import { setModel } from '../checkers/set.js'
import { isLinearizable } from './brute-force.js'
import { tell } from './tell.js'

/** The known ones, and whether they are linearizable. */
const registers: [title: string, right: boolean, history: string][] = [
  ['an empty history', true, ''],
  ['nothing but a missing key', true, '0-1 get -> nil'],
  ['a value that nobody wrote', false, '0-1 get -> a'],
  ['a write and a read after it', true, '0-1 set a -> OK\n2-3 get -> a'],
  ['a write that is not seen after it', false, '0-1 set a -> OK\n2-3 get -> nil'],
  ['a write that is not seen while it runs', true, '0-10 set a -> OK\n2-3 get -> nil\n12-13 get -> a'],
  ['a write that is seen while it runs', true, '0-10 set a -> OK\n2-3 get -> a'],
  // [Porcupine porcupine_test.go TestRegisterModel]
  [
    'two reads during a write, the later invoked sees the older',
    true,
    '0-100 set a -> OK\n25-75 get -> a\n30-60 get -> nil',
  ],
  [
    'a read after a read that saw the new value sees the old one',
    false,
    '0-100 set b -> OK\n10-30 get -> b\n40-90 get -> nil',
  ],
  // [Herlihy & Wing 1990, figure 1, with a register for the queue]
  [
    'two writes at once, read in both orders',
    false,
    '0-10 set a -> OK\n0-10 set b -> OK\n11-12 get -> a\n13-14 get -> b',
  ],
  ['two writes at once, read as the first', true, '0-10 set a -> OK\n0-10 set b -> OK\n11-12 get -> a\n13-14 get -> a'],
  [
    'two readers who see two writes in different orders',
    false,
    '0-100 set a -> OK\n0-100 set b -> OK\n10-20 get -> a\n30-40 get -> b\n10-20 get -> b\n30-40 get -> a',
  ],
  ['a read that returns as the write begins may see it', true, '10-20 set a -> OK\n5-10 get -> a'],
  ['a read that returned before the write began must not', false, '10-20 set a -> OK\n5-9 get -> a'],
  ['an old value comes back', false, '0-1 set a -> OK\n2-3 set b -> OK\n4-5 get -> b\n6-7 get -> a'],
  ['SETNX twice on a missing key', false, '0-10 setnx a -> 1\n0-10 setnx b -> 1'],
  ['SETNX once of two', true, '0-10 setnx a -> 1\n0-10 setnx b -> 0\n11-12 get -> a'],
  ['SETNX that found something where nothing was', false, '0-1 setnx a -> 0'],
  ['GETDEL hands a value to two', false, '0-1 set a -> OK\n2-10 getdel -> a\n2-10 getdel -> a'],
  ['GETDEL hands a value to one', true, '0-1 set a -> OK\n2-10 getdel -> a\n2-10 getdel -> nil'],
  ['SETNX between two GETDELs', true, '0-1 set a -> OK\n2-20 getdel -> a\n2-20 setnx b -> 1\n2-20 getdel -> b'],
  ['SET … GET sees the value before', true, '0-1 set a -> OK\n2-3 swap b -> a\n4-5 get -> b'],
  ['DEL finds what was there', false, '0-1 set a -> OK\n2-3 del -> 0'],

  ['an unknown write that was applied', true, '0- set a -> ?\n2-3 get -> a'],
  ['an unknown write that was not applied', true, '0- set a -> ?\n2-3 get -> nil\n4-5 get -> nil'],
  ['an unknown write that is applied late', true, '0- set a -> ?\n2-3 set b -> OK\n4-5 get -> b\n6-7 get -> a'],
  [
    'an unknown write that is applied twice',
    false,
    '0- set a -> ?\n2-3 get -> a\n4-5 set b -> OK\n6-7 get -> b\n8-9 get -> a',
  ],
  ['an unknown write before its invocation', false, '2-3 get -> a\n4- set a -> ?'],
  [
    'an unknown GETDEL, then SETNX of somebody unknown',
    true,
    '0-1 set a -> OK\n2- getdel -> ?\n2- setnx b -> ?\n4-5 get -> b',
  ],
  [
    'two removals are needed and only one is unknown',
    false,
    '0-1 set a -> OK\n2- getdel -> ?\n4-5 get -> nil\n6-7 set b -> OK\n8-9 get -> nil',
  ],
  [
    'two removals are needed and two are unknown',
    true,
    '0-1 set a -> OK\n2- getdel -> ?\n2- getdel -> ?\n4-5 get -> nil\n6-7 set b -> OK\n8-9 get -> nil',
  ],
  ['a failed write is seen', false, '0-1 set a -> !\n2-3 get -> a'],
  ['a failed write is not seen', true, '0-1 set a -> !\n2-3 get -> nil'],
  ['a read without a reply says nothing', true, '0- get -> ?\n2-3 get -> nil'],

  ['a pipelined read behind the write of its connection', true, '0-9 set a -> OK\n0-9 get -> a  after 1'],
  ['a pipelined read that overtakes the write of its connection', false, '0-9 set a -> OK\n0-9 get -> nil  after 1'],
  ['the same on two connections', true, '0-9 set a -> OK\n0-9 get -> nil'],
  [
    'a pipelined read behind a write, with an unknown one between',
    false,
    '0-9 set a -> OK\n0- set b -> ?  after 1\n0-9 get -> nil  after 2',
  ],
  ['a pipelined read behind a write of unknown outcome', true, '0- set a -> ?\n0-9 get -> nil  after 1'],
]

const sets: typeof registers = [
  ['what was added is there', true, '0-1 sadd a -> 1\n2-3 sadd b -> 1\n4-5 smembers -> [b a]'],
  ['what was added is missing', false, '0-1 sadd a -> 1\n2-3 sadd b -> 1\n4-5 smembers -> [b]'],
  ['what was popped is there', false, '0-1 sadd a -> 1\n2-3 spop -> a\n4-5 smembers -> [a]'],
  ['an element is popped twice', false, '0-1 sadd a -> 1\n2-9 spop -> a\n2-9 spop -> a'],
  [
    'two elements are popped',
    true,
    '0-1 sadd a -> 1\n0-1 sadd b -> 1\n2-9 spop -> b\n2-9 spop -> a\n10-11 spop -> nil',
  ],
  ['nothing is popped while something is there', false, '0-1 sadd a -> 1\n2-3 spop -> nil'],
  ['an unknown SPOP took either', true, '0-1 sadd a -> 1\n0-1 sadd b -> 1\n2- spop -> ?\n4-5 smembers -> [b]'],
  ['an unknown SPOP took both', false, '0-1 sadd a -> 1\n0-1 sadd b -> 1\n2- spop -> ?\n4-5 smembers -> []'],
  [
    'unknown SADDs that are seen one after the other',
    true,
    '0- sadd a -> ?\n0- sadd b -> ?\n2-3 smembers -> [b]\n4-5 smembers -> [a b]',
  ],
  ['an unknown SADD that goes again', false, '0- sadd a -> ?\n2-3 smembers -> [a]\n4-5 smembers -> []'],
  ['members seen in two orders', false, '0-99 sadd a -> 1\n0-99 sadd b -> 1\n2-3 smembers -> [a]\n4-5 smembers -> [b]'],
  ['SREM of what is not there', true, '0-1 srem a -> 0\n2-3 sadd a -> 1\n4-5 srem a -> 1\n6-7 sismember a -> 0'],
]

const hashes: typeof registers = [
  ['fields are seen together', true, '0-1 hset f a -> 1\n2-3 hset g b -> 1\n4-5 hgetall -> [g b f a]'],
  ['a field is lost', false, '0-1 hset f a -> 1\n2-3 hset g b -> 1\n4-5 hgetall -> [g b]'],
  ['HSET says that the field is new, and it is not', false, '0-1 hset f a -> 1\n2-3 hset f b -> 1'],
  ['HSET of a field that was deleted', true, '0-1 hset f a -> 1\n2-3 hdel f -> 1\n4-5 hset f b -> 1\n6-7 hget f -> b'],
  [
    'snapshots that no order gives',
    false,
    '0-99 hset f a -> 1\n0-99 hset g b -> 1\n2-3 hgetall -> [f a]\n4-5 hgetall -> [g b]',
  ],
  [
    'an unknown HDEL and an unknown HSETNX',
    true,
    '0-1 hset f a -> 1\n2- hdel f -> ?\n2- hsetnx f b -> ?\n4-5 hgetall -> [f b]',
  ],
]

const expiring: typeof registers = [
  ['gone after its deadline', true, '100-101 setpx a 50 -> OK\n200-201 get -> nil'],
  ['there before its deadline', true, '100-101 setpx a 50 -> OK\n140-141 get -> a'],
  ['there long after its deadline', false, '100-101 setpx a 50 -> OK\n170-171 get -> a'],
  ['gone long before its deadline', false, '100-101 setpx a 50 -> OK\n120-121 get -> nil'],
  ['gone and back', false, '100-101 setpx a 50 -> OK\n149-152 get -> nil\n149-153 get -> nil\n153-154 get -> a'],
  ['a slow command begins its time late', true, '100-160 setpx a 50 -> OK\n205-206 get -> a'],
  ['SET takes the deadline away', true, '100-101 setpx a 50 -> OK\n110-111 set b -> OK\n200-201 get -> b'],
  ['KEEPTTL keeps it', false, '100-101 setpx a 50 -> OK\n110-111 setkeep b -> OK\n200-201 get -> b'],
  [
    'KEEPTTL at the deadline may find nothing to keep',
    true,
    '100-101 setpx a 50 -> OK\n150-151 setkeep b -> OK\n200-201 get -> b',
  ],
  [
    'KEEPTTL at the deadline may come in time',
    true,
    '100-101 setpx a 50 -> OK\n150-151 setkeep b -> OK\n200-201 get -> nil',
  ],
  ['PERSIST', true, '100-101 setpx a 50 -> OK\n110-111 persist -> 1\n200-201 get -> a'],
  ['PERSIST that is forgotten', false, '100-101 setpx a 50 -> OK\n110-111 persist -> 1\n200-201 get -> nil'],
  ['an unknown PERSIST', true, '100-101 setpx a 50 -> OK\n110- persist -> ?\n200-201 get -> a'],
  ['an unknown PERSIST that came too late', false, '100-101 setpx a 50 -> OK\n180- persist -> ?\n200-201 get -> a'],
  [
    'a deadline of somebody unknown is taken away',
    true,
    '100- setpx a 500 -> ?\n200-201 setkeep b -> OK\n202-203 persist -> 1\n900-901 get -> b',
  ],
  ['no deadline is taken away', false, '100-101 set a -> OK\n202-203 persist -> 1'],
  ['an absolute deadline', false, '100-101 setpxat a 150 -> OK\n140-141 get -> nil'],
  ['a TTL that is lost', false, '100-101 set a -> OK\n102-103 pexpire 50 -> 1\n200-201 get -> a'],
  [
    'an unknown write with a TTL may run any time later',
    true,
    '100- setpx a 50 -> ?\n500-501 get -> a\n900-901 get -> nil',
  ],
  [
    'an unknown SET before a known KEEPTTL',
    true,
    '100-101 setpx a 50 -> OK\n102- set b -> ?\n110-111 setkeep c -> OK\n300-301 get -> c',
  ],
]

function judge<State>(test: Test, model: Model<State>, cases: typeof registers): void {
  for (const [title, right, text] of cases) {
    const operations = tell(text, model.name)
    const verdict = checkLinearizable(model, operations)
    test.equal(verdict.kind, right ? 'linearizable' : 'violation', title)
    test.equal(isLinearizable(model, operations), right, `${title}: by brute force`)
  }
}

t.test('registers', async (t) => judge(t, registerModel, registers))
t.test('sets', async (t) => judge(t, setModel, sets))
t.test('hashes', async (t) => judge(t, hashModel, hashes))
t.test('keys that expire', async (t) => judge(t, expiringModel, expiring))

t.test('a search that takes too long is undecided, which is no verdict', async (t) => {
  const writes = Array.from({ length: 12 }, (_, i) => `0-100 set v${i} -> OK`).join('\n')
  const verdict = checkLinearizable(registerModel, tell(`${writes}\n101-102 get -> nil`), 1000)
  t.equal(verdict.kind, 'undecided')
})

t.test('a violation tells how far the best order came, and what could not follow', async (t) => {
  const verdict = checkLinearizable(registerModel, tell('0-1 set a -> OK\n2-3 get -> a\n4-5 get -> nil'))
  t.match(verdict, { kind: 'violation', stuck: { ordered: 2, state: '=a', candidates: [{ id: 3 }] } })
})
