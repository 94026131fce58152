import t from 'tap'
import { type IntakePlan, planIntakes } from '../../src/migration/plan.js'
import { buildView } from '../../src/view/build-view.js'
import { nextView } from '../../src/view/placement.js'
import type { Member, View } from '../../src/view/view.js'

const MEMBERS = ['dt-1', 'dt-2', 'dt-3', 'dt-4', 'dt-5'].map(
  (name, i): Member => ({ name, host: '127.0.0.1', port: 7000 + i, state: 'up' }),
)
const VIEW = buildView('ring', 1, 1, 64, MEMBERS)

/** What is to move in this view and was not to move in the one before. */
function plans(view: View, before: View): IntakePlan[] {
  const isUnderWay = (member: string, { to }: { to: number }) =>
    before.setOfRange[before.ring.rangeOf(to)].pending.some(({ name }) => name === member)
  return planIntakes(view, () => true, isUnderWay)
}

const reasons = (all: readonly IntakePlan[]) => [...new Set(all.map(({ reason }) => reason))]
const without = (...names: string[]) => MEMBERS.filter(({ name }) => !names.includes(name))
const namesOf = (members: readonly Member[]) => members.map(({ name }) => name)

t.test('why data moves', async (t) => {
  const joining = nextView(buildView('ring', 1, 1, 64, MEMBERS.slice(1)), {
    members: MEMBERS,
    wanted: namesOf(MEMBERS),
  })
  t.same(reasons(plans(joining, VIEW)), ['join'])
  const leaving = nextView(VIEW, { members: MEMBERS, wanted: namesOf(without('dt-5')) })
  t.same(reasons(plans(leaving, VIEW)), ['leave'])
  const failed = nextView(VIEW, { members: without('dt-1'), wanted: namesOf(without('dt-1')) })
  t.same(reasons(plans(failed, VIEW)), ['failure'])
})

t.test(
  'a member fails while another one leaves, or leaves then: what is made anew for the failure is told apart',
  async (t) => {
    const wanted = namesOf(without('dt-1', 'dt-5'))
    const leaving = nextView(VIEW, { members: MEMBERS, wanted: namesOf(without('dt-5')) })
    const failed = nextView(VIEW, { members: without('dt-1'), wanted: namesOf(without('dt-1')) })
    for (const before of [leaving, failed]) {
      const view = nextView(before, { members: without('dt-1'), wanted })
      const all = plans(view, VIEW)
      t.equal(new Set(all.map(({ member, reason }) => `${member} ${reason}`)).size, all.length, 'one of each')
      for (const { ranges, reason } of all) {
        for (const { to } of ranges) {
          const hasAll = view.setOfRange[view.ring.rangeOf(to)].natural.some(({ name }) => name === 'dt-5')
          t.equal(reason, hasAll ? 'leave' : 'failure')
        }
      }
      t.same(reasons(all).sort(), ['failure', 'leave'])
    }
  },
)
