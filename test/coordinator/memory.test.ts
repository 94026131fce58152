import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { silentLogger } from '../../src/base/log.js'
import { rowNamed } from '../../src/command/table.js'
import {
  budgetBytes,
  growthAfter,
  isFull,
  isOutOfMemory,
  lookAgainMs,
  Memory,
  refusesBlocks,
} from '../../src/order/memory.js'
import type { Route } from '../../src/order/router.js'

const MB = 1024 * 1024
const at = (used: number, max: number) => ({ usedBytes: used * MB, maxBytes: max * MB })

t.test('a member without a limit is never full', async (t) => {
  t.notOk(isFull(at(100_000, 0), 1e9, false))
})

t.test(
  'a margin is kept free: one percent, at least a megabyte, and what has come in since it was asked',
  async (t) => {
    t.notOk(isFull(at(98.9, 100), 0, false))
    t.ok(isFull(at(99.1, 100), 0, false))
    t.notOk(isFull(at(989, 1000), 0, false))
    t.ok(isFull(at(991, 1000), 0, false))
    t.notOk(isFull(at(88, 100), 10 * MB, false))
    t.ok(isFull(at(90, 100), 10 * MB, false))
    t.ok(isFull({ usedBytes: 900_000, maxBytes: 1 }, 0, false))
  },
)

t.test('a full member has memory again when a little more than the margin is free', async (t) => {
  t.ok(isFull(at(98.9, 100), 0, true))
  t.notOk(isFull(at(98.4, 100), 0, true))
})

t.test('a full member takes transactions as long as it is not quite at its limit', async (t) => {
  t.notOk(refusesBlocks(at(100_000, 0), 1e9))
  t.notOk(refusesBlocks(at(99.7, 100), 0))
  t.ok(refusesBlocks(at(99.8, 100), 0))
  t.ok(refusesBlocks(at(99.7, 100), MB))
  t.notOk(refusesBlocks(at(997, 1000), 0))
  t.ok(refusesBlocks(at(998, 1000), 0))
})

t.test('the sooner a member could be full the sooner it is asked again', async (t) => {
  t.equal(lookAgainMs(at(100, 0)), 10_000)
  t.equal(lookAgainMs(at(100, 4000)), 1000)
  t.equal(lookAgainMs({ usedBytes: 0, maxBytes: 50_000_000 }), 250)
  t.equal(lookAgainMs(at(99, 100)), 100)
  t.equal(lookAgainMs(at(120, 100)), 100)
})

t.test('the less memory a member has the fewer bytes it is sent before it is asked again', async (t) => {
  t.equal(budgetBytes(at(100, 0)), Number.POSITIVE_INFINITY)
  t.equal(budgetBytes(at(20, 100)), 20 * MB)
  t.equal(budgetBytes(at(99.5, 100)), MB / 4)
  t.equal(budgetBytes(at(120, 100)), MB / 4)
})

t.test('replies of any length are told from those of a server without memory', async (t) => {
  t.ok(isOutOfMemory(Buffer.from("-OOM command not allowed when used memory > 'maxmemory'.\r\n")))
  for (const reply of ['', ':1\r\n', '-OOM', '+OK\r\n', '$-1\r\n']) t.notOk(isOutOfMemory(Buffer.from(reply)), reply)
})

t.test('a member is expected to grow by what it is sent as it lately did', async (t) => {
  t.equal(growthAfter(1, 2 * MB, 4 * MB), 0.5)
  t.equal(growthAfter(1, 0, 4 * MB), 0.5, 'values that take the place of others: seen after a while')
  t.equal(growthAfter(0.25, -MB, MB), 0.125)
  t.equal(growthAfter(0, 12 * MB, 4 * MB), 3, 'small elements take more memory than bytes on the wire')
  t.equal(growthAfter(0.5, MB, 1000), 0.5, 'a few bytes tell nothing')
})

t.test('a server that refuses a transaction for that is full at once, before it was asked', async (t) => {
  const link = { name: 'dt-1', full: false, refusesBlocks: false, sentBytes: 0, ready: true } as unknown as Link
  link.call = () => new Promise(() => {})
  const changed: boolean[] = []
  const memory = new Memory(
    () => [link],
    silentLogger(),
    ({ full }) => changed.push(full),
  )
  memory.linkUp(link)
  link.onBlockRefused()
  t.same([link.refusesBlocks, link.full, memory.anyFull, changed], [true, true, true, [true]])
  t.ok(
    memory.refuses(rowNamed('set')!, { targets: [link] } as unknown as Route, false),
    'nothing goes out alone meanwhile',
  )
  t.notOk(memory.refuses(rowNamed('get')!, { targets: [link] } as unknown as Route, false))
})
