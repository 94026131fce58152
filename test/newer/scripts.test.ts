import t from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'
import { verify } from '../helpers/verify.js'

/*
 * Commands that Redis 7.0 does not have and that write, inside scripts and functions: they do what they do on one server, and leave equal
 * copies. `npm run test:newer` has servers that know some.
 */

const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1 })
const redis = await startRedis(t)
const [ours, theirs] = [await proxy.connect(), await redis.connect()]
const listed = new Set(
  itemsOf(readReply(await theirs.ask('COMMAND', 'LIST'))).map((name) => textOf(name).toLowerCase()),
)

const say = async (client: RawClient, words: readonly string[]) => String(await client.ask(...words))
const both = async (...words: string[]): Promise<string> => {
  const [our, their] = await Promise.all([ours, theirs].map((client) => say(client, words)))
  t.equal(our.replace(/ script: .*/, ''), their.replace(/ script: .*/, ''), words.join(' '))
  return our
}

/** Commands on keys `a` and `b`, of each type. */
const CALLS = [
  'HSETEX a PXAT 4102444800123 FIELDS 2 f 1 g 2',
  'HEXPIRE a 100 FIELDS 1 f',
  'HPEXPIREAT a 4102444800456 FIELDS 2 f nosuch',
  'HPERSIST a FIELDS 1 g',
  'HGETEX a PXAT 4102444800123 FIELDS 2 g nosuch',
  'HGETEX a PERSIST FIELDS 1 g',
  'HPEXPIRE a 0 FIELDS 1 g',
  'HGETDEL a FIELDS 1 f',
  'HEXPIRE s 100 FIELDS 1 f',
  'DELEX s IFEQ other',
  'DELEX s IFEQ v',
  'DELIFEQ s other',
  'DELIFEQ s v',
  'MSETEX 2 a 1 b 2',
  'MSETEX 2 a 1 b 2 PXAT 4102444800123',
  'MSETEX 3 a 1 b 2 c 3 NX',
].filter((call) => listed.has(call.split(' ', 1)[0].toLowerCase()))

const HELD = ['HGETALL a', 'HPEXPIRETIME a FIELDS 2 f g', 'GET s', 'MGET b c', 'PEXPIRETIME a', 'PEXPIRETIME b']

const LIBRARY = `#!lua name=l
redis.register_function('f',function(k,a) return redis.call(unpack(a)) end)`

async function begins(a: 'hash' | 'text'): Promise<void> {
  await both('FLUSHALL')
  await both('SET', 's', 'v')
  if (a === 'hash') await both('HSET', 'a', 'f', 'x', 'g', 'y')
}

async function asksHeld(): Promise<void> {
  for (const each of HELD) {
    if (listed.has(each.split(' ', 1)[0].toLowerCase())) await both(...each.split(' '))
  }
  t.match(await verify(ours), { differences: 0, complete: 1 })
}

for (const call of CALLS) {
  const words = call.split(' ')
  const keys = [...new Set(words.filter((word) => /^[abcs]$/.test(word)))]
  t.test(`${call} in scripts and functions`, async () => {
    const text = words.map((word) => `'${word}'`).join(',')
    const named = words.map((word) => (keys.includes(word) ? `KEYS[${keys.indexOf(word) + 1}]` : `'${word}'`)).join(',')
    await both('FUNCTION', 'LOAD', 'REPLACE', LIBRARY)
    for (const form of [
      ['EVAL', `return redis.call(${named})`, String(keys.length), ...keys],
      ['EVAL', `return redis.call(${text})`, '0'],
      ['EVAL', 'return redis.call(unpack(ARGV))', '1', keys[0], ...words],
      [
        'EVAL',
        `redis.call('SET','t{other}','1') local r=redis.call(${text}) redis.call('INCR','t{other}') return r`,
        '0',
      ],
      ['EVAL', `redis.call(${text}) redis.call('SET','first','1') return redis.call('LPUSH','first','x')`, '0'],
      ['FCALL', 'f', String(keys.length), ...keys, ...words],
      ['FCALL', 'f', '0', ...words],
    ]) {
      await begins(words[0].startsWith('H') ? 'hash' : 'text')
      if (/^(HEXPIRE|HPEXPIRE) a [^0]/.test(call)) {
        // When that is depends on the moment.
        await both(...form)
        t.match(await verify(ours), { differences: 0, complete: 1 })
        continue
      }
      await both(...form)
      await asksHeld()
    }
  })
}

t.test('who may not write a key may not in a script either', { skip: !listed.has('msetex') }, async () => {
  await both('FLUSHALL')
  await both('ACL', 'SETUSER', 'few', 'on', 'nopass', '+@all', '~a*')
  const users = await Promise.all([proxy, redis].map((each) => each.connect()))
  for (const client of users) await client.ask('AUTH', 'few', 'x')
  for (const [source, expected] of [
    [
      "return redis.call('MSETEX','2','a1','1','b','2')",
      /can't access at least one of the keys|No permissions to access a key/,
    ],
    ["return redis.call('MSETEX','2','a1','1','a2','2')", /^:1/],
  ] as const) {
    for (const client of users) t.match(await say(client, ['EVAL', source, '0']), expected)
  }
  await both('MGET', 'a1', 'a2', 'b')
})
