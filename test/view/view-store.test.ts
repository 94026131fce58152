import t from 'tap'
import { buildView } from '../../src/view/build-view.js'
import type { View } from '../../src/view/view.js'
import { ViewStore } from '../../src/view/view-store.js'

const view = (epoch: number): View => buildView('dt', epoch, 2, 1, [])

t.test('a published view is the current one, and listeners hear of it with the one before', async (t) => {
  const [first, second] = [view(1), view(2)]
  const store = new ViewStore(first)
  t.equal(store.current, first)
  const heard: unknown[] = []
  store.onChange((now, before) => heard.push(now, before, store.current))
  store.publish(second)
  t.equal(store.current, second)
  t.equal(heard[0], second)
  t.equal(heard[1], first)
  t.equal(heard[2], second)
})

t.test('a listener that has left hears nothing more', async (t) => {
  const store = new ViewStore(view(1))
  const heard: string[] = []
  const leave = store.onChange(({ epoch }) => {
    heard.push(`a${epoch}`)
    leave()
  })
  store.onChange(({ epoch }) => heard.push(`b${epoch}`))
  store.publish(view(2))
  store.publish(view(5))
  t.strictSame(heard, ['a2', 'b2', 'b5'])
})

t.test('a view whose epoch is not greater is refused', async (t) => {
  const store = new ViewStore(view(3))
  for (const epoch of [3, 2]) t.throws(() => store.publish(view(epoch)), { name: 'AssertionError' })
  t.equal(store.current.epoch, 3)
})
