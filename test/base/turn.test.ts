import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Turn } from '../../src/base/turn.js'

t.test('everybody who asked in a turn is flushed once at its end, in the order of asking', async (t) => {
  const turn = new Turn()
  const flushed: string[] = []
  const target = (name: string) => ({ flush: () => flushed.push(name) })
  turn.schedule(target('a'))
  turn.schedule(target('b'))
  t.same(flushed, [], 'not at once')
  await nextTurn()
  t.same(flushed, ['a', 'b'])
  await nextTurn()
  t.same(flushed, ['a', 'b'], 'and not again')
})

t.test('who asks while others are flushed has the next turn', async (t) => {
  const turn = new Turn()
  const flushed: string[] = []
  const second = { flush: () => flushed.push('second') }
  const first = {
    flush: () => {
      flushed.push('first')
      turn.schedule(second)
    },
  }
  turn.schedule(first)
  await nextTurn()
  t.same(flushed, ['first'])
  await nextTurn()
  t.same(flushed, ['first', 'second'])
  turn.schedule(first)
  await nextTurn()
  await nextTurn()
  t.same(flushed, ['first', 'second', 'first', 'second'], 'the lists of both turns are used again')
})

t.test(
  'who is in no hurry is flushed behind all who asked in the same turn, also alone, and after a hold',
  async (t) => {
    const turn = new Turn()
    const flushed: string[] = []
    const asks = (name: string) => turn.schedule({ flush: () => flushed.push(name) })
    const asksLast = (name: string) => turn.scheduleLast({ flushLast: () => flushed.push(name) })
    asksLast('y')
    asks('a')
    asksLast('z')
    asks('b')
    t.equal(turn.scheduled, 4)
    await nextTurn()
    t.same(flushed.splice(0), ['a', 'b', 'y', 'z'])
    turn.scheduleLast({ flushLast: () => asks('c') })
    asks('b')
    await nextTurn()
    t.same(flushed.splice(0), ['b'])
    await nextTurn()
    t.same(flushed.splice(0), ['c'])
    turn.hold()
    asksLast('z')
    await nextTurn()
    t.same(flushed, [])
    turn.release()
    await nextTurn()
    t.same(flushed, ['z'])
  },
)

t.test('what is asked from a promise or a timer of the same turn goes out with it', async (t) => {
  const turn = new Turn()
  const flushed: number[] = []
  const schedule = (n: number) => turn.schedule({ flush: () => flushed.push(n) })
  schedule(1)
  await Promise.resolve().then(() => schedule(2))
  process.nextTick(() => schedule(3))
  await nextTurn()
  t.same(flushed, [1, 2, 3])
})

t.test('a turn that is held keeps who asked, and those after them, until it is released', async (t) => {
  const turn = new Turn()
  const flushed: string[] = []
  const schedule = (name: string) => turn.schedule({ flush: () => flushed.push(name) })
  schedule('a')
  turn.hold()
  await nextTurn()
  schedule('b')
  await nextTurn()
  t.same(flushed, [])
  t.equal(turn.held, true)
  turn.release()
  t.same(flushed, [], 'not at once')
  await nextTurn()
  t.same(flushed, ['a', 'b'])
  schedule('c')
  await nextTurn()
  t.same(flushed, ['a', 'b', 'c'])
})

t.test('the guard is asked before anything is flushed, and may hold it', async (t) => {
  const turn = new Turn()
  const flushed: string[] = []
  turn.guard = () => turn.hold()
  turn.schedule({ flush: () => flushed.push('a') })
  await nextTurn()
  t.same(flushed, [])
  turn.guard = () => {}
  turn.release()
  await nextTurn()
  t.same(flushed, ['a'])
})

t.test('who cannot wait is flushed at once, but not when the guard holds the turn: then he has his turn', async (t) => {
  const turn = new Turn()
  let flushed = 0
  const target = { flush: () => flushed++ }
  turn.flushNow(target)
  t.equal(flushed, 1)
  turn.guard = () => turn.hold()
  turn.schedule(target)
  turn.flushNow(target)
  await nextTurn()
  t.equal(flushed, 1)
  turn.guard = () => {}
  turn.flushNow(target)
  t.equal(flushed, 1)
  turn.release()
  await nextTurn()
  t.equal(flushed, 2)
})

t.test('what leaves by another way waits for the release, too, and asks as the flushes do', async (t) => {
  const turn = new Turn()
  const left: string[] = []
  const leave = (name: string) => turn.mayLeave().then(() => left.push(name))
  await leave('a')
  turn.guard = () => turn.hold()
  void leave('b')
  void leave('c')
  await nextTurn()
  t.same(left, ['a'])
  turn.guard = () => {}
  turn.release()
  await nextTurn()
  t.same(left, ['a', 'b', 'c'])
})

t.test('who waits is told soon, once, and may wait again', async (t) => {
  const turn = new Turn()
  const told: string[] = []
  const patient = (name: string) => ({ due: () => told.push(name) })
  const until = async (count: number) => {
    for (let tries = 0; told.length < count && tries < 1000; tries++) await sleep(1)
    await sleep(3)
  }
  turn.wait(patient('a'))
  turn.wait(patient('b'))
  await until(2)
  t.same(told, ['a', 'b'])
  turn.wait({
    due: () => {
      told.push('c')
      turn.wait(patient('d'))
    },
  })
  await until(4)
  t.same(told, ['a', 'b', 'c', 'd'])
})

t.test('who waits is not told at the end of the turn, but by the clock', async (t) => {
  // Which may be at an end before the turn is, on a busy machine: so it is in our hands.
  let ring = () => {}
  const setTimeout = (due: () => void) => {
    ring = due
  }
  t.intercept(globalThis, 'setTimeout', { value: setTimeout })
  const turn = new Turn()
  const told: string[] = []
  for (const name of ['a', 'b']) turn.wait({ due: () => told.push(name) })
  t.same(told, [], 'not at once')
  await nextTurn()
  t.same(told, [], 'not at the end of the turn')
  ring()
  t.same(told, ['a', 'b'])
})
