import t from 'tap'
import { buildView } from '../../src/view/build-view.js'
import { pendingRanges, shareMastered } from '../../src/view/share.js'
import type { View } from '../../src/view/view.js'

const members = ['a', 'b', 'c'].map((name) => ({ name, host: '127.0.0.1', port: 1, state: 'up' as const }))
const view = buildView('dt', 1, 1, 8, members)

t.test('in a ring at rest a member is the master of what it owns', async (t) => {
  for (const { name } of members) t.equal(shareMastered(view, name), view.ring.share(name), name)
  t.equal(shareMastered(view, 'nobody'), 0)
  t.equal(pendingRanges(view), 0)
  t.equal(shareMastered(buildView('dt', 1, 1, 8, []), 'a'), 0, 'nor is anybody without members')
})

t.test('while a member receives its ranges, another one is their master', async (t) => {
  const owned = view.setOfRange.map(({ natural }) => natural[0].name === 'a')
  const moving: View = {
    ...view,
    setOfRange: view.setOfRange.map((set) => {
      const [master, backup] = set.natural
      return master.name === 'a' ? { ...set, natural: [backup], pending: [master] } : set
    }),
  }
  t.equal(shareMastered(moving, 'a'), 0)
  t.ok(Math.abs(shareMastered(moving, 'b') + shareMastered(moving, 'c') - 1) < 1e-9)
  t.equal(pendingRanges(moving), owned.filter(Boolean).length)
})
