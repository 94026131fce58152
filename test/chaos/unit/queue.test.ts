import t from 'tap'
import { checkQueue } from '../checkers/queue.js'
import type { Operation, Value } from '../history.js'

let lastId = 0

/** An operation of a client on one queue. */
function did(
  client: number,
  [invokedMs, returnedMs]: readonly [number, number],
  name: string,
  args: readonly (string | number)[],
  value: Value,
): Operation {
  const common = { id: ++lastId, client, workload: 'queue', key: '0/queue:0:0', via: 1 }
  return { ...common, name, args, invokedMs, returnedMs, outcome: { kind: 'ok', value } }
}

/** A command whose client has gone at that time. */
function gone(client: number, invokedMs: number, lostMs: number, name: string, args: (string | number)[]): Operation {
  const outcome = { kind: 'unknown', reason: 'its client has gone' } as const
  return { ...did(client, [invokedMs, Number.POSITIVE_INFINITY], name, args, null), outcome, lostMs }
}

const push = (at: number, value: string, place = 'a') => did(1, [at, at + 1], 'rpush', [place, value], 1)
const blpop = (client: number, from: number, to: number, value: Value, timeoutMs = 0) =>
  did(client, [from, to], 'blpop', [`worker-${client}`, timeoutMs, 'a'], value)
const final = (at: number, a: readonly string[] = []) => did(1, [at, at + 1], 'final', [], [a, [], [], []])

const found = (...operations: Operation[]) => checkQueue('0/queue:0:0', operations).map(({ check }) => check)

t.test('each element is delivered once, or is there', async (t) => {
  t.strictSame(found(blpop(5, 0, 12, ['c1.1']), push(10, 'c1.1'), push(20, 'c1.2'), final(100, ['c1.2'])), [])
  const twice = [push(10, 'c1.1'), blpop(5, 11, 12, ['c1.1']), blpop(6, 13, 14, ['c1.1'])]
  t.strictSame(found(...twice), ['delivered twice'])
})

t.test('an element may be lost on its way to one client that has gone, and not two', async (t) => {
  const leaver = gone(5, 0, 15, 'blpop', ['worker-5', 0, 'a'])
  t.strictSame(found(push(10, 'c1.1'), final(100)), ['lost'])
  t.strictSame(found(leaver, push(10, 'c1.1'), final(100)), [])
  t.strictSame(found(leaver, push(10, 'c1.1'), push(12, 'c1.2'), final(100)), ['lost'])
  t.strictSame(found(leaver, push(9000, 'c1.1'), final(9100)), ['lost'], 'it had been gone for long')
  const mover = gone(5, 0, 15, 'blmove', ['worker-5', 0, 'a'])
  t.strictSame(found(mover, push(10, 'c1.1'), final(100)), ['lost'], 'what is moved is on one side at least')
})

t.test('nobody gets what is for somebody who stood in line before', async (t) => {
  const [first, second] = [push(5, 'c1.1'), push(20, 'c1.2')]
  const early = did(6, [6, 7], 'lpop', ['a'], ['c1.1'])
  const late = did(6, [30, 31], 'lpop', ['a'], ['c1.2'])
  const waiter = (value: Value, to: number) => blpop(5, 1, to, value)
  t.strictSame(found(waiter('unblocked', 90), first, early, second, late), ['overtaken'])
  t.strictSame(found(waiter(['c1.2'], 22), first, early, second), [], 'it may have come behind the first')
})

t.test('nobody is told too early that nothing came, and nobody waits where something is', async (t) => {
  t.strictSame(found(blpop(5, 0, 90, null, 100)), ['too early'])
  t.strictSame(found(blpop(5, 0, 101, null, 100)), [])
  t.strictSame(found(blpop(5, 0, 200, 'unblocked'), push(10, 'c1.1'), final(100, ['c1.1'])), ['forgotten'])
})
