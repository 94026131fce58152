import t, { type Test } from 'tap'
import { RawClient } from '../helpers/raw-client.js'
import { keyOn } from '../helpers/ring-state.js'
import { numberIn, PUSH, PUSHED, shareOn } from '../helpers/script-shares.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { until } from '../helpers/until.js'

/*
 * Whoever dies, a server has all of its share of what a tried script did, or nothing; and the next proxy makes the replicas equal
 * [design §7 Scripts].
 */

/** The servers of a ring whose proxy may be dead. */
async function membersOf(t: Test, serve: ServeProcess): Promise<ReadonlyMap<string, RawClient>> {
  const members = new Map<string, RawClient>()
  for (const { name, port } of serve.ring.members) members.set(name, await RawClient.connect(port))
  t.teardown(() => {
    for (const member of members.values()) member.close()
  })
  return members
}

async function restIsMended(
  t: Test,
  serve: ServeProcess,
  servers: readonly RawClient[],
  list: string,
  step: number,
): Promise<void> {
  await serve.startAgain()
  const client = await serve.connect()
  const length = numberIn(await client.ask('LLEN', list))
  t.equal(length % step, 0, `${length} elements`)
  await until('all are equal', async () => {
    const shares = await Promise.all(servers.map((server) => shareOn(server, list)))
    return shares.every((share) => share.length === length && share.count === shares[0].count)
  })
  t.equal(numberIn(await client.ask('GET', `{${list}}count`)) % step, 0)
}

t.test(
  'the proxy is killed while more than the sockets hold is on its way to a server that does not read',
  async (t) => {
    const serve = await ServeProcess.start(t, { nodes: 4, downAfterMs: 30_000 }, { 'ring.replicas': '2' })
    const client = await serve.connect()
    const list = await keyOn(client, 'list', 'dt-1', 'dt-2', 'dt-4')
    const hash = await keyOn(client, 'hash', 'dt-1', 'dt-2', 'dt-3')
    const members = await membersOf(t, serve)
    const servers = ['dt-1', 'dt-2', 'dt-4'].map((name) => members.get(name)!)
    const [master, , backup] = servers
    const value = 'x'.repeat(20_000)
    const words = [
      'EVAL',
      PUSH,
      '3',
      list,
      `{${list}}count`,
      hash,
      value,
      'small',
      ...Array.from({ length: 9 }, () => 'x'),
    ]
    await client.ask(...words)
    serve.ring.pause('dt-4')
    for (let i = 0; i < 120; i++) {
      const writer = await serve.connect()
      writer.socket.on('error', () => {}) // The proxy is killed while it is waited for.
      writer.ask(...words).catch(() => {})
    }
    await until('the master has done all', async () => (await shareOn(master, list)).length === 121 * 9)
    await serve.kill()
    serve.ring.resume('dt-4')
    await until('it has done what has reached it', async () => {
      const { length, count } = await shareOn(backup, list)
      t.equal(length, count)
      t.equal(length % 9, 0)
      return !String(await backup.ask('CLIENT', 'LIST')).includes('name=dt:')
    })
    const { length } = await shareOn(backup, list)
    t.ok(length < 121 * 9, `${length} of ${121 * 9} elements have reached it`)
    await restIsMended(t, serve, servers, list, 9)
  },
)

t.test('the proxy is killed again and again while several clients run such scripts', async (t) => {
  const serve = await ServeProcess.start(t, { nodes: 4, downAfterMs: 30_000 }, { 'ring.replicas': '2' })
  const begun = await serve.connect()
  const list = await keyOn(begun, 'list', 'dt-1', 'dt-2', 'dt-4')
  const hash = await keyOn(begun, 'hash', 'dt-2', 'dt-3', 'dt-1')
  const members = await membersOf(t, serve)
  const servers = ['dt-1', 'dt-2', 'dt-4'].map((name) => members.get(name)!)
  for (let round = 0; round < 2; round++) {
    let done = 0
    const clients = Array.from({ length: 8 }, async () => {
      const client = await serve.connect()
      client.socket.on('error', () => {})
      for (; ; done++) await client.ask('EVAL', PUSH, '3', list, `{${list}}count`, hash, 'x', `${done % 9}`, ...PUSHED)
    })
    const ended = Promise.allSettled(clients)
    await until('they are at it', () => done > 60 + round * 17)
    await serve.kill()
    await ended
    for (const server of servers) {
      const { length, count } = await shareOn(server, list)
      t.equal(length, count)
      t.equal(length % 3, 0)
    }
    await restIsMended(t, serve, servers, list, 3)
  }
})
