import t from 'tap'
import { checkCaching } from '../checkers/caching.js'
import type { Operation } from '../history.js'
import { tell } from './tell.js'

const KEY = '0/caching:0:0'

/** All over one proxy, or over two. */
function found(text: string, via: (operation: Operation) => number = () => 1): string[] {
  const operations = tell(text, 'caching', KEY).map((operation) => ({ ...operation, via: via(operation) }))
  return checkCaching(KEY, operations).map(({ check }) => check)
}

t.test('nothing is in a cache that is older than the last acknowledged write', async (t) => {
  const writes = '0-1 set c1.1 -> OK\n10-20 set c1.2 -> OK\n'
  t.strictSame(found(`${writes}21-22 cached default -> c1.1`), ['old in a cache'])
  t.strictSame(found(`${writes}21-22 cached default -> nil`), ['old in a cache'])
  t.strictSame(found(`${writes}21-22 cached default -> c1.2`), [])
  t.strictSame(found(`${writes}19-22 cached default -> c1.1`), [], 'it had not been acknowledged')
  const other = ({ args }: Operation) => (args[0] === 'c1.2' ? 2 : 1)
  t.strictSame(found(`${writes}21-22 cached default -> c1.1`, other), [], 'by another proxy')
})

t.test('of two writes at the same time each may be the last, and one that nobody knows of at any time', async (t) => {
  const together = '0-20 set c1.1 -> OK\n10-19 scripted c2.1 -> OK\n'
  for (const value of ['c1.1', 'c2.1']) t.strictSame(found(`${together}21-22 cached default -> ${value}`), [], value)
  t.strictSame(found('0- set c1.1 -> ?\n10-19 set c2.1 -> OK\n21-22 cached default -> c1.1'), [])
  t.strictSame(found('0-1 set c1.1 -> OK\n10-19 set c2.1 -> !\n21-22 cached default -> c1.1'), [])
})

t.test('nothing is there when it was deleted last, or may have been', async (t) => {
  const writes = '0-1 set c1.1 -> OK\n10-20 del -> 1\n'
  t.strictSame(found(`${writes}21-22 cached default -> c1.1`), ['old in a cache'])
  t.strictSame(found(`${writes}21-22 cached default -> nil`), [])
  t.strictSame(found(`${writes}30-31 set c1.2 -> OK\n40-41 cached default -> nil`), ['old in a cache'])
  t.strictSame(found(`${writes}30-31 set c1.2 -> OK\n25- del -> ?\n40-41 cached default -> nil`), [])
})

t.test('what others have read comes to all caches, whatever was said of its write', async (t) => {
  const text = (at: number) =>
    `0-1 set c1.1 -> OK\n10- set c1.2 -> ?\n30-31 get -> c1.2\n${at}-${at} cached default -> c1.1`
  const lost = (operation: Operation) => ({
    ...operation,
    via: 1,
    ...(operation.returnedMs === Infinity ? { lostMs: 20 } : {}),
  })
  const checked = (at: number) => checkCaching(KEY, tell(text(at), 'caching', KEY).map(lost)).map(({ check }) => check)
  t.strictSame(checked(900), [], 'it may be on its way')
  t.strictSame(checked(1100), ['old in a cache'])
})
