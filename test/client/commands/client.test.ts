import t from 'tap'
import { answersAlike, endsAlike } from '../../helpers/alike.js'
import { startProxy, startRedis } from '../../helpers/proxy.js'
import { command, type RawClient } from '../../helpers/raw-client.js'
import { readReply, textOf } from '../../helpers/raw-reply.js'
import { until } from '../../helpers/until.js'

const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })
const redis = await startRedis(t)
const clients = (proto: 2 | 3 = 2) => Promise.all([proxy.connect(proto), redis.connect(proto)])

type Fields = Record<string, string>

function parseLine(line: string): Fields {
  return Object.fromEntries(line.split(' ').map((field) => field.split(/=(.*)/s).slice(0, 2)))
}

async function infoOf(client: RawClient): Promise<Fields> {
  return parseLine(
    textOf(readReply(await client.ask('CLIENT', 'INFO')))
      .replace(/^txt:/, '')
      .trimEnd(),
  )
}

async function list(client: RawClient, ...options: string[]): Promise<Fields[]> {
  const text = textOf(readReply(await client.ask('CLIENT', 'LIST', ...options))).replace(/^txt:/, '')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine)
}

for (const proto of [2, 3] as const) {
  t.test(`CLIENT subcommands answer as Redis does in RESP${proto}`, async (t) => {
    const [ours, theirs] = await clients(proto)
    await answersAlike(t, ours, theirs, [
      ['CLIENT'],
      ['CLIENT', 'NOSUCH'],
      ['CLIENT', 'HELP'],
      ['CLIENT', 'ID', 'x'],
      ['CLIENT', 'GETNAME'],
      ['CLIENT', 'GETNAME', 'x'],
      ['CLIENT', 'SETNAME'],
      ['CLIENT', 'SETNAME', 'a b'],
      ['CLIENT', 'SETNAME', 'a\nb'],
      ['CLIENT', 'SETNAME', Buffer.from([0x61, 0])],
      ['CLIENT', 'SETNAME', Buffer.from([0xff])],
      ['CLIENT', 'SETNAME', '!~'],
      ['CLIENT', 'GETNAME'],
      ['CLIENT', 'SETNAME', ''],
      ['CLIENT', 'GETNAME'],
      ['CLIENT', 'NO-EVICT'],
      ['CLIENT', 'NO-EVICT', 'x'],
      ['CLIENT', 'no-evict', 'On'],
      ['CLIENT', 'NO-EVICT', 'OFF'],
      ['CLIENT', 'LIST', 'x'],
      ['CLIENT', 'LIST', 'TYPE'],
      ['CLIENT', 'LIST', 'TYPE', 'x'],
      ['CLIENT', 'LIST', 'TYPE', Buffer.from('x\r\ny\0z')],
      ['CLIENT', 'LIST', 'TYPE', 'replica'],
      ['CLIENT', 'LIST', 'TYPE', 'SLAVE'],
      ['CLIENT', 'LIST', 'TYPE', 'master'],
      ['CLIENT', 'LIST', 'TYPE', 'pubsub'],
      ['CLIENT', 'LIST', 'TYPE', 'normal', 'x'],
      ['CLIENT', 'LIST', 'ID'],
      ['CLIENT', 'LIST', 'ID', 'x'],
      ['CLIENT', 'LIST', 'ID', '1', 'x'],
      ['CLIENT', 'LIST', 'ID', '0', '-1', '99999999'],
      ['CLIENT', 'KILL'],
      ['CLIENT', 'KILL', '1.2.3.4:5'],
      ['CLIENT', 'KILL', 'ID', '0'],
      ['CLIENT', 'KILL', 'ID', 'x'],
      ['CLIENT', 'KILL', 'ID', '99999999'],
      ['CLIENT', 'KILL', 'ID', '99999999999999999999'],
      ['CLIENT', 'KILL', 'ID', '1', 'TYPE'],
      ['CLIENT', 'KILL', 'TYPE', 'x'],
      ['CLIENT', 'KILL', 'TYPE', 'x\0y', 'nosuch', 'option'],
      ['CLIENT', 'KILL', 'nosuch', 'option'],
      ['CLIENT', 'KILL', 'TYPE', 'replica'],
      ['CLIENT', 'KILL', 'TYPE', 'Pubsub', 'SKIPME', 'no'],
      ['CLIENT', 'KILL', 'USER', 'somebody'],
      ['CLIENT', 'KILL', 'USER', 'Default'],
      ['CLIENT', 'KILL', 'SKIPME', 'x'],
      ['CLIENT', 'KILL', 'SKIPME', 'yes', 'ADDR', '1.2.3.4:5'],
      ['CLIENT', 'KILL', 'ADDR', '1.2.3.4:5', 'LADDR', '1.2.3.4:6'],
      ['CLIENT', 'KILL', 'ADDR', '1.2.3.4:5', 'LADDR'],
    ])
  })
}

t.test('CLIENT SETINFO, of Redis 7.2, is taken from libraries that send it', async (t) => {
  const client = await proxy.connect()
  const ask = async (...args: (string | Buffer)[]) => (await client.ask('CLIENT', 'SETINFO', ...args)).toString()
  t.equal(await ask('LIB-NAME', 'ioredis'), '+OK\r\n')
  t.equal(await ask('lib-ver', '5.0'), '+OK\r\n')
  t.equal(await ask('lib', '5.0'), "-ERR Unrecognized option 'lib'\r\n")
  const texts = ' cannot contain spaces, newlines or special characters.\r\n'
  t.equal(await ask('Lib-Name', 'a b'), `-ERR Lib-Name${texts}`, 'the attribute as it was written')
  t.equal(await ask('LIB-NAME'), "-ERR wrong number of arguments for 'client|setinfo' command\r\n")
  t.match(await infoOf(client), { 'lib-name': 'ioredis', 'lib-ver': '5.0' })
  await client.ask('RESET')
  t.match(await infoOf(client), { 'lib-name': 'ioredis', 'lib-ver': '5.0' }, 'RESET does not change the library')
})

t.test('of newer servers has the ring what the least of its members has', async (t) => {
  const client = await proxy.connect()
  const ask = async (...args: string[]) => (await client.ask('CLIENT', ...args)).toString()
  t.equal(await ask('NO-TOUCH', 'ON'), "-ERR unknown subcommand 'NO-TOUCH'. Try CLIENT HELP.\r\n")
  t.equal(await ask('KILL', 'MAXAGE', '100'), '-ERR syntax error\r\n')

  const newer = await startProxy(t, {
    ...{ nodes: 1, replicas: 0, sentinels: 1 },
    config: { commands: { version: '7.4.0' } },
  })
  const [other, killed] = [await newer.connect(), await newer.connect()]
  const say = async (...args: string[]) => (await other.ask('CLIENT', ...args)).toString()
  t.equal(await say('NO-TOUCH'), "-ERR wrong number of arguments for 'client|no-touch' command\r\n")
  t.equal(await say('NO-TOUCH', 'x'), '-ERR syntax error\r\n')
  t.equal(await say('NO-TOUCH', 'On'), '+OK\r\n')
  t.equal((await infoOf(other)).flags, 'T')
  t.equal(await say('NO-TOUCH', 'off'), '+OK\r\n')
  t.equal((await infoOf(other)).flags, 'N')
  for (const age of ['0', '-1']) t.equal(await say('KILL', 'MAXAGE', age), '-ERR maxage should be greater than 0\r\n')
  t.equal(await say('KILL', 'maxage', 'x'), '-ERR maxage is not an integer or out of range\r\n')
  t.equal(await say('KILL', 'MAXAGE', '100'), ':0\r\n')
  const id = textOf(readReply(await killed.ask('CLIENT', 'ID')))
  await until('it is a second old', async () => Number((await list(other, 'ID', id))[0].age) >= 1)
  t.match(await say('KILL', 'ID', id, 'MAXAGE', '1'), /^:1\r\n/)
  t.equal(await say('PAUSE', String(2n ** 63n - 1n)), '-ERR timeout is out of range\r\n')
})

t.test('a line of CLIENT LIST has the fields of Redis 7.0 in its order, then those of 7.2', async (t) => {
  const startedMs = Date.now()
  const [ours, theirs] = await clients(3)
  for (const client of [ours, theirs]) {
    await client.ask('CLIENT', 'SETNAME', 'me')
    await client.ask('SELECT', '7')
  }
  const [our, their] = await Promise.all([infoOf(ours), infoOf(theirs)])
  // Redis counts the seconds of the clock that have begun since then.
  const seconds = Math.ceil((Date.now() - startedMs) / 1000)
  for (const field of ['age', 'idle']) {
    for (const each of [our, their]) t.ok(Number(each[field]) <= seconds, `${field}=${each[field]} of ${seconds} s`)
  }
  t.same(Object.keys(our), Object.keys(their))
  const same = ['name', 'flags', 'db', 'sub', 'psub', 'ssub', 'multi', 'events', 'cmd', 'user', 'redir', 'resp']
  for (const field of same) t.equal(our[field], their[field], field)
  t.equal(our.addr, `127.0.0.1:${ours.socket.localPort}`)
  t.equal(our.laddr, `127.0.0.1:${proxy.port}`)
  t.match(our.fd, /^\d+$/, 'the number of its socket')
})

t.test('CLIENT LIST shows what each client does', async (t) => {
  const watcher = await proxy.connect()
  const silent = await proxy.connect()
  const id = async (client: RawClient) => textOf(readReply(await client.ask('CLIENT', 'ID')))
  const ids = [await id(watcher), await id(silent)]
  await silent.ask('GET', 'a')
  silent.send('*2\r\n$4\r\nECHO\r\n$1000\r\nhalf of it')
  await until('half a command has been received', async () => Number((await list(watcher, 'ID', ids[1]))[0].qbuf) > 10)
  const lines = await list(watcher, 'ID', ids[1], '0', ids[0], ids[1])
  t.same(
    lines.map((line) => line.id),
    [ids[1], ids[0], ids[1]],
    'in the order asked for',
  )
  t.match(lines[0], { cmd: 'get', flags: 'N', events: 'r' })
  t.match(lines[1], { cmd: 'client|list' })
  const fresh = await proxy.connect()
  await until('the fresh client is there', async () =>
    (await list(watcher)).some((line) => line.addr.endsWith(`:${fresh.socket.localPort}`)),
  )
  const all = await list(watcher, 'TYPE', 'NORMAL')
  t.match(
    all.find((line) => line.addr.endsWith(`:${fresh.socket.localPort}`)),
    { cmd: 'NULL', user: 'default' },
  )
  await fresh.ask('NOSUCH')
  t.equal((await list(watcher, 'ID', await lastId(watcher)))[0].cmd, 'NULL', 'an unknown command is none')
  await fresh.ask('GET')
  t.equal((await list(watcher, 'ID', await lastId(watcher)))[0].cmd, 'get', 'one with too few arguments is')
})

async function lastId(client: RawClient): Promise<string> {
  return (await list(client)).at(-1)!.id
}

t.test('CLIENT KILL ends the clients that match all its filters, and says how many', async (t) => {
  const killer = await proxy.connect()
  const id = async (client: RawClient) => textOf(readReply(await client.ask('CLIENT', 'ID')))
  const victim = await proxy.connect()
  const other = await proxy.connect()
  const address = `127.0.0.1:${victim.socket.localPort}`
  const wrong = `127.0.0.1:${other.socket.localPort}`
  const kill = async (...args: string[]) => (await killer.ask('CLIENT', 'KILL', ...args)).toString()
  t.equal(await kill('ID', await id(victim), 'ADDR', wrong), ':0\r\n', 'an id and another address')
  t.equal(await kill('ID', '1', 'ID', await id(victim), 'ADDR', address, 'USER', 'default', 'TYPE', 'normal'), ':1\r\n')
  await victim.closed
  t.equal(await kill('ADDR', address), ':0\r\n', 'it is gone')
  t.equal(await kill(wrong), '+OK\r\n', 'the old form')
  await other.closed
  t.equal(await kill(wrong), '-ERR No such client\r\n')
  const [a, b] = [await proxy.connect(), await proxy.connect()]
  killer.send(Buffer.concat([command('CLIENT', 'KILL', 'ID', await id(a)), command('CLIENT', 'LIST')]))
  t.equal((await killer.reply()).toString(), ':1\r\n')
  t.notMatch(textOf(readReply(await killer.reply())), `addr=127.0.0.1:${a.socket.localPort} `, 'at once in no list')
  t.match(await kill('TYPE', 'normal'), /^:[1-9]/, 'everybody but itself')
  await Promise.all([a.closed, b.closed])
  t.equal((await killer.ask('PING')).toString(), '+PONG\r\n')
})

t.test('a client that kills itself gets the answer and nothing after it', async (t) => {
  for (const build of [
    (address: string) => ['CLIENT', 'KILL', address],
    (address: string) => ['CLIENT', 'KILL', 'ADDR', address, 'SKIPME', 'no'],
  ]) {
    const [ours, theirs] = await clients()
    const bytes = (client: RawClient) =>
      Buffer.concat([command(...build(`127.0.0.1:${client.socket.localPort}`)), command('PING')])
    theirs.send(bytes(theirs))
    ours.send(bytes(ours))
    const [our, their] = await Promise.all([ours.rest(), theirs.rest()])
    t.equal(our.toString(), their.toString())
  }
  const [ours, theirs] = await clients()
  await endsAlike(t, ours, theirs, 'CLIENT KILL TYPE normal SKIPME no ID 99999999\r\nQUIT\r\n', 'nobody matches')
})
