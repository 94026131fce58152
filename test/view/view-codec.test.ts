import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { buildView, emptyView } from '../../src/view/build-view.js'
import { nextView } from '../../src/view/placement.js'
import type { Member, View } from '../../src/view/view.js'
import { decodeView, encodeView, viewOfNames } from '../../src/view/view-codec.js'

const NAMES = ['dt-1', 'dt-2', 'dt-3', 'dt-4', 'dt-5']

function members(names: readonly string[]): Member[] {
  return names.map((name) => ({ name, host: '10.0.0.9', port: 6379, state: 'up' }))
}

function again(view: View): View {
  return decodeView(JSON.parse(JSON.stringify(encodeView(view))))
}

t.test('a view comes back as it was, while data moves, too', async () => {
  const change = fc.record({
    there: fc.uniqueArray(fc.constantFrom(...NAMES)),
    leaving: fc.uniqueArray(fc.constantFrom(...NAMES)),
    restarted: fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 1 }),
  })
  const settings = fc.record({ replicas: fc.integer({ min: 0, max: 3 }), virtualNodes: fc.constantFrom(1, 3, 64) })
  fc.assert(
    fc.property(settings, fc.array(change, { minLength: 1, maxLength: 6 }), ({ replicas, virtualNodes }, changes) => {
      let view = emptyView('dt', replicas, virtualNodes, virtualNodes === 3 ? ['bull:{*}:*'] : [])
      for (const { there, leaving, restarted } of changes) {
        const wanted = there.filter((name) => !leaving.includes(name))
        view = nextView(view, { members: members(there), wanted, restarted })
        const copy = again(view)
        deepStrictEqual(copy, view)
        // Identity of sets and members is what the data path compares by.
        for (let i = 0; i < copy.setOfRange.length; i++) {
          const set = copy.setOfRange[i]
          if (copy.replicaSets[set.index] !== set) throw new Error(`set of range ${i}`)
          if (!set.natural.every((member) => copy.members.includes(member))) throw new Error(`members of range ${i}`)
        }
      }
    }),
    { numRuns: 60 },
  )
})

t.test('the empty view and names of any characters come back, too', async (t) => {
  t.strictSame(again(emptyView('r', 2, 64)), emptyView('r', 2, 64))
  const odd = buildView('r', 3, 1, 2, members(['"]]=]', 'ä\u2028\n', '__proto__', '']))
  t.strictSame(again(odd), odd)
})

t.test('it is compact: hundreds of ranges take some bytes each', async (t) => {
  const { length } = JSON.stringify(encodeView(buildView('dt', 1, 2, 64, members(NAMES))))
  t.ok(length < 5 * 64 * 4 + 1000, `${length} bytes`)
})

t.test('what is no view is refused, whatever it is', async (t) => {
  const good = JSON.parse(JSON.stringify(encodeView(buildView('dt', 1, 1, 1, members(['dt-1', 'dt-2'])))))
  t.ok(decodeView(good))
  const broken: [string, unknown][] = [
    ['ring', 7],
    ['epoch', -1],
    ['epoch', 1.5],
    ['replicas', '2'],
    ['virtualNodes', 0],
    ['keyGroups', 'bull:{*}:*'],
    ['keyGroups', [7]],
    ['members', [['dt-1', 'host', 'port', 'up']]],
    ['members', [['dt-1', 'host', 1, 'asleep']]],
    ['members', { length: 2 }],
    ['wanted', [1]],
    ['cut', undefined],
    ['sets', [[[0, 9], []]]],
    ['sets', [[[0]]]],
    ['sets', []],
    ['ranges', [0]],
    ['ranges', [0, 99]],
    ['ranges', 'all'],
  ]
  for (const [field, value] of broken) {
    t.throws(() => decodeView({ ...good, [field]: value }), { name: 'ViewFormatError' }, `${field} ${String(value)}`)
  }
  for (const json of [null, 7, 'view', [], {}]) t.throws(() => decodeView(json), { name: 'ViewFormatError' })
})

t.test('a view of names has one object for equal sets, and its members in order', async (t) => {
  const set = (...natural: string[]) => ({ natural, pending: [] })
  const view = viewOfNames({
    ringId: 'dt',
    epoch: 5,
    replicas: 1,
    virtualNodes: 1,
    members: members(['dt-3', 'dt-1', 'dt-2']),
    wanted: ['dt-1', 'dt-2', 'dt-3'],
    cut: ['dt-1', 'dt-2', 'dt-3'],
    setOfRange: [set('dt-1', 'dt-2'), set('dt-3', 'dt-1'), set('dt-1', 'dt-2')],
  })
  t.same(
    view.members.map(({ name }) => name),
    ['dt-1', 'dt-2', 'dt-3'],
  )
  t.equal(view.replicaSets.length, 2)
  t.equal(view.setOfRange[0], view.setOfRange[2])
})
