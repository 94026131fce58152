import t from 'tap'
import { startProxy, startRedis } from '../../helpers/proxy.js'
import { command, type RawClient } from '../../helpers/raw-client.js'
import { readReply, textOf } from '../../helpers/raw-reply.js'
import { until } from '../../helpers/until.js'

const proxy = await startProxy(t, { downAfterMs: 60_000, config: { limits: { maxClients: 321 } } })
const redis = await startRedis(t, '--appendonly', 'yes')

const ALL = [
  ...['Server', 'Clients', 'Memory', 'Persistence', 'Stats', 'Replication', 'CPU', 'Modules', 'Commandstats'],
  ...['Errorstats', 'Latencystats', 'Cluster', 'Keyspace'],
]
const DEFAULT = ALL.filter((title) => !['Commandstats', 'Latencystats'].includes(title))
const OURS = 'DT'

async function ask(client: RawClient, ...sections: string[]): Promise<string> {
  return textOf(readReply(await client.ask('INFO', ...sections)))
}

function titles(text: string): string[] {
  return [...text.matchAll(/^# (.*)\r$/gm)].map(([, title]) => title)
}

function fields(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^([^#:\r\n]+):(.*)\r$/gm)].map(([, name, value]) => [name, value]))
}

async function field(client: RawClient, section: string, name: string): Promise<string | undefined> {
  return fields(await ask(client, section)).get(name)
}

/** The number of a field, without the `count=` of errorstats; 0 when it is not there. */
function number(info: Map<string, string>, name: string): number {
  return Number((info.get(name) ?? '0').replace('count=', ''))
}

t.test('sections are chosen as in Redis, and DT is one of them', async (t) => {
  const client = await proxy.connect()
  const plain = await redis.connect()
  const choices: string[][] = [
    [],
    ['default'],
    ['ALL'],
    ['everything'],
    ['server'],
    ['keyspace', 'Server', 'SERVER'],
    ['default', 'commandstats'],
    ['latencystats', 'default', 'nosuch'],
    ['modules'],
    ['module_list'],
    ['errorstats', 'cluster\0x'],
    ['nosuch'],
    [''],
  ]
  for (const sections of choices) {
    const [ours, theirs] = await Promise.all([ask(client, ...sections), ask(plain, ...sections)])
    const wanted = titles(theirs)
    const whole = sections.length === 0 || sections.some((name) => /^(default|all|everything)$/i.test(name))
    t.same(titles(ours), whole ? [...wanted, OURS] : wanted, JSON.stringify(sections))
  }
  t.same(titles(await ask(client)), [...DEFAULT, OURS])
  t.same(titles(await ask(client, 'all')), [...ALL, OURS])
  t.same(titles(await ask(client, 'dt')), [OURS])
  t.equal((await client.ask('INFO', 'nosuch')).toString(), '$0\r\n\r\n')
})

t.test('every field of Redis 7.0 is there, in its order', async (t) => {
  const [ours, theirs] = await Promise.all([ask(await proxy.connect()), ask(await redis.connect())])
  const names = (text: string) =>
    [...fields(text.split('# Keyspace')[0]).keys()].filter((name) => !/^(db|errorstat)/.test(name))
  t.same(names(ours), names(theirs))
  for (const [name, value] of fields(theirs)) {
    const ourValue = fields(ours).get(name) ?? ''
    if (/^[0-9]+$/.test(value)) t.match(ourValue, /^-?[0-9]+$/, `${name} is an integer, too`)
    else if (/^[0-9.]+%?$/.test(value)) t.match(ourValue, /^[0-9.]+%?$/, `${name} is a number, too`)
  }
})

t.test('in RESP3 it is a verbatim string', async (t) => {
  const reply = await (await proxy.connect(3)).ask('INFO', 'cluster')
  t.equal(reply.toString(), '=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n')
})

t.test('the server is the proxy', async (t) => {
  const client = await proxy.connect()
  const server = fields(await ask(client, 'server'))
  t.equal(server.get('redis_version'), '7.0.15')
  t.equal(server.get('tcp_port'), String(proxy.port))
  t.equal(server.get('process_id'), String(process.pid))
  t.match(server.get('run_id'), /^[0-9a-f]{40}$/)
  t.equal(await field(client, 'server', 'run_id'), server.get('run_id'), 'the same each time')
  t.equal(server.get('redis_mode'), 'standalone')
  t.equal(await field(client, 'replication', 'role'), 'master')
})

t.test('who is held by CLIENT PAUSE counts as one who waits, as in Redis', async (t) => {
  for (const server of [proxy, redis]) {
    const [admin, held] = [await server.connect(), await server.connect()]
    await admin.ask('CLIENT', 'PAUSE', '100000', 'WRITE')
    const reply = held.ask('SET', 'held', '1')
    await until('it counts', async () => (await field(admin, 'clients', 'blocked_clients')) === '1')
    await admin.ask('CLIENT', 'UNPAUSE')
    t.equal(String(await reply), '+OK\r\n')
    t.equal(await field(admin, 'clients', 'blocked_clients'), '0')
  }
})

t.test('clients, commands, bytes and errors are those of the proxy', async (t) => {
  const client = await proxy.connect()
  const before = fields(await ask(client, 'clients', 'stats', 'errorstats'))
  t.equal(before.get('maxclients'), '321')
  const other = await proxy.connect()
  await other.ask('SET', 'text', 'x'.repeat(1000))
  await other.pipeline([['GET', 'text'], ['NOSUCH'], ['INCR', 'text'], ['LPUSH', 'text', 'x'], ['GET']])
  const after = fields(await ask(client, 'clients', 'stats', 'errorstats'))
  const grown = (name: string) => number(after, name) - number(before, name)
  t.equal(grown('connected_clients'), 1)
  t.equal(grown('total_connections_received'), 1)
  t.equal(grown('total_commands_processed'), 5, 'SET, GET, INCR, LPUSH, INFO: what is refused is not processed')
  t.equal(grown('total_error_replies'), 4)
  t.equal(grown('errorstat_ERR'), 3)
  t.equal(grown('errorstat_WRONGTYPE'), 1, 'once, though three servers said so')
  t.ok(grown('total_net_input_bytes') > 1000)
  t.ok(grown('total_net_output_bytes') > 1000)
  other.close()
  await until(
    'it is gone',
    async () => (await field(client, 'clients', 'connected_clients')) === before.get('connected_clients'),
  )
  const last = fields(await ask(client, 'stats'))
  t.ok(Number(last.get('total_net_input_bytes')) >= Number(after.get('total_net_input_bytes')), 'its bytes still count')
})

t.test('memory and work are those of all members', async (t) => {
  const client = await proxy.connect()
  const members = await Promise.all(proxy.ring.members.map(({ name }) => proxy.connectTo(name)))
  await client.ask('SET', 'text', 'x'.repeat(1000))
  await client.pipeline([
    ['SCRIPT', 'FLUSH'],
    ['SCRIPT', 'LOAD', 'return 1'],
    ...[1, 2, 2].map((n) => ['EVAL', `return ${n}`, '0']),
  ])
  await client.pipeline(Array.from({ length: 50 }, () => ['GET', 'text']))
  const infos = await Promise.all(members.map(async (member) => fields(await ask(member))))
  const sum = (name: string) => infos.reduce((total, info) => total + Number(info.get(name)), 0)
  const ours = fields(await ask(client, 'default', 'commandstats'))
  const memory = Number(ours.get('used_memory'))
  t.ok(Math.abs(memory - sum('used_memory')) < 0.2 * memory, 'used_memory')
  t.match(ours.get('used_memory_human'), /^\d+\.\d\dM$/)
  t.equal(ours.get('total_system_memory'), infos[0].get('total_system_memory'), 'one machine has its memory once')
  t.equal(ours.get('maxmemory_policy'), 'noeviction')
  t.equal(ours.get('number_of_cached_scripts'), '2', 'those of clients')
  for (const name of ['used_memory_scripts', 'used_memory_scripts_eval', 'used_memory_functions']) {
    t.equal(Number(ours.get(name)), sum(name), name)
    t.ok(sum(name) > 0, name)
  }
  t.match(ours.get('used_memory_scripts_human'), /^\d+(\.\d\d[KM]|B)$/)
  t.equal(Number(ours.get('keyspace_hits')), sum('keyspace_hits'))
  t.ok(Number(ours.get('keyspace_hits')) >= 50)
  t.match(ours.get('cmdstat_get'), /^calls=\d+,usec=\d+,usec_per_call=\d+\.\d\d,rejected_calls=0,failed_calls=0$/)
  t.ok(Number(ours.get('used_cpu_user')) > sum('used_cpu_user'), 'and the proxy works, too')
  t.equal(ours.get('aof_enabled'), '1')
  t.equal(ours.get('rdb_last_bgsave_status'), 'ok')
})

t.test('each key counts once in the keyspace', async (t) => {
  const client = await proxy.connect()
  await client.ask('FLUSHALL')
  t.equal(await ask(client, 'keyspace'), '# Keyspace\r\n')
  const sets = Array.from({ length: 301 }, (_, i) => ['SET', `key${i}`, 'v', ...(i % 3 === 0 ? ['EX', '1000'] : [])])
  await client.pipeline([...sets, ['SELECT', '9'], ['SET', 'a', 'b']])
  const lines = await until('the servers have looked at the times to live', async () => {
    const text = await ask(client, 'keyspace')
    return /avg_ttl=[1-9]/.test(text) ? text.split('\r\n') : undefined
  })
  t.match(lines[1], /^db0:keys=301,expires=101,avg_ttl=9\d{5}$/)
  t.equal(lines[2], 'db9:keys=1,expires=0,avg_ttl=0')
  // A key in a place where it does not belong is no other key.
  const places = proxy.view.members.map(({ name }) => name)
  for (const name of places) await (await proxy.connectTo(name)).ask('SET', 'key1', 'v')
  t.match((await ask(client, 'keyspace')).split('\r\n')[1], /^db0:keys=301,/)
})

t.test('a large database is not walked over', async (t) => {
  const client = await proxy.connect()
  await client.ask('FLUSHALL')
  client.send(Buffer.concat(Array.from({ length: 12_000 }, (_, i) => command('SET', `key${i}`, 'v'))))
  for (let i = 0; i < 12_000; i++) await client.reply()
  const scans = async () => {
    let calls = 0
    for (const { name } of proxy.view.members) {
      const stat = await field(await proxy.connectTo(name), 'commandstats', 'cmdstat_scan')
      calls += Number(/^calls=(\d+)/.exec(stat ?? '')?.[1] ?? 0)
    }
    return calls
  }
  const before = await scans()
  t.equal(await field(client, 'keyspace', 'db0'), 'keys=12000,expires=0,avg_ttl=0')
  t.equal(await scans(), before)
})

t.test('the DT section tells of the ring and of the coordinator', async (t) => {
  const client = await proxy.connect()
  const before = fields(await ask(client, 'dt'))
  await client.pipeline([['SET', 'a', 'b'], ['GET', 'a'], ['NOSUCH']])
  const after = fields(await ask(client, 'dt'))
  await until('every Sentinel answers', async () => (await field(client, 'dt', 'dt_sentinels_reachable')) === '3')
  for (const [name, value] of [
    ['dt_ring', 'dt'],
    ['dt_members', '4'],
    ['dt_links_up', '4'],
    ['dt_replicas', '2'],
    ['dt_copies', '3'],
    ['dt_virtual_nodes', '64'],
    ['dt_sentinels', '3'],
    ['dt_waiting', '0'],
    ['dt_differences', '0'],
  ]) {
    t.equal(after.get(name), value, name)
  }
  for (const name of ['dt_reads', 'dt_writes', 'dt_rejected_commands']) {
    t.equal(Number(after.get(name)), Number(before.get(name)) + 1, name)
  }
  const { port } = proxy.ring.server('dt-3')
  const line = `name=dt-3,addr=127.0.0.1:${port},in_ring=1,state=up,link=up,outstanding=`
  t.equal(after.get('dt_member2')?.replace(/\d+,answered=\d+,server_usec=\d+$/, ''), line)
})

t.test('the rate of commands is that of the last seconds', async (t) => {
  const client = await proxy.connect()
  const rate = await until('a rate', async () => {
    await client.pipeline(Array.from({ length: 500 }, () => ['PING']))
    const value = Number(await field(client, 'stats', 'instantaneous_ops_per_sec'))
    return value > 500 ? value : undefined
  })
  t.ok(rate > 500)
  t.ok(Number(await field(client, 'stats', 'instantaneous_input_kbps')) > 0)
  await until('rest', async () => Number(await field(client, 'stats', 'instantaneous_ops_per_sec')) < 500)
})

t.test('a member that hangs is left out, and it says so', async (t) => {
  const client = await proxy.connect()
  const whole = Number(await field(client, 'memory', 'used_memory'))
  proxy.ring.pause('dt-2')
  try {
    // It goes on hanging until all of this is answered.
    const text = await ask(client)
    t.equal(text.match(/^dt_not_answered:dt-2\r$/gm)?.length, 6, "in each section that has the members' values")
    t.ok(Number(fields(text).get('used_memory')) < whole)
    const keys = Number(/keys=(\d+)/.exec(fields(text).get('db0') ?? '')?.[1])
    t.ok(Math.abs(keys - 12_000) < 1500, `${keys} is about the number of keys`)
    const order: string[] = []
    const [patient, quick] = [await proxy.connect(), await proxy.connect()]
    await Promise.all([
      ask(patient).then(() => order.push('all')),
      ask(quick, 'server', 'clients', 'dt').then(() => order.push('some')),
    ])
    t.same(order, ['some', 'all'], 'what needs no member does not wait')
  } finally {
    proxy.ring.resume('dt-2')
  }
})

t.test('INFO works when members are down', async (t) => {
  const client = await proxy.connect()
  await proxy.ring.kill('dt-1')
  await until('the link is down', async () => (await field(client, 'dt', 'dt_links_up')) === '3')
  const text = await ask(client)
  t.match(fields(text).get('dt_member0'), /^name=dt-1,addr=[^,]+,in_ring=1,state=suspect,link=(down|connecting),/)
  t.equal(fields(text).get('dt_not_answered'), 'dt-1')
  t.ok(Number(fields(text).get('used_memory')) > 0)
  await Promise.all(['dt-2', 'dt-3', 'dt-4'].map((name) => proxy.ring.kill(name)))
  await until('no link is up', async () => (await field(client, 'dt', 'dt_links_up')) === '0')
  const nothing = fields(await ask(client, 'everything'))
  t.equal(nothing.get('dt_not_answered'), 'dt-1,dt-2,dt-3,dt-4')
  t.equal(nothing.get('used_memory'), '0')
  t.equal(nothing.get('process_id'), String(process.pid))
})
