import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { comeBack, declareDown } from '../helpers/sentinels.js'
import { settled } from '../helpers/settled.js'
import { until } from '../helpers/until.js'

const blocked = async (client: RawClient) =>
  Number(/blocked_clients:(\d+)/.exec((await client.ask('INFO', 'clients')).toString())![1])

const popped = (key: string, element: string) =>
  `*2\r\n$${key.length}\r\n${key}\r\n$${element.length}\r\n${element}\r\n`

t.test('a client that waits can be told to go on, and is shown', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })
  const [client, other] = [await proxy.connect(), await proxy.connect()]
  const id = (await client.ask('CLIENT', 'ID')).toString().trim().slice(1)
  for (const [how, reply] of [
    [[], '*-1\r\n'],
    [['TIMEOUT'], '*-1\r\n'],
    [['error'], '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n'],
  ] as const) {
    const waiting = client.ask('BLPOP', 'k', '0')
    await until('it waits', async () => (await blocked(other)) === 1)
    t.match((await other.ask('CLIENT', 'LIST', 'ID', id)).toString(), / flags=b .* cmd=blpop /)
    t.equal((await other.ask('CLIENT', 'UNBLOCK', id, ...how)).toString(), ':1\r\n')
    t.equal((await waiting).toString(), reply)
    t.equal((await other.ask('CLIENT', 'UNBLOCK', id)).toString(), ':0\r\n')
  }
  await other.ask('RPUSH', 'k', 'x')
  t.equal((await client.ask('LLEN', 'k')).toString(), ':1\r\n', 'nobody waits any more')
})

t.test('who has gone gets nothing, and what it has sent behind it is not served', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })
  const other = await proxy.connect()
  const gone = [await proxy.connect(), await proxy.connect(), await proxy.connect()]
  for (const client of gone) client.send('BLPOP k 0\r\nRPUSH k nobody\r\n')
  const stays = await proxy.connect()
  const waiting = stays.ask('BLPOP', 'k', '0')
  await until('all wait', async () => (await blocked(other)) === 4)
  gone[0].close()
  gone[1].end()
  await until('two are gone', async () => (await blocked(other)) === 2)
  gone[2].socket.destroy()
  await until('three are gone', async () => (await blocked(other)) === 1)
  await other.ask('RPUSH', 'k', 'x')
  t.equal((await waiting).toString(), popped('k', 'x'))
  t.equal((await other.ask('EXISTS', 'k')).toString(), ':0\r\n')
})

t.test('what is on its way to who has gone meanwhile is for the next one who waits for the same', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })
  const [other, looks, server] = [await proxy.connect(), await proxy.connect(), await proxy.connectTo('dt-1')]
  const shown = async () => (await looks.ask('CLIENT', 'LIST')).toString()
  for (const [gone, otherwise, stays, push, reply] of [
    ['BLPOP k 0', 'BRPOP k 0', 'BLPOP k 0', 'RPUSH k x', popped('k', 'x')],
    ['BLPOP j k 0', 'BLMOVE k l LEFT LEFT 0', 'BLMPOP 0 1 k LEFT', 'RPUSH k x', '*2\r\n$1\r\nk\r\n*1\r\n$1\r\nx\r\n'],
    ['BZPOPMIN z 0', 'BZPOPMAX z 0', 'BZPOPMIN z 0', 'ZADD z 1 x', '*3\r\n$1\r\nz\r\n$1\r\nx\r\n,1\r\n'],
  ]) {
    const clients = [await proxy.connect(), await proxy.connect(), await proxy.connect(3)]
    for (const [i, words] of [gone, otherwise, stays].entries()) {
      clients[i].send(`${words}\r\n`)
      await until('it waits', async () => (await blocked(other)) === i + 1)
    }
    await server.ask('CLIENT', 'PAUSE', '500', 'ALL')
    const pushed = other.ask(...push.split(' '))
    await until('the push is under way', async () => / cmd=(rpush|zadd) /.test(await shown()))
    clients[0].close()
    await until('the first one is gone', async () => (await shown()).match(/ addr=/g)!.length === 4)
    const heard = clients[2].reply()
    await pushed
    t.equal((await heard).toString(), reply)
    t.equal(await blocked(other), 1)
    clients[1].close()
    clients[2].close()
    await until('nobody waits', async () => (await blocked(other)) === 0)
  }
})

for (const [gone, push, look, left] of [
  ['BLPOP k 0', 'RPUSH k a b', 'LRANGE k 0 -1', ['a', 'b']],
  ['BRPOP j k 0', 'RPUSH k a b', 'LRANGE k 0 -1', ['a', 'b']],
  ['BLMPOP 0 1 k left COUNT 2', 'RPUSH k a b c', 'LRANGE k 0 -1', ['a', 'b', 'c']],
  ['BLMPOP 0 1 k RIGHT COUNT 2', 'RPUSH k a b c', 'LRANGE k 0 -1', ['a', 'b', 'c']],
  ['BZPOPMIN k 0', 'ZADD k 1.5 a inf b', 'ZRANGE k 0 -1 WITHSCORES', ['a', '1.5', 'b', 'inf']],
  ['BZMPOP 0 1 k MAX COUNT 2', 'ZADD k 1.5 a inf b', 'ZRANGE k 0 -1 WITHSCORES', ['a', '1.5', 'b', 'inf']],
] as const) {
  t.test(`${gone}: what is on its way to who has gone meanwhile is not lost`, async (t) => {
    const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })
    const [other, looks, server] = [await proxy.connect(), await proxy.connect(), await proxy.connectTo('dt-1')]
    const shown = async () => (await looks.ask('CLIENT', 'LIST')).toString()
    /** It goes when an element has been sent for, and is not there yet. */
    const goesBetween = async (then: () => void = () => {}) => {
      const client = await proxy.connect()
      client.send(`${gone}\r\n`)
      await until('it waits', async () => (await blocked(other)) === 1)
      await server.ask('CLIENT', 'PAUSE', '500', 'ALL')
      const pushed = other.ask(...push.split(' '))
      await until('the push is under way', async () => / cmd=(rpush|zadd) /.test(await shown()))
      client.close()
      await until('it is gone', async () => !/ cmd=b/.test(await shown()))
      then()
      await pushed
    }
    await goesBetween()
    await until('it is there', async () => {
      const reply = await other.ask(...look.split(' '))
      return reply.toString() === `*${left.length}\r\n${left.map((text) => `$${text.length}\r\n${text}\r\n`).join('')}`
    })

    await other.ask('DEL', 'k')
    const next = await proxy.connect()
    let heard: Promise<Buffer> | undefined
    // Its own question is behind what was sent for the other one, and so has no answer yet.
    await goesBetween(() => {
      heard = next.ask(...gone.split(' '))
    })
    t.match(String(await heard), /\r\n[abc]\r\n/)
  })
}

t.test('who has gone is heard of also when its key was not free in the beginning', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })
  const [client, other, server] = [await proxy.connect(), await proxy.connect(), await proxy.connectTo('dt-1')]
  await server.ask('CLIENT', 'PAUSE', '500', 'ALL')
  const steps = other.pipeline([['MULTI'], ['DEL', 'k'], ['DBSIZE'], ['EXEC']])
  const shown = async () => (await client.ask('CLIENT', 'LIST')).toString()
  await until('the transaction is under way', async () => / cmd=exec /.test(await shown()))
  client.send('BLPOP k 0\r\n')
  await steps
  await until('it waits', async () => (await blocked(other)) === 1)
  client.end()
  await until('it is gone', async () => (await blocked(other)) === 0)
  await other.ask('RPUSH', 'k', 'x')
  t.equal((await other.ask('LLEN', 'k')).toString(), ':1\r\n')
})

/** On several servers, whatever the hash seed of the ring. */
const FIVE = ['k1', 'k2', 'k3', 'k4', 'k5']

t.test('who is closed while it is found out whether its keys hold something ends nothing but itself', async (t) => {
  const proxy = await startProxy(t)
  const other = await proxy.connect()
  for (let i = 0; i < 30; i++) {
    const client = await proxy.connect()
    const id = (await client.ask('CLIENT', 'ID')).toString().trim().slice(1)
    const waits = i % 2 === 0 ? `BLPOP ${FIVE.join(' ')} 0` : 'BLMOVE k1 k2 LEFT LEFT 0'
    client.send(`PING\r\n${waits}\r\n`)
    if (i % 3 === 0) client.socket.resetAndDestroy()
    else await other.ask('CLIENT', 'KILL', 'ID', id)
    await client.closed
  }
  await until('nobody waits', async () => (await blocked(other)) === 0)
  for (const key of FIVE) await other.ask('RPUSH', key, 'x')
  t.equal((await other.ask('EXISTS', ...FIVE)).toString(), ':5\r\n', "what came later is nobody else's")
})

t.test('who waits for keys of several servers is heard, and can be told to go on from the beginning', async (t) => {
  const proxy = await startProxy(t)
  const other = await proxy.connect()
  for (const waits of [`BLPOP ${FIVE.join(' ')} 0`, 'BLMOVE k1 k2 LEFT LEFT 0', 'BLMOVE k3 k2 LEFT LEFT 0']) {
    const gone = [await proxy.connect(), await proxy.connect()]
    for (const client of gone) client.send(`${waits}\r\n`)
    await until('both wait', async () => (await blocked(other)) === 2)
    gone[0].end()
    gone[1].socket.resetAndDestroy()
    await until('both are gone', async () => (await blocked(other)) === 0)

    const client = await proxy.connect()
    const id = (await client.ask('CLIENT', 'ID')).toString().trim().slice(1)
    client.send(`${waits}\r\n`)
    let ended = '0'
    await until('it is ended', async () => {
      ended = (await other.ask('CLIENT', 'UNBLOCK', id)).toString()
      return ended === ':1\r\n'
    })
    t.equal((await client.reply()).toString(), '*-1\r\n')
  }
  await other.ask('RPUSH', 'k3', 'x')
  t.equal((await other.ask('LRANGE', 'k3', '0', '-1')).toString(), '*1\r\n$1\r\nx\r\n', 'nobody waits any more')
})

t.test('many elements move to one key that others move elements from, and nobody stands for long', async (t) => {
  const proxy = await startProxy(t)
  const movers = await Promise.all(FIVE.map(() => proxy.connect()))
  const [client, other, pusher] = [await proxy.connect(), await proxy.connect(), await proxy.connect()]
  let longestMs = 0
  for (let round = 0; round < 40; round++) {
    const waiting = movers.map((mover, i) => mover.ask('BLMOVE', FIVE[i], 'to', 'LEFT', 'LEFT', '0'))
    await until('all wait', async () => (await blocked(client)) === FIVE.length)
    const startMs = performance.now()
    // It has the destination for itself when the first elements are to be moved there.
    const held = other.ask('RENAME', 'to', 'elsewhere').catch(() => {})
    for (const key of FIVE) pusher.send(`RPUSH ${key} x\r\n`)
    await Promise.all(waiting)
    await held
    for (const _ of FIVE) await pusher.reply()
    longestMs = Math.max(longestMs, performance.now() - startMs)
  }
  t.ok(longestMs < 5000, `the longest round took ${Math.round(longestMs)} ms`)
  await settled(proxy.ring)
})

t.test('clients wait on while servers fail, join and leave', async (t) => {
  const proxy = await startProxy(t)
  const { ring } = proxy
  const client = await proxy.connect()
  const keys = Array.from({ length: 24 }, (_, i) => `queue:${i}`)
  const waiting = await Promise.all(
    keys.map(async (key) => {
      const [first, second] = [await proxy.connect(), await proxy.connect()]
      const one = first.ask('BLPOP', key, '0')
      await until('it waits', async () => (await blocked(client)) > 0)
      return [one, second.ask('BLMOVE', key, `done:${key}`, 'LEFT', 'RIGHT', '0')] as const
    }),
  )
  await until('all wait', async () => (await blocked(client)) === 2 * keys.length)
  await ring.server('dt-2').kill()
  await declareDown(ring, 'dt-2')
  // Pushes wait for the Sentinels' word where a replica is gone.
  const pushed = await Promise.all(keys.map((key) => client.ask('RPUSH', key, 'first')))
  t.same(
    pushed.map(String),
    keys.map(() => ':1\r\n'),
  )
  t.same(
    (await Promise.all(waiting.map(([one]) => one))).map(String),
    keys.map((key) => popped(key, 'first')),
  )
  await comeBack(ring, 'dt-2')
  await Promise.all(keys.map((key) => client.ask('RPUSH', key, 'second')))
  t.same(
    (await Promise.all(waiting.map(([, two]) => two))).map(String),
    keys.map(() => '$6\r\nsecond\r\n'),
  )
  const left = await Promise.all(keys.map((key) => client.ask('LRANGE', `done:${key}`, '0', '-1')))
  t.same(
    left.map(String),
    keys.map(() => '*1\r\n$6\r\nsecond\r\n'),
  )
  t.equal(await blocked(client), 0)
  await settled(ring)
})
