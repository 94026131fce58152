import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { keyIds } from '../../src/order/key-ids.js'
import { expiredLate } from '../../src/order/late-expiry.js'
import type { Order } from '../../src/order/order.js'
import { Swaps } from '../../src/order/swaps.js'
import { frameOf } from '../../src/resp/frame.js'

/** On which members a key is in doubt after `0:k` expired behind the answer of `command`; undefined: nobody knows which. */
function doubtful(command: readonly string[] | undefined): string[] {
  const doubts: string[] = []
  const order = {
    router: { routeOfKey: () => ({ targets: ['dt-1', 'dt-2', 'dt-3'].map((name) => ({ name })) }) },
    doubts: { note: ({ name }: Link, [id]: string[]) => doubts.push(`${id} ${name}`) },
    stats: { unequalExpiries: 0 },
    swaps: new Swaps(),
    keyIds: (...[row, frame, db]: Parameters<Order['keyIds']>) => keyIds(row, frame, db, 16),
  } as unknown as Order
  expiredLate(order, { name: 'dt-1' } as Link, '0:k', command && frameOf(command))
  return doubts
}

const OTHERS = ['0:k dt-2', '0:k dt-3']

t.test('a key that may have expired before a write that is acknowledged gets what the master has', async (t) => {
  for (const command of [
    ['INCR', 'k'],
    ['set', 'k', 'v', 'KEEPTTL'],
    ['SMOVE', 'other', 'k', 'm'],
    ['XGROUP', 'CREATE', 'k', 'g', '$', 'MKSTREAM'],
    undefined,
  ]) {
    t.same(doubtful(command), OTHERS, command?.join(' ') ?? 'nobody knows')
  }
})

t.test('and not when the command was another one, or leaves nothing of what the key was', async (t) => {
  for (const command of [
    ['INCR', 'other'],
    ['GET', 'k'],
    ['XINFO', 'STREAM', 'k'],
    ['PING'],
    ['SET', 'k', 'v'],
    ['SET', 'k', 'v', 'PXAT', '2000000000000'],
    ['DEL', 'k', 'other'],
  ]) {
    t.same(doubtful(command), [], command.join(' '))
  }
})
