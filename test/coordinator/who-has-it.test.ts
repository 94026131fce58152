import t from 'tap'
import { RingInMemory } from '../helpers/ring-in-memory.js'
import { turnEnds } from '../helpers/turn-ends.js'

function replyOf(command: string): string {
  if (command.startsWith('PEXPIRETIME')) return ':-2'
  return command.startsWith('DUMP') ? '_' : '+OK'
}

t.test('who has answered a write, left and come back has what the others had meanwhile', async (t) => {
  const ring = new RingInMemory(t)
  const [master, backup, last] = ring.replicas
  const client = ring.client()
  client.send('APPEND k x')
  master.answers(':1')
  ring.breaks(backup)
  ring.breaks(last)
  // The only one that has it leaves: the word of the next one counts.
  ring.breaks(master)
  ring.becomes(backup.name, last.name)
  ring.returns(backup)
  ring.returns(last)
  for (let times = 0; times < 3; times++) {
    await turnEnds()
    for (const link of [backup, last]) link.answers(...link.asked.map(replyOf))
  }
  t.notOk(ring.order.doubts.ids().length, 'nothing is in doubt')
  ring.returns(master)
  ring.becomes(master.name)
  ring.isNoted()
  t.match(client.heard, [/^APPEND k x: -ERR the outcome of this write is unknown/])
})
