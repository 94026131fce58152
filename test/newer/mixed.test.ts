import t, { type Test } from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { monitor } from '../helpers/relayed-ring.js'
import { membersOf, untilFilled } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'

/*
 * A ring in the middle of an upgrade: two members are what this system has, and one is what the PATH has, which is newer when
 * `npm run test:newer` runs this. Nothing of it is applied that the older ones could not hold.
 */

const NEWER = process.env.PATH
process.env.PATH = `/usr/bin:${NEWER}`
const proxy = await startProxy(t, { nodes: 2, replicas: 2, sentinels: 1, downAfterMs: 20_000 })
process.env.PATH = NEWER
const server = await startRedis(t)
await monitor(proxy, 'dt-9', server.port)
const client = await proxy.connect()
await until('dt-9 is a member', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-9')
await untilFilled(client, 'dt-9')
const members = [await proxy.connectTo('dt-1'), await proxy.connectTo('dt-2'), await server.connect()]
const versions = await Promise.all(
  members.map(async (member) => /(?:valkey|redis)_version:(\S+)/.exec(String(await member.ask('INFO', 'server')))?.[1]),
)
const isMixed = new Set(versions).size > 1
const say = async (...words: string[]) => String(await client.ask(...words))

t.test('what only the newer one knows is refused before it is applied', async (t) => {
  await client.ask('SET', 'k', 'v')
  const names = async (index: number) =>
    new Set(String(await members[index].ask('COMMAND', 'LIST')).match(/^[a-z][a-z0-9_.|-]+(?=\r)/gm))
  const [old, newer] = [await names(0), await names(2)]
  const added = [...newer].filter((name) => !old.has(name) && !name.includes('|'))
  t.equal(added.length > 0, isMixed, `${versions}: ${added.length} commands more`)
  const listed = await say('COMMAND', 'LIST')
  for (const name of added) {
    t.notMatch(listed, `\r\n${name}\r\n`)
    t.match(await say('COMMAND', 'INFO', name), /^\*1\r\n(\*-1|\$-1)/)
    t.match(
      await say(name, 'k', 'x', 'y', 'z'),
      /^-ERR '.*' is (unknown to dt-[12], which is Redis 7.*not applied|not supported yet)|^-ERR (wrong number|unknown subcommand)/,
    )
  }
  if (isMixed) {
    t.match(await say('SET', 'k', 'w', 'IFEQ', 'v'), /^-ERR an argument of 'set' may be unknown to dt-1.*not applied/)
    t.match(await say('XADD', 's', 'KEEPREF', '*', 'a', '1'), /not applied/)
    t.match(await say('ZRANK', 'k', 'a', 'WITHSCORE'), /^-ERR wrong number of arguments for 'zrank' command/)
    await inScripts(t, new Set(added))
  }
  for (const member of members) {
    t.equal(String(await member.ask('GET', 'k')), '$1\r\nv\r\n')
    t.equal(String(await member.ask('EXISTS', 's')), ':0\r\n')
  }
  t.match(await say('INFO', 'server'), `redis_version:${versions[0]}`)
})

const LEARNT = ['hexpire 100 fields 1 f', 'hsetex fields 1 f v', 'delex ifeq v', 'delifeq v', 'httl fields 1 f'].map(
  (call) => call.split(' '),
)

t.test('a payload that one of them cannot read is refused by all, whoever is the master of its key', async (t) => {
  const newer = members[2]
  await newer.ask('SELECT', '15')
  await newer.ask('HSET', 'dumped', 'f', 'v')
  const dumped = await newer.ask('DUMP', 'dumped')
  const payload = dumped.subarray(dumped.indexOf('\r\n') + 2, -2)
  await newer.ask('DEL', 'dumped')
  await newer.ask('SELECT', '0')
  const [ofOld, ofNewer] = [Buffer.from(await dumpOfOld()), payload].map((each) => each.readUInt16LE(each.length - 10))
  for (const key of Array.from({ length: 12 }, (_, i) => `restored:${i}`)) {
    const reply = String(await client.ask('RESTORE', key, '0', payload))
    if (ofNewer <= ofOld) t.equal(reply, '+OK\r\n', key)
    else {
      t.match(
        reply,
        /^-ERR an argument of 'restore' may be unknown to dt-[12], which is Redis 7.*the command was not applied/,
      )
      for (const member of members) t.equal(String(await member.ask('EXISTS', key)), ':0\r\n', key)
    }
  }
})

async function dumpOfOld(): Promise<Buffer> {
  await client.ask('SET', 'of-old', 'v')
  const dumped = await members[0].ask('DUMP', 'of-old')
  return dumped.subarray(dumped.indexOf('\r\n') + 2, -2)
}

/** Keys of all masters, whoever executes the script: the newer server would do as it is told. */
async function inScripts(t: Test, newer: ReadonlySet<string>): Promise<void> {
  const library =
    "#!lua name=l\nredis.register_function('f',function(k,a) return redis.pcall('SET',k[1],'w','IFEQ','v') end)"
  t.equal(await say('FUNCTION', 'LOAD', 'REPLACE', library), '$1\r\nl\r\n')
  const keys = Array.from({ length: 12 }, (_, i) => `in:${i}`)
  for (const key of keys) {
    await client.ask('SET', key, 'v')
    const calls = [
      ['EVAL', "return redis.pcall('SET',KEYS[1],'w','IFEQ','v')", '1', key],
      ['EVAL', "return redis.pcall('SET',ARGV[1],'w','IFEQ','v')", '0', key],
      ['EVAL', 'return redis.pcall(unpack(ARGV))', '1', key, 'set', key, 'w', 'ifeq', 'v'],
      ['FCALL', 'f', '1', key],
    ]
    for (const call of calls)
      t.match(await say(...call), /^-ERR an argument of 'set' may be unknown to dt-1.*the command was not applied/, key)
    await client.ask('MULTI')
    await client.ask(...calls[0])
    t.match(await say('EXEC'), /^-EXECABORT .*: an argument of 'set' may be unknown to dt-1/)
    // Of several servers: what the newer one leaves the older one could not take, whatever the words.
    const over = ['EVAL', "redis.call('SET',KEYS[1],'w') return redis.call('XADD',KEYS[2],'KEEPREF','*','a',1)", '2']
    t.match(
      await say(...over, `done:${key}`, `s:${key}`),
      /^-ERR (an argument of 'xadd' may be unknown to dt-1|.*different versions\); the command was not applied)/,
    )
    for (const name of [key, `s:${key}`]) {
      const held = await Promise.all(members.map((member) => member.ask(name === key ? 'GET' : 'EXISTS', name)))
      t.same(
        held.map(String),
        members.map(() => (name === key ? '$1\r\nv\r\n' : ':0\r\n')),
        name,
      )
    }
    for (const [name, ...words] of LEARNT) {
      if (!newer.has(name)) continue
      const text = words.map((word) => `'${word}'`).join(',')
      for (const call of [
        ['EVAL', `return redis.pcall('${name}',KEYS[1],${text})`, '1', key],
        ['EVAL', 'return redis.pcall(unpack(ARGV))', '0', name, key, ...words],
      ])
        t.match(await say(...call), new RegExp(`^-ERR '${name}' is unknown to dt-[12], .*the command was not applied`))
    }
    // Words that all know are served.
    t.equal(await say('EVAL', "return redis.call('SET',KEYS[1],'w','XX','GET')", '1', key), '$1\r\nv\r\n')
  }
}
