import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { reasonToClose } from '../../src/client/sweeper.js'
import { answersAlike } from '../helpers/alike.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { command, type RawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/* What one client, or all of them, may take: as Redis where that has the same limit. */

const MB = 1024 * 1024
const lines = new LogLines()
const redis = await startRedis(t)
const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1, log: lines.log })
const sides = { dt: proxy, redis }
type Side = keyof typeof sides
const both: readonly Side[] = ['dt', 'redis']
const operators = { dt: await proxy.connect(), redis: await redis.connect() }
for (const each of both) await operators[each].ask('CLIENT', 'NO-EVICT', 'on')

const set = async (on: Side, ...words: string[]) => String(await operators[on].ask('CONFIG', 'SET', ...words))

/** Whether the server closes the connection within so long. */
async function isClosed(client: RawClient, withinMs: number): Promise<boolean> {
  return Promise.race([client.closed.then(() => true), sleep(withinMs, false)])
}

t.test('settings are shown, changed and refused as by Redis', async (t) => {
  const of = (name: string, ...values: string[]) => [
    ...values.map((value) => ['CONFIG', 'SET', name, value]),
    ['CONFIG', 'GET', name],
  ]
  await answersAlike(t, operators.dt, operators.redis, [
    ...of('maxmemory-clients', '1gb', 'x', '-1', '', '0'),
    ...of('proto-max-bulk-len', '1', 'x', '1048575', '1mb', '512mb'),
    ...of(
      'client-output-buffer-limit',
      'normal 1 2',
      'nosuch 1 2 3',
      'normal x 2 3',
      'normal 5mb 1mb 7 slave 1 2 3',
      'pubsub 1mb 1k 5',
    ),
    ...of('client-output-buffer-limit', 'normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60'),
  ])
  t.match(await set('dt', 'maxmemory-clients', '5%'), /the proxy has no maxmemory/)
  t.match(await set('dt', 'proto-max-bulk-len', '1gb'), /longer than 512mb/)
  for (const [name, value] of [
    ['dt-outstanding-commands', '100'],
    ['dt-login-timeout-ms', '500'],
    ['dt-command-timeout-ms', '0'],
    ['dt-maxclients-per-address', '7'],
  ] as const) {
    t.equal(await set('dt', name, value), '+OK\r\n')
    t.match(String(await operators.dt.ask('CONFIG', 'GET', name)), `\r\n${value}\r\n`)
    t.match(await set('dt', name, '-1'), /must be between/)
  }
  await set(
    'dt',
    'dt-outstanding-commands',
    '4096',
    'dt-login-timeout-ms',
    '60000',
    'dt-command-timeout-ms',
    '60000',
    'dt-maxclients-per-address',
    '0',
  )
})

t.test(
  'who says nothing is closed after `timeout`, but not who listens, waits, or still takes his replies',
  async (t) => {
    for (const side of both) {
      const { connect } = sides[side]
      await operators[side].ask('SET', 'large', Buffer.alloc(32 * MB))
      const [idle, listening, waiting, taking] = await Promise.all([connect(), connect(), connect(), connect()])
      await listening.ask('SUBSCRIBE', 'c')
      waiting.send(command('BLPOP', 'nothing', '0'))
      taking.socket.pause()
      taking.send(command('GET', 'large'))
      await set(side, 'timeout', '1')
      const operator = setInterval(() => operators[side].send(command('PING')), 300)
      // A megabyte at a time: more than windows of the network hide.
      let next = MB
      taking.socket.on('data', () => {
        if (taking.receivedBytes >= next) taking.socket.pause()
      })
      const slowly = setInterval(() => {
        next = taking.receivedBytes + MB
        taking.socket.resume()
      }, 150)
      t.ok(await isClosed(idle, 25_000), `${side}: idle`)
      t.notOk(await isClosed(listening, 1500), `${side}: listening`)
      t.notOk(await isClosed(waiting, 0), `${side}: waiting`)
      t.notOk(await isClosed(taking, 0), `${side}: taking`)
      clearInterval(slowly)
      clearInterval(operator)
      await set(side, 'timeout', '0')
      for (const client of [listening, waiting, taking]) client.close()
    }
    // The answers to the pings have been taken by nobody.
    for (const side of both) {
      operators[side].close()
      operators[side] = await sides[side].connect()
      await operators[side].ask('CLIENT', 'NO-EVICT', 'on')
    }
  },
)

t.test('who says nothing and does not read is closed after `timeout`, too', async (t) => {
  const operator = operators.dt
  await operator.ask('SET', 'large', Buffer.alloc(32 * MB))
  const clients = await Promise.all([proxy.connect(), proxy.connect(), proxy.connect()])
  for (const client of clients) {
    client.socket.pause()
    client.send(Buffer.concat([command('CLIENT', 'SETNAME', 'unread'), command('GET', 'large')]))
  }
  const [, quitting, ending] = clients
  quitting.send(command('QUIT'))
  ending.socket.end()
  await set('dt', 'timeout', '1')
  const list = await until('all are gone', async () => {
    const list = String(await operator.ask('CLIENT', 'LIST'))
    return !/ name=unread /.test(list) && list
  })
  t.match(list, / cmd=client/)
  await set('dt', 'timeout', '0')
  for (const client of clients) client.close()
})

t.test(
  'nobody is closed for silence whose words have come and were only not read yet, because a turn took long',
  async (t) => {
    const talking = await proxy.connect()
    await set('dt', 'timeout', '1')
    const asked = [talking, operators.dt].map((client) => client.ask('PING'))
    // Nothing is read and no timer runs meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
    t.same((await Promise.all(asked)).map(String), ['+PONG\r\n', '+PONG\r\n'])
    await set('dt', 'timeout', '0')
    talking.close()
  },
)

t.test('an argument that is longer than proto-max-bulk-len is a protocol error', async (t) => {
  for (const side of both) {
    await set(side, 'proto-max-bulk-len', '1mb')
    const client = await sides[side].connect()
    t.equal((await client.ask('SET', 'k', Buffer.alloc(MB))).toString(), '+OK\r\n')
    client.send(`*2\r\n$4\r\nECHO\r\n$${MB + 1}\r\n`)
    t.equal((await client.rest()).toString(), '-ERR Protocol error: invalid bulk length\r\n', side)
    await set(side, 'proto-max-bulk-len', '512mb')
  }
})

t.test(
  'who has too much to take is closed: at once beyond the hard limit, after a time beyond the soft one',
  async (t) => {
    for (const side of both) {
      const soft = await sides[side].connect()
      soft.socket.pause()
      await set(side, 'client-output-buffer-limit', 'normal 0 1mb 3')
      soft.send(command('GET', 'large'))
      t.notOk(await isClosed(soft, 500), `${side}: not at once`)
      await until(`${side}: beyond the soft limit`, async () => {
        const list = (await operators[side].ask('CLIENT', 'LIST')).toString()
        return !/ cmd=get /.test(list)
      })
      await set(side, 'client-output-buffer-limit', 'normal 8mb 0 0')
      const hard = await sides[side].connect()
      hard.socket.pause()
      hard.send(command('GET', 'large'))
      await until(`${side}: beyond the hard limit`, async () => {
        const list = (await operators[side].ask('CLIENT', 'LIST')).toString()
        return !/ cmd=get /.test(list)
      })
      await set(side, 'client-output-buffer-limit', 'normal 0 0 0')
      hard.close()
      soft.close()
    }
  },
)

t.test('who listens has limits of its own, which hold also when nothing more is published', async (t) => {
  const message = Buffer.alloc(16 * MB)
  // More than the windows of the network hide, of which one who has read much has large ones.
  const much = Buffer.alloc(64 * MB)
  for (const side of both) {
    const listener = await sides[side].connect()
    await listener.ask('SUBSCRIBE', 'c')
    await set(side, 'client-output-buffer-limit', 'normal 1mb 0 0 pubsub 0 0 0')
    t.equal(String(await operators[side].ask('PUBLISH', 'c', message)), ':1\r\n')
    t.ok((await listener.reply()).length > message.length, `${side}: those of others are not its own`)
    listener.socket.pause()
    await set(side, 'client-output-buffer-limit', 'normal 0 0 0 pubsub 0 1mb 3')
    t.equal(String(await operators[side].ask('PUBLISH', 'c', much)), ':1\r\n')
    t.equal(String(await operators[side].ask('PUBSUB', 'NUMSUB', 'c')).slice(-4), ':1\r\n', `${side}: not at once`)
    await until(`${side}: after a time beyond the soft limit`, async () => {
      return /:0\r\n$/.test(String(await operators[side].ask('PUBSUB', 'NUMSUB', 'c')))
    })
    await set(side, 'client-output-buffer-limit', 'normal 0 0 0 pubsub 32mb 8mb 60')
    listener.close()
  }
})

t.test('who monitors is held to the limits of who listens, also when nothing more is shown', async (t) => {
  const monitor = await proxy.connect()
  await monitor.ask('MONITOR')
  monitor.socket.pause()
  await set('dt', 'client-output-buffer-limit', 'normal 0 0 0 pubsub 0 1mb 3')
  const writer = await proxy.connect()
  const beganMs = performance.now()
  // Of each the first megabyte is shown; together they are more than the windows of the network hide.
  await writer.pipeline(Array.from({ length: 64 }, () => ['SET', 'shown', Buffer.alloc(MB, 'x')]))
  const monitors = async () => / flags=O /.test(String(await operators.dt.ask('CLIENT', 'LIST')))
  await until('after a time beyond the soft limit', async () => !(await monitors()))
  t.ok(performance.now() - beganMs > 3000, 'not at once')
  await set('dt', 'client-output-buffer-limit', 'normal 0 0 0 pubsub 32mb 8mb 60')
  for (const client of [monitor, writer]) client.close()
})

t.test('with maxmemory-clients those that take the most are closed first, and never who may not be', async (t) => {
  for (const side of both) {
    const { connect } = sides[side]
    const [large, small, kept] = await Promise.all([connect(), connect(), connect()])
    await kept.ask('CLIENT', 'NO-EVICT', 'on')
    for (const [client, bytes] of [
      [large, 12 * MB],
      [small, MB],
      [kept, 3 * MB],
    ] as const) {
      await client.ask('MULTI')
      t.equal((await client.ask('SET', 'x', Buffer.alloc(bytes))).toString(), '+QUEUED\r\n')
    }
    await set(side, 'maxmemory-clients', '12mb')
    t.ok(await isClosed(large, 25_000), `${side}: the largest`)
    for (const client of [small, kept]) t.equal((await client.ask('PING')).toString(), '+QUEUED\r\n', side)
    await set(side, 'maxmemory-clients', '1')
    t.ok(await isClosed(small, 25_000), `${side}: and the next one`)
    t.equal((await kept.ask('PING')).toString(), '+QUEUED\r\n', side)
    await set(side, 'maxmemory-clients', '0')
    t.match((await operators[side].ask('INFO', 'stats')).toString(), /\r\nevicted_clients:2\r\n/)
    small.close()
    kept.close()
  }
  t.equal(lines.about(/takes the most/).length, 2)
})

t.test('what a client watches and listens to counts as well', async (t) => {
  const client = await proxy.connect(3)
  const bytes = async () => Number(/ tot-mem=(\d+) /.exec(String(await client.ask('CLIENT', 'INFO')))?.[1])
  const before = await bytes()
  await client.ask('SUBSCRIBE', 'c'.repeat(10_000))
  const listening = await bytes()
  t.ok(listening - before >= 10_000, 'a channel')
  await client.ask('WATCH', 'k'.repeat(20_000), 'l'.repeat(3000))
  const watching = await bytes()
  t.ok(watching - listening >= 23_000, 'keys')
  await client.ask('CLIENT', 'TRACKING', 'ON')
  for (let i = 0; i < 50; i++) await client.ask('GET', `k${i}`)
  t.ok((await bytes()) - watching >= 5000, 'a cache')
})

t.test('so does what it waits for, and what stands behind MULTI', async (t) => {
  const [client, other] = await Promise.all([proxy.connect(), proxy.connect()])
  const id = String(await client.ask('CLIENT', 'ID')).slice(1, -2)
  const line = async () => String(await other.ask('CLIENT', 'LIST', 'ID', id))
  const bytes = async () => Number(/ tot-mem=(\d+) /.exec(await line())?.[1])
  const before = await bytes()
  await client.ask('MULTI')
  await client.ask('SET', 'k', 'v'.repeat(10_000))
  const queued = await bytes()
  t.ok(queued - before >= 10_000, 'a transaction')
  await client.ask('DISCARD')
  client.send(command('BLPOP', 'w'.repeat(20_000), '0'))
  await until('it waits', async () => / flags=b /.test(await line()))
  t.ok((await bytes()) - before >= 20_000, 'what it waits for')
  client.close()
})

t.test('only so many clients may come from one address', async (t) => {
  const own = await startProxy(t, {
    nodes: 1,
    replicas: 0,
    sentinels: 1,
    config: { limits: { maxClientsPerAddress: 2 } },
  })
  const [one] = await Promise.all([own.connect(), own.connect()])
  const third = await own.connect()
  t.equal((await third.rest()).toString(), '-ERR max number of clients of this address reached\r\n')
  one.close()
  await until('there is room for another', async () => {
    const client = await own.connect()
    return (await client.ask('PING').catch(() => '')).toString() === '+PONG\r\n'
  })
})

t.test('who does not log in, or never ends a command, is closed', async (t) => {
  const own = await startProxy(t, {
    nodes: 1,
    replicas: 0,
    sentinels: 1,
    config: { auth: { password: 'x' }, limits: { loginTimeoutMs: 1000, commandTimeoutMs: 1500 } },
  })
  const [silent, half, whole] = await Promise.all([own.connect(), own.connect(), own.connect()])
  await half.ask('AUTH', 'x')
  await whole.ask('AUTH', 'x')
  half.send('*2\r\n$4\r\nECHO\r\n$100\r\nabc')
  // One byte now and then is no progress.
  const drops = setInterval(() => half.send('x'), 200)
  t.ok(await isClosed(silent, 25_000))
  t.ok(await isClosed(half, 25_000))
  clearInterval(drops)
  t.equal((await whole.ask('PING')).toString(), '+PONG\r\n', 'others are not')
})

t.test('RESET gives as long again for a login, but not to who had none', async (t) => {
  const own = await startProxy(t, {
    nodes: 1,
    replicas: 0,
    sentinels: 1,
    config: { auth: { password: 'x' }, limits: { loginTimeoutMs: 1500 } },
  })
  const [client, never] = await Promise.all([own.connect(), own.connect()])
  await client.ask('AUTH', 'x')
  const resets = setInterval(() => never.send(command('RESET')), 500)
  t.ok(await isClosed(never, 25_000))
  clearInterval(resets)
  t.equal((await client.ask('RESET')).toString(), '+RESET\r\n')
  t.notOk(await isClosed(client, 1200))
  t.equal((await client.ask('AUTH', 'x')).toString(), '+OK\r\n')
})

t.test('half a command may take longer where much of it has come', async (t) => {
  const client = (bufferedBytes: number) =>
    ({
      session: { authenticated: true },
      queue: { length: 0 },
      stint: { isOver: false },
      framer: { bufferedBytes },
      createdAtMs: 0,
      lastActiveMs: 0,
    }) as unknown as RawClientLike
  const limits = { idleTimeoutMs: 0, loginTimeoutMs: 0, commandTimeoutMs: 1000 }
  const seen = { commands: 1, halfSinceMs: 0, softSinceMs: undefined, softMs: 0, takenBytes: 0, queuedBytes: 0 }
  t.equal(reasonToClose(client(10), false, seen, limits, 999), undefined)
  t.match(reasonToClose(client(10), false, seen, limits, 1100), /half a command/)
  t.equal(reasonToClose(client(5 * MB), false, seen, limits, 5900), undefined)
  t.match(reasonToClose(client(5 * MB), false, seen, limits, 6100), /half a command/)
  t.equal(reasonToClose(client(10), false, seen, { ...limits, commandTimeoutMs: 0 }, 1e9), undefined)
})

t.test('who waits for its turn among those that have sent much is not idle', async (t) => {
  const client = (isOver: boolean) =>
    ({
      session: { authenticated: true },
      queue: { length: 0 },
      stint: { isOver },
      createdAtMs: 0,
      lastActiveMs: 0,
    }) as unknown as RawClientLike
  const limits = { idleTimeoutMs: 1000, loginTimeoutMs: 0, commandTimeoutMs: 0 }
  t.equal(reasonToClose(client(true), false, undefined, limits, 1100), undefined)
  t.equal(reasonToClose(client(false), false, undefined, limits, 1100), 'idle')
})

type RawClientLike = Parameters<typeof reasonToClose>[0]
