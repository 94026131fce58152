import { Writable } from 'node:stream'
import t from 'tap'
import { Turn } from '../../src/base/turn.js'
import { Outbox } from '../../src/client/outbox.js'
import { ReplyBudget } from '../../src/client/reply-budget.js'
import { ReplyQueue } from '../../src/client/reply-queue.js'
import { rowNamed } from '../../src/command/table.js'
import { Waiting } from '../../src/order/waiting.js'
import { error } from '../../src/resp/encode.js'
import { frameOf } from '../../src/resp/frame.js'

t.test('a command whose client is gone is not tried again, and its reply is expected no more', async (t) => {
  const owner = {
    closed: false,
    repliesDone: () => {},
    lastReplyDone: () => {},
    errorReplied: () => {},
    commandFailed: () => {},
    blocked: () => {},
  }
  const budget = new ReplyBudget()
  const queue = new ReplyQueue(new Outbox(new Writable() as never, new Turn(), () => {}), owner, budget)
  const tried: string[] = []
  const waiting = new Waiting(
    60_000,
    () => tried.push('GET'),
    () => error('ERR too late'),
  )
  const frame = frameOf(['GET', 'key'])
  const share = budget.of('dt-1')
  queue.asks = share
  const slot = queue.take(2, 0, false, frame.end)
  t.ok(share[0].expectedBytes > 0)
  waiting.park({ frame, row: rowNamed('get')!, slot, deadlineMs: waiting.deadline() })
  t.equal(share[0].expectedBytes, 0, 'who waits for a server has asked none')
  owner.closed = true
  waiting.retry()
  waiting.close()
  t.same(tried, [])
  t.equal(waiting.length, 0)
  t.equal(queue.length, 0)
})
