import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { command, RawClient } from '../helpers/raw-client.js'
import { Pair } from './pair.js'

/* What clients do with their connections: deep pipelines, large values, going away, not reading. */

const pair = await Pair.start(t)

const OK = '+OK\r\n'
const MB = 1024 * 1024

/** A pipeline of many kinds of commands, also wrong ones, `count` long. */
function mixture(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const key = `k${i % 97}`
    switch (i % 12) {
      case 0:
        return command('SET', key, `value ${i}`)
      case 1:
        return command('GET', `k${(i * 7) % 97}`)
      case 2:
        return command('INCR', `n${i % 13}`)
      case 3:
        return command('MGET', key, 'missing', `k${(i + 1) % 97}`, `n${i % 13}`)
      case 4:
        return command('MSET', key, `a ${i}`, `k${(i + 50) % 97}`, `b ${i}`)
      case 5:
        return command('LPUSH', `l${i % 5}`, String(i))
      case 6:
        return command('LPUSH', key, 'of the wrong type')
      case 7:
        return command('PING', String(i))
      case 8:
        return command('NOSUCH', String(i))
      case 9:
        return command('DEL', `k${(i * 3) % 97}`, `k${(i * 5) % 97}`, 'missing')
      case 10:
        return command('LRANGE', `l${i % 5}`, '0', '3')
      default:
        return command('EXISTS', key, `k${(i + 1) % 97}`, `l${i % 5}`)
    }
  })
}

// The first test, because the next ones leave large values to the garbage collector.
t.test('a client that never reads is read from, takes a bounded memory, and gets everything in the end', async (t) => {
  await pair.flush()
  const watcher = await pair.proxy.connect()
  const value = Buffer.alloc(10_000, 'v')
  t.equal((await watcher.ask('SET', 'v', value)).toString(), OK)
  const lazy = await pair.proxy.connect()
  lazy.socket.pause()
  const [gets, echoes] = [30_000, 2000]
  const memoryBefore = process.memoryUsage().rss
  const repeated = (each: Buffer, count: number) => Buffer.concat(Array(count).fill(each))
  for (let i = 0; i < gets; i += 1000) lazy.send(repeated(command('GET', 'v'), 1000))
  for (let i = 0; i < echoes; i += 100) lazy.send(repeated(command('ECHO', value), 100))
  let most = 0
  // Until they wait, and some time longer.
  for (let i = 0; i < 50; i += most > 0 ? 1 : 0) {
    const list = (await watcher.ask('CLIENT', 'LIST')).toString()
    most = Math.max(most, ...[...list.matchAll(/ omem=(\d+)/g)].map(([, bytes]) => Number(bytes)))
    await sleep(10)
  }
  const grown = process.memoryUsage().rss - memoryBefore
  const wanted = (gets + echoes) * value.length
  t.ok(most > 0, 'its replies wait')
  t.ok(most < 64 * MB, `${most} bytes of the ${wanted} of its replies are kept`)
  t.ok(grown < 200 * MB, `the process has grown by ${grown} bytes`)
  t.equal(lazy.socket.writableLength, 0, 'what it sends is taken: Redis does so, too, and it may write before it reads')

  lazy.socket.resume()
  let wrong = 0
  for (let i = 0; i < gets + echoes; i++) if ((await lazy.reply()).length !== value.length + 10) wrong++
  t.equal(wrong, 0, 'all of its replies come through')
  lazy.close()
})

for (const proto of [2, 3] as const) {
  t.test(`a pipeline of 10,000 commands in one write is answered in order, RESP${proto}`, async (t) => {
    await pair.flush()
    const { ours, theirs, close } = await pair.connect(proto)
    const commands = mixture(10_000)
    for (const client of [ours, theirs]) client.send(Buffer.concat(commands))
    let different = 0
    for (let i = 0; i < commands.length; i++) {
      const [a, b] = await Promise.all([ours.reply(), theirs.reply()])
      if (a.equals(b)) continue
      if (different++ === 0) t.equal(a.toString(), b.toString(), `reply ${i} to ${commands[i]}`)
    }
    t.equal(different, 0)
    t.equal((await pair.dataFaults(0)).join('\n'), '')
    close()
  })

  t.test(`values of 0 bytes and of 64 MB are kept as they are, RESP${proto}`, async (t) => {
    await pair.flush()
    const { ours, theirs, close } = await pair.connect(proto)
    const large = Buffer.alloc(64 * MB, 'any bytes: \0\r\n$5\r\n\xff', 'latin1')
    const lines = [
      ['SET', 'empty', ''],
      ['GET', 'empty'],
      ['SET', 'large', large],
      ['STRLEN', 'large'],
      ['GETRANGE', 'large', '67108800', '-1'],
      ['MGET', 'empty', 'missing', 'large'],
      ['APPEND', 'large', 'x'],
      ['GETDEL', 'large'],
      ['EXISTS', 'large'],
    ]
    for (const line of lines) {
      const [a, b] = await Promise.all([ours.ask(...line), theirs.ask(...line)])
      t.ok(a.equals(b), `${line.map((arg) => arg.slice(0, 20)).join(' ')}: ${a.length} and ${b.length} bytes`)
    }
    close()
  })
}

t.test('an array with an element of 64 MB comes through while other clients are served', async (t) => {
  await pair.flush()
  const { ours, close } = await pair.connect(3)
  const other = await pair.proxy.connect()
  const large = Buffer.alloc(64 * MB, 'abc')
  t.equal((await ours.ask('RPUSH', 'l', 'first', large, 'last')).toString(), ':3\r\n')
  const answer = ours.ask('LRANGE', 'l', '0', '-1')
  const echoes: string[] = []
  for (let i = 100; i < 200; i++) echoes.push((await other.ask('ECHO', `${i}`)).toString())
  t.ok(echoes.every((echo, i) => echo === `$3\r\n${100 + i}\r\n`))
  const expected = Buffer.concat([
    Buffer.from(`*3\r\n$5\r\nfirst\r\n$${large.length}\r\n`),
    large,
    Buffer.from('\r\n$4\r\nlast\r\n'),
  ])
  t.ok((await answer).equals(expected))
  close()
  await pair.flush()
})

t.test('clients in different databases, in both protocols, all at once, get their own replies', async (t) => {
  await pair.flush()
  await Promise.all(
    Array.from({ length: 20 }, async (_, who) => {
      const client = await pair.proxy.connect(who % 2 === 0 ? 2 : 3)
      const missing = who % 2 === 0 ? '$-1\r\n' : '_\r\n'
      const db = who % 16
      let wrong = 0
      t.equal((await client.ask('SELECT', String(db))).toString(), OK)
      for (let round = 0; round < 20; round++) {
        const value = `${who} in ${round}`
        const key = `key of ${who}`
        const replies = await client.pipeline([
          ['SET', key, value],
          ['GET', key],
          ['GET', `never ${who}`],
          ['ECHO', value],
          ['MGET', key, 'never'],
          ['DEL', key],
        ])
        const bulk = `$${value.length}\r\n${value}\r\n`
        const expected = [OK, bulk, missing, bulk, `*2\r\n${bulk}${missing}`, ':1\r\n']
        if (replies.join('|') !== expected.join('|')) wrong++
      }
      t.equal(wrong, 0)
      client.close()
    }),
  )
})

t.test('a client that goes away in mid-command does nothing, and nobody else notices', async (t) => {
  await pair.flush()
  const watcher = await pair.proxy.connect()
  const whole = command('SET', 'half', 'x'.repeat(1000))
  for (const end of [1, 5, 20, whole.length - 1001, whole.length - 1]) {
    const client = await RawClient.connect(pair.proxy.port)
    client.send(Buffer.concat([command('SET', 'whole', `${end}`), whole.subarray(0, end)]))
    t.equal((await client.reply()).toString(), OK)
    client.close()
    await client.closed
  }
  t.equal((await watcher.ask('EXISTS', 'half')).toString(), ':0\r\n')
  t.equal((await watcher.ask('EXISTS', 'whole')).toString(), ':1\r\n')
  t.equal((await pair.proxy.connect().then((client) => client.ask('PING'))).toString(), '+PONG\r\n')
})

/** Waits until the proxy knows of `count` clients. */
async function clientCount(watcher: RawClient, count: number): Promise<number> {
  let last = 0
  for (let tries = 0; tries < 200; tries++) {
    last = (await watcher.ask('CLIENT', 'LIST')).toString().match(/^id=/gm)?.length ?? 0
    if (last === count) break
    await sleep(10)
  }
  return last
}

t.test('clients that go away before they have read their replies leave nothing behind', async (t) => {
  await pair.flush()
  const watcher = await pair.proxy.connect()
  const before = (await watcher.ask('CLIENT', 'LIST')).toString().match(/^id=/gm)?.length ?? 0
  t.equal((await watcher.ask('SET', 'v', Buffer.alloc(10_000, 'v'))).toString(), OK)
  const request = Buffer.concat(
    Array.from({ length: 500 }, (_, i) => command(...(i % 5 === 0 ? ['SCAN', '0'] : ['GET', 'v']))),
  )
  for (let i = 0; i < 20; i++) {
    const client = await RawClient.connect(pair.proxy.port)
    client.socket.pause()
    client.send(request)
    await sleep(i % 5)
    if (i % 2 === 0) client.close()
    else client.socket.resetAndDestroy()
  }
  t.equal(await clientCount(watcher, before), before)
  t.equal((await watcher.ask('STRLEN', 'v')).toString(), ':10000\r\n')
})

t.test('a client that has closed its sending side gets the replies that it is owed', async (t) => {
  await pair.flush()
  const commands = mixture(3000)
  const [ours, theirs] = await Promise.all([RawClient.connect(pair.proxy.port), pair.connect(2)])
  ours.send(
    Buffer.concat([...commands, command('SCAN', '0', 'COUNT', '1000'), command('DBSIZE'), command('PING', 'last')]),
  )
  ours.end()
  theirs.theirs.send(Buffer.concat(commands))
  const expected: Buffer[] = []
  for (let i = 0; i < commands.length; i++) expected.push(await theirs.theirs.reply())
  const all = await ours.rest()
  const head = Buffer.concat(expected)
  t.ok(all.subarray(0, head.length).equals(head), 'all replies, in order')
  t.ok(all.toString().endsWith('$4\r\nlast\r\n'), 'the last one too')
  theirs.close()
})
