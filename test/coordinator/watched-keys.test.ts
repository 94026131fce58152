import t, { type Test } from 'tap'
import { RingInMemory } from '../helpers/ring-in-memory.js'

const soon = () => new Promise((resolve) => setTimeout(resolve, 5))
const CACHING = 'CLIENT CACHING YES'
const QUESTION = 'PEXPIRETIME k'

/** A client that watches k, which has a value and no deadline. */
function begin(t: Test) {
  const ring = new RingInMemory(t)
  const [master] = ring.replicas
  const client = ring.client()
  client.watch('k')
  t.same(master.asked, ['CLIENT TRACKING ON OPTIN', CACHING, QUESTION], 'nothing between the last two')
  t.same(client.heard, [])
  master.answers('+OK', '+OK', ':-1')
  t.same(client.heard, ['WATCH: +OK'])
  return { ring, master, client, writer: ring.client() }
}

t.test('nothing was emitted that may have changed it: EXEC leaves at once', async (t) => {
  const { ring, master, client, writer } = begin(t)
  writer.send('SET other 1')
  client.exec('SET k 2')
  t.same(master.asked.slice(-3), ['MULTI', 'SET k 2', 'EXEC'])
  t.notOk(ring.order.watches.any)
})

t.test('something was emitted: what its master tells before it answers a later command decides', async (t) => {
  for (const changes of [true, false]) {
    const { ring, master, client, writer } = begin(t)
    writer.send('SADD k x')
    client.exec('SET k 2')
    await soon()
    t.same(master.asked, ['SADD k x', 'PING'])
    writer.send('SADD k y')
    t.same(master.asked, ['SADD k x', 'PING'], 'who comes later writes later')
    master.answers(changes ? ':1' : ':0')
    await soon()
    t.same(client.heard, ['WATCH: +OK'], 'it has not told everything yet')
    if (changes) master.tells('k')
    master.answers('+PONG')
    await soon()
    if (changes) t.same(client.heard, ['WATCH: +OK', 'EXEC: _'])
    t.same(master.asked, changes ? ['SADD k y'] : ['MULTI', 'SET k 2', 'EXEC', 'SADD k y'])
    t.notOk(ring.order.watches.any)
    t.equal(ring.order.gates.active, 0)
  }
})

t.test('its master has told of a change: EXEC asks nobody', async (t) => {
  const { master, client } = begin(t)
  master.tells('k')
  client.exec('SET k 2')
  t.same(client.heard, ['WATCH: +OK', 'EXEC: _'])
  t.same(master.asked, [])
})

t.test('what is told before the answer was before the watching', async (t) => {
  const ring = new RingInMemory(t)
  const [master] = ring.replicas
  const [one, other, writer] = [ring.client(), ring.client(), ring.client()]
  one.watch('k')
  writer.send('INCR k')
  other.watch('k')
  master.answers('+OK', '+OK', ':-1', ':2')
  master.tells('k')
  master.answers('+OK', ':-1')
  for (const client of [one, other]) client.exec('INCR other')
  t.same(one.heard, ['WATCH: +OK', 'EXEC: _'])
  t.same(master.asked, ['MULTI', 'INCR other', 'EXEC'], 'that of the other one')
})

t.test('a question that finds it expired is no change for who asked it', async (t) => {
  const { master, client, ring } = begin(t)
  const other = ring.client()
  other.watch('k')
  master.answers('+OK', ':-2')
  master.tells('k')
  for (const each of [client, other]) each.exec('INCR other')
  t.same(client.heard, ['WATCH: +OK', 'EXEC: _'])
  t.same(master.asked, ['MULTI', 'INCR other', 'EXEC'], 'that of the other one')
})

t.test('a write that is held counts as soon as it is on its way', async (t) => {
  const { master, client, writer, ring } = begin(t)
  const release = ring.order.lanes.hold(master.asLink, ['0:k'], {
    emit: () => {},
    dropped: () => {},
    covered: () => {},
  })
  writer.send('INCR k')
  client.exec('INCR other')
  await soon()
  t.same(master.asked, [])
  release()
  await soon()
  t.same(master.asked, ['INCR k', 'PING'])
  master.answers(':2')
  master.tells('k')
  master.answers('+PONG')
  await soon()
  t.same(client.heard, ['WATCH: +OK', 'EXEC: _'])
})

t.test('WATCH stands behind what is held', async (t) => {
  const ring = new RingInMemory(t)
  const [master] = ring.replicas
  const client = ring.client()
  const release = ring.order.lanes.hold(master.asLink, ['0:k'], {
    emit: () => {},
    dropped: () => {},
    covered: () => {},
  })
  client.watch('k')
  t.same(master.asked, [])
  release()
  t.same(master.asked.at(-1), QUESTION)
})

t.test('a deadline that passes, or may pass on the way, is a change', async (t) => {
  for (const [ms, isExecuted] of [
    [60_000, true],
    [2, false],
    [-50, false],
  ] as const) {
    const ring = new RingInMemory(t)
    const [master] = ring.replicas
    const client = ring.client()
    client.watch('k')
    master.answers('+OK', '+OK', `:${Date.now() + ms}`)
    client.exec('INCR other')
    t.equal(master.asked.includes('INCR other'), isExecuted, `${ms} ms`)
  }
})

t.test('nobody can tell any more: it counts as changed', async (t) => {
  const breaks: Record<string, (ring: RingInMemory) => void> = {
    'the connection was another one': (ring) => {
      ring.breaks(ring.replicas[0])
      ring.returns(ring.replicas[0])
    },
    'another member is the master': (ring) => {
      ring.becomes(...ring.replicas.slice(1).map(({ name }) => name))
      ring.isNoted()
    },
    'the key is in doubt on a replica': (ring) => ring.order.doubts.note(ring.replicas[0].asLink, ['0:k']),
    'it gets a copy': (ring) => {
      const [master, backup] = ring.replicas
      ring.order.copyKeys(['0:k'], backup.asLink, master.asLink, () => {})
    },
  }
  for (const [why, happens] of Object.entries(breaks)) {
    const { ring, client } = begin(t)
    happens(ring)
    client.exec('INCR other')
    t.same(client.heard, ['WATCH: +OK', 'EXEC: _'], why)
  }
})

t.test('a server does not tell of changes: WATCH says so, and a transaction behind it is not executed', async (t) => {
  const ring = new RingInMemory(t)
  const [master] = ring.replicas
  const client = ring.client()
  client.watch('k')
  master.answers('-NOPERM no', '-ERR not tracking', ':-1')
  client.exec('INCR other')
  t.match(client.heard, [
    /^WATCH: -ERR dt-\d does not tell of changes \(NOPERM no\): the command was not applied$/,
    'EXEC: _',
  ])
  client.watch('k')
  t.same(master.asked[0], 'CLIENT TRACKING ON OPTIN', 'it is asked again')
})

t.test('who has gone watches nothing, also when he went while he waited', async (t) => {
  const ring = new RingInMemory(t)
  const [master] = ring.replicas
  const client = ring.client()
  ring.breaks(master)
  client.watch('k')
  client.leaves()
  ring.returns(master)
  await new Promise((resolve) => setTimeout(resolve, 150))
  t.notOk(ring.order.watches.any)
})
