import t from 'tap'
import { isFull, isOutOfMemory, lookAgainMs } from '../../src/coordinator/memory.js'

const MB = 1024 * 1024
const at = (used: number, max: number) => ({ usedBytes: used * MB, maxBytes: max * MB })

t.test('a member without a limit is never full', async (t) => {
  t.notOk(isFull(at(100_000, 0), 1e9))
})

t.test(
  'a margin is kept free: one percent, at least a megabyte, and what comes in until the next look but one',
  async (t) => {
    t.notOk(isFull(at(98.9, 100), 0))
    t.ok(isFull(at(99.1, 100), 0))
    t.notOk(isFull(at(989, 1000), 0))
    t.ok(isFull(at(991, 1000), 0))
    t.notOk(isFull(at(88, 100), 50_000), '50 MB a second make 10 MB in 200 ms')
    t.ok(isFull(at(90, 100), 50_000))
    t.ok(isFull({ usedBytes: 900_000, maxBytes: 1 }, 0))
  },
)

t.test('the sooner a member could be full the sooner it is asked again', async (t) => {
  t.equal(lookAgainMs(at(100, 0)), 10_000)
  t.equal(lookAgainMs(at(100, 4000)), 1000)
  t.equal(lookAgainMs({ usedBytes: 0, maxBytes: 50_000_000 }), 250)
  t.equal(lookAgainMs(at(99, 100)), 100)
  t.equal(lookAgainMs(at(120, 100)), 100)
})

t.test('replies of any length are told from those of a server without memory', async (t) => {
  t.ok(isOutOfMemory(Buffer.from("-OOM command not allowed when used memory > 'maxmemory'.\r\n")))
  for (const reply of ['', ':1\r\n', '-OOM', '+OK\r\n', '$-1\r\n']) t.notOk(isOutOfMemory(Buffer.from(reply)), reply)
})
