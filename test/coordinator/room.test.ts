import t from 'tap'
import { Room } from '../../src/serving/several/gather/room.js'

const LATER = performance.now() + 3_600_000

t.test('large values go one after the other, as many at once as there is room for', async (t) => {
  const room = new Room(10)
  const told: string[] = []
  const enter = (name: string, bytes: number, deadlineMs = LATER) =>
    room.enter(bytes, deadlineMs).then((isIn) => told.push(isIn ? name : `not ${name}`))
  t.equal(room.take(6), true)
  t.equal(room.take(4), true)
  t.equal(room.take(1), false)
  const waiting = [enter('a', 5), enter('b', 1), enter('late', 1, performance.now() + 20)]
  await waiting[2]
  t.same(told, ['not late'], 'b does not pass a')
  room.leave(4)
  t.equal(room.take(1), false, 'nor does anybody else')
  room.leave(6)
  await Promise.all(waiting)
  t.same(told, ['not late', 'a', 'b'])
  room.leave(5)
  room.leave(1)
  t.equal(room.take(99), true, 'one that is larger than the room is alone in it')
  t.equal(room.take(1), false)
})
