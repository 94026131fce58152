import t from 'tap'
import { checkChannel } from '../checkers/channel.js'
import type { Operation, Outcome, Value } from '../history.js'

let lastId = 0
const KEY = '0/channel:0:0'

function did(
  client: number,
  [invokedMs, returnedMs]: readonly [number, number],
  name: string,
  args: readonly (string | number)[],
  value: Value,
): Operation {
  const outcome: Outcome = { kind: 'ok', value }
  return { id: ++lastId, client, workload: 'channel', key: KEY, via: 1, name, args, invokedMs, returnedMs, outcome }
}

const publish = (at: number, value: string, count = 1) => did(1, [at, at + 1], 'publish', [value], count)
/** Somebody who listens from 10, surely to 90, and ends at 95. */
const heard = (values: readonly string[], word = 'SUBSCRIBE') => did(2000, [10, 95], 'listened', [word, 9, 90], values)
const found = (...operations: Operation[]) => checkChannel(KEY, operations).map(({ check }) => check)

t.test('each message comes once, to all who listen, and is counted', async (t) => {
  t.strictSame(found(publish(20, 'c1.1'), heard(['c1.1'])), [])
  t.strictSame(found(publish(20, 'c1.1'), heard([])), ['message lost'])
  t.strictSame(found(publish(20, 'c1.1'), heard(['c1.1', 'c1.1'])), ['heard twice'])
  t.strictSame(found(heard(['c1.7'])), ['strange message'])
  t.strictSame(found(publish(20, 'c1.1'), heard(['c1.1'], 'SSUBSCRIBE')), ['strange message'])
  t.strictSame(found(publish(20, 'c1.1', 2), heard(['c1.1'])), ['count'])
  t.strictSame(found(publish(20, 'c1.1', 0), heard(['c1.1'])), ['count'])
})

t.test('what came when somebody begins or ends to listen may be missing, and may be counted', async (t) => {
  for (const at of [8.5, 89.5, 94]) {
    t.strictSame(found(publish(at, 'c1.1', 0), heard([])), [], `published at ${at}`)
    t.strictSame(found(publish(at, 'c1.1', 1), heard(['c1.1'])), [], `published at ${at}, and heard`)
  }
  const unheard = { ...publish(20, 'c1.1'), via: 2 }
  t.strictSame(found({ ...unheard, outcome: { kind: 'ok', value: 0 } }, heard([])), [], 'by another proxy')
})

t.test('messages come in the order in which they were published, the same for all', async (t) => {
  const [one, other] = [publish(20, 'c1.1'), publish(30, 'c1.2')]
  t.strictSame(found(one, other, heard(['c1.1', 'c1.2'])), [])
  t.strictSame(found(one, other, heard(['c1.2', 'c1.1'])), ['order of messages'])
  const together = ['c3.1', 'c4.1'].map((value, i) => did(3 + i, [20, 40], 'publish', [value], 2))
  t.strictSame(found(...together, heard(['c3.1', 'c4.1']), heard(['c3.1', 'c4.1'])), [])
  t.strictSame(found(...together, heard(['c3.1', 'c4.1']), heard(['c4.1', 'c3.1'])), ['order of messages'])
})

t.test('who hears of something finds it, or something newer', async (t) => {
  const before = did(1, [1, 2], 'say', ['c1.0'], 'OK')
  const say = did(1, [20, 40], 'say', ['c1.1'], 'OK')
  const announce = { ...did(1, [20, 40], 'publish', ['c1.2'], 1), after: say.id }
  const newer = did(1, [50, 51], 'say', ['c1.3'], 'OK')
  const told = (value: Value) => did(2000, [41, 52], 'told', ['c1', 'c1.2'], value)
  const all = [before, say, announce, newer, heard(['c1.2'])]
  for (const value of ['c1.1', 'c1.3']) t.strictSame(found(...all, told(value)), [], value)
  for (const value of ['c1.0', null]) t.strictSame(found(...all, told(value)), ['announced too early'], String(value))
  const refused = { ...say, outcome: { kind: 'failed', error: 'not applied' } } as const
  t.strictSame(found(before, refused, announce, heard(['c1.2']), told('c1.0')), [], 'it was not said')
})
