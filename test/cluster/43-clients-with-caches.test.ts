import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Random } from '../chaos/random.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { monitor } from '../helpers/relayed-ring.js'
import { membersOf, nodeStates } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'

/*
 * Clients that keep what they have read: what they have been told when a PING is answered is enough to throw away all that is older
 * than the last write that was acknowledged before it [design §7 Client-side caching].
 */

const KEYS = 12

/** Reads without end, several keys at once, and throws away what it is told to. */
class CachingReader {
  readonly cache = new Map<string, number>()
  readonly stale: string[] = []
  checks = 0
  hits = 0
  told = 0
  private readonly asked: ({ readonly key: string } | { readonly atLeast: ReadonlyMap<string, number> })[] = []
  private readonly random = new Random(7, 'reader')
  private over = false

  private constructor(
    private readonly client: RawClient,
    private readonly acknowledged: ReadonlyMap<string, number>,
  ) {}

  static async start(
    client: RawClient,
    acknowledged: ReadonlyMap<string, number>,
    words: string[],
  ): Promise<CachingReader> {
    await client.ask('CLIENT', 'TRACKING', 'ON', ...words)
    const reader = new CachingReader(client, acknowledged)
    void reader.ask()
    void reader.hear()
    return reader
  }

  stop(): void {
    this.over = true
  }

  private async ask(): Promise<void> {
    while (!this.over) {
      for (let i = 0; i < 4; i++) {
        const key = `k${this.random.below(KEYS)}`
        if (this.cache.has(key)) {
          this.hits++
          continue
        }
        this.asked.push({ key })
        this.client.send(`GET ${key}\r\n`)
      }
      this.asked.push({ atLeast: new Map(this.acknowledged) })
      this.client.send('PING\r\n')
      await sleep(1)
    }
  }

  private async hear(): Promise<void> {
    while (!this.over) {
      const reply = (await this.client.reply().catch(() => Buffer.from('-closed'))).toString()
      if (reply.startsWith('>')) this.invalidate(reply)
      else this.take(reply)
    }
  }

  private invalidate(push: string): void {
    this.told++
    const [, , , keys, ...parts] = push.split('\r\n')
    if (keys === '_') this.cache.clear()
    for (let i = 1; i < parts.length; i += 2) this.cache.delete(parts[i])
  }

  private take(reply: string): void {
    const asked = this.asked.shift()
    if (asked === undefined) return
    if ('key' in asked) {
      if (reply.startsWith('$')) this.cache.set(asked.key, Number(reply.split('\r\n')[1]))
      return
    }
    this.checks++
    for (const [key, value] of this.cache) {
      const atLeast = asked.atLeast.get(key) ?? 0
      if (value < atLeast) this.stale.push(`${key}: ${value} is cached, ${atLeast} was acknowledged`)
    }
  }
}

/** Writes ever larger numbers to keys that nobody else writes, in several ways. */
async function write(
  client: RawClient,
  keys: readonly string[],
  acknowledged: Map<string, number>,
  isOver: () => boolean,
): Promise<void> {
  const random = new Random(7, keys[0])
  for (let value = 1; !isOver(); value++) {
    const key = keys[random.below(keys.length)]
    const text = String(value)
    const ways = [
      ['SET', key, text],
      ['MSET', key, text, `${key}other`, text],
      ['EVAL', "return redis.call('set', KEYS[1], ARGV[1])", '1', key, text],
      ['SET', key, text, 'PX', '100000'],
    ]
    const way = random.below(ways.length + 1)
    const replies =
      way < ways.length
        ? [await client.ask(...ways[way])]
        : await client.pipeline([['MULTI'], ['SET', key, text], ['EXEC']])
    const last = replies.at(-1)!.toString()
    if (!last.includes('-')) acknowledged.set(key, value)
    await sleep(random.below(3))
  }
}

t.test(
  'nothing is cached that is older than the last acknowledged write, whatever happens to the servers',
  async (t) => {
    const proxy = await startProxy(t, { nodes: 4, replicas: 2, downAfterMs: 500 })
    const acknowledged = new Map<string, number>()
    const client = await proxy.connect()
    const readers = [
      await CachingReader.start(await proxy.connect(3), acknowledged, []),
      await CachingReader.start(await proxy.connect(3), acknowledged, ['BCAST', 'PREFIX', 'k']),
    ]
    let over = false
    const all = Array.from({ length: KEYS }, (_, i) => `k${i}`)
    const halves = [all.filter((_, i) => i % 2 === 0), all.filter((_, i) => i % 2 === 1)]
    const writers = await Promise.all(halves.map(async (keys) => ({ keys, client: await proxy.connect() })))
    const writing = writers.map(({ keys, client }) => write(client, keys, acknowledged, () => over))

    await sleep(1000)
    await proxy.ring.kill('dt-2')
    await until('dt-2 is out', async () => (await nodeStates(client))['dt-2'] !== 'serving')
    await sleep(1000)
    const server = await startRedis(t)
    await monitor(proxy, 'dt-9', server.port)
    await until('dt-9 is a member', async () => (await membersOf(client)).includes('dt-9'))
    await until('nothing moves', async () => String(await client.ask('DT', 'MIGRATIONS')) === '*0\r\n')
    await sleep(500)

    over = true
    await Promise.all(writing)
    for (const reader of readers) {
      reader.stop()
      t.same(reader.stale, [])
      t.ok(reader.checks > 100, `${reader.checks} times compared`)
      t.ok(reader.told > 100, `told ${reader.told} times`)
      t.ok(reader.hits > 100, `${reader.hits} times found in the cache`)
    }
  },
)
