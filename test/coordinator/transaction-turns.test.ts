import t from 'tap'
import { type LinkInMemory, RingInMemory } from '../helpers/ring-in-memory.js'

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The master answers its oldest command, and the others what they have got. */
function answerOne([master, ...backups]: readonly LinkInMemory[]): void {
  if (master.asked.length > 0) master.answers(replyOf(master.asked[0]))
  for (const link of backups) link.answers(...link.asked.map(replyOf))
}

function replyOf(command: string): string {
  const [name] = command.split(' ')
  if (name === 'XADD') return '$3\r\n1-1'
  if (name === 'PEXPIRETIME') return ':-1'
  if (name === 'DUMP') return '$1\r\n1'
  return name === 'INCR' ? ':1' : '+OK'
}

t.test('a transaction has its turn although somebody always has its key', async (t) => {
  const ring = new RingInMemory(t)
  const { replicas } = ring
  const [writer, client, other] = [ring.client(), ring.client(), ring.client()]
  let over = false
  const writing = (async () => {
    // The next one is on its way before the last one is answered, so the key is held all the time.
    for (writer.send('XADD k * f v'); !over; await later(1)) {
      writer.send('XADD k * f v')
      answerOne(replicas)
    }
  })()
  await later(5)
  client.exec('INCR k', 'INCR other')
  for (let i = 0; i < 300 && client.heard.length === 0; i++) await later(1)
  over = true
  await writing
  t.same(client.heard, ['EXEC: *2\r\n:1\r\n:1'])
  while (replicas.some(({ asked }) => asked.length > 0)) answerOne(replicas)
  other.send('GET k')
  t.same(replicas[0].asked, ['GET k'], 'nobody waits any more')
  t.equal(ring.order.gates.active, 0)
  t.equal(ring.order.lanes.active, 0)
})

t.test('nobody waits behind a transaction that waits for a server', async (t) => {
  const ring = new RingInMemory(t)
  const [master, backup, last] = ring.replicas
  const [writer, client, reader] = [ring.client(), ring.client(), ring.client()]
  writer.send('XADD k * f v')
  client.exec('INCR k', 'INCR other')
  await later(5)
  reader.send('GET other')
  t.same(master.asked, ['XADD k * f v'], 'the transaction comes first')
  ring.breaks(last)
  master.answers('$3\r\n1-1')
  await later(120)
  t.same(master.asked, ['GET other'])
  t.same(client.heard, [])
  ring.returns(last)
  master.answers('$1\r\n1')
  for (let i = 0; i < 500 && client.heard.length === 0; i++) {
    for (const link of [master, backup, last]) {
      link.answers(...link.asked.map(replyOf))
    }
    await later(1)
  }
  t.same(client.heard, ['EXEC: *2\r\n:1\r\n:1'])
  t.equal(ring.order.gates.active, 0)
})
