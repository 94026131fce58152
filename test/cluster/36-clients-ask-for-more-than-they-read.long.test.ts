import { createHash } from 'node:crypto'
import t from 'tap'
import { type Arg, command, RawClient } from '../helpers/raw-client.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { until } from '../helpers/until.js'

/*
 * Clients ask for gigabytes and read nothing. Neither the members nor the proxy may hold the replies, and who asks for
 * something else beside them gets it [design §5 Backpressure].
 */

const MEGABYTE = 1024 * 1024
const ASKERS = 40
const COMMANDS = 100
/** What a member may have beyond its data: output buffers for what is expected, and what its allocator adds. */
const MEMBER_BYTES_MAX = 100 * MEGABYTE

const value = Buffer.alloc(MEGABYTE, 'value ')
const items = Array.from({ length: 10_000 }, (_, i) => `${i}`.padEnd(100, '.'))
const parts = Array.from({ length: 8 }, (_, i) => `part-${i}`)

/** Large replies of several kinds. */
const KINDS: readonly (readonly Arg[])[] = [
  ['GET', 'value'],
  ['LRANGE', 'list', '0', '-1'],
  ['MGET', ...parts],
  ['HGETALL', 'hash'],
]

async function fill(client: RawClient): Promise<void> {
  await client.ask('SET', 'value', value)
  for (const part of parts) await client.ask('SET', part, value.subarray(0, MEGABYTE / 8))
  await client.ask('RPUSH', 'list', ...items)
  await client.ask('HSET', 'hash', ...items.flatMap((item, i) => [`field-${i}`, item]))
}

interface Received {
  readonly bytes: number
  readonly digest: string
}

function repeated(reply: Buffer): Received {
  const hash = createHash('sha1')
  for (let i = 0; i < COMMANDS; i++) hash.update(reply)
  return { bytes: COMMANDS * reply.length, digest: hash.digest('hex') }
}

/** The next so many bytes that a client gets, which does not take them for replies any more. */
async function receive({ socket }: RawClient, bytes: number): Promise<Received> {
  const hash = createHash('sha1')
  let received = 0
  for await (const chunk of socket) {
    hash.update(chunk)
    received += chunk.length
    if (received >= bytes) break
  }
  return { bytes: received, digest: hash.digest('hex') }
}

/** The most that each member has used. */
async function peakBytes(serve: ServeProcess): Promise<number> {
  let peak = 0
  for (const { port } of serve.ring.members) {
    const member = await RawClient.connect(port)
    const info = String(await member.ask('INFO', 'memory'))
    peak = Math.max(peak, Number(/used_memory_peak:(\d+)/.exec(info)?.[1]))
    member.close()
  }
  return peak
}

/** Has `before` done by each client first; asks then, and reads nothing. */
async function ask(serve: ServeProcess, before: (client: RawClient) => Promise<unknown>): Promise<RawClient[]> {
  const clients: RawClient[] = []
  for (let i = 0; i < ASKERS; i++) {
    const client = await serve.connect()
    await before(client)
    client.socket.pause()
    client.socket.removeAllListeners('data')
    clients.push(client)
  }
  clients.forEach((client, i) => {
    client.send(Buffer.concat(new Array<Buffer>(COMMANDS).fill(command(...KINDS[i % KINDS.length]))))
  })
  return clients
}

const stories = {
  'new clients': { before: async () => {}, memberBytesMax: MEMBER_BYTES_MAX, proxyBytesMax: 400 * MEGABYTE },
  // Nothing says that they will have others, but that there are large values.
  'clients that have had small replies': {
    before: (client: RawClient) => client.pipeline(Array.from({ length: 200 }, () => ['GET', 'counter'])),
    memberBytesMax: 500 * MEGABYTE,
    proxyBytesMax: 800 * MEGABYTE,
  },
}

for (const [who, { before, memberBytesMax, proxyBytesMax }] of Object.entries(stories)) {
  t.test(`${who} ask for 4 GB and do not read`, async (t) => {
    const serve = await ServeProcess.start(t, { nodes: 3, downAfterMs: 60_000 })
    const neighbour = await serve.connect()
    await fill(neighbour)
    const expected: Received[] = []
    for (const kind of KINDS) expected.push(repeated(await neighbour.ask(...kind)))
    const { rssBytes: atStart } = serve.memory()
    const memberAtStart = await peakBytes(serve)

    const clients = await ask(serve, before)
    for (let i = 1; i <= 200; i++) {
      const reply = await neighbour.ask('INCR', 'counter')
      if (String(reply) !== `:${i}\r\n`) t.fail(`INCR ${i} was answered by ${reply}`)
    }
    t.pass('the neighbour is served beside them')
    await until('each has something to read', async () => {
      const list = String(await neighbour.ask('CLIENT', 'LIST'))
      return list.split('\n').filter((line) => / omem=[1-9]/.test(line)).length >= ASKERS
    })
    const ofMembers = (await peakBytes(serve)) - memberAtStart
    t.ok(ofMembers < memberBytesMax, `a member has grown by ${Math.round(ofMembers / MEGABYTE)} MB`)
    const ofProxy = serve.memory().peakBytes - atStart
    t.ok(ofProxy < proxyBytesMax, `the proxy has grown by ${Math.round(ofProxy / MEGABYTE)} MB`)

    await t.test('and some read after all, beside the others', async (t) => {
      const readers = clients.slice(0, KINDS.length)
      const received = await Promise.all(readers.map((client, kind) => receive(client, expected[kind].bytes)))
      t.same(received, expected)
      t.match(String(await neighbour.ask('INCR', 'counter')), ':201')
    })
    t.notOk(serve.output.includes('odown'))
  })
}
