import t from 'tap'
import { startProxy, startRedis, type TestProxy } from '../../helpers/proxy.js'
import type { RawClient } from '../../helpers/raw-client.js'
import { itemsOf, type Node, readReply, textOf } from '../../helpers/raw-reply.js'
import { fieldsOf, membersOf } from '../../helpers/ring-state.js'
import { ScriptedServer } from '../../helpers/scripted-server.js'
import { tellSentinels } from '../../helpers/sentinels.js'
import { ringSnapshot } from '../../helpers/snapshot.js'
import { until } from '../../helpers/until.js'
import { verify } from '../../helpers/verify.js'

const KEYS = 3000

type Value = string | Value[] | { [name: string]: Value }
type Fields = { [name: string]: string }

function value(node: Node): Value {
  if (!('items' in node)) return node.text
  if (node.type !== '%') return node.items.map(value)
  return Object.fromEntries([...fieldsOf(node)].map(([name, of]) => [name, value(of)]))
}

/** DT … in RESP3: maps as objects, all else as texts, an error as its line. */
async function dt(client: RawClient, ...args: string[]): Promise<Value> {
  const node = readReply(await client.ask('DT', ...args))
  return node.type === '-' ? `-${textOf(node)}` : value(node)
}

async function fill(client: RawClient): Promise<void> {
  await client.pipeline(Array.from({ length: KEYS }, (_, i) => ['SET', `key:${i}`, 'x'.repeat(i % 100)]))
}

/** The ring is made of these members, and nothing moves any more. */
async function settled(client: RawClient, names: readonly string[]): Promise<void> {
  await until(`the ring is ${names.join(' ')}`, async () => {
    const view = (await dt(client, 'VIEW')) as Fields
    const sweeps = (await dt(client, 'MIGRATIONS')) as Value[]
    return (await membersOf(client)) === names.join(' ') && view['pending-ranges'] === '0' && sweeps.length === 0
  })
}

/** The names of the masters that a Sentinel monitors. */
async function monitored(proxy: TestProxy, sentinel: string): Promise<string[]> {
  const masters = itemsOf(readReply(await (await proxy.connectTo(sentinel)).ask('SENTINEL', 'MASTERS')))
  return masters.map((master) => textOf(fieldsOf(master).get('name')!)).sort()
}

async function setting(proxy: TestProxy, sentinel: string, master: string, name: string): Promise<string> {
  const reply = readReply(await (await proxy.connectTo(sentinel)).ask('SENTINEL', 'MASTER', master))
  return textOf(fieldsOf(reply).get(name)!)
}

t.test('a server is planned, added, removed', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1, downAfterMs: 61_234 })
  const joining = await startRedis(t)
  const { port } = joining
  const client = await proxy.connect(3)
  const address = `127.0.0.1:${port}`
  const four = ['dt-1', 'dt-2', 'dt-3', 'dt-new']
  await fill(client)
  const sentinels = proxy.ring.sentinels.map(({ name }) => name)

  type Plan = Fields & { moves: (Fields & { member: string })[] }
  const plan = (await dt(client, 'PLAN', 'ADD', 'dt-new', address)) as unknown as Plan

  await t.test('the plan tells what moves, and moves nothing', async (t) => {
    t.match(plan, { counted: 'exact', 'ideal-share': '0.25' })
    const [keys, mastered] = [Number(plan.keys), Number(plan['keys-mastered'])]
    t.ok(mastered > KEYS / 8 && mastered < KEYS / 2, `${mastered} keys change their master`)
    t.ok(Math.abs(Number(plan.share) - mastered / KEYS) < 0.001, plan.share)
    t.ok(keys > mastered && keys < KEYS, `${keys} copies move`)
    t.ok(Number(plan.bytes) > keys * 50 && Number(plan.bytes) < keys * 400, `${plan.bytes} bytes`)
    t.match(plan.seconds, /^[1-3]$/)
    const sum = (name: string) => plan.moves.reduce((sum, move) => sum + Number(move[name]), 0)
    t.equal(sum('keys'), keys)
    t.equal(sum('bytes'), Number(plan.bytes))
    t.ok(plan.moves.every(({ member, reason }) => member === 'dt-new' && reason === 'join'))
    t.equal(await membersOf(client), 'dt-1 dt-2 dt-3')
    t.same(await monitored(proxy, 'sentinel-1'), ['dt-1', 'dt-2', 'dt-3'])
  })

  await t.test('every Sentinel is told, with the settings of the others, and its data comes', async (t) => {
    t.same(await dt(client, 'ADD', 'dt-new', address), {
      name: 'dt-new',
      address,
      sentinels: proxy.ring.sentinelAddresses,
      'sentinels-not-told': [],
    })
    for (const sentinel of sentinels) {
      t.same(await monitored(proxy, sentinel), four)
      t.equal(await setting(proxy, sentinel, 'dt-new', 'down-after-milliseconds'), '61234')
      t.equal(await setting(proxy, sentinel, 'dt-new', 'quorum'), '2')
    }
    await settled(client, four)
    t.match(await verify(client), { differences: 0, complete: 1, keys: KEYS })
    const own = await (await joining.connect()).ask('DBSIZE')
    t.equal(own.toString(), `:${plan.keys}\r\n`, 'as many copies as planned')
  })

  await t.test('what cannot be is refused with a reason, and nobody is told', async (t) => {
    const other = await startRedis(t)
    const foreign = await startRedis(t)
    await (await foreign.connect()).ask('SET', 'somebody', 'else')
    const followed = await startRedis(t)
    const replica = await startRedis(t, '--replicaof', '127.0.0.1', String(followed.port))
    await until('it has a replica', async () =>
      String(await (await followed.connect()).ask('INFO', 'replication')).includes('connected_slaves:1'),
    )
    const evicting = await startRedis(t, '--maxmemory-policy', 'allkeys-lru')
    const clustered = await startRedis(t, '--cluster-enabled', 'yes')
    const locked = await startRedis(t, '--requirepass', 'other')
    const older = await ScriptedServer.start(t, ([first, second]) =>
      first === 'FUNCTION' && second === 'DUMP' ? `$10\r\n\x09\0${'x'.repeat(8)}\r\n` : undefined,
    )
    const ancient = await ScriptedServer.start(t)
    ancient.info = { redis_version: '6.2.6' }
    const [sentinel] = proxy.ring.sentinelAddresses
    const refusals: [string[], RegExp][] = [
      [['ADD', 'dt-1', `127.0.0.1:${other.port}`], /dt-1 is known already/],
      [['ADD', 'other', `127.0.0.1:${other.port}`], /members of this ring are called dt-\*/],
      [['ADD', 'dt-5', 'nowhere'], /'nowhere' is no host:port/],
      [['ADD', 'dt-5', '127.0.0.1:1'], /dt-5 on 127.0.0.1:1 cannot be a member: it cannot be reached: .*ECONNREFUSED/],
      [['ADD', 'dt-5', address], /it is the same server as dt-new/],
      [['ADD', 'dt-5', `127.0.0.1:${foreign.port}`], /it holds 1 keys/],
      [['ADD', 'dt-5', `127.0.0.1:${replica.port}`], /it is a slave, a member must be a master/],
      [['ADD', 'dt-5', `localhost:${other.port}`], /refuses dt-5: .*hostname/i],
      [['ADD', 'dt-5', `127.0.0.1:${followed.port}`], /it has 1 replicas, and the ring makes the copies/],
      [['ADD', 'dt-5', `127.0.0.1:${evicting.port}`], /its maxmemory-policy is allkeys-lru/],
      [['ADD', 'dt-5', `127.0.0.1:${clustered.port}`], /it runs in cluster mode/],
      [
        ['ADD', 'dt-5', `127.0.0.1:${locked.port}`],
        /it wants another user or password than backend\.username and backend\.password/,
      ],
      [
        ['ADD', 'dt-5', `127.0.0.1:${older.port}`],
        /it is Redis 7.0.15, which cannot take the values of Redis 7.0.15 \(payloads of version 10, and it reads those up to 9\), as dt-1 is/,
      ],
      [['ADD', 'dt-5', `127.0.0.1:${ancient.port}`], /it is Redis 6.2.6, a member must be 7.0 or newer/],
      [['ADD', 'dt-5', sentinel], /it is a Sentinel, a member must be a Redis server/],
      [['ADD', 'dt-5', `127.0.0.1:${proxy.port}`], /it is a proxy of this kind, a member must be a Redis server/],
      [['REMOVE', 'dt-9'], /dt-9 is no member/],
      [['CANCEL', 'dt-9'], /there is no server dt-9/],
      [['CANCEL', 'dt-1'], /dt-1 neither joins nor leaves/],
      [['PLAN', 'ADD', 'dt-1', address], /dt-1 is known already/],
      [['PLAN', 'REMOVE', 'dt-9'], /dt-9 is no member/],
      [['PLAN', 'REMOVE', 'dt-1', 'x'], /syntax error/],
      [['PLAN', 'MOVE', 'dt-1'], /syntax error/],
      [['PLAN', 'UPGRADE', '127.0.0.1:1'], /127.0.0.1:1 is no pattern: it cannot be reached/],
      [
        ['PLAN', 'UPGRADE', `127.0.0.1:${older.port}`],
        /there is no way for dt-1: it is Redis 7.0.15, which cannot take/,
      ],
    ]
    for (const [args, reason] of refusals) t.match(await dt(client, ...args), reason, args.join(' '))
    for (const sentinel of sentinels) t.same(await monitored(proxy, sentinel), four)
  })

  await t.test('a member that is removed leaves the Sentinels when its data has moved', async (t) => {
    const plan = (await dt(client, 'PLAN', 'REMOVE', 'dt-2')) as unknown as Plan
    t.ok(plan.moves.every(({ member, reason }) => member !== 'dt-2' && reason === 'leave'))
    t.same(await dt(client, 'REMOVE', 'dt-2'), { name: 'dt-2', state: 'leaving', copies: '2' })
    const three = ['dt-1', 'dt-3', 'dt-new']
    for (const sentinel of sentinels) {
      await until(`${sentinel} forgets it`, async () => (await monitored(proxy, sentinel)).join() === three.join())
    }
    await settled(client, three)
    t.match(await verify(client), { differences: 0, complete: 1, keys: KEYS })
  })
})

t.test('an upgrade is planned server by server, by the pattern of a newer one', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1 })
  const client = await proxy.connect(3)
  await fill(client)
  const newer = await ScriptedServer.start(t, ([first, second]) =>
    first === 'FUNCTION' && second === 'DUMP' ? `$10\r\n\x0c\0${'x'.repeat(8)}\r\n` : undefined,
  )
  newer.info = { redis_version: '8.0.6' }
  const steps = (await dt(client, 'PLAN', 'UPGRADE', `127.0.0.1:${newer.port}`)) as Fields[]
  t.same(
    steps.map(({ member, from, to }) => `${member}: ${from} -> ${to}`),
    ['dt-1', 'dt-2', 'dt-3'].map((name) => `${name}: Redis 7.0.15 -> Redis 8.0.6`),
  )
  for (const { keys, bytes } of steps) {
    t.ok(Number(keys) > KEYS / 3 && Number(keys) < KEYS, `${keys} copies are made anew`)
    t.ok(Number(bytes) > Number(keys) * 50)
  }
  const same = await startRedis(t)
  t.same(await dt(client, 'PLAN', 'UPGRADE', `127.0.0.1:${same.port}`), [], 'all are that already')
})

t.test('a server that is no member is forgotten at once', async (t) => {
  const proxy = await startProxy(t, { nodes: 2, replicas: 0 })
  const client = await proxy.connect(3)
  const foreign = await startRedis(t)
  await (await foreign.connect()).ask('SET', 'somebody', 'else')
  await tellSentinels(proxy.ring, 'MONITOR', 'dt-3', '127.0.0.1', String(foreign.port), '2')
  await until('it is refused', async () => /it holds 1 keys/.test(String(await client.ask('DT', 'NODES'))))
  t.match(await dt(client, 'REMOVE', 'dt-3'), { name: 'dt-3', state: 'removed', 'sentinels-not-told': [] })
  t.same(await monitored(proxy, 'sentinel-1'), ['dt-1', 'dt-2'])
  await until('DT NODES does not list it', async () => !/dt-3/.test(String(await client.ask('DT', 'NODES'))))
})

t.test('what moves can be seen, and taken back', async (t) => {
  const proxy = await startProxy(t, {
    ...{ nodes: 3, replicas: 1, sentinels: 1 },
    config: { migration: { maxBytesPerSecond: 60_000 } },
  })
  const client = await proxy.connect(3)
  const three = ['dt-1', 'dt-2', 'dt-3']
  await fill(client)

  await t.test('a leave', async (t) => {
    const plan = (await dt(client, 'PLAN', 'REMOVE', 'dt-3')) as Fields
    t.ok(Number(plan.seconds) >= Math.floor(Number(plan.bytes) / 60_000), 'the limit is reckoned with')
    await dt(client, 'REMOVE', 'dt-3')
    const [migration] = await until('data moves', async () => {
      const migrations = (await dt(client, 'MIGRATIONS')) as Fields[]
      return migrations.some(({ keys }) => Number(keys) > 0) ? migrations : undefined
    })
    t.match(String(await client.ask('INFO', 'dt')), /\r\ndt_migrations:[1-9]/)
    t.match(migration, {
      reason: 'leave',
      step: /copying|clearing/,
      'keys-total': /^[0-9]+$/,
      'seconds-left': /^[0-9]*$/,
    })
    t.same(await dt(client, 'CANCEL', 'dt-3'), { name: 'dt-3', state: 'stays' })
    await settled(client, three)
    t.same(await monitored(proxy, 'sentinel-1'), three)
  })

  await t.test('a join', async (t) => {
    const { port } = await startRedis(t)
    const plan = (await dt(client, 'PLAN', 'ADD', 'dt-4', `127.0.0.1:${port}`)) as Fields
    await dt(client, 'ADD', 'dt-4', `127.0.0.1:${port}`)
    const joining = await until('it joins', async () =>
      ((await dt(client, 'MIGRATIONS')) as Fields[]).find(({ reason, keys }) => reason === 'join' && Number(keys) > 0),
    )
    const expected = Number(joining['keys-total']) / Number(plan.keys)
    t.ok(expected > 0.9 && expected < 1.15, `as many keys are expected as was planned: ${expected}`)
    const nodes = (await dt(client, 'NODES')) as Fields[]
    t.match(nodes[3], { name: 'dt-4', state: 'up', why: 'being filled: it does not serve yet' })
    t.ok(nodes.slice(0, 3).every(({ why }) => why === ''))
    t.match(await dt(client, 'CANCEL', 'dt-4'), { name: 'dt-4', state: 'removed' })
    await settled(client, three)
    t.same(await monitored(proxy, 'sentinel-1'), three)
  })
  t.match(await verify(client), { differences: 0, complete: 1, keys: KEYS })
  t.same((await ringSnapshot(proxy)).faults, [])

  await t.test('to compare the copies while data moves finds nothing wrong', async (t) => {
    let stopped = false
    const write = async () => {
      const own = await proxy.connect()
      for (let i = 0; !stopped; i++) {
        await own.pipeline([
          ['APPEND', `key:${i % 40}`, 'x'],
          ['SADD', `set:${i % 40}`, String(i)],
          ['SPOP', `set:${(i * 7) % 40}`],
          ['SET', `brief:${i % 40}`, 'x', 'PX', String(1 + (i % 50))],
          ['HINCRBY', `hash:${i % 40}`, 'count', '1'],
          ['DEL', `hash:${(i * 13) % 40}`],
        ])
      }
    }
    const load = Promise.all([write(), write()])
    await dt(client, 'REMOVE', 'dt-3')
    let passes = 0
    while ((await membersOf(client)) === three.join(' ')) {
      const report = await verify(client)
      t.match(report, { differences: 0 }, report.examples.join('; '))
      passes++
    }
    stopped = true
    await load
    t.ok(passes >= 2, `${passes} passes`)
    await settled(client, ['dt-1', 'dt-2'])
    t.match(await verify(client), { differences: 0, complete: 1 })
  })
})

t.test('a Sentinel that is away is left out, and when all are nothing is done', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 2 })
  const client = await proxy.connect(3)
  const { port } = await startRedis(t)
  const add = () => dt(client, 'ADD', 'dt-2', `127.0.0.1:${port}`)
  await proxy.ring.kill('sentinel-2')
  const [first, second] = proxy.ring.sentinelAddresses
  t.match(await add(), { sentinels: [first], 'sentinels-not-told': [new RegExp(`^${second}: .*ECONNREFUSED`)] })
  await settled(client, ['dt-1', 'dt-2'])
  t.equal(await dt(client, 'REMOVE', 'dt-9'), '-ERR dt-9 is no member of the ring')
  await proxy.ring.kill('sentinel-1')
  const other = await startRedis(t)
  t.match(await dt(client, 'ADD', 'dt-3', `127.0.0.1:${other.port}`), /^-ERR no Sentinel can be told: .*, /)
  await dt(client, 'REMOVE', 'dt-2')
  await until('it has moved', async () => (await membersOf(client)) === 'dt-1')
  t.match(await dt(client, 'CANCEL', 'dt-2'), /^-ERR dt-2 has left already/)
  t.equal(await dt(client, 'REMOVE', 'dt-1'), '-ERR dt-1 is the only member: there is nobody to take its data')
  await proxy.ring.restart('sentinel-1')
  await until('it is told when it is back', async () => (await monitored(proxy, 'sentinel-1')).join() === 'dt-1')
})
