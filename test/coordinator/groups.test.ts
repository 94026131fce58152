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
