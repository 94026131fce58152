import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { Groups } from '../../src/order/groups.js'

/** A link with so many commands emitted, and answered. */
function linkWith(pushed: number, taken: number): { link: Link; traffic: { pushed: number; taken: number } } {
  const traffic = { pushed, taken }
  const link = { outstanding: pushed - taken, expirations: { traffic: () => traffic } } as unknown as Link
  return { link, traffic }
}

const reach = (groups: Groups, ...ids: string[]) => [...groups.reach(ids)].sort().join(' ')

t.test('a doubt reaches what the writes under way may have made of the key, and no further', (t) => {
  const groups = new Groups()
  const first = groups.begin(['0:h', '0:d'])
  const second = groups.begin(['0:d', '0:e', '0:d'])
  groups.begin(['0:x', '0:y'])
  t.equal(reach(groups, '0:h'), '0:d 0:e 0:h')
  t.equal(reach(groups, '0:h', '0:h'), '0:d 0:e 0:h')
  t.equal(reach(groups, '0:other'), '0:other')
  first.end()
  t.equal(reach(groups, '0:h'), '0:h')
  t.equal(reach(groups, '0:d'), '0:d 0:e')
  second.end()
  t.equal(reach(groups, '0:d'), '0:d')
  t.end()
})

t.test('when databases are swapped under way the keys may be called either way', (t) => {
  const groups = new Groups()
  const group = groups.begin(['0:h', '2:d'])
  groups.swapped(0, 1)
  t.equal(reach(groups, '1:h'), '0:h 1:h 2:d')
  group.end()
  t.notOk(groups.any)
  t.end()
})

t.test(
  'where keys have got other replicas a group lasts until all have answered what they had been sent before',
  (t) => {
    const groups = new Groups()
    const slow = linkWith(10, 7)
    groups.placementChanged([slow.link, linkWith(5, 5).link])
    groups.begin(['0:h', '0:d']).end()
    groups.begin(['0:d', '0:e']).end()
    t.equal(reach(groups, '0:h'), '0:d 0:e 0:h')
    slow.traffic.taken = 9
    groups.begin(['0:x', '0:y']).end()
    t.equal(reach(groups, '0:h'), '0:d 0:e 0:h')
    slow.traffic.taken = 10
    groups.begin(['0:x', '0:y']).end()
    t.notOk(groups.any)
    t.end()
  },
)

t.test('groups end in any order, and each of them once', (t) => {
  const groups = new Groups()
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => groups.begin([`0:${name}`, `0:${name}'`]))
  b.end()
  b.end()
  t.equal(reach(groups, '0:a', '0:b', '0:c', '0:d'), "0:a 0:a' 0:b 0:c 0:c' 0:d 0:d'")
  d.end()
  a.end()
  t.equal(reach(groups, '0:a', '0:c', '0:d'), "0:a 0:c 0:c' 0:d")
  c.end()
  a.end()
  t.notOk(groups.any)
  t.end()
})

t.test('nothing is kept of what has ended: it may be all commands of a transaction', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect: (options: { type: 'minor' }) => void = runInNewContext('gc')
  const groups = new Groups()
  const open: { end(): void }[] = []
  const COUNT = 5000
  const COMMANDS = 1000
  const begin = () => {
    const commands = Array.from({ length: COMMANDS }, (_, i) => i)
    open.push(groups.begin(() => commands.map(String)))
  }
  const collectYoung = async () => {
    await nextTurn()
    for (let i = 0; i < 2; i++) collect({ type: 'minor' })
    return process.memoryUsage().heapUsed
  }
  const before = await collectYoung()
  // Some are always open, and what is young is collected meanwhile, as it is under load.
  for (let i = 0; i < COUNT; i++) {
    begin()
    if (open.length > 20) open.shift()!.end()
  }
  for (const each of open.splice(0)) each.end()
  const kept = ((await collectYoung()) - before) / (COMMANDS * 8)
  t.ok(kept < COUNT / 10, `what ${kept} of ${COUNT} knew is kept`)
})
