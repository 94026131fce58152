import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { checkHistory } from '../checkers/check-history.js'
import { DROPPED, ERROR_REPLY } from '../checkers/honesty.js'
import { describe, readHistory, writeHistory } from '../history.js'
import { tell } from './tell.js'

t.test('each key is checked by the rules of its workload', async (t) => {
  const operations = [
    ...tell('0-1 set c1.1 -> OK\n2-3 get -> c1.1', 'register', 'r'),
    ...tell('0-1 incr -> 1\n2-3 get -> 1', 'counter', 'c'),
    ...tell('0-1 rpush c1.2 -> 1\n2-3 lrange -> [c1.2]\n3-4 llen -> 1', 'list', 'l'),
  ]
  const { checked, violations, undecided } = checkHistory(operations)
  t.strictSame(violations, [])
  t.strictSame(undecided, [])
  t.strictSame(Object.fromEntries(checked), {
    register: { keys: 1, operations: 2, violations: 0 },
    counter: { keys: 1, operations: 2, violations: 0 },
    list: { keys: 1, operations: 3, violations: 0 },
  })
})

t.test('a workload without a check is a mistake of the harness', async (t) => {
  t.throws(() => checkHistory(tell('0-1 set a -> OK', 'unheard of')), /no check for the workload 'unheard of'/)
})

t.test('a value of another key is a reply that went to the wrong client', async (t) => {
  const { violations } = checkHistory([
    ...tell('0-1 set c1.1 -> OK', 'register', 'a'),
    ...tell('2-3 get -> c1.1', 'register', 'b'),
  ])
  t.match(violations, [{ check: 'wrong reply', key: 'b', message: /c1\.1 was written to a/ }])
})

t.test('a value of a write that was answered as not applied', async (t) => {
  const { violations } = checkHistory(tell('0-1 set c1.1 -> !\n2-3 get -> c1.1'))
  t.match(violations, [{ check: 'not applied', witness: [{ id: 1 }, { id: 2 }] }])
})

t.test('a value that nobody wrote, and one from the future', async (t) => {
  t.match(checkHistory(tell('2-3 get -> c1.1')).violations, [{ check: 'stranger' }])
  t.match(checkHistory(tell('2-3 get -> c1.1\n5-6 set c1.1 -> OK')).violations, [{ check: 'future' }])
})

t.test('ECHO answers with its own argument', async (t) => {
  const { violations } = checkHistory(tell('0-1 echo x -> x\n0-1 echo y -> x', 'echo'))
  t.match(violations, [{ check: 'wrong reply', witness: [{ id: 2 }] }])
})

t.test('an error of a write says whether it was applied, and connections are not dropped', async (t) => {
  const operations = tell('0- set a -> ?\n0- set b -> ?\n0- set c -> ?\n0- set d -> ?\n0- set e -> ?')
  const reasons = [
    'the connection was closed',
    `${ERROR_REPLY}ERR the outcome of this write is unknown: the connection to dt-1 broke`,
    `${ERROR_REPLY}ERR internal error 17`,
    `${ERROR_REPLY}ERR internal error 18`,
    DROPPED,
  ]
  const { violations } = checkHistory(
    operations.map((operation, i) => ({ ...operation, outcome: { kind: 'unknown', reason: reasons[i] } })),
  )
  t.match(violations, [
    { check: 'honest errors', message: /does not say whether the write was applied: ERR internal error n \(2 times\)/ },
    { check: 'honest errors', message: /closed the connection/ },
  ])
  t.equal(violations.length, 2)
})

t.test('the witness of a violation has only what it needs', async (t) => {
  const noise = Array.from({ length: 60 }, (_, i) => {
    const at = 100 + i * 10
    return `${at}-${at + 12} set c1.${i} -> OK\n${at + 13}-${at + 14} get -> c1.${i}`
  })
  const operations = tell(
    `${noise.join('\n')}\n1000-1001 set c2.1 -> OK\n1002-1003 set c2.2 -> OK\n1004-1005 get -> c2.1\n1006-1007 get -> c2.1`,
  )
  const [violation] = checkHistory(operations).violations
  t.equal(violation.check, 'linearizable')
  t.strictSame(
    violation.witness.map((operation) => describe(operation, 1000)),
    [
      '[0.0000 – 0.0010] client 121: set c2.1 on k → "OK"',
      '[0.0020 – 0.0030] client 122: set c2.2 on k → "OK"',
      '[0.0040 – 0.0050] client 123: get on k → "c2.1"',
    ],
  )
})

t.test('what was before the witness does not matter', async (t) => {
  const noise = Array.from({ length: 40 }, (_, i) => `${i * 10}-${i * 10 + 2} setpx c1.${i} 500 -> OK`).join('\n')
  const wrong = '1000-1001 setpx c2.1 50 -> OK\n1002-1003 set c2.2 -> OK\n1100-1101 get -> nil'
  const [violation] = checkHistory(tell(`${noise}\n${wrong}`, 'expiring')).violations
  t.strictSame(
    violation.witness.map(({ id }) => id),
    [42, 43],
  )
})

t.test('a connection reads what it writes only behind it', async (t) => {
  const { violations } = checkHistory(
    tell('0-9 get -> c1.1\n0-9 set c1.1 -> OK').map((operation) => ({ ...operation, client: 1 })),
  )
  t.match(violations, [{ check: 'pipeline', witness: [{ id: 1 }, { id: 2 }] }])
})

t.test('a lost write is shown as the write and the read that misses it', async (t) => {
  const operations = tell(
    '0-1 set c1.1 -> OK\n2-3 get -> c1.1\n4-5 set c1.2 -> OK\n5- set c1.3 -> ?\n6-7 get -> nil\n8-9 get -> nil',
  )
  const [violation] = checkHistory(operations).violations
  t.strictSame(violation.witness.map(({ id }) => id).slice(-1), [5])
  t.ok(violation.witness.length <= 2)
})

t.test('a history is read back from its file as it was', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'dt-history-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'history.jsonl')
  const operations = tell('0-1 set a -> OK\n2- set b -> ?\n3-4 set c -> !\n5-6 lrange -> [a [b 1] nil]  after 1')
  writeHistory(file, { seed: 7, startedMs: 1000 }, operations)
  t.strictSame(readHistory(file), { header: { seed: 7, startedMs: 1000 }, operations })
})
