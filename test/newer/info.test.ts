import t from 'tap'
import { isOlder } from '../../src/backend/server-kind.js'
import { OMITTED } from '../../src/client/commands/info.js'
import { REDIS_VERSION } from '../../src/client/ring-version.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { readReply, textOf } from '../helpers/raw-reply.js'

/* What holds of INFO and HELLO for members of any version: `npm run test:newer` has newer ones on the PATH. */

const proxy = await startProxy(t, { nodes: 2, replicas: 1, sentinels: 1 })
const redis = await startRedis(t)

async function info(client: RawClient, ...sections: string[]): Promise<Map<string, string>> {
  const text = textOf(readReply(await client.ask('INFO', ...sections)))
  return new Map([...text.matchAll(/^([^#:\r\n]+):(.*)\r$/gm)].map(([, name, value]) => [name, value]))
}

t.test('every field that one server has is told of the ring, or left out for a reason', async (t) => {
  const [ours, theirs] = [await proxy.connect(), await redis.connect()]
  for (const client of [ours, theirs]) {
    await client.pipeline([
      ['SET', 'text', 'x'.repeat(100)],
      ['HSET', 'hash', 'a', '1', 'b', '2'],
      ['HEXPIRE', 'hash', '1000', 'FIELDS', '1', 'a'],
      ['RPUSH', 'list', ...Array.from({ length: 20 }, String)],
    ])
  }
  const [our, their] = await Promise.all([info(ours, 'everything'), info(theirs, 'everything')])
  const perCommand = /^(?:cmdstat_|latency_percentiles|errorstat_|module$)/
  const missing = [...their.keys()].filter(
    (name) => !our.has(name) && !perCommand.test(name) && !OMITTED.some(([fields]) => fields.test(name)),
  )
  t.same(missing, [])
  for (const [name, value] of their) {
    if (/^[0-9]+$/.test(value) && our.has(name)) t.match(our.get(name), /^-?[0-9]+$/, `${name} is an integer, too`)
  }
  // Two copies of each, which count once.
  for (const name of [...their.keys()].filter((each) => /^(?:db0$|db0_distrib)/.test(each))) {
    t.equal(our.get(name)?.replace(/avg_ttl=\d+/, ''), their.get(name)?.replace(/avg_ttl=\d+/, ''), name)
  }
})

t.test('what clients were refused is counted, where servers count it', async (t) => {
  const [ours, theirs] = [await proxy.connect(), await redis.connect()]
  const counts: (readonly [string, string])[][] = []
  for (const [client, connect] of [
    [ours, proxy.connect],
    [theirs, redis.connect],
  ] as const) {
    await client.ask('ACL', 'SETUSER', 'few', 'on', '>pw', '~a', '+get', '+publish')
    const few = await connect()
    for (const words of ['AUTH few wrong', 'AUTH few pw', 'SET a 1', 'DEL a', 'GET b', 'PUBLISH c x']) {
      await few.ask(...words.split(' '))
    }
    counts.push([...(await info(client, 'stats'))].filter(([name]) => /^acl_access_denied_/.test(name)))
  }
  t.same(counts[0], counts[1])
})

t.test('HELLO and INFO tell which version the servers have', async (t) => {
  const [ours, theirs] = [await proxy.connect(3), await redis.connect(3)]
  const hello = async (client: RawClient) => {
    const reply = String(await client.ask('HELLO', '3')).split('\r\n')
    return { server: reply[4], version: reply[8] }
  }
  t.same(await hello(ours), await hello(theirs))
  const [our, their] = await Promise.all([info(ours, 'server'), info(theirs, 'server')])
  for (const name of ['redis_version', 'server_name', 'valkey_version', 'redis_mode', 'server_mode']) {
    t.equal(our.get(name), their.get(name), name)
  }
  const isNewer = isOlder(REDIS_VERSION, their.get('redis_version') ?? '')
  t.equal((await info(ours, 'clients')).has('pubsub_clients'), isNewer)
})
