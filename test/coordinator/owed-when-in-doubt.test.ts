import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { silentLogger } from '../../src/base/log.js'
import { ViewKeeper } from '../../src/view/view-keeper.js'
import type { Teardown } from '../helpers/proxy.js'
import { RingInMemory } from '../helpers/ring-in-memory.js'
import { turnEnds } from '../helpers/turn-ends.js'
import { until } from '../helpers/until.js'

/** A key on a master and one backup, and a third member; `there` says who is in the ring from then on. */
function start(t: Teardown) {
  const ring = new RingInMemory(t, ['dt-1', 'dt-2', 'dt-3'], 1)
  const keeper = new ViewKeeper(ring.views, silentLogger())
  const there = (...names: string[]) =>
    keeper.membersChanged(names.map((name) => ({ name, host: 'memory', port: 1, state: 'up' })))
  const [master, backup] = ring.replicas
  there('dt-1', 'dt-2', 'dt-3')
  const third = ring.order.router.links.find(({ name }) => name !== master.name && name !== backup.name) as Link
  return { ring, master, backup, third, there }
}

t.test('who is getting a range is owed what comes into doubt on the one it gets it from', async (t) => {
  const { ring, master, backup, third, there } = start(t)
  const client = ring.client()
  client.send('SET k v')
  master.answers('+OK')
  // The master is there no more, and the third one is to get what the backup has, which has not got the write yet.
  there(backup.name, third.name)
  t.same(ring.order.arrivals.owed(third), [])
  ring.breaks(backup)
  t.same(ring.order.arrivals.owed(third), ['0:k'], 'a walk over the backup may not find it')
})

t.test('when it may be owed nothing more it gets the key as soon as the other one has it', async (t) => {
  const { ring, backup, third, there } = start(t)
  ring.client().send('SET k v')
  there(backup.name, third.name)
  ring.order.arrivals.close(third)
  ring.breaks(backup)
  t.ok(ring.order.doubts.isInDoubt(third, '0:k'))
})

t.test(
  'what only one says whose key is in doubt is no answer where another one has emptied its database instead',
  async (t) => {
    const ring = new RingInMemory(t)
    const [master, first, second] = ring.replicas
    const [one, other] = [ring.client(), ring.client()]
    one.send('APPEND k v')
    master.answers('-MISCONF its disk is full')
    first.answers(':1')
    await turnEnds()
    other.send('SET k w NX')
    t.same(first.asked, [], 'it is held until the key is repaired')
    one.send('FLUSHDB')
    await until('it is sent', () => first.asked.length > 0)
    first.answers('+OK')
    ring.breaks(master)
    ring.becomes(first.name, second.name)
    ring.isNoted()
    second.answers(':1', '_', '+OK')
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    t.match(other.heard, [/^SET k w NX: -ERR the outcome of this write is unknown/])
    t.notOk(other.heard.includes('SET k w NX: _'), 'the key was there only because of what the master refused')
  },
)
