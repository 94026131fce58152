import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { Arrivals } from '../../src/order/arrivals.js'
import { Route } from '../../src/order/router.js'
import type { Reply } from '../../src/resp/encode.js'
import { RangeSet } from '../../src/ring/range-set.js'

const link = (name: string) => ({ name }) as Link

t.test('a key is owed to a replica until it is copied there, and again after a write that was not sent', async (t) => {
  const arrivals = new Arrivals()
  const x = link('dt-4')
  t.notOk(arrivals.has(x, '0:a'))
  t.ok(arrivals.owe(x, ['0:a', '0:b']))
  t.same(arrivals.owed(x), ['0:a', '0:b'])
  arrivals.add(x, '0:a')
  t.ok(arrivals.has(x, '0:a'))
  t.same(arrivals.owed(x), ['0:b'])
  t.ok(arrivals.owe(x, ['0:a', '0:c']), 'of a write to two keys one was missing')
  t.notOk(arrivals.has(x, '0:a'))
  t.same(arrivals.owed(x), ['0:b', '0:a', '0:c'])
  t.same(arrivals.owed(link('dt-5')), [])
})

t.test('nothing is owed to a replica that somebody is about to declare filled', async (t) => {
  const arrivals = new Arrivals()
  const x = link('dt-4')
  t.ok(arrivals.owe(x, ['0:a']))
  const [one, other] = [arrivals.close(x), arrivals.close(x)]
  t.notOk(arrivals.owe(x, ['0:b']))
  one()
  t.notOk(arrivals.owe(x, ['0:b']))
  other()
  t.ok(arrivals.owe(x, ['0:b']))
  t.same(arrivals.owed(x), ['0:a', '0:b'])
})

t.test('nothing is remembered of who is pending no more', async (t) => {
  const arrivals = new Arrivals()
  const [x, y] = [link('dt-4'), link('dt-5')]
  for (const each of [x, y]) arrivals.add(each, '0:a')
  arrivals.owe(x, ['0:b'])
  arrivals.keepOnly(new Set([y]))
  t.notOk(arrivals.has(x, '0:a'))
  t.same(arrivals.owed(x), [])
  t.ok(arrivals.has(y, '0:a'))
})

t.test('only so much is owed', async (t) => {
  const arrivals = new Arrivals()
  const x = link('dt-4')
  let owed = 0
  while (owed < 1_000_000 && arrivals.owe(x, [`0:${owed}`])) owed++
  t.equal(owed, 100_000)
})

t.test('a replica that is emptied is owed nothing, one that is searched for leftovers is', async (t) => {
  const arrivals = new Arrivals()
  const x = link('dt-4')
  arrivals.add(x, '0:a')
  arrivals.owe(x, ['0:b'])
  const relax = arrivals.forgetAndRemember(x)
  t.notOk(arrivals.has(x, '0:a'))
  t.same(arrivals.owed(x), ['0:b'])
  for (let i = 0; i < 150_000; i++) arrivals.add(x, `1:${i}`)
  t.ok(arrivals.has(x, '1:0'), 'it is remembered exactly')
  relax()
  arrivals.add(x, '0:c')
  t.notOk(arrivals.has(x, '1:0'))
  arrivals.forget(x)
  t.notOk(arrivals.has(x, '0:c'))
  t.same(arrivals.owed(x), [])
})

t.test('a key whose copy failed is owed again to who has kept the rest; others are walked through again', async (t) => {
  const arrivals = new Arrivals()
  const [x, y] = [link('dt-4'), link('dt-5')]
  const ranges = new RangeSet([{ from: 0, to: 100 }])
  arrivals.keep(x, ranges, ['0:a', '0:b'])
  for (const each of [x, y]) {
    arrivals.add(each, '0:a')
    arrivals.remove(each, '0:a')
    t.notOk(arrivals.has(each, '0:a'))
  }
  t.same([...arrivals.owed(x)].sort(), ['0:a', '0:b'])
  t.same(arrivals.owed(y), [])
  t.ok(arrivals.hasKept(x, { from: 10, to: 20 }))
  t.notOk(arrivals.hasKept(x, { from: 90, to: 110 }))
})

t.test('what a restarted server gave to others does not count where it is the last that has the range', async (t) => {
  const [x, y, z] = [link('dt-1'), link('dt-2'), link('dt-3')]
  const arrived = (natural: readonly Link[], gone?: Reply) => {
    const arrivals = new Arrivals()
    arrivals.add(z, '0:a')
    arrivals.restarted(x, [new Route(natural, [z], gone === undefined ? undefined : () => gone)])
    return arrivals.has(z, '0:a')
  }
  t.notOk(arrived([x]))
  t.notOk(arrived([x, y], 'the others are gone'))
  t.ok(arrived([x, y]), 'another one has the range')
  t.ok(arrived([y]))
})
