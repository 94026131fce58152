import fc from 'fast-check'
import t from 'tap'
import { Fifo } from '../../src/base/fifo.js'

/** What to do next with a queue: a number is pushed, `null` shifts, `drain` takes everything. */
const steps = fc.array(fc.oneof({ weight: 5, arbitrary: fc.integer() }, fc.constant(null), fc.constant('drain')), {
  maxLength: 400,
})

t.test('a queue does what an array with push and shift does', async () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 16), steps, (capacity, steps) => {
      const fifo = new Fifo<number>(capacity)
      const array: number[] = []
      for (const step of steps) {
        if (step === 'drain') {
          if (JSON.stringify(fifo.drain()) !== JSON.stringify(array.splice(0))) return false
        } else if (step === null) {
          if (fifo.shift() !== array.shift()) return false
        } else {
          fifo.push(step as number)
          array.push(step as number)
        }
        if (fifo.length !== array.length || fifo.peek() !== array[0]) return false
        for (let i = -1; i <= array.length; i++) if (fifo.at(i) !== array[i]) return false
      }
      return true
    }),
  )
})

t.test('an empty queue has no oldest element, also after it was full', async (t) => {
  const fifo = new Fifo<string>(2)
  t.equal(fifo.shift(), undefined)
  for (let i = 0; i < 5; i++) fifo.push(`element ${i}`)
  t.same(fifo.drain(), ['element 0', 'element 1', 'element 2', 'element 3', 'element 4'])
  t.equal(fifo.peek(), undefined)
  t.equal(fifo.shift(), undefined)
  t.equal(fifo.at(0), undefined)
  t.equal(fifo.length, 0)
})

t.test('a queue of a million elements gives them back in their order', async (t) => {
  const fifo = new Fifo<number>()
  const count = 1_000_000
  for (let i = 0; i < count; i++) fifo.push(i)
  t.equal(fifo.length, count)
  let misplaced = 0
  for (let i = 0; i < count; i++) if (fifo.shift() !== i) misplaced++
  t.equal(misplaced, 0)
  t.equal(fifo.length, 0)
})
