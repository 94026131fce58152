import t from 'tap'
import { checkHistory } from '../checkers/check-history.js'
import { SWAPPED_DBS } from '../databases.js'
import type { Operation } from '../history.js'
import { tell } from './tell.js'

/*
 * FLUSHDB and SWAPDB in a history: operations on every key of a database.
 */

/** Lines as `tell` has them, each with a key before it; without one it is about the whole database. */
function flushed(text: string): Operation[] {
  return parts(text).map(([key, line], i) => ({ ...tell(line, 'flushed', `6/${key}`)[0], id: i + 1, client: i }))
}

/** The same, where a key is `7:a` or `8:a`. */
function swapped(text: string): Operation[] {
  return parts(text).map(([place, line], i) => {
    const [db, key] = place === '' ? [SWAPPED_DBS[0], ''] : [Number(place.slice(0, 1)), place.slice(2)]
    return { ...tell(line, 'swapped', `7+8/${key}`)[0], id: i + 1, client: i, db }
  })
}

function parts(text: string): [string, string][] {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.map((line): [string, string] => {
    const bar = line.indexOf('|')
    return [line.slice(0, bar).trim(), line.slice(bar + 1).trim()]
  })
}

function checksOf(operations: readonly Operation[]): string[] {
  const { violations, undecided } = checkHistory(operations)
  return [...violations.map(({ check, key }) => `${check} ${key}`), ...undecided]
}

t.test('after FLUSHDB all keys of the database are gone, and those of others are not', async (t) => {
  const before = 'a | 0-1 set c1.1 -> OK\nb | 0-1 set c1.2 -> OK\n'
  const elsewhere = [
    { ...tell('0-1 set c2.1 -> OK', 'register', '0/a')[0], id: 90 },
    { ...tell('8-9 get -> c2.1', 'register', '0/a')[0], id: 91 },
  ]
  const right = flushed(`${before} | 2-3 flushdb -> OK\na | 4-5 get -> nil\nb | 4-5 setnx c1.3 -> 1`)
  t.strictSame(checksOf([...right, ...elsewhere]), [])
  const { checked } = checkHistory(right)
  t.equal(checked.get('flushed')?.keys, 2)
  t.strictSame(checksOf(flushed(`${before} | 2-3 flushdb -> OK\na | 4-5 get -> c1.1`)), ['linearizable 6/a'])
  t.strictSame(checksOf(flushed(`${before} | 2-3 flushdb -> !\na | 4-5 get -> nil`)), ['linearizable 6/a'])
  t.strictSame(checksOf(flushed(`${before}a | 4-5 get -> nil`)), ['linearizable 6/a'])
})

t.test('FLUSHDB of unknown outcome may be executed by some servers and not by others, once', async (t) => {
  const before = 'a | 0-1 set c1.1 -> OK\nb | 0-1 set c1.2 -> OK\n | 2- flushdb -> ?\n'
  t.strictSame(checksOf(flushed(`${before}a | 4-5 get -> nil\nb | 4-5 get -> c1.2\nb | 6-7 get -> nil`)), [])
  t.strictSame(checksOf(flushed(`${before}a | 4-5 get -> nil\na | 6-7 get -> c1.1`)), ['linearizable 6/a'])
})

t.test('SWAPDB swaps what two databases have under a name', async (t) => {
  const before = '7:a | 0-1 set c1.1 -> OK\n8:a | 0-1 set c1.2 -> OK\n | 2-3 swapdb 7 8 -> OK\n'
  t.strictSame(checksOf(swapped(`${before}7:a | 4-5 get -> c1.2\n8:a | 4-5 get -> c1.1`)), [])
  t.strictSame(checksOf(swapped(`${before}7:a | 4-5 get -> c1.1`)), ['linearizable 7+8/a'])
  t.strictSame(checksOf(swapped(`${before}8:a | 4-5 get -> nil`)), ['linearizable 7+8/a'])
  t.strictSame(checksOf(swapped('7:a | 0-1 set c1.1 -> OK\n | 2-3 swapdb 7 8 -> !\n8:a | 4-5 get -> c1.1')), [
    'linearizable 7+8/a',
  ])
})

t.test('a write of unknown outcome may have been before a swap or behind it', async (t) => {
  const before = '7:a | 0-1 set c1.1 -> OK\n7:a | 2- set c1.2 -> ?\n | 3-4 swapdb 7 8 -> OK\n'
  t.strictSame(checksOf(swapped(`${before}8:a | 5-6 get -> c1.2\n7:a | 5-6 get -> nil`)), [])
  t.strictSame(checksOf(swapped(`${before}8:a | 5-6 get -> c1.1\n7:a | 5-6 get -> c1.2`)), [])
  t.strictSame(checksOf(swapped(`${before}8:a | 5-6 get -> nil`)), ['linearizable 7+8/a'])
})

t.test('behind a swap of unknown outcome nothing can be said, and before it everything', async (t) => {
  const swap = '7:a | 0-1 set c1.1 -> OK\n | 4- swapdb 7 8 -> ?\n'
  t.strictSame(checksOf(swapped(`${swap}7:a | 5-6 get -> nil\n7:a | 7-8 get -> c1.1`)), [])
  t.strictSame(checksOf(swapped(`${swap}7:a | 3-6 getdel -> nil`)), [])
  t.strictSame(checksOf(swapped(`${swap}7:a | 2-3 get -> nil`)), ['linearizable 7+8/a'])
})
