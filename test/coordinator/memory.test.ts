import t from 'tap'
import { growthAfter, isFull, isOutOfMemory, type Look, lookAgainMs } from '../../src/coordinator/memory.js'

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

/** How long a member is full after this look, if it stays as it is; it is looked at every 100 ms. */
function fullForMs(look: Look): number {
  let before = look
  let isFullStill = true
  for (let ms = 100; ; ms += 100) {
    const growthPerMs = growthAfter(before, before.state, ms, isFullStill)
    isFullStill = isFull(before.state, growthPerMs)
    if (!isFullStill || ms > 600_000) return ms
    before = { state: before.state, atMs: ms, growthPerMs }
  }
}

t.test('growth is that since the last look, and its fastest counts for a while', async (t) => {
  const before = { state: at(10, 100), atMs: 0, growthPerMs: 0 }
  t.equal(growthAfter(before, at(20, 100), 200, false), (10 * MB) / 200)
  t.equal(growthAfter({ ...before, growthPerMs: 1000 }, at(10, 100), 200, false), 900)
  t.equal(
    growthAfter({ ...before, growthPerMs: 1000 }, at(5, 100), 100, true),
    1000 * 0.5 ** 0.01,
    'longer while it is full',
  )
})

t.test('one large value does not make a member full for ever', async (t) => {
  const empty = { state: at(10, 1000), atMs: 0, growthPerMs: 0 }
  const state = at(310, 1000)
  const growthPerMs = growthAfter(empty, state, 2, false)
  t.notOk(isFull(state, growthPerMs), 'two looks right after one another see no flood')
  const small = at(70, 100)
  const flood = growthAfter({ state: at(40, 100), atMs: -100, growthPerMs: 0 }, small, 0, false)
  t.ok(isFull(small, flood))
  t.ok(fullForMs({ state: small, atMs: 0, growthPerMs: flood }) < 10_000)
})
