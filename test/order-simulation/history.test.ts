import t from 'tap'
import type { Coordinator } from '../../src/coordinator/coordinator.js'
import type { ReplySlot } from '../../src/order/reply-slot.js'
import { identifierOfKey } from '../../src/ring/identifier.js'
import { buildView } from '../../src/view/build-view.js'
import { Client, type PartOperation, Story } from './client.js'
import { Exposure } from './exposure.js'
import { VirtualTime } from './virtual-time.js'

/** What the story says of a command of one tag that is answered so. */
function told(reply: string, ...args: string[]): PartOperation[] {
  const story = new Story()
  const client = new Client(0, new VirtualTime(), story, true, () => {})
  const submit = (_frame: unknown, _row: unknown, slot: ReplySlot) => {
    slot.finish(Buffer.from(reply), 0, reply.length, true)
  }
  client.send({ submit } as unknown as Coordinator, { args, db: 0, parts: [{ tag: 'a', args }] })
  return story.operations
}

t.test('what is not known of a command that sets or deletes several keys is not known of each of them', async (t) => {
  const argsOf = (reply: string, ...args: string[]) => told(reply, ...args).map(({ part }) => part.args.join(' '))
  const unknown = '-ERR the outcome of this write is unknown: …\r\n'
  t.same(argsOf(unknown, 'MSET', '{a}s', '1', '{a}t', '2'), ['MSET {a}s 1', 'MSET {a}t 2'])
  t.same(argsOf(unknown, 'UNLINK', '{a}s', '{a}t'), ['UNLINK {a}s', 'UNLINK {a}t'])
  t.same(argsOf(unknown, 'RENAME', '{a}s', '{a}t'), ['RENAME {a}s {a}t'], 'others are done or not')
  t.same(argsOf(unknown, 'FLUSHALL'), ['FLUSHALL'])
  t.same(argsOf('+OK\r\n', 'MSET', '{a}s', '1', '{a}t', '2'), ['MSET {a}s 1 {a}t 2'], 'as one, when it is known')
})

const members = ['dt-1', 'dt-2', 'dt-3'].map((name) => ({ name, host: 'memory', port: 1, state: 'up' as const }))
const key = Buffer.from('{a}')

/** Whether a read of an unacknowledged write may be gone, when these things happen while both are under way. */
function mayBeGone(tell: (exposure: Exposure, master: string, backup: string) => void, outcome = 'unknown'): boolean {
  let moment = 0
  const exposure = new Exposure(() => ++moment)
  const view = buildView('simulated', 1, 1, 1, members)
  exposure.viewed(view)
  const operation = (invoked: number, kind: string, ...args: string[]) =>
    ({ invoked, returned: 8, part: { tag: 'a', args }, outcome: { kind } }) as unknown as PartOperation
  const operations = [operation(2, outcome, 'SET', '{a}s', 'v'), operation(3, 'ok', 'GET', '{a}s')]
  moment = 4
  const [master, backup] = view.setOfRange[view.ring.rangeOf(identifierOfKey(key, 0, key.length))].natural
  tell(exposure, master.name, backup.name)
  return exposure.mayBeGone(operations, ({ part }) => part.args[0] === 'GET').size > 0
}

t.test('what was read of an unacknowledged write may be gone only when nobody is left who must have it', async (t) => {
  const both = (exposure: Exposure, master: string, backup: string) => {
    exposure.broken(backup)
    exposure.failed(master)
  }
  t.equal(mayBeGone(both), true)
  t.equal(mayBeGone(both, 'ok'), false, 'an acknowledged write stays')
  t.equal(
    mayBeGone((exposure, master) => exposure.failed(master)),
    false,
    'the backup has it',
  )
  t.equal(
    mayBeGone((exposure, _master, backup) => exposure.broken(backup)),
    false,
    'the master has it',
  )
  t.equal(
    mayBeGone((exposure, master, backup) => {
      exposure.failed(master)
      for (let i = 0; i < 4; i++) exposure.failed('dt-9')
      exposure.broken(backup)
    }),
    false,
    'the backup has answered before its connection broke',
  )
})
