import { startProxy, startRedis, type Teardown, type TestProxy, type TestProxyOptions } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { type Held, ringSnapshot, type Snapshot, snapshot } from '../helpers/snapshot.js'
import { agrees, show } from './compare.js'
import { type Line, run } from './script.js'

/** The settings that the ring's members have too, so that CONFIG GET can be compared. */
const REDIS_OPTIONS = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction']

/** A plain Redis, which is always right, and a ring behind its proxy, which must answer the same. */
export class Pair {
  private constructor(
    readonly proxy: TestProxy,
    readonly redisPort: number,
    /** A fresh connection to Redis alone. */
    readonly open: (proto: 2 | 3) => Promise<RawClient>,
    private readonly watcher: RawClient,
    private readonly cleaner: RawClient,
  ) {}

  static async start(t: Teardown, options: TestProxyOptions = {}, redisOptions: readonly string[] = []): Promise<Pair> {
    const redis = await startRedis(t, ...REDIS_OPTIONS, ...redisOptions)
    const proxy = await startProxy(t, options)
    const open = (proto: 2 | 3) => redis.connect(proto)
    return new Pair(proxy, redis.port, open, await redis.connect(3), await proxy.connect())
  }

  /** A fresh connection to each. */
  async connect(proto: 2 | 3): Promise<{ ours: RawClient; theirs: RawClient; close: () => void }> {
    const [ours, theirs] = await Promise.all([this.proxy.connect(proto), this.open(proto)])
    const close = () => {
      ours.close()
      theirs.close()
    }
    return { ours, theirs, close }
  }

  /** Empties both. */
  async flush(): Promise<void> {
    const replies = await Promise.all([this.cleaner.ask('FLUSHALL'), this.watcher.ask('FLUSHALL')])
    for (const reply of replies) if (reply.toString() !== '+OK\r\n') throw new Error(`FLUSHALL: ${show(reply)}`)
  }

  /** Runs the lines on both, each on a connection of its own, and gives a sentence for each reply that differs. */
  async differences(lines: readonly Line[], proto: 2 | 3, pipelined: boolean): Promise<string[]> {
    const { ours, theirs, close } = await this.connect(proto)
    const startedMs = performance.now()
    const asked = lines.map((line) => line.way !== 'refused')
    const [a, b] = await Promise.all([
      run(ours, lines, pipelined),
      run(
        theirs,
        lines.filter((_, i) => asked[i]),
        pipelined,
      ),
    ])
    const elapsedMs = performance.now() - startedMs
    close()
    const found: string[] = []
    let next = 0
    for (const [i, line] of lines.entries()) {
      const reply = asked[i] ? b[next++] : Buffer.alloc(0)
      if (!agrees(line.way, a[i], reply, elapsedMs)) {
        found.push(`${line.text}\n  dt    ${show(a[i])}\n  redis ${show(reply)}`)
      }
    }
    return found
  }

  /** Runs the lines on both, which are empty before; fails with a sentence for each reply, and each key, that differs. */
  async agrees(lines: readonly Line[], proto: 2 | 3, pipelined: boolean): Promise<void> {
    await this.flush()
    const startedMs = performance.now()
    const differences = await this.differences(lines, proto, pipelined)
    differences.push(...(await this.dataFaults(performance.now() - startedMs)))
    if (differences.length > 0) throw new Error(differences.join('\n'))
  }

  /**
   * Sends lines of several clients to the ring at once, which is empty before; fails with a sentence for each key whose replicas
   * differ, or that is where it should not be, and for a reply that says that something failed.
   *
   * @param failed matches such a reply
   */
  async staysEqual(sequences: readonly (readonly Line[])[], failed: RegExp): Promise<void> {
    await this.flush()
    const clients = await Promise.all(sequences.map(() => this.connect(3)))
    const replies = await Promise.all(sequences.map((lines, i) => run(clients[i].ours, lines, true)))
    for (const { close } of clients) close()
    const failure = replies.flat().find((reply) => failed.test(reply.toString()))
    const { faults } = await ringSnapshot(this.proxy)
    if (failure !== undefined) faults.push(show(failure))
    if (faults.length > 0) throw new Error(faults.join('\n'))
  }

  /**
   * Compares what both hold: every key with its value and deadline, and each of our keys on exactly its replica set.
   * What a key whose name begins with `chosen` holds was chosen by the server (SPOP, XADD *), so it is only compared with
   * its own replicas.
   *
   * @param elapsedMs what deadlines may differ by: relative times were counted from two moments
   */
  async dataFaults(elapsedMs: number): Promise<string[]> {
    const [theirs, ring] = await Promise.all([snapshot(this.watcher), ringSnapshot(this.proxy)])
    return [...ring.faults, ...heldDifferences(ring.keys, theirs, elapsedMs)]
  }
}

function heldDifferences(ours: Snapshot, theirs: Snapshot, elapsedMs: number): string[] {
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((id) => {
    const a = ours.get(id)
    const b = theirs.get(id)
    const same =
      a !== undefined &&
      b !== undefined &&
      a.type === b.type &&
      (a.value === b.value || /^[0-9]+ chosen/.test(id)) &&
      Math.abs(a.expiresAtMs - b.expiresAtMs) <= elapsedMs + 2
    return same ? [] : [`key ${JSON.stringify(id)}\n  dt    ${describe(a)}\n  redis ${describe(b)}`]
  })
}

function describe(held: Held | undefined): string {
  return held === undefined ? 'not there' : JSON.stringify(held).slice(0, 600)
}
