import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { identifierOfKey } from '../../src/ring/identifier.js'
import { startProxy } from '../helpers/proxy.js'
import { command, type RawClient } from '../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'

/* What is slow, and where the time went: on a ring whose servers are told to answer late. */

const proxy = await startProxy(t, { nodes: 3, replicas: 0 })
const client = await proxy.connect()
const observer = await proxy.connect()
const LATE_MS = 150
await observer.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '60000')

type Entry = Record<string, string> & { readonly command: string }

/** The oldest first. */
async function entries(): Promise<Entry[]> {
  return itemsOf(readReply(await observer.ask('DT', 'SLOWLOG', '-1')))
    .map((entry) => {
      const fields = itemsOf(entry)
      const values = new Map<string, string>()
      for (let i = 0; i < fields.length; i += 2) {
        const value = fields[i + 1]
        const isCommand = textOf(fields[i]) === 'command'
        values.set(textOf(fields[i]), isCommand ? itemsOf(value).map(textOf).join(' ') : textOf(value))
      }
      return Object.fromEntries(values) as Entry
    })
    .reverse()
}

/** A key that this server has. */
function keyOf(member: string, but = ''): string {
  for (let i = 0; ; i++) {
    const key = `k${i}`
    if (key === but) continue
    if (
      proxy.view.setOfRange[proxy.view.ring.rangeOf(identifierOfKey(Buffer.from(key), 0, key.length))].natural[0]
        .name === member
    )
      return key
  }
}

/** The server keeps all commands back for a while. */
async function answersLate(member: string, ms = LATE_MS): Promise<void> {
  const direct = await proxy.connectTo(member)
  await direct.ask('CLIENT', 'PAUSE', String(ms))
  direct.close()
}

/** What is shown of an argument. */
function beginning(argument: string): string {
  const more = argument.length - 128
  return more <= 0 ? argument : `${argument.slice(0, 128)}... (${more} more bytes)`
}

/** One hears all replies. */
async function all(from: RawClient, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await from.reply()
}

t.beforeEach(() => observer.ask('SLOWLOG', 'RESET'))

t.test('a server that is slow is named, and others are not', async (t) => {
  await client.ask('CLIENT', 'SETNAME', 'waiter')
  await answersLate('dt-2')
  const [slow, quick] = [keyOf('dt-2'), keyOf('dt-1')]
  await Promise.all([client.ask('GET', slow), observer.ask('GET', quick)])
  const [entry, ...others] = await entries()
  t.same(others, [])
  t.match(entry, { command: `GET ${slow}`, member: 'dt-2', name: 'waiter' })
  t.equal(entry.client, `127.0.0.1:${client.socket.localPort}`)
  t.ok(Math.abs(Number(entry.time) - Date.now() / 1000) < 60)
  const [us, waiting, server, own] = ['us', 'waiting-us', 'server-us', 'proxy-us'].map((name) => Number(entry[name]))
  t.ok(us >= 60_000 && us < 5_000_000, entry.us)
  t.ok(server >= 60_000, entry['server-us'])
  t.ok(Math.abs(us - waiting - server - own) < 100, 'the parts are the whole')
  await client.ask('CLIENT', 'SETNAME', '')
})

t.test('in a pipeline it is one command that takes long', async (t) => {
  const key = keyOf('dt-2')
  await answersLate('dt-2')
  client.send(Buffer.concat(Array.from({ length: 100 }, (_, i) => command('SET', key, String(i)))))
  await all(client, 100)
  t.same(
    (await entries()).map(({ command }) => command),
    [`SET ${key} 0`],
  )
})

t.test('what waits for others to be served has waited', async (t) => {
  const [from, to] = [keyOf('dt-2'), keyOf('dt-1')]
  await client.ask('SET', from, 'v')
  await answersLate('dt-2')
  const renamed = client.ask('RENAME', from, to)
  await sleep(10)
  await Promise.all([renamed, observer.ask('GET', to)])
  const found = (await entries()).find(({ command }) => command === `GET ${to}`)!
  t.ok(
    Number(found['waiting-us']) > 50_000 && Number(found['server-us']) < Number(found['waiting-us']),
    JSON.stringify(found),
  )
})

t.test('a client that waits for an element is not slow, whose element comes late is', async (t) => {
  const key = keyOf('dt-2')
  const waiting = client.ask('BLPOP', key, '0')
  await sleep(100)
  await observer.ask('RPUSH', key, 'x')
  await waiting
  await client.ask('BLPOP', key, '0.1')
  t.same(await entries(), [])
  await observer.ask('RPUSH', key, 'x')
  await answersLate('dt-2')
  await client.ask('BLPOP', key, '0')
  t.match(await entries(), [{ command: `BLPOP ${key} 0`, member: 'dt-2' }])
})

t.test('what a command was is known, however much others send meanwhile, and however it was sent', async (t) => {
  const key = keyOf('dt-2')
  const busy = await proxy.connect()
  await answersLate('dt-2', 600)
  const whole = command('SET', key, 'in pieces', 'KEEPTTL')
  const large = command('APPEND', key, Buffer.alloc(100_000, 'x'))
  const members = Array.from({ length: 100 }, (_, i) => `member ${i} ${'m'.repeat(i % 3 === 0 ? 20 : 200)}`)
  const clients = await Promise.all([proxy.connect(), proxy.connect(), proxy.connect(), proxy.connect()])
  clients[0].send(whole.subarray(0, 20))
  clients[1].send(`inline-no\r\n`)
  await clients[1].reply()
  clients[1].send(`GETRANGE  ${key} 0 5\r\n`)
  clients[2].send(large)
  clients[3].send(command('SADD', key, ...members))
  await sleep(10)
  clients[0].send(whole.subarray(20))
  const other = keyOf('dt-1')
  const many = Buffer.concat(Array.from({ length: 2000 }, () => command('SET', other, Buffer.alloc(1000, 'y'))))
  for (let i = 0; i < 5; i++) {
    busy.send(many)
    await all(busy, 2000)
  }
  await Promise.all(clients.map((each) => each.reply()))
  const found = (await entries()).map(({ command }) => command).filter((text) => text.includes(` ${key} `))
  t.same(found.sort(), [
    `APPEND ${key} ${'x'.repeat(128)}... (99872 more bytes)`,
    `GETRANGE ${key} 0 5`,
    `SADD ${key} ${members.slice(0, 29).map(beginning).join(' ')} ... (71 more arguments)`,
    `SET ${key} in pieces KEEPTTL`,
  ])
})

t.test('when all is slow no more are noted than somebody can read', async (t) => {
  await observer.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
  await observer.ask('CONFIG', 'SET', 'slowlog-max-len', '100000')
  client.send(Buffer.concat(Array.from({ length: 5000 }, () => command('GET', 'k'))))
  await all(client, 5000)
  await observer.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '60000')
  const found = await entries()
  t.ok(found.length > 900 && found.length < 5000, String(found.length))
  const ids = found.map(({ id }) => Number(id))
  t.same(
    ids,
    [...ids].sort((a, b) => a - b),
  )
  await observer.ask('CONFIG', 'SET', 'slowlog-max-len', '128')
})
