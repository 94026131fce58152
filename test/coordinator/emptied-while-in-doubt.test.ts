import t from 'tap'
import { RingInMemory } from '../helpers/ring-in-memory.js'
import { turnEnds } from '../helpers/turn-ends.js'

/** What members say while a key is repaired. */
function replyOf(command: string): string {
  const [name] = command.split(' ')
  if (name === 'PEXPIRETIME') return ':-2'
  return name === 'DUMP' ? '_' : '+OK'
}

t.test('who was in doubt when he answered does not outvote the master because he has been emptied since', async (t) => {
  const ring = new RingInMemory(t)
  const [master, one, other] = ring.replicas
  const [client, another] = [ring.client(), ring.client()]
  client.send('INCR k')
  client.send('INCR k')
  // The key has expired on the two, and not on the master.
  for (const link of [one, other]) {
    link.expirations.note('0:k', performance.now())
    link.answers(':1')
  }
  master.answers(':2')
  await turnEnds()
  t.same(master.asked, ['INCR k', 'PEXPIRETIME k', 'DUMP k', 'PEXPIRETIME k', 'DUMP k'])
  another.send('FLUSHALL')
  await turnEnds()
  one.answers(':2', '+OK')
  other.answers(':2', '+OK')
  t.notOk(ring.order.doubts.isInDoubt(one.asLink, '0:k'), 'it has nothing, as it is to')
  master.answers(':3')
  while (client.heard.length < 2) {
    await turnEnds()
    for (const link of ring.replicas) link.answers(...link.asked.map(replyOf))
  }
  t.same(client.heard, ['INCR k: :2', 'INCR k: :3'])
})

t.test(
  'a write that only a member has that is not there is not acknowledged: it may come back with less',
  async (t) => {
    const ring = new RingInMemory(t, ['dt-1', 'dt-2'], 1)
    const [master, backup] = ring.replicas
    const client = ring.client()
    client.send('INCR k')
    backup.answers(':1')
    ring.breaks(backup)
    ring.breaks(master)
    ring.becomes(backup.name)
    ring.isNoted()
    await turnEnds()
    t.match(client.heard, [/^INCR k: -ERR the outcome of this write is unknown/])
  },
)
