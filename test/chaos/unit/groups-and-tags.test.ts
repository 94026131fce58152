import t from 'tap'
import { checkHistory } from '../checkers/check-history.js'
import { tell } from './tell.js'

/*
 * Histories of names with one tag, of fields of one hash, of consumer groups, and of all databases.
 */

function checks(text: string, workload: string): string[] {
  const { violations, undecided } = checkHistory(tell(text, workload, '0/k'))
  return [...violations.map(({ check }) => check), ...undecided]
}

t.test('what is renamed or copied takes its value along', async (t) => {
  const set = '0-1 set a c1.1 -> OK\n'
  t.strictSame(checks(`${set}2-3 rename a b -> OK\n4-5 mget -> [nil c1.1 nil]`, 'tagged'), [])
  t.strictSame(checks(`${set}2-3 rename a b -> OK\n4-5 get a -> c1.1`, 'tagged'), ['linearizable'])
  t.strictSame(checks(`${set}2-3 copy a b -> 1\n4-5 mget -> [c1.1 c1.1 nil]`, 'tagged'), [])
  t.strictSame(checks(`${set}2-3 copy a b -> 1\n4-5 get b -> nil`, 'tagged'), ['linearizable'])
  t.strictSame(checks(`${set}2-3 bitop b a -> 0\n4-5 get a -> nil`, 'tagged'), [])
  t.strictSame(checks(`${set}2-3 bitop b a -> 0\n4-5 get a -> c1.1`, 'tagged'), ['linearizable'])
})

t.test('a name that has nothing cannot be renamed, one that has something stays', async (t) => {
  t.strictSame(checks('0-1 rename a b -> none\n2-3 get b -> nil', 'tagged'), [])
  t.strictSame(checks('0-1 set a c1.1 -> OK\n2-3 rename a b -> none', 'tagged'), ['linearizable'])
  const both = '0-1 set a c1.1 -> OK\n0-1 set b c1.2 -> OK\n'
  t.strictSame(checks(`${both}2-3 renamenx a b -> 0\n4-5 mget -> [c1.1 c1.2 nil]`, 'tagged'), [])
  t.strictSame(checks(`${both}2-3 renamenx a b -> 1`, 'tagged'), ['linearizable'])
})

t.test('DEL of several says how many there were, and then there are none', async (t) => {
  const both = '0-1 set a c1.1 -> OK\n0-1 set b c1.2 -> OK\n'
  t.strictSame(checks(`${both}2-3 dels a b c -> 2\n4-5 mget -> [nil nil nil]`, 'tagged'), [])
  t.strictSame(checks(`${both}2-3 unlinks a c -> 1\n4-5 get b -> c1.2`, 'tagged'), [])
  t.strictSame(checks(`${both}2-3 dels a b -> 1`, 'tagged'), ['linearizable'])
  t.strictSame(checks(`${both}2-3 dels a b -> !\n4-5 get a -> nil`, 'tagged'), ['linearizable'])
})

t.test('a write of unknown outcome may have come before what carries the value on', async (t) => {
  const before = '0-1 set a c1.1 -> OK\n2- set a c1.2 -> ?\n'
  t.strictSame(checks(`${before}3-4 rename a b -> OK\n5-6 get b -> c1.2`, 'tagged'), [])
  t.strictSame(checks(`${before}3-4 rename a b -> OK\n5-6 get b -> c1.1\n7-8 get a -> c1.2`, 'tagged'), [])
  t.strictSame(checks(`${before}3-4 rename a b -> OK\n5-6 get b -> c1.2\n7-8 get b -> c1.1`, 'tagged'), [
    'linearizable',
  ])
})

t.test('an entry is new to one consumer, and is acknowledged once', async (t) => {
  const added = '0-1 xadd c1.1 -> 5-0\n'
  t.strictSame(checks(`${added}2-3 xreadgroup one -> [[5-0 c1.1]]\n4-5 xack 5-0 -> 1\n6-7 xack 5-0 -> 0`, 'group'), [])
  t.strictSame(checks(`${added}2-3 xreadgroup one -> [[5-0 c1.1]]\n4-5 xautoclaim two -> [[5-0 c1.1]]`, 'group'), [])
  const twice = '2-3 xreadgroup one -> [[5-0 c1.1]]\n4-5 xreadgroup two -> [[5-0 c1.1]]'
  t.strictSame(checks(`${added}${twice}`, 'group'), ['group'])
  t.strictSame(checks(`${added}4-5 xack 5-0 -> 1\n6-7 xack 5-0 -> 1`, 'group'), ['group'])
  t.strictSame(checks(`${added}4-5 xadd c1.2 -> 5-0`, 'group'), ['group'])
})

t.test('FLUSHALL empties every database, and several keys that go together are gone', async (t) => {
  const flush = { ...tell('2-3 flushall -> OK', 'register', '/')[0], id: 50 }
  const of = (text: string, key: string, id: number) =>
    tell(text, 'register', key).map((one, i) => ({ ...one, id: id + i }))
  const before = [...of('0-1 set c1.1 -> OK', '0/a', 1), ...of('0-1 set c1.2 -> OK', '5/b', 10)]
  const right = [...before, flush, ...of('4-5 get -> nil', '0/a', 60), ...of('4-5 setnx c1.3 -> 1', '5/b', 70)]
  t.strictSame(checkHistory(right).violations, [])
  const echo = tell('4-5 echo c9.1 -> c9.1', 'echo', '0/echo:1').map((one) => ({ ...one, id: 80 }))
  t.strictSame(checkHistory([flush, ...echo]).violations, [], 'ECHO has nothing to do with it')
  const wrong = [...before, flush, ...of('4-5 get -> c1.2', '5/b', 70)]
  t.strictSame(
    checkHistory(wrong).violations.map(({ check, key }) => `${check} ${key}`),
    ['linearizable 5/b'],
  )
  t.strictSame(checks('0-1 set c1.1 -> OK\n2-3 wipe -> 7\n4-5 get -> nil', 'register'), [])
  t.strictSame(checks('0-1 set c1.1 -> OK\n2-3 unlink -> 7\n4-5 get -> c1.1', 'register'), ['linearizable'])
})

t.test('a rename of unknown outcome may have happened although the name it went to was set later', async (t) => {
  const history = '0-1 set c c1.1 -> OK\n2- rename c b -> ?\n3-4 set b c2.2 -> OK\n5-6 mget -> [nil c2.2 nil]'
  t.strictSame(checks(history, 'tagged'), [])
})

t.test('a rename of unknown outcome may have left both names, one that was acknowledged may not', async (t) => {
  const set = '0-1 set a c1.1 -> OK\n'
  t.strictSame(checks(`${set}2- rename a b -> ?\n4-5 mget -> [c1.1 c1.1 nil]`, 'tagged'), [])
  t.strictSame(checks(`${set}2- rename a b -> ?\n4-5 mget -> [nil nil nil]`, 'tagged'), ['linearizable'])
  t.strictSame(checks(`${set}2-3 rename a b -> OK\n4-5 mget -> [c1.1 c1.1 nil]`, 'tagged'), ['linearizable'])
})
