import t from 'tap'
import { keyId } from '../../../src/base/key-id.js'
import { RingInMemory } from '../../helpers/ring-in-memory.js'
import { turnEnds } from '../../helpers/turn-ends.js'
import { until } from '../../helpers/until.js'

const K = keyId(0, Buffer.from('k'), 0, 1)

/** Somebody has the key for himself; gives what lets others on. */
function gated(ring: RingInMemory): () => void {
  const { gates } = ring.order
  let leave = () => {}
  const admitted = (entry: Parameters<typeof gates.leave>[0]) => {
    leave = () => gates.leave(entry)
  }
  gates.enter({ ids: [K], isShared: false }, gates.ticket(), performance.now() + 60_000, admitted, () => {})
  return leave
}

t.test('nobody waits for a server that is away for longer than he wants to', async (t) => {
  const ring = new RingInMemory(t)
  ring.breaks(ring.replicas[1])
  const clients = ['BLPOP k 0.03', 'BLMOVE k k LEFT LEFT 0.03'].map((command) => {
    const client = ring.client()
    client.send(command)
    return client
  })
  await until('they are answered', async () => clients.every(({ heard }) => heard.length > 0), 3000)
  const words = /CLUSTERDOWN .* was waited for 30 ms \(away: \S+\); the command was not applied/
  for (const { heard } of clients) t.match(heard[0], words)
})

t.test('who waits for a server that is away stands in line already', async (t) => {
  const ring = new RingInMemory(t)
  const [master, backup] = ring.replicas
  ring.breaks(backup)
  const [one, other] = [ring.client(), ring.client()]
  one.send('BLPOP k 0')
  other.send('BRPOP k 0')
  await turnEnds()
  t.same(master.asked, [])
  ring.returns(backup)
  await turnEnds()
  t.same(master.asked, ['LLEN k'])
  master.answers(':1')
  await turnEnds()
  t.same(master.asked, ['LMPOP 1 k LEFT'])
  for (const link of ring.replicas) link.answers('*2\r\n$1\r\nk\r\n*1\r\n$1\r\nx')
  t.same(master.asked, ['LMPOP 1 k RIGHT'])
  for (const link of ring.replicas) link.answers('_')
  await turnEnds()
  t.same(one.heard, ['BLPOP k 0: *2\r\n$1\r\nk\r\n$1\r\nx'])
  t.same(other.heard, [])
})

t.test('nobody waits for a key that others have for longer than he wants to', async (t) => {
  const ring = new RingInMemory(t)
  gated(ring)
  const commands = ['BLPOP k 0.03', 'BLMOVE k d LEFT LEFT 0.03', 'XREAD BLOCK 30 STREAMS k 0-0']
  const clients = commands.map((command) => {
    const client = ring.client()
    client.send(command)
    return client
  })
  await until('they are answered', async () => clients.every(({ heard }) => heard.length > 0), 3000)
  const heard = clients.flatMap((client) => client.heard)
  t.same(heard, ['BLPOP k 0.03: _', 'BLMOVE k d LEFT LEFT 0.03: _', 'XREAD BLOCK 30 STREAMS k 0-0: _'])
})

t.test('the time that a key was not free counts', async (t) => {
  const ring = new RingInMemory(t)
  const leave = gated(ring)
  const client = ring.client()
  const startMs = performance.now()
  client.send('BLPOP k 0.3')
  await until('half of its time is over', async () => performance.now() - startMs > 200)
  leave()
  for (const link of ring.replicas) link.answers('_')
  await until('its time is over', async () => client.heard.length > 0)
  t.same(client.heard, ['BLPOP k 0.3: _'])
  t.ok(performance.now() - startMs < 450, `after ${performance.now() - startMs} ms`)
})

t.test('who waits at a gate to stand in line is blocked as those who do, and can be ended', async (t) => {
  const ring = new RingInMemory(t)
  const leave = gated(ring)
  const commands = ['BLPOP k 0', 'BRPOP k 0', 'XREAD BLOCK 0 STREAMS k 0-0']
  const [one, other, reader] = commands.map((command) => {
    const client = ring.client()
    client.send(command)
    return client
  })
  ring.client().send('LPOP k')
  t.equal(ring.coordinator.blockedCount, 3, 'who only has to come behind others is not blocked')
  t.equal(await one.waits.at?.unblock('error'), true)
  t.equal(await other.waits.at?.unblock('time-out'), true)
  reader.waits.at?.abandon()
  t.equal(ring.coordinator.blockedCount, 0)
  t.same(one.heard, ['BLPOP k 0: -UNBLOCKED client unblocked via CLIENT UNBLOCK'])
  t.same(other.heard, ['BRPOP k 0: _'])
  t.equal(await one.waits.at?.unblock('error'), false, 'it was ended')

  const third = ring.client()
  third.send('BLPOP k 0')
  const atGate = third.waits.at
  leave()
  for (const link of ring.replicas)
    t.same(link.asked.filter((command) => command.startsWith('LMPOP')).length <= 1, true)
  t.not(third.waits.at, atGate, 'in line it waits for that')
  t.equal(await atGate?.unblock('error'), false)
})

t.test('who came past a gate and is being served waits for an answer, and is not ended before it', async (t) => {
  const ring = new RingInMemory(t)
  const leave = gated(ring)
  const commands = ['XREADGROUP GROUP g me BLOCK 0 STREAMS k 0', 'BLPOP k 0', 'XREAD BLOCK 0 STREAMS k 0-0']
  const [read, popping, waiting] = commands.map((command) => {
    const client = ring.client()
    client.send(command)
    return client
  })
  t.ok(read.waits.at, 'at the gate it can be ended')
  leave()
  t.equal(read.waits.at, undefined, 'what was read before is read without waiting')
  t.ok(popping.waits.at)
  t.ok(waiting.waits.at)
})
