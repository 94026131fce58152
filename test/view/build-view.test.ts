import fc from 'fast-check'
import t from 'tap'
import { fingerprint32 } from '../../src/ring/identifier.js'
import { buildView, replicaSetOfKey } from '../../src/view/build-view.js'
import type { Member } from '../../src/view/view.js'

function members(...names: string[]): Member[] {
  return names.map((name, i) => ({ name, host: '127.0.0.1', port: 6001 + i, state: 'up' }))
}

const four = members('dt-1', 'dt-2', 'dt-3', 'dt-4')

t.test('each range is on its owner and the next r distinct members', async (t) => {
  const view = buildView('dt', 7, 2, 16, four)
  t.match(view, { ringId: 'dt', epoch: 7, replicas: 2, virtualNodes: 16, members: four })
  t.equal(view.setOfRange.length, view.ring.size)
  for (let range = 0; range < view.ring.size; range++) {
    const names = view.setOfRange[range].natural.map((member) => member.name)
    t.strictSame(names, view.ring.successors(range, 3))
    t.strictSame(view.setOfRange[range].pending, [])
  }
})

t.test('a ring with fewer than r+1 members has fewer copies', async (t) => {
  const view = buildView('dt', 1, 5, 16, four)
  t.ok(view.setOfRange.every((set) => new Set(set.natural).size === 4))
})

t.test('ranges on the same members in the same order share one replica set', async (t) => {
  const view = buildView('dt', 1, 2, 64, four)
  t.ok(view.replicaSets.length <= 4 * 3 * 2, `${view.replicaSets.length} sets for ${view.ring.size} ranges`)
  const described = view.replicaSets.map((set) => set.natural.map((member) => member.name).join())
  t.equal(new Set(described).size, described.length)
  t.ok(view.replicaSets.every((set, i) => set.index === i))
  t.ok(view.setOfRange.every((set) => view.replicaSets[set.index] === set))
})

t.test('the members stand in order of their names, and in the replica sets as the same objects', async (t) => {
  const view = buildView('dt', 1, 1, 8, [...four].reverse())
  t.strictSame(view.members, four)
  t.ok(view.replicaSets.every((set) => set.natural.every((member) => four.includes(member))))
})

t.test('the address and the state of a member do not decide its place', async (t) => {
  const moved = four.map((member) => ({ ...member, port: member.port + 1000, state: 'suspect' as const }))
  t.strictSame(buildView('dt', 1, 2, 64, moved).ring, buildView('dt', 1, 2, 64, four).ring)
})

t.test('the replica set of a key is that of its hash tag', async (t) => {
  const view = buildView('dt', 1, 2, 64, four)
  fc.assert(
    fc.property(fc.stringMatching(/^[^{}]+$/), fc.stringMatching(/^[^{}]*$/), (tag, rest) => {
      const key = Buffer.from(`xx${rest}{${tag}}`)
      return replicaSetOfKey(view, key, 2, key.length) === view.setOfRange[view.ring.rangeOf(fingerprint32(tag))]
    }),
  )
  t.equal(view.replicaSets.length > 1, true)
})

t.test('a view without members has an empty replica set for every key', async (t) => {
  const view = buildView('dt', 1, 2, 64, [])
  t.strictSame(replicaSetOfKey(view, Buffer.from('key'), 0, 3), { index: 0, natural: [], pending: [] })
})
