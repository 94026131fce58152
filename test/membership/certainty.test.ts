import t from 'tap'
import { Certainty, type CertaintyState } from '../../src/membership/certainty.js'
import { keepsFromNoting } from '../../src/membership/council.js'

/** An owner of a ring of these members, who all have answered at 0; `file`: it keeps a state file. */
function owner(count: number, file?: string) {
  const members = Array.from({ length: count }, (_, i) => `dt-${i + 1}`)
  const up = new Set(members)
  const heard = new Map(members.map((name) => [name, 0]))
  const states: CertaintyState[] = []
  const certainty = new Certainty({
    councils: () => [{ members, file }],
    needed: (council) => Math.max(1, keepsFromNoting(council, file)),
    isUp: (name) => up.has(name),
    heardMs: (name) => heard.get(name)!,
    changed: (state) => states.push(state),
  })
  return { up, heard, states, certainty }
}

t.test(
  'it is unsure as soon as too few are connected, gives up half a second later, and is sure again at once',
  async (t) => {
    const { up, states, certainty } = owner(3)
    up.delete('dt-1')
    certainty.look(100)
    t.same(states, [], 'two of three are enough: the third alone is not half of them')
    up.delete('dt-2')
    certainty.look(200)
    t.same(states, ['unsure'])
    certainty.look(699)
    t.same(states, ['unsure'])
    certainty.look(700)
    t.same(states, ['unsure', 'given up'])
    certainty.look(60_000)
    t.same(states, ['unsure', 'given up'])
    up.add('dt-2')
    certainty.look(800)
    t.same(states, ['unsure', 'given up', 'sure'])
  },
)

t.test('each time that it becomes unsure the half second begins anew', async (t) => {
  const { up, states, certainty } = owner(1)
  for (const [nowMs, isUp] of [
    [100, false],
    [500, true],
    [550, false],
    [1000, false],
  ] as const) {
    if (isUp) up.add('dt-1')
    else up.delete('dt-1')
    certainty.look(nowMs)
  }
  t.same(states, ['unsure', 'sure', 'unsure'])
})

t.test('who is connected and says nothing counts for 3 s', async (t) => {
  const { heard, states, certainty } = owner(3)
  certainty.look(2999)
  t.same(states, [])
  certainty.look(3000)
  certainty.look(3500)
  t.same(states, ['unsure', 'given up'])
  heard.set('dt-1', 3000)
  certainty.look(3600)
  t.equal(states.length, 2, 'one of three is not enough')
  heard.set('dt-3', 3000)
  certainty.look(3700)
  t.equal(states.at(-1), 'sure')
})

t.test('with a state file of ours one is enough: others need all', async (t) => {
  const { up, states, certainty } = owner(4, 'ours')
  for (const name of ['dt-1', 'dt-2', 'dt-3']) up.delete(name)
  certainty.look(100)
  t.same(states, [])
  up.delete('dt-4')
  certainty.look(200)
  t.same(states, ['unsure'])
})
