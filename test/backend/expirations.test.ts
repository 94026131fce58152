import t from 'tap'
import { Expirations } from '../../src/backend/expirations.js'
import type { KeyId } from '../../src/base/key-id.js'

/** A link on which nothing is under way. */
const IDLE = () => ({ pushed: 0, taken: 0 })

t.test('what expired is asked for by key and database, and told once', async (t) => {
  const expirations = new Expirations(IDLE)
  t.equal(expirations.any, false)
  expirations.note('0:a', 10_000)
  expirations.note('0:c', 10_000)
  t.equal(expirations.any, true)
  t.equal(expirations.take(['1:a', '0:b'], 10_100, true), undefined)
  t.same(expirations.take(['0:a', '0:b', '0:c'], 10_100, true), { which: '0 2 ', unsure: false })
  t.equal(
    expirations.take(['0:a', '0:c'], 10_100, true),
    undefined,
    'the next write finds what happened after this one',
  )
})

t.test('nothing is known of a key that may have been deleted in silence', async (t) => {
  const expirations = new Expirations(IDLE)
  expirations.noteUnsure('0:a', 10_000)
  expirations.note('0:a', 10_001)
  t.same(expirations.take(['0:a'], 10_100, true), { which: '0 ', unsure: true })
  expirations.noteUnsure('0:a', 10_000)
  expirations.forget('0:a')
  t.equal(expirations.take(['0:a'], 10_100, true), undefined, 'but of a new content')
})

t.test('behind the answer of a write nobody knows whether the key had expired before it', async (t) => {
  const traffic = { pushed: 3, taken: 0 }
  const expirations = new Expirations(() => traffic)
  const answer = (key: string, leavesDeadline = true) => {
    traffic.taken++
    return expirations.take([`0:${key}`], 10_000, leavesDeadline)
  }
  expirations.noteBehind('0:a', 10_000)
  t.same(answer('a'), { which: '0 ', unsure: true })
  expirations.noteBehind('0:a', 10_000)
  t.same(answer('a', false), { which: '0 ', unsure: false }, 'it had, if no deadline was left')
  expirations.noteBehind('0:a', 10_000)
  t.equal(answer('b'), undefined, 'the answer was that of another key')
  t.same(answer('a'), { which: '0 ', unsure: false }, 'so it expired between two writes')
})

t.test('an expiration is remembered for some seconds', async (t) => {
  const expirations = new Expirations(IDLE)
  expirations.note('0:a', 10_000)
  expirations.note('0:b', 11_000)
  expirations.note('0:a', 12_500)
  expirations.take([], 14_500, true)
  t.equal(expirations.size, 1)
  t.ok(expirations.take(['0:a'], 14_500, true), 'one that expired again is remembered anew')
  expirations.note('0:a', 15_000)
  expirations.take([], 18_001, true)
  t.equal(expirations.size, 0)
  t.equal(expirations.any, false, 'and nobody needs to ask any more')
})

t.test('it is remembered until everything is answered that was emitted in these seconds', async (t) => {
  const traffic = { pushed: 5, taken: 3 }
  const expirations = new Expirations(() => traffic)
  expirations.note('0:a', 10_000)
  traffic.pushed = 8
  expirations.take([], 14_000, true)
  traffic.pushed = 20
  for (traffic.taken = 4; traffic.taken < 8; traffic.taken++) {
    expirations.take([], 14_000 + 1000 * traffic.taken, true)
    t.equal(expirations.size, 1, `${traffic.taken} answered`)
  }
  expirations.take([], 30_000, true)
  t.equal(expirations.size, 0)
})

t.test('it is remembered while a write is held that others have executed, and until that is answered', async (t) => {
  const traffic = { pushed: 0, taken: 0 }
  const held = new Set<KeyId>(['0:a'])
  const expirations = new Expirations(() => traffic)
  expirations.isHeld = (id) => held.has(id)
  expirations.note('0:a', 10_000)
  expirations.note('0:b', 10_000)
  expirations.take([], 60_000, true)
  t.equal(expirations.size, 1)
  held.clear()
  traffic.pushed = 1
  expirations.take([], 61_000, true)
  traffic.taken = 1
  t.same(expirations.take(['0:a'], 62_000, true), { which: '0 ', unsure: false })
  t.equal(expirations.size, 0)
})

t.test('what expires is forgotten also while nobody asks, and while the link is never idle', async (t) => {
  const traffic = { pushed: 50, taken: 0 }
  const expirations = new Expirations(() => traffic)
  let most = 0
  // Ten a millisecond, for a minute.
  for (let i = 0; i < 600_000; i++) {
    traffic.pushed++
    traffic.taken++
    expirations.note(`0:${i}`, 10_000 + Math.floor(i / 10))
    most = Math.max(most, expirations.size)
  }
  t.ok(most <= 50_000, `never more than those of five seconds, not ${most}`)
})

t.test('when too much has expired nothing is known for the commands that are under way', async (t) => {
  const traffic = { pushed: 2, taken: 0 }
  const expirations = new Expirations(() => traffic)
  for (let i = 0; i <= 1_000_000; i++) expirations.note(`0:${i}`, 10_000)
  t.equal(expirations.size, 1)
  for (traffic.taken = 1; traffic.taken <= 2; traffic.taken++) {
    t.same(expirations.take(['0:5'], 10_000, true), { which: '', unsure: true })
  }
  t.equal(expirations.take(['0:5'], 10_000, true), undefined)
})

t.test('what expired before two databases were swapped is known by its new name', async (t) => {
  const traffic = { pushed: 3, taken: 0 }
  const expirations = new Expirations(() => traffic)
  expirations.note('0:a', 10_000)
  expirations.note('1:b', 10_000)
  expirations.note('2:c', 10_000)
  expirations.noteUnsure('1:a', 10_000)
  // Said right behind the answer to SWAPDB, which is handed over now.
  expirations.noteBehind('0:d', 10_000)
  traffic.taken = 1
  expirations.swapped(0, 1)
  traffic.taken = 2
  t.same(expirations.take(['1:a', '0:b', '2:c', '0:d'], 10_100, true), { which: '0 1 2 3 ', unsure: false })
  t.same(expirations.take(['0:a', '1:b', '1:d'], 10_100, true), { which: '0 ', unsure: true })
})
