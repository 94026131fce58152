import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalServer } from '../../src/local/local-server.js'
import { RawConnection, RealRedis } from '../../test/helpers/real-redis.js'
import type { BenchRing } from './bench-ring.js'
import { Pipeline } from './pipeline.js'

/** One hash that moves, beside a bare DUMP and RESTORE of it. */
export interface LargeKey {
  readonly what: string
  readonly fields: number
  readonly seconds: number
  readonly bareSeconds: number
  /** The longest time in which a member did not answer PING, while it moved and while it was dumped and restored. */
  readonly longestPingMs: number
  readonly barePingMs: number
}

const FIELDS_A_COMMAND = 200
const PING_EVERY_MS = 2
const CR = 0x0d

/** Asks servers whether they are there, also those that start later. */
class Pings {
  longestMs = 0
  private stopped = false
  private readonly known = new Set<number>()
  private readonly running: Promise<void>[] = []

  constructor(private readonly ports: () => readonly number[]) {
    this.running.push(this.look())
  }

  async stop(): Promise<void> {
    this.stopped = true
    await Promise.all(this.running)
  }

  private async look(): Promise<void> {
    while (!this.stopped) {
      for (const port of this.ports()) {
        if (this.known.has(port)) continue
        this.known.add(port)
        this.running.push(this.ask(port))
      }
      await sleep(10)
    }
  }

  private async ask(port: number): Promise<void> {
    const client = await RawConnection.open(port)
    while (!this.stopped) {
      const beganAtMs = performance.now()
      await client.ask('PING')
      this.longestMs = Math.max(this.longestMs, performance.now() - beganAtMs)
      await sleep(PING_EVERY_MS)
    }
    client.close()
  }
}

export async function fillHash(port: number, key: string, fields: number, value: (i: number) => string): Promise<void> {
  const pipeline = await Pipeline.open(port)
  const commands = function* () {
    for (let from = 0; from < fields; from += FIELDS_A_COMMAND) {
      const count = Math.min(FIELDS_A_COMMAND, fields - from)
      const pairs = Array.from({ length: count }, (_, i) => [`field:${from + i}`, value(from + i)])
      yield ['HSET', key, ...pairs.flat()]
    }
  }
  await pipeline.run(commands())
  pipeline.close()
}

/** A server joins a ring that has this hash alone, which moves to it. */
export async function measureLargeKey(
  ring: BenchRing,
  { what, key, fields, joins }: { readonly what: string; readonly key: string; readonly fields: number; joins: string },
): Promise<LargeKey> {
  const holder = await holderOf(ring.members, key)
  const spare = await RealRedis.start()
  const barePings = new Pings(() => [holder.port, spare.port])
  await sleep(100)
  const bareSeconds = await dumpAndRestore(holder.port, spare.port, key)
  await barePings.stop()
  await spare.stop()
  const pings = new Pings(() => ring.members.filter(({ pid }) => pid !== undefined).map(({ port }) => port))
  const { seconds } = await ring.join(joins)
  await pings.stop()
  return { what, fields, seconds, bareSeconds, longestPingMs: pings.longestMs, barePingMs: barePings.longestMs }
}

async function holderOf(members: readonly LocalServer[], key: string): Promise<LocalServer> {
  for (const member of members) {
    const client = await RawConnection.open(member.port)
    const reply = String(await client.ask('EXISTS', key))
    client.close()
    if (reply === ':1\r\n') return member
  }
  throw new Error(`nobody has ${key}`)
}

async function dumpAndRestore(from: number, to: number, key: string): Promise<number> {
  const [source, target] = await Promise.all([RawConnection.open(from), RawConnection.open(to)])
  const beganAtMs = performance.now()
  const dump = await source.ask('DUMP', key)
  const reply = String(await target.ask('RESTORE', key, '0', dump.subarray(dump.indexOf(CR) + 2, -2)))
  const seconds = (performance.now() - beganAtMs) / 1000
  source.close()
  target.close()
  if (reply !== '+OK\r\n') throw new Error(`RESTORE: ${reply}`)
  return seconds
}
