import t from 'tap'
import type { Entry } from './store.js'
import { END, TagModel } from './tag-model.js'

/** Whether a key with this deadline can be gone in the end, by the master's clock and by the one that is most ahead. */
function mayBeGone(deadlineMs: number, nowMs: number, latestMs: number): boolean {
  const entry: Entry = { kind: 'string', items: ['v'], deadlineMs, latestMs: deadlineMs }
  const model = new TagModel([], 1, { leastMs: 0, mostMs: 0 }, { state: [new Map()], nowMs, latestMs })
  const last = { id: 1, name: END, key: 'a', client: -1, workload: 'tag', args: [], invokedMs: 0, returnedMs: 1 }
  return model.step([new Map([['{a}n', entry]])], { ...last, outcome: { kind: 'ok', value: null } }).length > 0
}

t.test('a key may have expired on a member whose clock is ahead of the master’s', async (t) => {
  t.equal(mayBeGone(1000, 1000, 1000), true)
  t.equal(mayBeGone(1000, 900, 1000), true)
  t.equal(mayBeGone(1000, 900, 999), false)
})
