import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { inSlices } from '../../src/base/slices.js'

/** Takes so long that it is a slice of its own. */
function spend(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

t.test('others have their turns between slices, and of several pieces of work each has its steps', async (t) => {
  const order: string[] = []
  const work = (name: string, steps: number) => {
    let left = steps
    return inSlices(() => {
      order.push(name)
      spend(3)
      return --left > 0
    })
  }
  const done = Promise.all([work('a', 3), work('b', 2)])
  t.same(order, [], 'it does not begin in the turn in which it is asked for')
  let turns = 0
  const isOver = { yet: false }
  void done.then(() => {
    isOver.yet = true
  })
  while (!isOver.yet) {
    await turn()
    turns++
  }
  t.same(order, ['a', 'b', 'a', 'b', 'a'])
  t.ok(turns >= 5, `${turns} turns`)
})

t.test('a step that fails ends its own work and no other', async (t) => {
  let steps = 0
  const good = inSlices(() => ++steps < 3)
  const bad = inSlices(() => {
    throw new Error('wrong')
  })
  await t.rejects(bad, { message: 'wrong' })
  await good
  t.equal(steps, 3)
})

t.test('work that is asked for by a step, or when all is done, is done as well', async (t) => {
  let inner: Promise<void> | undefined
  await inSlices(() => {
    inner = inSlices(() => false)
    return false
  })
  await inner
  await inSlices(() => false)
  t.pass('all of it')
})
