import t from 'tap'
import { argumentOf, frameIn, frameOf } from '../../../src/resp/frame.js'
import { toResp2 } from '../../../src/resp/resp3-to-resp2.js'
import { LOOP } from '../../../src/serving/script/loop.js'
import { type Outcome, outcomeOf } from '../../../src/serving/script/outcome.js'
import { wrap } from '../../../src/serving/script/script.js'
import { RawConnection, RealRedis } from '../../helpers/real-redis.js'
import { ERRORS, type Run, SEED, VALUES, WRITES } from './wrapped-scripts.js'

/** What servers choose, or what they hold of the moment. */
const MAX_BYTES = 100_000

const servers = await Promise.all([RealRedis.start(), RealRedis.start(), RealRedis.start()])
t.teardown(() => Promise.all(servers.map((server) => server.stop())))
const [real2, real3, master, backup] = await Promise.all([
  RawConnection.open(servers[0].port),
  RawConnection.open(servers[0].port, 3),
  RawConnection.open(servers[1].port, 3),
  RawConnection.open(servers[2].port, 3),
])
t.teardown(() => {
  for (const each of [real2, real3, master, backup]) each.close()
})
await backup.ask('SCRIPT', 'LOAD', LOOP)

async function seed(): Promise<void> {
  for (const server of [real2, master, backup]) {
    server.ask('FLUSHALL')
    for (const command of SEED) server.ask(...command)
    await server.ask('PEXPIREAT', 'mortal', '33000000000000')
  }
}

async function runWrapped(
  [source, keys = [], args = []]: Run,
  extra: readonly string[] = [],
  oom = '',
): Promise<Outcome | Buffer> {
  const script = wrap(Buffer.from(source), MAX_BYTES)
  const loaded = await master.ask('SCRIPT', 'LOAD', script.wrapped)
  t.match(loaded.toString(), script.wrappedSha, source)
  const more = script.staysInside ? [] : [String(extra.length)]
  const reply = await master.ask(
    'EVALSHA',
    script.wrappedSha,
    String(keys.length + extra.length),
    ...keys,
    ...extra,
    ...args,
    ...more,
    oom,
  )
  if (reply[0] !== 0x2a) return reply
  const frame = frameOf(['EVALSHA', script.wrappedSha, String(keys.length), ...keys])
  return outcomeOf(script, { frame, numkeys: keys.length }, reply, 0, reply.length)
}

/** Every key with its value, and its deadline in ms. */
async function content(server: RawConnection): Promise<string> {
  const keys = (await server.ask('KEYS', '*'))
    .toString('latin1')
    .split('\r\n')
    .filter((_, i) => i > 0 && i % 2 === 0)
  const parts: string[] = []
  for (const key of keys.sort()) {
    const deadline = await server.ask('PEXPIRETIME', key)
    const type = (await server.ask('TYPE', key)).toString().trim()
    const value =
      type === '+set'
        ? await server.ask('SORT', key, 'ALPHA')
        : await server.ask(...READ[type], key, ...(REST[type] ?? []))
    parts.push(`${key} ${deadline.toString().trim()} ${value.toString('latin1')}`)
  }
  return parts.join('\n')
}

const READ: Record<string, string[]> = {
  '+string': ['GET'],
  '+list': ['LRANGE'],
  '+zset': ['ZRANGE'],
  '+hash': ['HGETALL'],
  '+stream': ['XRANGE'],
}
const REST: Record<string, string[]> = {
  '+list': ['0', '-1'],
  '+zset': ['0', '-1', 'WITHSCORES'],
  '+stream': ['-', '+'],
}

for (const [title, runs] of Object.entries({ VALUES, ERRORS, WRITES })) {
  t.test(`wrapped scripts say and do what plain ones do: ${title}`, async (t) => {
    for (const run of runs) {
      const [source, keys = [], args = []] = run
      await seed()
      const plain2 = await real2.ask('EVAL', source, String(keys.length), ...keys, ...args)
      const after = await content(real3)
      await seed()
      const plain3 = await real3.ask('EVAL', source, String(keys.length), ...keys, ...args)
      const outcome = await runWrapped(run)
      if (Buffer.isBuffer(outcome)) {
        t.equal(outcome.toString(), plain3.toString(), `${source}: refused whole`)
        continue
      }
      if (outcome.kind !== 'done') {
        t.fail(`${source}: stopped at ${outcome.wanted}`)
        continue
      }
      const { buf, start, end } = outcome.reply
      t.equal(buf.toString('latin1', start, end), plain3.toString('latin1'), `${source}: RESP3`)
      const two = toResp2(buf, start, end, 'generic')
      t.equal(two.toString('latin1'), plain2.toString('latin1'), `${source}: RESP2`)
      const isChosen = /spop|'\*'|XREADGROUP|EX|PX|expire|setex|restore|xread/i.test(source)
      if (!isChosen) t.equal(await content(master), after, `${source}: the data`)
      if (outcome.effects.kind === 'unknown') {
        t.fail(`${source}: nobody knows what it did`)
        continue
      }
      const { frame } = outcome.effects
      if (frame !== undefined) {
        const command = frameIn(frame)
        const reply = await backup.ask(...Array.from({ length: command.argc }, (_, i) => argumentOf(command, i)))
        t.not(reply[0], 0x2d, `${source}: ${reply} to ${frame}`)
      }
      t.equal(await content(backup), await content(master), `${source}: the backup`)
    }
  })
}

/*
 * A real server finds commands by the hash of all of a name, and compares names up to a NUL: one in 256, by the seed of its hashes,
 * takes this for SET, and the others for nothing.
 */
t.test('a name with a NUL in it is that of no command, whatever servers take it for', async (t) => {
  for (const name of ['set\\0', 'set\\0x', 'get\\0x']) {
    await seed()
    const before = await content(master)
    const outcome = (await runWrapped([`return redis.call('${name}', KEYS[1], 'x')`, ['s']])) as Outcome
    if (outcome.kind !== 'done') throw new Error(`${name}: ${JSON.stringify(outcome)}`)
    const { buf, start, end } = outcome.reply
    t.match(buf.toString('latin1', start, end), /^-ERR Unknown Redis command called from script script: /, name)
    t.equal(await content(master), before)
  }
})

t.test('a server that refuses a command to the proxy, in the middle of a script', async (t) => {
  await seed()
  await master.ask('ACL', 'SETUSER', 'default', '-append')
  const refused =
    "-ERR The user executing the script can't run this command or subcommand( script: .*)?; a server that has its keys refuses it to this proxy, by its ACL: "
  for (const [source, what] of [
    ["return redis.call('append', KEYS[1], 'x')", 'nothing was applied'],
    ["return redis.pcall('append', KEYS[1], 'x')", 'nothing was applied'],
    ["redis.call('get', KEYS[1]) return redis.call('append', KEYS[1], 'x')", 'nothing was applied'],
    [
      "redis.call('set', KEYS[1], 'y') return redis.call('append', KEYS[1], 'x')",
      'what the script had done before that was applied',
    ],
    [
      "redis.call('spop', 'set') return redis.call('append', KEYS[1], 'x')",
      'what the script had done before that was applied',
    ],
  ] as const) {
    const outcome = (await runWrapped([source, ['new']], source.includes('spop') ? ['set'] : [])) as Outcome
    if (outcome.kind !== 'done') throw new Error(`${source}: ${JSON.stringify(outcome)}`)
    const { buf, start, end } = outcome.reply
    t.match(buf.toString('latin1', start, end), new RegExp(`^${refused}${what}\r\n$`), source)
    await master.ask('DEL', 'new')
  }
  await master.ask('ACL', 'SETUSER', 'default', '+append')
})
