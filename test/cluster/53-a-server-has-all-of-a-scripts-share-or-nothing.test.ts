import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { startRedis, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import type { Relay } from '../helpers/relay.js'
import { throughRelay } from '../helpers/relayed-ring.js'
import { keyOn, nodeStates } from '../helpers/ring-state.js'
import { PUSH, PUSHED, shareOn } from '../helpers/script-shares.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * What a tried script did goes to each of its servers as one transaction: wherever what is sent ends, a server has all of
 * its share or nothing, of each key and of all keys together [design §7 Scripts].
 */

interface Relayed {
  readonly proxy: TestProxy
  readonly relay: Relay
  readonly client: RawClient
  /** Of the list, which dt-9 has as a backup, and of a hash that it has not. */
  readonly list: string
  readonly hash: string
}

async function relayed(t: Test): Promise<Relayed> {
  const { proxy, relay, client } = await throughRelay(t, { replicas: 1 })
  return {
    ...{ proxy, relay, client },
    list: await keyOn(client, 'list', 'dt-1', 'dt-9'),
    hash: await keyOn(client, 'hash', 'dt-1', 'dt-2'),
  }
}

async function push({ client, list, hash }: Relayed, value: string): Promise<string> {
  return String(await client.ask('EVAL', PUSH, '3', list, `{${list}}count`, hash, value, value, ...PUSHED))
}

t.test('what is sent ends at any of its bytes', async (t) => {
  const story = await relayed(t)
  const { relay, client, list } = story
  const server = await startRedis(t)
  const watcher = await server.connect()
  for (const db of [0, 3]) {
    await client.ask('SELECT', String(db))
    t.equal(await push(story, 'first'), ':3\r\n')
    relay.record()
    t.equal(await push(story, 'second'), ':6\r\n')
    const sent = relay.record()
    t.match(sent.toString('latin1'), /MULTI.*\r\nsecond\r\n.*EXEC/s)
    const found = new Set<string>()
    for (let bytes = 1; bytes <= sent.length; bytes++) {
      await watcher.ask('FLUSHALL')
      const socket = connect(server.port, '127.0.0.1')
      socket.resume()
      // What came before has selected the database.
      const before = sent.includes('SELECT') ? '' : `*2\r\n$6\r\nSELECT\r\n$1\r\n${db}\r\n`
      socket.end(Buffer.concat([Buffer.from(before), sent.subarray(0, bytes)]))
      await once(socket, 'close')
      const { length, count } = await shareOn(watcher, list, db)
      found.add(`${length} of ${count}`)
    }
    t.same([...found], ['0 of 0', '3 of 3'], `of ${sent.length} bytes to database ${db}`)
  }
})

t.test('the connection breaks in the middle, and the proxy goes on', async (t) => {
  const story = await relayed(t)
  const { proxy, relay, client, list, hash } = story
  await push(story, 'first')
  relay.record()
  await push(story, 'second')
  const sent = relay.record()
  const length = sent.indexOf('EXEC') - sent.indexOf('MULTI')
  const other = await proxy.connectTo('dt-9')
  let pushed = 6
  for (let bytes = 10; bytes < length; bytes += 25) {
    await until('dt-9 has all of it', async () => {
      const isUp = (await nodeStates(client))['dt-9'] === 'up'
      return isUp && (await shareOn(other, list)).length === pushed
    })
    const cuts = relay.cuts
    relay.cutInRequests(bytes)
    const reply = await push(story, `cut:${bytes}`)
    t.equal(relay.cuts, cuts + 1)
    // The master has it, and the other one gets it from there.
    pushed += 3
    t.equal(reply, `:${pushed}\r\n`)
    t.equal(String(await client.ask('LLEN', list)), `:${pushed}\r\n`)
    t.equal(String(await client.ask('HGET', hash, `cut:${bytes}`)), '$1\r\n5\r\n')
  }
  await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
  t.same(await shareOn(other, list), { length: pushed, count: pushed })
})
