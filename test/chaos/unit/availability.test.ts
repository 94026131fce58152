import t from 'tap'
import { type Circumstances, checkAvailability, checkUnknownShare } from '../checkers/availability.js'
import { tell } from './tell.js'

/*
 * What no fault touched has to be there in time: keys that begin with `a` are on dt-1 and dt-2, all others on dt-3.
 */

function circumstances(parts: Partial<Circumstances> = {}): Circumstances {
  return {
    harms: [{ what: 'kill', members: ['dt-1'], fromMs: 1000, untilMs: 9000 }],
    lags: [],
    holdersOf: (key) => (key.startsWith('0/a') ? ['dt-1', 'dt-2'] : ['dt-3']),
    ...parts,
  }
}

function judge(text: string, key: string, parts: Partial<Circumstances> = {}) {
  const { judged, violations } = checkAvailability(tell(text, 'register', key), circumstances(parts))
  return [judged, violations.length]
}

t.test('what no fault touched has to be answered within a second, whatever else is away', async (t) => {
  t.strictSame(judge('2000-2900 get -> nil', '0/b'), [1, 0])
  t.strictSame(judge('2000-3100 get -> nil', '0/b'), [1, 1])
  t.strictSame(judge('2000-2010 set c1.1 -> !', '0/b'), [1, 1])
  t.strictSame(judge('2000- set c1.1 -> ?', '0/b'), [1, 1])
})

t.test('what is on a harmed member may take its time, until the ring is whole again', async (t) => {
  t.strictSame(judge('2000-8000 get -> nil', '0/a'), [0, 0])
  t.strictSame(judge('9500-9600 get -> nil', '0/a'), [1, 0])
  t.strictSame(judge('9500-11000 get -> nil', '0/a'), [1, 1])
  t.strictSame(judge('800-3000 get -> nil', '0/a'), [0, 0], 'the fault began meanwhile')
  t.strictSame(judge('0-1400 get -> nil', '0/b', { harms: [] }), [1, 1])
})

t.test('a fault that touches everything excuses everything', async (t) => {
  const harms = [{ what: 'kill-proxy', members: undefined, fromMs: 1000, untilMs: 9000 }]
  t.strictSame(judge('2000-8000 get -> nil', '0/b', { harms }), [0, 0])
})

t.test('what was sent together waits together', async (t) => {
  const touched = tell('2000-5000 get -> nil', 'register', '0/a')[0]
  const other = { ...tell('2000-5000 get -> nil', 'register', '0/b')[0], id: 2, client: touched.client }
  t.strictSame(checkAvailability([touched, other], circumstances()), { judged: 0, violations: [] })
})

t.test('a machine that stands still is nobody to blame for', async (t) => {
  const lags = [{ atMs: 2700, lateMs: 600 }]
  t.strictSame(judge('2000-3900 get -> nil', '0/b', { lags }), [1, 0])
  t.strictSame(judge('4000-5900 get -> nil', '0/b', { lags }), [1, 1])
})

t.test('a few outcomes may be unknown, and no more', async (t) => {
  const known = tell(Array.from({ length: 95 }, (_, i) => `${i}-${i + 1} get -> nil`).join('\n'))
  const unknown = tell(Array.from({ length: 20 }, (_, i) => `${i}- set c1.${i} -> ?`).join('\n'))
  t.strictSame(checkUnknownShare([...known, ...unknown.slice(0, 5)]), [])
  t.strictSame(
    checkUnknownShare([...known, ...unknown]).map(({ check }) => check),
    ['unknown share'],
  )
})
