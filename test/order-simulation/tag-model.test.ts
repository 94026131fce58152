import t from 'tap'
import type { PartOperation } from './client.js'
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

t.test(
  'what was not known to have happened may have been before a swap, and be under that name elsewhere',
  async (t) => {
    const operation = (id: number, ...args: string[]): PartOperation => ({
      ...{ id, client: 0, db: 0, part: { tag: 'a', args }, invoked: id, returned: 9, invokedMs: 0, returnedMs: 9 },
      outcome: { kind: 'unknown', reason: '' },
    })
    const helps = (...operations: PartOperation[]) => {
      const [first, next] = operations
      const model = new TagModel(operations, 2, { leastMs: 0, mostMs: 0 }, { state: [], nowMs: 9, latestMs: 9 })
      return model.assist(model.initial, inModel(first), inModel(next)).length > 0
    }
    const incr = operation(1, 'INCR', '{a}n')
    const hset = operation(2, 'HSET', '{a}h', 'p', 'v')
    t.equal(helps(incr, hset), false)
    t.equal(helps(incr, hset, operation(3, 'SWAPDB', '0', '1')), true)
  },
)

function inModel({ id, part, outcome }: PartOperation) {
  return {
    ...{ id, name: part.args[0], key: 'a', client: 0, workload: 'tag', args: [] },
    invokedMs: 0,
    returnedMs: 9,
    outcome,
  }
}
