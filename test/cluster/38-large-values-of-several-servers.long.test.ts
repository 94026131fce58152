import t, { type Test } from 'tap'
import { breakLink } from '../helpers/break-link.js'
import { PingProbe } from '../helpers/ping-probe.js'
import { startProxy, startRedis, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { throughRelay } from '../helpers/relayed-ring.js'
import { counter, keysAt, outstanding, replicasOf } from '../helpers/ring-state.js'
import { ringSnapshot, snapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * What a server would be blocked by for longer than migration.maxBlockMs when it dumped or restored it is copied in pieces, for commands
 * on keys of several servers, too, and parked under a hidden name until these take it [design §7 Gather].
 */

const MEMBERS = ['dt-1', 'dt-2', 'dt-3', 'dt-4']
/** With 1 ms all is large that takes more than 40 KB. */
const IN_PIECES = { migration: { maxBlockMs: 1 } }
const ELEMENTS = 2000
const FIELDS = 500_000

interface Story {
  readonly proxy: TestProxy
  readonly client: RawClient
  /** Tags of keys on dt-1 and dt-2 alone, on dt-3 and dt-4 alone, and on dt-2 and dt-3 alone. */
  readonly a: string
  readonly b: string
  readonly d: string
}

async function begin(t: Test, config = {}): Promise<Story> {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1, config })
  const client = await proxy.connect(3)
  const tagOn = async (...members: string[]) => {
    for (let i = 0; ; i++) if (String(await replicasOf(client, `{${i}}`)) === String(members)) return `{${i}}`
  }
  return {
    proxy,
    client,
    a: await tagOn('dt-1', 'dt-2'),
    b: await tagOn('dt-3', 'dt-4'),
    d: await tagOn('dt-2', 'dt-3'),
  }
}

const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i)

/** Commands that make a value of each type. */
function madeOf(tag: string, from = 0): string[][] {
  const all = numbers(ELEMENTS, from)
  return [
    ['SET', `string${tag}`, `${from} `.repeat(60_000)],
    ['HSET', `hash${tag}`, ...all.flatMap((i) => [`field:${i}`, `value ${i}`])],
    ['SADD', `set${tag}`, ...all.map((i) => `member:${i}`)],
    ['SADD', `numbers${tag}`, ...all.map(String)],
    ['ZADD', `zset${tag}`, ...all.flatMap((i) => [String(i / 7), `member:${i}`])],
    ['RPUSH', `list${tag}`, ...all.map((i) => `element ${(i * 7919) % ELEMENTS}, and some more bytes`)],
    ...numbers(ELEMENTS / 2, from + 1).map((i) => [
      'XADD',
      `stream${tag}`,
      `${i}-1`,
      'field',
      'a value of so many bytes that all of them together are large',
    ]),
    ['XGROUP', 'CREATE', `stream${tag}`, 'group', '0'],
    ['XREADGROUP', 'GROUP', 'group', 'consumer', 'COUNT', '10', 'STREAMS', `stream${tag}`, '>'],
    ['XDEL', `stream${tag}`, `${from + 3}-1`],
    ['PEXPIREAT', `hash${tag}`, '4102444800000'],
  ]
}

/** No server has anything that no client has put there. */
async function isClean(t: Test, { proxy }: Story): Promise<void> {
  for (const name of MEMBERS) {
    const member = await proxy.connectTo(name)
    const isEmpty = async () => String(await member.ask('KEYS', '*dt:pieces*')) === '*0\r\n'
    await until(`nothing is left on ${name}`, isEmpty)
  }
  t.same((await ringSnapshot(proxy)).faults, [])
}

/** Asks all servers. */
async function askAll({ proxy }: Story, ...command: string[]): Promise<string[]> {
  return Promise.all(MEMBERS.map(async (name) => String(await (await proxy.connectTo(name)).ask(...command))))
}

/** How often the servers have executed a command since CONFIG RESETSTAT, all together. */
async function timesOf(story: Story, command: string): Promise<number> {
  const stats = await askAll(story, 'INFO', 'commandstats')
  const calls = stats.map((text) => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(text)?.[1] ?? 0))
  return calls.reduce((sum, each) => sum + each, 0)
}

/** The longest of the commands in a slow log, in ms, but for the client's own union, which takes as long as it takes. */
function longestIn(log: string): { readonly ms: number; readonly name: string } {
  const entries = [...log.matchAll(/\r\n:\d+\r\n:(\d+)\r\n\*\d+\r\n\$\d+\r\n([A-Za-z]+)/g)]
  const all = entries.map(([, us, name]) => ({ ms: Number(us) / 1000, name }))
  return all
    .filter(({ name }) => name !== 'SUNIONSTORE')
    .reduce((one, other) => (other.ms > one.ms ? other : one), { ms: 0, name: '' })
}

t.test('replies and data are those of one server, with values of every type', async (t) => {
  const story = await begin(t, IN_PIECES)
  const { client, a, b, d } = story
  const redis = await (await startRedis(t)).connect(3)
  const commands = [
    ...madeOf(a),
    ...madeOf(b, ELEMENTS / 2),
    ['SUNIONSTORE', `union${d}`, `set${a}`, `set${b}`],
    ['SINTERSTORE', `inter${d}`, `set${a}`, `set${b}`, `set${a}`],
    ['SDIFFSTORE', `diff${d}`, `set${a}`, `set${b}`],
    ['SINTERCARD', '2', `numbers${a}`, `numbers${b}`],
    ['ZUNIONSTORE', `zunion${d}`, '3', `zset${a}`, `zset${b}`, `numbers${a}`, 'WEIGHTS', '1', '2', '3'],
    ['ZINTERSTORE', `zinter${a}`, '2', `zset${a}`, `zset${b}`],
    ['ZINTERSTORE', `zinter${b}`, '2', `zset${a}`, `zset${b}`, 'AGGREGATE', 'MAX'],
    ['ZDIFF', '2', `zset${a}`, `zset${b}`, 'WITHSCORES'],
    ['ZRANGESTORE', `zrange${d}`, `zset${a}`, '0', '-1'],
    ['BITOP', 'XOR', `bits${d}`, `string${a}`, `string${b}`],
    ['BITOP', 'NOT', `string${b}`, `string${a}`],
    ['LCS', `list${a}`, `string${b}`],
    ['SORT', `list${a}`, 'ALPHA', 'DESC', 'STORE', `sorted${d}`],
    ['SORT', `numbers${a}`, 'BY', 'nosort', 'LIMIT', '0', '1', 'GET', `string${b}`, 'STORE', `got${d}`],
    ['SORT', `list${a}`, 'LIMIT', '0', '3000', 'ALPHA', 'GET', '#', 'GET', `no*${b}`, 'STORE', `pairs${b}`],
    ...['string', 'hash', 'set', 'zset', 'list', 'stream'].flatMap((type) => [
      ['COPY', `${type}${a}`, `copy:${type}${b}`],
      ['COPY', `${type}${a}`, `copy:${type}${b}`],
      ['COPY', `${type}${b}`, `copy:${type}${a}`, 'DB', '1'],
      ['RENAME', `copy:${type}${b}`, `renamed:${type}${d}`],
      ['RENAME', `renamed:${type}${d}`, `set${b}`],
      ['RENAMENX', `set${b}`, `hash${a}`],
      ['RENAMENX', `set${b}`, `last:${type}${d}`],
    ]),
    ['MULTI'],
    ['RENAME', `hash${a}`, `hash${d}`],
    ['SUNIONSTORE', `set${d}`, `set${a}`, `numbers${b}`],
    ['SCARD', `set${d}`],
    ['EXEC'],
    ['PEXPIRETIME', `hash${d}`],
    ['XPENDING', `last:stream${d}`, 'group'],
    ['RENAME', `hash${a}`, `hash${b}`],
    ['EVAL', 'return {redis.call("HLEN", KEYS[1]), redis.call("SCARD", KEYS[2])}', '2', `hash${d}`, `numbers${a}`],
    [
      'EVAL',
      'return redis.call("ZUNIONSTORE", KEYS[1], 2, KEYS[2], KEYS[3])',
      '3',
      `script${d}`,
      `zset${a}`,
      `zset${b}`,
    ],
  ]
  for (const command of commands) {
    const [here, there] = [await client.ask(...command), await redis.ask(...command)]
    if (/^(ZDIFF|LCS)$/.test(command[0])) t.ok(here.equals(there), command[0])
    else t.equal(String(here), String(there), command.slice(0, 5).join(' ').slice(0, 80))
  }
  t.strictSame(await snapshot(client, ['0', '1']), await snapshot(redis, ['0', '1']))
  await isClean(t, story)
})

t.test('what scripts leave in large values is what it is on one server', async (t) => {
  const story = await begin(t, { ...IN_PIECES, limits: { gatherMs: 60_000, unavailableTimeoutMs: 60_000 } })
  const { client, a, b, d } = story
  const redis = await (await startRedis(t)).connect(3)
  const fill = 'local t = {} for i = 1, 3000 do t[i] = ARGV[1] .. i end'
  const scripts: readonly (readonly string[])[] = [
    // Each changes a large value, wherever it is executed, and something elsewhere.
    ["redis.call('HSET', KEYS[1], 'field:1', 'new', 'x', 'y') return redis.call('INCR', KEYS[2])", `hash${a}`, `n${b}`],
    ["redis.call('HDEL', KEYS[1], 'field:2') return redis.call('INCR', KEYS[2])", `hash${b}`, `n${a}`],
    ["return redis.call('SETRANGE', KEYS[1], 7, 'changed') + redis.call('INCR', KEYS[2])", `string${a}`, `n${b}`],
    ["return {redis.call('RPUSH', KEYS[1], 'last'), redis.call('LPOP', KEYS[2])}", `list${a}`, `list${b}`],
    ["return redis.call('XADD', KEYS[1], '99999-1', 'f', redis.call('INCR', KEYS[2]))", `stream${a}`, `n${b}`],
    ["return redis.call('ZADD', KEYS[1], redis.call('INCR', KEYS[2]), 'one')", `zset${a}`, `n${b}`],
    ["redis.call('PEXPIREAT', KEYS[1], 4102444800000) return redis.call('INCR', KEYS[2])", `zset${a}`, `n${b}`],
    // Nothing comes of it, or the value is gone.
    ["return {redis.call('SADD', KEYS[1], 'member:1'), redis.call('INCR', KEYS[2])}", `set${a}`, `n${b}`],
    ["return {redis.pcall('INCR', KEYS[1]).err, redis.call('INCR', KEYS[2])}", `hash${a}`, `n${b}`],
    ["redis.call('DEL', KEYS[1]) return redis.call('INCR', KEYS[2])", `numbers${a}`, `n${b}`],
    // Results, and several at once.
    ["return redis.call('SUNIONSTORE', KEYS[3], KEYS[1], KEYS[2])", `set${a}`, `set${b}`, `union${d}`],
    ["redis.call('RENAME', KEYS[1], KEYS[2]) return redis.call('SCARD', KEYS[2])", `union${d}`, `moved${a}`],
    [
      `${fill} redis.call('SET', KEYS[1], 1) for i = 2, 3 do redis.call('RPUSH', KEYS[i], unpack(t)) end`,
      `n${d}`,
      `made${a}`,
      `made${b}`,
    ],
    [
      "for i = 1, #KEYS do redis.call('RPUSH', KEYS[i], 'x') end return redis.call('LLEN', KEYS[1])",
      `made${a}`,
      `made${b}`,
      `list${a}`,
    ],
    [
      "redis.call('RPUSH', KEYS[1], 'y') redis.call('INCR', KEYS[2]) return redis.call('INCR', KEYS[1])",
      `made${a}`,
      `n${b}`,
    ],
    // It names keys that it has not declared, and asks which there are.
    [`redis.call('HSET', 'hash${a}', 'a', 'b') redis.call('HSET', 'hash${b}', 'a', 'b') return redis.call('DBSIZE')`],
    [
      "redis.call('DEL', KEYS[1]) return {redis.call('EXISTS', KEYS[1], KEYS[2]), #redis.call('KEYS', '*')}",
      `made${a}`,
      `made${b}`,
    ],
  ]
  const commands = [
    ...madeOf(a),
    ...madeOf(b, ELEMENTS / 2),
    ...scripts.map(([source, ...keys]) => ['EVAL', source, String(keys.length), ...keys, 'element ']),
    ['MULTI'],
    ['EVAL', scripts[0][0], '2', `hash${a}`, `n${b}`],
    ['HLEN', `hash${a}`],
    ['EXEC'],
    ['PEXPIRETIME', `hash${a}`],
    ['PEXPIRETIME', `zset${a}`],
    ['XPENDING', `stream${a}`, 'group'],
  ]
  for (const command of commands) {
    const [here, there] = [await client.ask(...command), await redis.ask(...command)]
    t.equal(String(here), String(there), command.slice(0, 5).join(' ').slice(0, 120))
  }
  t.strictSame(await snapshot(client, ['0']), await snapshot(redis, ['0']))
  await isClean(t, story)
})

t.test('many small values are not asked for, nor given, all at once', async (t) => {
  const story = await begin(t, IN_PIECES)
  const { client, a, b, d } = story
  const keys = numbers(300).map((i) => `set:${i}${i % 2 === 0 ? a : b}`)
  await client.pipeline(keys.map((key, i) => ['SADD', key, ...numbers(20, i * 10).map((n) => `member:${n}`)]))
  await askAll(story, 'CONFIG', 'RESETSTAT')
  t.equal(String(await client.ask('SUNIONSTORE', `union${d}`, ...keys)), ':3010\r\n')
  t.ok((await timesOf(story, 'rename')) > keys.length / 3, 'they were there before the command')
  t.equal(String(await client.ask('SCARD', `union${d}`)), ':3010\r\n')
  await isClean(t, story)
})

t.test('no client ever sees what is parked', async (t) => {
  const story = await begin(t, IN_PIECES)
  const { proxy, client, a, b, d } = story
  await client.pipeline(madeOf(a).slice(0, 6))
  await client.pipeline(madeOf(b).slice(0, 6))
  const keys = Number(String(await client.ask('DBSIZE')).slice(1))
  let over = false
  const seen = new Set<string>()
  const looking = (async () => {
    const other = await proxy.connect()
    while (!over) {
      for (const [i, reply] of (
        await other.pipeline([['KEYS', '*'], ['SCAN', '0', 'COUNT', '100'], ['RANDOMKEY'], ['DBSIZE']])
      ).entries()) {
        if (/dt:pieces/.test(String(reply))) seen.add(String(reply))
        const count = Number(String(reply).slice(1))
        // The union may be there already.
        if (i === 3 && count !== keys && count !== keys + 1) seen.add(`DBSIZE ${count}`)
      }
    }
  })()
  for (let i = 0; i < 5; i++) {
    await client.ask('SUNIONSTORE', `union${d}`, `set${a}`, `numbers${b}`)
    await client.ask('COPY', `hash${a}`, `union${d}`, 'REPLACE')
  }
  over = true
  await looking
  t.same([...seen], [])
  for (const command of ['GET', 'DEL', 'TYPE']) {
    t.match(String(await client.ask(command, '\0dt:pieces:p0')), /^-ERR/, `${command} of such a name is refused`)
  }
  await isClean(t, story)
})

t.test('a large result that has gone with the connection of its server is made again', async (t) => {
  const { proxy, relay, client } = await throughRelay(t, { config: IN_PIECES })
  const [a] = await keysAt(client, 'dt-1', 0, 1)
  const [b, union] = await keysAt(client, 'dt-9', 0, 2)
  for (const [key, from] of [
    [a, 0],
    [b, ELEMENTS],
  ] as const)
    await client.ask('SADD', key, ...numbers(ELEMENTS, from).map((i) => `member:${i}`))
  const [member, other] = [await proxy.connectTo('dt-1'), await proxy.connect()]
  // Whether dt-1 may count on what it has of the key of dt-9 is asked behind the command.
  relay.stallRequests('PEXPIRETIME')
  const stored = client.ask('SUNIONSTORE', union, a, b)
  await until('the result is there', async () => String(await member.ask('KEYS', '*dt:pieces:parked')) !== '*0\r\n')
  await until('dt-9 has not said that yet', () => relay.isStalling)
  t.equal(String(await other.ask('EXISTS', a)), ':1\r\n', 'what dt-1 has answered has come')
  await breakLink(member)
  await until('dt-1 is back', async () => String(await member.ask('KEYS', '*dt:pieces*')) === '*0\r\n')
  await until('its link is up', async () => (await counter(other, 'links_up')) === 3)
  relay.resume()
  t.equal(String(await stored), `:${2 * ELEMENTS}\r\n`)
  t.equal(String(await client.ask('SCARD', union)), `:${2 * ELEMENTS}\r\n`)
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test('DBSIZE does not count a result that is about to be parked', async (t) => {
  const { proxy, relay, client } = await throughRelay(t, { config: IN_PIECES })
  const [a, union] = await keysAt(client, 'dt-9', 0, 2)
  const [b] = await keysAt(client, 'dt-1', 0, 1)
  await client.ask('SADD', a, ...numbers(ELEMENTS).map((i) => `member:${i}`))
  await client.pipeline([
    ['SADD', b, 'one'],
    ['SET', union, 'before'],
  ])
  t.equal(String(await client.ask('DBSIZE')), ':3\r\n')
  relay.stallRequests('SUNIONSTORE')
  const stored = client.ask('SUNIONSTORE', union, a, b, a)
  await until('it is on its way to dt-9', () => relay.isStalling)
  const other = await proxy.connect()
  const before = await outstanding(other, 'dt-9')
  const size = (await proxy.connect()).ask('DBSIZE')
  await until('it is asked behind that', async () => (await outstanding(other, 'dt-9')) > before)
  relay.resume()
  t.equal(String(await size), ':3\r\n')
  t.equal(String(await stored), `:${ELEMENTS + 1}\r\n`)
})

t.test('what a process has left behind is removed before anything else', async (t) => {
  const story = await begin(t)
  const { proxy, client } = story
  const member = await proxy.connectTo('dt-1')
  for (const db of ['0', '9']) {
    await member.pipeline([
      ['SELECT', db],
      ['SADD', '\0dt:pieces:parked', '\0dt:pieces:p7', '\0dt:pieces:p9'],
      ['SET', '\0dt:pieces:p7', 'left'],
    ])
  }
  await breakLink(member)
  await until('it is back', async () => (await counter(client, 'links_up')) === 4)
  t.equal(String(await member.ask('DBSIZE')), ':0\r\n')
  await member.ask('SELECT', '0')
  t.equal(String(await member.ask('DBSIZE')), ':0\r\n')
})

t.test('a link that breaks in the middle: it is done again, or was not done', async (t) => {
  const story = await begin(t, { ...IN_PIECES, backend: { reconnectMinMs: 5, reconnectMaxMs: 20 } })
  const { proxy, client, a, b, d } = story
  const members = await Promise.all(MEMBERS.map((name) => proxy.connectTo(name)))
  await client.pipeline(madeOf(a).slice(0, 6))
  await client.pipeline(madeOf(b, ELEMENTS).slice(0, 6))
  const commands = [
    ['SUNIONSTORE', `union${d}`, `set${a}`, `set${b}`],
    ['COPY', `hash${a}`, `copy${b}`, 'REPLACE'],
    ['BITOP', 'OR', `bits${d}`, `string${a}`, `string${b}`],
    ['RENAME', `copy${b}`, `copy${a}`],
  ]
  const unknown: string[] = []
  for (let i = 0; i < 24; i++) {
    const command = commands[i % commands.length]
    const reply = client.ask(...command)
    const breaking = members[i % 4]
    await until(
      'it is under way, or over',
      async () => {
        return String(await breaking.ask('EXISTS', '\0dt:pieces:0', '\0dt:pieces:parked')) !== ':0\r\n' || i % 3 === 0
      },
      200,
    ).catch(() => {})
    await breakLink(breaking).catch(() => {})
    const said = String(await reply)
    if (said.startsWith('-')) unknown.push(`${command[0]} ${said}`)
  }
  for (const each of unknown) t.match(each, /outcome unknown|no such key|TRYAGAIN|not applied/)
  t.comment(unknown.join(''))
  await until('all is back', async () => (await counter(client, 'links_up')) === 4)
  t.equal(String(await client.ask('SUNIONSTORE', `union${d}`, `set${a}`, `set${b}`)), `:${2 * ELEMENTS}\r\n`)
  t.equal(String(await client.ask('SCARD', `union${d}`)), `:${2 * ELEMENTS}\r\n`)
  await isClean(t, story)
})

t.test('a server without memory takes none of it, and nothing is left', async (t) => {
  const story = await begin(t, IN_PIECES)
  const { proxy, client, a, b } = story
  await client.pipeline(madeOf(a).slice(0, 6))
  await client.ask('SET', `hash${b}`, 'before')
  const member = await proxy.connectTo('dt-4')
  const used = Number(/used_memory:(\d+)/.exec(String(await member.ask('INFO', 'memory')))?.[1])
  await member.ask('CONFIG', 'SET', 'maxmemory', String(used + 150_000))
  t.match(String(await client.ask('RENAME', `hash${a}`, `hash${b}`)), /^-OOM /)
  t.equal(String(await client.ask('GET', `hash${b}`)), '$6\r\nbefore\r\n')
  t.equal(String(await client.ask('HLEN', `hash${a}`)), `:${ELEMENTS}\r\n`)
  await isClean(t, story)
})

t.test('what takes too long is given up, and nothing is left of it', async (t) => {
  const story = await begin(t, { ...IN_PIECES, limits: { gatherMs: 5 } })
  const { client, a, b } = story
  await client.pipeline(madeOf(a).slice(0, 6))
  t.match(
    String(await client.ask('RENAME', `hash${a}`, `hash${b}`)),
    /^-ERR 'rename' .* limits.gatherMs, 5 ms; the command was not applied/,
  )
  t.equal(String(await client.ask('EXISTS', `hash${b}`)), ':0\r\n')
  t.equal(String(await client.ask('HLEN', `hash${a}`)), `:${ELEMENTS}\r\n`)
  await isClean(t, story)
})

t.test(
  'several at once from and to the same servers: one after the other, none fails, and all of their keys can be read meanwhile',
  async (t) => {
    const story = await begin(t, { ...IN_PIECES, limits: { unavailableTimeoutMs: 60_000 } })
    const { proxy, client, a, b, d } = story
    const all = numbers(8)
    const fields = numbers(ELEMENTS).flatMap((i) => [`field:${i}`, `value ${i}`])
    await client.pipeline(all.map((i) => ['HSET', `hash:${i}${a}`, ...fields]))
    const others = await Promise.all(all.map(() => proxy.connect()))
    const renames = others.map((other, i) => other.ask('RENAME', `hash:${i}${a}`, `hash:${i}${i % 2 === 0 ? b : d}`))
    const counts = await Promise.all(all.map((i) => client.ask('EXISTS', `hash:${i}${a}`)))
    for (const count of counts) t.match(String(count), /^:[01]\r\n$/)
    t.same([...new Set((await Promise.all(renames)).map(String))], ['+OK\r\n'])
    for (const i of all) {
      t.equal(String(await client.ask('HLEN', `hash:${i}${i % 2 === 0 ? b : d}`)), `:${ELEMENTS}\r\n`)
      t.equal(String(await client.ask('EXISTS', `hash:${i}${a}`)), ':0\r\n')
    }
    await isClean(t, story)
  },
)

t.test('half a million fields, and a union of 200,000: no server is busy with it for long', async (t) => {
  const story = await begin(t, { limits: { gatherBytes: '512mb', gatherMs: 60_000, unavailableTimeoutMs: 60_000 } })
  const { proxy, client, a, b, d } = story
  const fill = async (command: string, key: string, count: number, words: (i: number) => string[]) => {
    for (let i = 0; i < count; i += 2000) await client.ask(command, key, ...numbers(2000, i).flatMap(words))
  }
  await fill('HSET', `hash${a}`, FIELDS, (i) => [`field:${i}`, `the value of ${i}`])
  await fill('SADD', `set${a}`, 100_000, (i) => [`member:${i}`])
  await fill('SADD', `set${b}`, 100_000, (i) => [`other:${i}`])
  await askAll(story, 'CONFIG', 'SET', 'slowlog-log-slower-than', '5000', 'slowlog-max-len', '10000')
  await askAll(story, 'CONFIG', 'RESETSTAT')
  await askAll(story, 'SLOWLOG', 'RESET')
  const probes = await Promise.all(MEMBERS.map(async (name) => new PingProbe(await proxy.connectTo(name), name)))
  t.equal(String(await client.ask('RENAME', `hash${a}`, `hash${b}`)), '+OK\r\n')
  t.equal(String(await client.ask('COPY', `hash${b}`, `copy${d}`)), ':1\r\n')
  t.equal(String(await client.ask('SUNIONSTORE', `union${d}`, `set${a}`, `set${b}`)), ':200000\r\n')
  t.equal((await timesOf(story, 'dump')) + (await timesOf(story, 'restore')), 0, 'nothing goes as a whole')
  const script = "redis.call('HSET', KEYS[1], 'field:1', 'new') return redis.call('INCR', KEYS[2])"
  for (const [hash, n] of [
    [`hash${b}`, `n${a}`],
    [`copy${d}`, `n${a}`],
  ])
    t.match(String(await client.ask('EVAL', script, '2', hash, n)), /^:[12]\r\n$/)
  for (const probe of probes) await probe.stop()
  const longest = longestIn((await askAll(story, 'SLOWLOG', 'GET', '-1')).join())
  t.ok((await timesOf(story, 'hset')) >= 4 * (FIELDS / 5000), 'each piece is what takes a tenth of 50 ms')

  // How long as a whole, under the same load.
  const redis = await (await startRedis(t)).connect()
  await redis.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
  const dump = await (await proxy.connectTo('dt-3')).ask('DUMP', `hash${b}`)
  await redis.ask('RESTORE', 'whole', '0', dump.subarray(dump.indexOf('\n') + 1, -2))
  const whole = longestIn(String(await redis.ask('SLOWLOG', 'GET', '1')))
  const pings = probes.map(({ name, longestMs }) => `${name} ${Math.round(longestMs)} ms`)
  t.comment(
    `RESTORE as a whole ${Math.round(whole.ms)} ms, the longest piece ${Math.round(longest.ms)} ms (${longest.name})`,
  )
  t.comment(`the longest that a server did not answer PING: ${pings.join(', ')}`)
  t.ok(longest.ms < whole.ms / 2, 'no piece takes long')
  t.same(
    await askAll(story, 'KEYS', '*dt:pieces*'),
    MEMBERS.map(() => '*0\r\n'),
  )
  for (const [key, command, count] of [
    [`hash${b}`, 'HLEN', FIELDS],
    [`copy${d}`, 'HLEN', FIELDS],
    [`union${d}`, 'SCARD', 200_000],
  ] as const)
    for (const name of await replicasOf(client, key))
      t.equal(String(await (await proxy.connectTo(name)).ask(command, key)), `:${count}\r\n`, `${key} on ${name}`)
  for (const key of [`hash${b}`, `copy${d}`]) t.equal(String(await client.ask('HGET', key, 'field:1')), '$3\r\nnew\r\n')
  t.equal(String(await client.ask('HGET', `copy${d}`, 'field:499999')), '$19\r\nthe value of 499999\r\n')
})
