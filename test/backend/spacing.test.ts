import t from 'tap'
import { Spacing } from '../../src/backend/spacing.js'

const OPTIONS = { reconnectMinMs: 50, reconnectMaxMs: 1000 }

t.test('attempts in vain are twice as far apart each time, up to the most', async (t) => {
  const spacing = new Spacing()
  t.same(
    Array.from({ length: 8 }, () => spacing.pauseMs(OPTIONS)),
    [50, 100, 200, 400, 800, 1000, 1000, 1000],
  )
})

t.test(
  'the longer a connection was up, the sooner it is made anew; one that breaks at once is made more slowly',
  async (t) => {
    let nowMs = 0
    const spacing = new Spacing(() => nowMs)
    const afterBeingUp = (ms: number) => {
      spacing.up()
      nowMs += ms
      return spacing.pauseMs(OPTIONS)
    }
    for (let i = 0; i < 8; i++) spacing.pauseMs(OPTIONS)
    t.equal(afterBeingUp(10), 990)
    t.equal(afterBeingUp(300), 100, 'two steps less, and while it was up no attempt was made')
    t.equal(afterBeingUp(900), 50)
    t.same([10, 10, 10].map(afterBeingUp), [90, 190, 390])
    t.equal(afterBeingUp(60_000), 50, 'it begins anew')
  },
)
