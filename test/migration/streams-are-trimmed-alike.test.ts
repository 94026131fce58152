import t from 'tap'
import { replicaSetOfKey } from '../../src/view/build-view.js'
import { Random } from '../chaos/random.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { counter, membersOf } from '../helpers/ring-state.js'
import { tellSentinels } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

/*
 * An approximate trim removes whole nodes of a stream, and where these begin and end differs between equal streams: one that
 * was copied in pieces has other nodes than its source [redis-facts How writes replicate].
 */

const STREAMS = Array.from({ length: 6 }, (_, i) => `stream:${i}`)
/** So that streams of 500 KB go in pieces. */
const config = { migration: { maxBlockMs: 1 } }
const BATCH = 25

/** A write that changes, or trims, one of the streams; `ids` counts on. */
function write(random: Random, ids: { last: number }): string[] {
  const key = random.pick(STREAMS)
  const id = random.pick(['*', `${++ids.last}-1`, `${++ids.last}-*`])
  const [length, limit] = [String(random.between(100, 900)), String(random.between(1, 300))]
  const low = `${ids.last - random.between(100, 900)}${random.pick(['', '-1', '-5'])}`
  const trim = random.pick([
    ['MAXLEN', '~', length],
    ['MAXLEN', '~', length],
    ['MAXLEN', '~', length, 'LIMIT', limit],
    ['LIMIT', limit, 'MINID', '~', low],
    ['MINID', '~', low],
    ['MAXLEN', '=', '950'],
  ])
  return random.pick([
    ['XADD', key, ...trim, id, 'n', 'x'.repeat(random.below(900))],
    ['XADD', key, ...trim, id, 'n', 'x'.repeat(random.below(90))],
    ['XADD', key, 'NOMKSTREAM', ...trim, id, 'n', 'v', 'm', 'w'],
    ['XADD', key, id, 'n', 'v'],
    ['XTRIM', key, ...trim],
    ['XDEL', key, ...Array.from({ length: 9 }, () => `${ids.last - random.below(900)}-1`)],
    ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '3', 'STREAMS', key, '>'],
  ])
}

/** Into how many nodes each of its replicas has divided a stream. */
async function nodesOf(proxy: TestProxy, key: string): Promise<string[]> {
  const { natural } = replicaSetOfKey(proxy.view, Buffer.from(key), 0, key.length)
  return Promise.all(
    natural.map(async ({ name }) => {
      const member = await proxy.connectTo(name)
      const info = String(await member.ask('XINFO', 'STREAM', key))
      member.close()
      return /radix-tree-nodes\r\n:(\d+)/.exec(info)![1]
    }),
  )
}

async function moved(client: RawClient, members: string): Promise<void> {
  await until(members, async () => (await membersOf(client)) === members)
  await until('all has moved', async () => /pending-ranges\r\n:0/.test(String(await client.ask('DT', 'VIEW'))), 60_000)
}

for (const seed of [1, 2]) {
  t.test(`streams that were copied in pieces are trimmed alike on all replicas: seed ${seed}`, async (t) => {
    const proxy = await startProxy(t, { nodes: 4, replicas: 2, config })
    const client = await proxy.connect()
    const ids = { last: 0 }
    for (const key of STREAMS) {
      const entries = Array.from({ length: 1000 }, () => ['XADD', key, `${++ids.last}-1`, 'n', 'x'.repeat(500)])
      await client.pipeline(entries)
      await client.ask('XDEL', key, ...Array.from({ length: 200 }, (_, i) => `${ids.last - 5 * i}-1`))
      await client.ask('XGROUP', 'CREATE', key, 'g', '0')
    }
    await tellSentinels(proxy.ring, 'REMOVE', 'dt-4')
    await moved(client, 'dt-1 dt-2 dt-3')
    await tellSentinels(proxy.ring, 'MONITOR', 'dt-4', '127.0.0.1', String(proxy.ring.server('dt-4').port), '2')
    await moved(client, 'dt-1 dt-2 dt-3 dt-4')
    const layouts = await Promise.all(STREAMS.map((key) => nodesOf(proxy, key)))
    t.ok(
      layouts.some((nodes) => new Set(nodes).size > 1),
      `their nodes differ: ${layouts.join('; ')}`,
    )

    const random = new Random(seed, 'writes')
    const refused: string[] = []
    for (let round = 0; round < 200; round++) {
      const replies = await client.pipeline(Array.from({ length: BATCH }, () => write(random, ids)))
      refused.push(...replies.map(String).filter((reply) => /^-(?!ERR The ID specified in XADD)/.test(reply)))
    }
    t.same(refused, [])
    t.equal(await counter(client, 'differences'), 0)
    t.same((await ringSnapshot(proxy)).faults, [])
    t.match(await verify(client), { state: 'done', differences: 0, complete: 1 })
    for (const key of STREAMS) t.match(String(await client.ask('XLEN', key)), /^:[1-9]/)
  })
}
