import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { type Arg, command } from '../helpers/raw-client.js'
import { RingInMemory } from '../helpers/ring-in-memory.js'
import { until } from '../helpers/until.js'

/*
 * A command on very many keys is cut, and its reply put together, in slices [serving/several/large]. It goes out in one turn all the
 * same: what comes before that is before all of it, and what comes later behind all of it.
 */

const COUNT = 6000
const keys = Array.from({ length: COUNT }, (_, i) => `key:${i}`)

/** The commands of this name that members have been sent and have not answered. */
function sent(ring: RingInMemory, name: string): string[] {
  return ring.replicas.flatMap(({ asked }) => asked.filter((text) => text.startsWith(name)))
}

async function whenSent(ring: RingInMemory, name: string): Promise<void> {
  for (let i = 0; i < 10_000 && sent(ring, name).length === 0; i++) await turn()
}

t.test('what others send while it is cut comes before all of it', async (t) => {
  const ring = new RingInMemory(t)
  const [client, other] = [ring.client(), ring.client()]
  client.send(`DEL ${keys.join(' ')}`)
  t.same(sent(ring, 'DEL'), [], 'it is not cut in the turn in which it comes')
  other.send(`SET ${keys[COUNT - 1]} v`)
  await whenSent(ring, 'DEL')
  other.send(`SET ${keys[0]} v`)
  for (const { name, asked } of ring.replicas) {
    const words = asked.map((text) => text.split(' ', 2).join(' '))
    const deletes = words.map((text, i) => (text.startsWith('DEL') ? i : -1)).filter((i) => i >= 0)
    t.equal(words.indexOf(`SET ${keys[COUNT - 1]}`), 0, `${name}: before it`)
    t.equal(words.lastIndexOf(`SET ${keys[0]}`), words.length - 1, `${name}: behind it`)
    t.same(
      deletes,
      [...deletes.keys()].map((i) => i + 1),
      `${name}: all of it in one turn`,
    )
    const named = asked.flatMap((text) => (text.startsWith('DEL') ? text.split(' ').slice(1) : []))
    t.same(named.sort(), [...keys].sort(), `${name}: each key once`)
  }
})

t.test('keys lie elsewhere before it goes out: it is cut anew', async (t) => {
  const ring = new RingInMemory(t, ['dt-1', 'dt-2', 'dt-3', 'dt-4'], 1)
  const client = ring.client()
  client.send(`DEL ${keys.join(' ')}`)
  ring.becomes('dt-1', 'dt-2')
  ring.isNoted()
  await whenSent(ring, 'DEL')
  for (const link of ring.order.router.links as unknown as RingInMemory['replicas']) {
    const named = link.asked.flatMap((text) => (text.startsWith('DEL') ? text.split(' ').slice(1) : []))
    t.same(named.sort(), [...keys].sort(), `${link.name} has a copy of each key`)
  }
})

t.test('its client is gone before it goes out: nothing is applied', async (t) => {
  const ring = new RingInMemory(t)
  const client = ring.client()
  client.send(`DEL ${keys.join(' ')}`)
  client.disconnects()
  await until('it has ended', () => client.heard.length === 1)
  t.same(sent(ring, 'DEL'), [])
})

t.test('a gate at one of its keys holds all of it back, and one at another key nothing', async (t) => {
  const ring = new RingInMemory(t)
  const { gates } = ring.order
  const client = ring.client()
  let leave = () => {}
  const enter = (id: string) =>
    gates.enter(
      { ids: [id], isShared: false },
      gates.ticket(),
      performance.now() + 60_000,
      (entry) => {
        leave = () => gates.leave(entry)
      },
      () => {},
    )
  enter('0:another')
  client.send(`DEL ${keys.join(' ')}`)
  await whenSent(ring, 'DEL')
  t.not(sent(ring, 'DEL').length, 0)
  enter(`0:${keys[17]}`)
  client.send(`UNLINK ${keys.join(' ')}`)
  for (let i = 0; i < 200; i++) await turn()
  t.same(sent(ring, 'UNLINK'), [])
  leave()
  t.not(sent(ring, 'UNLINK').length, 0)
})

t.test('what is held of other keys does not matter to it, and what is held of one of its keys does', async (t) => {
  const ring = new RingInMemory(t)
  const client = ring.client()
  const [master] = ring.order.router.routeOfKey(Buffer.from(keys[5]), 0, keys[5].length).natural
  const held = (id: string) =>
    ring.order.lanes.hold(master, [id], { emit: () => {}, dropped: () => {}, covered: () => {} })
  const releases = [held('0:another'), held(`1:${keys[5]}`)]
  client.send(`TOUCH ${keys.join(' ')}`)
  await whenSent(ring, 'TOUCH')
  const parts = sent(ring, 'TOUCH').length
  releases.push(held(`0:${keys[5]}`))
  client.send(`DEL ${keys.join(' ')}`)
  await whenSent(ring, 'DEL')
  const names = (link: (typeof ring.replicas)[number]) => link.asked.filter((text) => text.startsWith('DEL')).join(' ')
  const link = ring.replicas.find(({ name }) => name === master.name)!
  const others = ring.replicas.filter((each) => each !== link)
  t.notMatch(` ${names(link)} `, ` ${keys[5]} `)
  for (const other of others) t.match(` ${names(other)} `, ` ${keys[5]} `)
  for (const release of releases) release()
  t.match(` ${names(link)} `, ` ${keys[5]} `)
  t.ok(parts > 1)
})

t.test('a name of ours is refused', async (t) => {
  const ring = new RingInMemory(t)
  const client = ring.client()
  client.send(`DEL ${keys.join(' ')} \0dt:pieces:0`)
  await until('it is answered', () => client.heard.length === 1)
  t.match(client.heard[0], /names that begin with/)
  t.same(sent(ring, 'DEL'), [])
})

t.test('the answers are those of Redis', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1 })
  const redis = await startRedis(t)
  const places = [...keys.keys()]
  const mixed = places.map((i) => (i % 7 === 0 ? keys[(i * 31) % COUNT] : i % 5 === 0 ? `none:${i}` : keys[i]))
  const tagged = keys.map((key) => `{one}${key}`)
  const commands: Arg[][] = [
    ['MSET', ...keys.flatMap((key, i) => [key, i % 3 === 0 ? '' : `value ${i}`.repeat(i % 50)])],
    ['RPUSH', 'none:5', 'a list'],
    ['MGET', ...mixed],
    ['EXISTS', ...mixed],
    ['TOUCH', ...mixed],
    ['MSET', ...mixed.flatMap((key, i) => [key, String(i)])],
    ['MGET', ...keys],
    ['MSET', ...keys, 'odd'],
    ['MSET', ...tagged.flatMap((key, i) => [key, String(i)])],
    ['MGET', ...tagged, 'none'],
    ['MGET', ...tagged],
    ['DEL', ...mixed],
    ['UNLINK', ...keys, ...keys],
    ['DEL', ...tagged],
    ['MGET', ...keys],
    ['DBSIZE'],
  ]
  for (const proto of [2, 3] as const) {
    const [ours, theirs] = [await proxy.connect(proto), await redis.connect(proto)]
    for (const [i, words] of commands.entries()) {
      const [reply, expected] = [await ours.ask(...words), await theirs.ask(...words)]
      t.ok(reply.equals(expected), `${i}: ${words[0]} in RESP${proto}: ${reply.toString('latin1', 0, 80)}`)
    }
  }
})

t.test('what comes behind one does not get into it, wherever its bytes lie', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1 })
  const redis = await startRedis(t)
  // Of less than 64 KB, so that it is no buffer of its own.
  const short = Array.from({ length: 4500 }, (_, i) => i.toString(36))
  const bytes = Buffer.concat([
    command('MSET', ...short.flatMap((key, i) => [key, String(i % 10)])),
    command('SET', 'filler', Buffer.alloc(20_000, 'x')),
    command('MGET', ...short),
    command('SET', 'filler', Buffer.alloc(40_000, 'y')),
    command('EXISTS', ...short),
    command('DEL', ...short.slice(0, 4200)),
    command('MGET', ...short),
  ])
  const replies = await Promise.all(
    [proxy.connect(), redis.connect()].map(async (connecting) => {
      const client = await connecting
      for (let at = 0; at < bytes.length; at += 30_000) {
        client.send(bytes.subarray(at, at + 30_000))
        await turn()
        await turn()
      }
      const all: string[] = []
      for (let i = 0; i < 7; i++) all.push(String(await client.reply()))
      return all
    }),
  )
  t.ok(
    replies[0].join() === replies[1].join(),
    replies.map((all) => all.map((each) => each.slice(0, 40)).join()).join(' | '),
  )
})

t.test('one behind the other are served in their order', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1 })
  const client = await proxy.connect()
  const replies = await client.pipeline([
    ['MSET', ...keys.flatMap((key) => [key, '1'])],
    ['INCR', keys[0]],
    ['EXISTS', ...keys],
    ['MGET', keys[0], ...keys],
    ['SET', keys[1], '9'],
    ['DEL', ...keys],
    ['GET', keys[1]],
    ['SET', keys[1], '10'],
    ['GET', keys[1]],
  ])
  const texts = replies.map((reply) => reply.toString('latin1', 0, 30))
  t.same(texts.slice(0, 3), ['+OK\r\n', ':2\r\n', `:${COUNT}\r\n`])
  t.match(texts[3], `*${COUNT + 1}\r\n$1\r\n2\r\n$1\r\n2\r\n$1\r\n1\r\n`)
  t.same(texts.slice(4), ['+OK\r\n', `:${COUNT}\r\n`, '$-1\r\n', '+OK\r\n', '$2\r\n10\r\n'])
})
