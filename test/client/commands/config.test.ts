import t from 'tap'
import { answersAlike } from '../../helpers/alike.js'
import { startProxy, startRedis } from '../../helpers/proxy.js'
import type { RawClient } from '../../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../../helpers/raw-reply.js'

const PASSWORD = 'of clients'
const MEMBER_PASSWORD = 'of-members'

const proxy = await startProxy(t, {
  nodes: 2,
  replicas: 1,
  sentinels: 1,
  memberConfig: ['hash-max-listpack-entries 77', 'databases 5', `masterauth ${MEMBER_PASSWORD}`],
  config: { auth: { password: PASSWORD }, limits: { maxClients: 123, maxBulkBytes: '2mb', idleTimeoutMs: 90_500 } },
})
const redis = await startRedis(t)

async function connect(proto: 2 | 3 = 2): Promise<RawClient> {
  const client = await proxy.connect()
  await client.ask('HELLO', String(proto), 'AUTH', 'default', PASSWORD)
  return client
}

/** The settings by their names, in the order of the reply. */
async function get(client: RawClient, ...patterns: string[]): Promise<Record<string, string>> {
  const items = itemsOf(readReply(await client.ask('CONFIG', 'GET', ...patterns))).map(textOf)
  return Object.fromEntries(items.flatMap((item, i) => (i % 2 === 0 ? [[item, items[i + 1]]] : [])))
}

t.test('CONFIG refuses what Redis refuses', async (t) => {
  await answersAlike(t, await connect(), await redis.connect(), [
    ['CONFIG'],
    ['CONFIG', 'GET'],
    ['CONFIG', 'NOSUCH'],
    ['CONFIG', 'HELP'],
    ['CONFIG', 'GET', 'nosuch'],
    ['CONFIG', 'GET', ''],
    ['CONFIG', 'GET', 'nosuch*', 'nor this'],
  ])
  await answersAlike(t, await connect(3), await redis.connect(3), [['CONFIG', 'GET', 'nosuch']])
})

t.test("what is about clients and this process is the proxy's own", async (t) => {
  const client = await connect()
  t.same(await get(client, 'maxclients'), { maxclients: '123' })
  t.match(await get(client, '*'), {
    port: String(proxy.port),
    bind: '127.0.0.1',
    maxclients: '123',
    timeout: '91',
    'tcp-keepalive': '300',
    'proto-max-bulk-len': String(2 * 1024 * 1024),
    'client-query-buffer-limit': String(1024 ** 3),
    databases: '5',
    'cluster-enabled': 'no',
  })
})

t.test('everything else is what a member says', async (t) => {
  const client = await connect()
  t.same(await get(client, 'hash-max-listpack-entries', 'appendonly', 'maxmemory-policy'), {
    'hash-max-listpack-entries': '77',
    appendonly: 'yes',
    'maxmemory-policy': 'noeviction',
  })
})

t.test('no password is shown', async (t) => {
  const client = await connect()
  const all = await client.ask('CONFIG', 'GET', '*')
  t.notOk(all.includes(PASSWORD))
  t.notOk(all.includes(MEMBER_PASSWORD))
  t.same(await get(client, 'requirepass', 'masterauth'), { requirepass: '(redacted)', masterauth: '' })
})

const OF_REDIS_8_6 = 'tls-auth-clients-user'

t.test('patterns choose as in Redis, and each setting is shown once', async (t) => {
  const client = await connect()
  t.same(await get(client, 'MaxClients'), { MaxClients: '123' }, 'a name as it was written')
  t.same(await get(client, 'MAXCLIENT?'), { maxclients: '123' }, 'a pattern in any case')
  t.same(await get(client, 'maxclients', 'MAXCLIENTS', 'maxcl*'), { maxclients: '123' })
  t.same(Object.keys(await get(client, 'maxclients', 'appendfsync', 'maxclients\0x')).sort(), [
    'appendfsync',
    'maxclients',
  ])
  const plain = await redis.connect()
  for (const patterns of [['*'], ['*max*'], ['slave-*', 'replica-*'], ['[mp]*'], ['tls-*', 'port']]) {
    const [ours, theirs] = await Promise.all([get(client, ...patterns), get(plain, ...patterns)])
    // What Redis does not have has names that it will not have, or that of a newer one.
    const names = Object.keys(ours).filter((name) => !name.startsWith('dt-') && name !== OF_REDIS_8_6)
    t.same(names.sort(), Object.keys(theirs).sort(), patterns.join(' '))
  }
})

t.test('a map in RESP3', async (t) => {
  const client = await connect(3)
  t.equal((await client.ask('CONFIG', 'GET', 'maxclients')).toString(), '%1\r\n$10\r\nmaxclients\r\n$3\r\n123\r\n')
})

t.test('our own settings are there when no member is', async (t) => {
  const client = await connect()
  await Promise.all(proxy.ring.members.map(({ name }) => proxy.ring.kill(name)))
  t.same(await get(client, 'maxclients'), { maxclients: '123' })
  t.match(await get(client, '*'), { port: String(proxy.port) })
})
