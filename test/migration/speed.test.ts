import t from 'tap'
import { Speed } from '../../src/migration/speed.js'

const [KEYS, BYTES] = [1_000_000, 100_000_000]

t.test('what is planned takes as long as what was done, beside clients and without', async (t) => {
  const pace = { busy: false }
  const speed = new Speed(0, pace)
  const alone = speed.secondsFor(KEYS, BYTES)
  pace.busy = true
  t.ok(speed.secondsFor(KEYS, BYTES) > 5 * alone, 'it is slower beside clients, also before that was seen')
  speed.note(KEYS, BYTES, 300)
  t.equal(Math.round(speed.secondsFor(KEYS, BYTES)), 300)
  t.equal(Math.round(speed.secondsFor(KEYS / 2, BYTES / 2)), 150)
  pace.busy = false
  t.equal(speed.secondsFor(KEYS, BYTES), alone, 'which says nothing about a time without')
  speed.note(KEYS, BYTES, 8)
  t.equal(Math.round(speed.secondsFor(KEYS, BYTES)), 8)
  speed.note(10, 1000, 5)
  t.equal(Math.round(speed.secondsFor(KEYS, BYTES)), 8, 'few keys tell nothing')
})

t.test('nothing is faster than the limit', async (t) => {
  const speed = new Speed(1_000_000, { busy: false })
  t.equal(speed.secondsFor(KEYS, BYTES), 100)
  speed.note(KEYS, BYTES, 500)
  t.equal(speed.secondsFor(KEYS, BYTES), 100, 'a migration under a limit does not tell what is possible')
})
