import { readFileSync } from 'node:fs'
import t from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { limitStrings } from '../helpers/string-limit.js'
import { until } from '../helpers/until.js'

/*
 * An argument may have 512 MB, and a string of JavaScript has less: nothing that clients send may become one without a
 * limit [base/key-id, base/ascii].
 */

const LIMIT = 100_000
/** Larger than a string can be when strings are limited. */
const HUGE = Buffer.alloc(LIMIT + 1, 'x')

t.test('a key may have 512 MB', async (t) => {
  const { connect } = await startProxy(t, { nodes: 1, replicas: 0 })
  const client = await connect()
  const huge = Buffer.alloc(512 * 1024 * 1024, 'x')
  t.equal(String(await client.ask('SPOP', huge)), '$-1\r\n')
})

t.test('a script has at most 1 MB, and one of 512 MB harms nobody', async (t) => {
  const { connect } = await startProxy(t, { nodes: 1, replicas: 0 })
  const client = await connect()
  const long = (begin: string, bytes: number) => Buffer.concat([Buffer.from(begin), Buffer.alloc(bytes, ' ')])
  const huge = long('return 1', 512 * 1024 * 1024 - 8)
  t.match(String(await client.ask('EVAL', huge, '0')), /^-ERR this proxy takes scripts of at most 1048576 bytes/)
  t.match(String(await client.ask('SCRIPT', 'LOAD', huge.subarray(0, 1048577))), /^-ERR this proxy takes scripts/)
  const library = long('#!lua name=lib\n', 1048576)
  t.match(String(await client.ask('FUNCTION', 'LOAD', library)), /^-ERR this proxy takes libraries of at most/)
  const replies = await client.pipeline([
    ['MULTI'],
    ['EVAL', huge.subarray(0, 1048577), '0'],
    ['SET', 'a', '1'],
    ['EXEC'],
  ])
  t.match(String(replies[3]), /^\*2\r\n-ERR this proxy takes scripts .*\r\n\+OK\r\n$/)
  t.equal(String(await client.ask('EVAL', huge.subarray(0, 1048576), '0')), ':1\r\n')
  const redis = await startRedis(t)
  for (const other of [await connect(), await redis.connect()]) {
    other.send('*3\r\n$4\r\nEVAL\r\n$536870913\r\n')
    t.equal(String(await other.reply()), '-ERR Protocol error: invalid bulk length\r\n')
  }
})

t.test('whatever the argument, no string is made of it', async (t) => {
  const { connect } = await startProxy(t, { nodes: 2, replicas: 1 })
  limitStrings(t, LIMIT)
  const client = await connect()
  const name = Buffer.concat([Buffer.from('dt-'), HUGE])
  const cases: [RegExp, ...(string | Buffer)[]][] = [
    [/^\$-1/, 'SPOP', HUGE],
    [/^:1/, 'SADD', HUGE, 'a'],
    [/^\$1\r\na/, 'SPOP', HUGE],
    [/^\$[0-9]+-0|^\$[0-9]+\r\n[0-9]+-/, 'XADD', HUGE, '*', HUGE, HUGE],
    [/^:0/, 'EXPIREAT', 'k', '100'],
    [/^-ERR value is not an integer/, 'EXPIREAT', 'k', HUGE],
    [/^-ERR value is not an integer/, 'EXPIRE', 'k', HUGE],
    [/^-ERR syntax error/, 'SET', 'k', 'v', HUGE, '1'],
    [/^-ERR value is not an integer/, 'SET', 'k', 'v', 'PXAT', HUGE],
    [/^-ERR value is not an integer/, 'MOVE', HUGE, HUGE],
    [/^-ERR value is not an integer/, 'COPY', HUGE, HUGE, 'DB', HUGE],
    [/^\+OK/, 'MSET', HUGE, 'v', 'k', 'v'],
    [/^\*2\r\n\$1\r\nv\r\n\$1\r\nv/, 'MGET', HUGE, 'k'],
    [/^\+OK/, 'RENAME', HUGE, HUGE],
    [/^-ERR invalid cursor/, 'SCAN', HUGE],
    [/^-ERR invalid cursor/, 'HSCAN', HUGE, HUGE],
    [/^-ERR/, 'SCAN', '0', HUGE, HUGE],
    [/^\*0/, 'KEYS', HUGE.subarray(1)],
    [/^-ERR syntax error/, 'FLUSHALL', HUGE],
    [/^-NOSCRIPT/, 'EVALSHA', HUGE, '0'],
    [/^-ERR Function not found/, 'FCALL', HUGE, '0'],
    [/^-ERR invalid first DB index/, 'SWAPDB', HUGE, '1'],
    [/^-ERR value is not an integer/, 'SELECT', HUGE],
    [/^-WRONGPASS/, 'AUTH', HUGE, 'x'],
    [/^-WRONGPASS/, 'HELLO', '2', 'AUTH', HUGE, 'x'],
    [/^[$_]-?1?\r\n|^\*-1/, 'ACL', 'GETUSER', HUGE],
    [/^:0/, 'ACL', 'DELUSER', HUGE],
    [/^-ERR a name of more than 1023 bytes/, 'ACL', 'SETUSER', HUGE, 'on'],
    [/^-ERR a name .*, or a rule/, 'ACL', 'SETUSER', 'anna', Buffer.concat([Buffer.from('~'), HUGE])],
    [/^-ERR Unknown category/, 'ACL', 'CAT', HUGE],
    [/^-ERR User 'xxx/, 'ACL', 'DRYRUN', HUGE, 'GET', 'a'],
    [/^-ERR Command 'xxx/, 'ACL', 'DRYRUN', 'default', HUGE],
    [/^-ERR/, 'ACL', 'GENPASS', HUGE],
    [/^-ERR/, 'ACL', 'LOG', HUGE],
    [/^-ERR Syntax error in HELLO option 'xxx/, 'HELLO', '2', HUGE],
    [/^-ERR syntax error/, 'CLIENT', 'REPLY', HUGE],
    [/^-ERR No such client/, 'CLIENT', 'KILL', HUGE],
    [/^:0/, 'CLIENT', 'KILL', 'ADDR', HUGE],
    [/^-ERR No such user/, 'CLIENT', 'KILL', 'USER', HUGE],
    [/^-ERR Unknown client type/, 'CLIENT', 'LIST', 'TYPE', HUGE],
    [/^-ERR Unrecognized option/, 'CLIENT', 'SETINFO', HUGE, 'x'],
    [/^-ERR unknown command 'x{128}'/, HUGE, HUGE],
    [/^-ERR unknown subcommand 'x{128}'/, 'CLIENT', HUGE],
    [/^\*0/, 'CONFIG', 'GET', HUGE],
    [/^\*0/, 'CONFIG', 'GET', Buffer.concat([HUGE, Buffer.from('*')])],
    [/^\$0/, 'INFO', HUGE],
    [/^\*0/, 'COMMAND', 'GETKEYS', 'EVAL', 'x', HUGE],
    [/^\*1\r\n\*-1|^\*1\r\n\$-1/, 'COMMAND', 'INFO', HUGE],
    [/^-ERR syntax error/, 'DT', 'VERIFY', HUGE],
    [/^-ERR no server has a name of/, 'DT', 'ADD', name, '127.0.0.1:1'],
    [/^-ERR 'x{1024}' is no host:port/, 'DT', 'ADD', 'dt-9', HUGE],
    [/^-ERR no server has a name of/, 'DT', 'REMOVE', name],
    [/^-ERR no server has a name of/, 'DT', 'PLAN', 'REMOVE', name],
    [/^\*/, 'DT', 'LOCATE', HUGE],
  ]
  for (const [expected, ...args] of cases) {
    const reply = await client.ask(...args)
    t.match(reply.toString('latin1', 0, 1200), expected, args.map((arg) => String(arg.slice(0, 10))).join(' '))
  }
})

t.test('a key of any length is repaired where a copy differs, and seen when it differs', async (t) => {
  const { connect, connectTo, view } = await startProxy(t, { nodes: 2, replicas: 1 })
  const client = await connect()
  const members = await Promise.all(view.members.map(({ name }) => connectTo(name)))
  const values = () => Promise.all(members.map(async (member) => String(await member.ask('GET', HUGE))))
  limitStrings(t, LIMIT)
  t.equal(String(await client.ask('SET', HUGE, 'before')), '+OK\r\n')
  await members[0].ask('DEL', HUGE)
  t.match(String(await client.ask('APPEND', HUGE, '!')), /^:[17]\r\n$/)
  t.equal(new Set(await values()).size, 1, 'after a write that was answered differently')
  await members[1].ask('DEL', HUGE)
  await client.ask('DT', 'VERIFY', 'REPAIR')
  await until('both have the same', async () => new Set(await values()).size === 1)
})

t.test('names of clients have any length, and lists of clients show their beginning', async (t) => {
  const { connect } = await startProxy(t, { nodes: 1, replicas: 0 })
  limitStrings(t, LIMIT)
  const [one, other] = [await connect(), await connect()]
  for (const client of [one, other]) {
    t.equal(String(await client.ask('CLIENT', 'SETNAME', HUGE)), '+OK\r\n')
    t.equal(String(await client.ask('CLIENT', 'SETINFO', 'LIB-NAME', HUGE)), '+OK\r\n')
  }
  const name = await one.ask('CLIENT', 'GETNAME')
  t.ok(name.subarray(name.indexOf('\n') + 1, -2).equals(HUGE))
  const list = String(await one.ask('CLIENT', 'LIST'))
  t.equal(list.match(/ name=x{128} age=/g)?.length, 2)
  t.equal(list.match(/ lib-name=x{128} lib-ver=/g)?.length, 2)
})

t.test('what a large word costs is in proportion to its bytes, and it fills no heap', async (t) => {
  // As much as a word of 512 MB would leave of the heap that Node has by itself.
  const serve = await ServeProcess.start(t, { nodes: 1 }, { 'ring.replicas': '0' }, ['--max-old-space-size=150'])
  const word = Buffer.alloc(64 * 1024 * 1024, 'x')
  const listener = await serve.connect()
  await listener.ask('SUBSCRIBE', 'channel')
  const client = await serve.connect()
  await client.ask('FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 1 end)")
  const cost = async (...words: (string | Buffer)[]) => {
    const before = cpuMsOf(serve.child.pid!)
    const reply = await client.ask(...words)
    return { ms: cpuMsOf(serve.child.pid!) - before, reply: reply.toString('latin1', 0, 40) }
  }
  const { ms: usual } = await cost('ECHO', word)
  for (const words of [
    ['PUBSUB', 'CHANNELS'],
    ['FUNCTION', 'LIST', 'LIBRARYNAME'],
    ['FUNCTION', 'DELETE'],
    ['COMMAND', 'LIST', 'FILTERBY', 'MODULE'],
    ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN'],
    ['CONFIG', 'GET'],
    ['CLIENT', 'SETNAME'],
    ['LATENCY', 'RESET'],
    ['PSUBSCRIBE'],
    ['PUBLISH', 'x'],
  ]) {
    const { ms, reply } = await cost(...words, word)
    t.ok(ms < 4 * usual + 400, `${words.join(' ')} takes ${ms} ms, ECHO ${usual}: ${reply}`)
  }
  // A checksum is made of it, and it is wrong.
  const { ms, reply } = await cost('FUNCTION', 'RESTORE', Buffer.alloc(word.length))
  t.ok(ms < 4 * usual + 400, `FUNCTION RESTORE takes ${ms} ms, ECHO ${usual}: ${reply}`)
  t.ok(serve.alive)
})

/** The CPU time that a process has taken, in ms. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

t.test(
  'names and patterns that are alike in thousands of places: nobody is told, who publishes is, and others go on',
  async (t) => {
    const { connect } = await startProxy(t, { nodes: 1, replicas: 0 })
    const [listener, client] = [await connect(), await connect()]
    const alike = Buffer.alloc(60_000, 'a')
    await listener.ask('PSUBSCRIBE', Buffer.concat([Buffer.from('*'), alike, Buffer.from('b')]))
    await listener.ask('PSUBSCRIBE', 'news.*')
    const refused = /^-ERR it takes too long to compare the name of this channel .*; nothing was published/
    t.match(String(await client.ask('PUBLISH', alike, 'x')), refused)
    const replies = await client.pipeline([['MULTI'], ['PUBLISH', alike, 'x'], ['PUBLISH', 'news.1', 'x'], ['EXEC']])
    t.match(String(replies[3]), /^\*2\r\n-ERR it takes too long .*\r\n:1\r\n$/)
    t.equal(String(await client.ask('EVAL', "return redis.call('PUBLISH', ARGV[1], 'x')", '0', alike)), ':0\r\n')
    t.equal(String(await client.ask('PUBLISH', 'news.2', 'x')), ':1\r\n')
    t.match(String(await listener.reply()), /news\.1/)
    t.match(String(await listener.reply()), /news\.2/)
  },
)
