import t from 'tap'
import { Random } from '../chaos/random.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { membersOf, replicasOf } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

const FIELDS = 1_000_000
const FIELDS_A_COMMAND = 2000
const AT_ONCE = 20
/** Of the time in which it moves. A machine with other work is slow by itself. */
const SHARE_MAX = 0.25
/** Or so little, in ms, where a quick machine has moved nearly all of it before it is looked. */
const HARDLY_MS = 200

/** Writes a hash as fast as it is answered. */
class Writer {
  /** The longest that it waited for an answer since `longestMs` was set to 0. */
  longestMs = 0
  written = 0
  readonly errors: string[] = []
  private stopped = false
  private readonly random = new Random(11, 'fields')
  private readonly running: Promise<void>

  constructor(private readonly client: RawClient) {
    this.running = this.run()
  }

  async stop(): Promise<void> {
    this.stopped = true
    await this.running
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const beganAtMs = performance.now()
      const replies = await this.client.pipeline(Array.from({ length: AT_ONCE }, () => this.write()))
      this.longestMs = Math.max(this.longestMs, performance.now() - beganAtMs)
      this.written += replies.length
      this.errors.push(...replies.map(String).filter((reply) => reply[0] === '-'))
    }
  }

  private write(): string[] {
    const field = `field:${this.random.below(FIELDS * 1.1)}`
    return this.random.pick([
      ['HINCRBY', 'big', field, '1'],
      ['HSET', 'big', field, '7'],
      ['HDEL', 'big', field],
    ])
  }
}

async function fill(client: RawClient): Promise<void> {
  for (let from = 0; from < FIELDS; from += 10 * FIELDS_A_COMMAND) {
    const command = (_: unknown, c: number) => {
      const first = from + c * FIELDS_A_COMMAND
      const pairs = Array.from({ length: FIELDS_A_COMMAND }, (_, i) => [`field:${first + i}`, '1'])
      return ['HSET', 'big', ...pairs.flat()]
    }
    await client.pipeline(Array.from({ length: 10 }, command))
  }
}

async function hasMoved(client: RawClient, members: string): Promise<void> {
  await until(
    'all has moved',
    async () => {
      const view = String(await client.ask('DT', 'VIEW'))
      return /pending-ranges\r\n:0\r/.test(view) && (await membersOf(client)) === members
    },
    60_000,
  )
}

t.test('a hash of a million fields moves, and who writes it hardly waits', async (t) => {
  const proxy: TestProxy = await startProxy(t, { nodes: 4, replicas: 1, downAfterMs: 1000 })
  const client = await proxy.connect()
  await fill(client)
  const writer = new Writer(await proxy.connect())
  const names = proxy.view.members.map(({ name }) => name)
  const [, backup] = await replicasOf(client, 'big')
  const others = names.filter((name) => name !== backup).join(' ')

  const moves = async (why: string, members: string, begin = async () => {}) => {
    writer.longestMs = 0
    const [beganAtMs, before] = [performance.now(), writer.written]
    await begin()
    await hasMoved(client, members)
    const ms = performance.now() - beganAtMs
    const rate = Math.round((writer.written - before) / (ms / 1000))
    t.comment(`${why}: ${Math.round(ms)} ms, ${rate} writes/s, the longest wait ${Math.round(writer.longestMs)} ms`)
    t.ok(writer.longestMs < Math.max(ms * SHARE_MAX, HARDLY_MS), `${why}: ${writer.longestMs} ms of ${ms}`)
  }
  t.match(String(await client.ask('DT', 'REMOVE', backup)), /leaving/)
  await moves('it leaves', others)
  const { port } = proxy.ring.server(backup)
  const add = async () => String(await client.ask('DT', 'ADD', backup, `127.0.0.1:${port}`))
  await moves('it joins', names.join(' '), async () => {
    await until('it is added', async () => /sentinels/.test(await add()))
  })
  await proxy.ring.kill(backup)
  // Until then the writes wait for its word.
  await until('it has left', async () => (await membersOf(client)) === others, 20_000)
  const { written } = writer
  await until('it is written again', () => writer.written > written)
  await moves('it has failed', others)

  await writer.stop()
  t.same(writer.errors, [], 'every write is answered')
  t.match(await verify(client), { state: 'done', complete: 1, differences: 0, unchecked: 0 })
})
