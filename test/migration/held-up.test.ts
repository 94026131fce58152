import t from 'tap'
import { HeldUp } from '../../src/migration/held-up.js'

const A = { from: 0, to: 100 }
const B = { from: 100, to: 200 }

t.test('what is not taken waits longer each time', async (t) => {
  let nowMs = 0
  const heldUp = new HeldUp(() => nowMs)
  for (let i = 0; i < 3; i++) {
    // Every plan makes its ranges anew.
    heldUp.note('dt-1', [{ ...A }, { ...B }])
    t.ok(heldUp.isWaiting('dt-1', A))
    nowMs += 2000 * 2 ** i - 1
    t.same(heldUp.members, ['dt-1'])
    nowMs++
    t.same(heldUp.members, [])
    t.notOk(heldUp.isWaiting('dt-1', A))
  }
})

t.test('a range that was cut since then goes on waiting beside its parts', async (t) => {
  const heldUp = new HeldUp(() => 0)
  heldUp.note('dt-1', [{ from: 0, to: 100 }, B])
  heldUp.note('dt-1', [{ from: 20, to: 30 }])
  for (const to of [20, 30, 60, 100, 200]) t.ok(heldUp.isWaiting('dt-1', { from: to - 10, to }), `${to}`)
  heldUp.forget('dt-1')
  t.notOk(heldUp.isWaiting('dt-1', B))
})
