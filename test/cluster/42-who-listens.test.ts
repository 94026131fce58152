import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { nodeStates } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'

/*
 * Messages reach who listens, in their order, and all of them, as long as they are taken [design §7 Channels].
 */

const MESSAGES = 20_000

async function listening(client: RawClient, ...channels: string[]): Promise<void> {
  for (const channel of channels) client.send(`SUBSCRIBE ${channel}\r\n`)
  for (const _ of channels) await client.reply()
}

/** The payloads of the next messages. */
async function messages(client: RawClient, count: number): Promise<string[]> {
  const all: string[] = []
  for (let i = 0; i < count; i++) all.push((await client.reply()).toString().split('\r\n').at(-2)!)
  return all
}

t.test(
  'everybody who listens gets every message of a channel once, in the same order, beside the replies to other commands',
  async (t) => {
    const proxy = await startProxy(t, { nodes: 3, replicas: 1 })
    const listeners = [await proxy.connect(2), await proxy.connect(3), await proxy.connect(3)]
    for (const client of listeners) await listening(client, 'c')
    const [one, two] = [await proxy.connect(), await proxy.connect()]
    const sent = (who: string) => Array.from({ length: MESSAGES / 2 }, (_, i) => ['PUBLISH', 'c', `${who}${i}`])
    // One who asks for other things meanwhile.
    const asked = Array.from({ length: 500 }, (_, i) => ['SET', `k${i}`, 'v'])
    const [, , first, second, mixed] = await Promise.all([
      one.pipeline(sent('a')),
      two.pipeline(sent('b')),
      messages(listeners[0], MESSAGES),
      messages(listeners[1], MESSAGES),
      (async () => {
        listeners[2].send(asked.map((args) => `${args.join(' ')}\r\n`).join(''))
        const all: string[] = []
        for (let i = 0; i < MESSAGES + asked.length; i++) all.push((await listeners[2].reply()).toString())
        return all
      })(),
    ])
    t.same(second, first)
    const isOrdered = (who: string) => {
      const own = first.filter((text) => text.startsWith(who)).map((text) => Number(text.slice(1)))
      return own.length === MESSAGES / 2 && own.every((number, i) => number === i)
    }
    t.ok(isOrdered('a'))
    t.ok(isOrdered('b'))
    t.equal(mixed.filter((reply) => reply === '+OK\r\n').length, asked.length)
    t.same(
      mixed.filter((reply) => reply.startsWith('>')).map((reply) => reply.split('\r\n').at(-2)),
      first,
    )
  },
)

t.test('who does not take its messages is cut off, and nobody else notices', async (t) => {
  const config = { limits: { pushBufferHardBytes: 4 * 1024 * 1024 } }
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, config })
  const [slow, quick, sender] = [await proxy.connect(), await proxy.connect(), await proxy.connect()]
  await listening(slow, 'c')
  await listening(quick, 'c')
  slow.socket.pause()
  let closed = false
  void slow.closed.then(() => {
    closed = true
  })
  const large = 'm'.repeat(200_000)
  let counted = ''
  for (let i = 0; i < 200 && counted !== ':1\r\n'; i++) {
    counted = String(await sender.ask('PUBLISH', 'c', large))
    t.ok((await quick.reply()).includes(large))
  }
  t.equal(counted, ':1\r\n', 'one listener is left')
  t.match(String(await sender.ask('PUBSUB', 'NUMSUB', 'c')), /:1\r\n$/)
  slow.socket.resume()
  await until('the slow one is closed', async () => closed)
})

t.test('a message is not published before a write of the same client that waits for a server', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0 })
  const [listener, client, watcher] = [await proxy.connect(), await proxy.connect(), await proxy.connect()]
  await listening(listener, 'c')
  await proxy.ring.kill('dt-1')
  await until('the link is down', async () => (await nodeStates(watcher))['dt-1'] !== 'up')
  client.send('SET k new\r\nPUBLISH c changed\r\n')
  let heard = false
  const message = listener.reply().then((reply) => {
    heard = true
    return reply
  })
  await until('the write waits', async () => /blocked_clients:1/.test(String(await watcher.ask('INFO', 'clients'))))
  await sleep(50)
  t.equal(heard, false)
  await proxy.ring.restart('dt-1')
  t.match(String(await message), /changed/)
  t.equal(String(await client.reply()), '+OK\r\n')
  t.equal(String(await client.reply()), ':1\r\n')
})
