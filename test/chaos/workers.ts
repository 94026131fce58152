import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../helpers/raw-client.js'
import { textOf } from '../helpers/raw-reply.js'
import type { ChaosRing } from './chaos-ring.js'
import { Client } from './client.js'
import type { Plan } from './commands.js'
import { Connection } from './connection.js'
import { OTHER_DB } from './databases.js'
import type { History } from './history.js'
import { Random } from './random.js'
import { keyOfSlot, SLOTS } from './workloads.js'

/*
 * Those who wait at the queue [queue-commands.ts]. They are in nobody's way: who waits for the clients to be quiet does not wait for
 * them, and at the end those that still wait are released when all has been read. They wait on while members are killed at the end: a key
 * that nobody writes to has to stay readable, whoever waits for it.
 */

/** How many there are at each queue, in each of the databases of clients. */
const WORKERS = 2
const DBS = [0, OTHER_DB]
const KINDS = ['blpop', 'blpop', 'brpop', 'blmpop', 'bzpopmin', 'bzmpop', 'blmove', 'xreadgroup'] as const
/** The share of those whose client goes away while it waits. */
const LEAVING_SHARE = 0.03
const RELEASE_PATIENCE_MS = 10_000

const WORKLOAD = 'queue'

/** The keys of the queues: always the same, because their check looks at each element once. */
const KEYS: readonly string[] = Array.from({ length: SLOTS }, (_, slot) => keyOfSlot(WORKLOAD, slot, 0))
const COUNT = WORKERS * KEYS.length * DBS.length

class Worker {
  private stopped = false

  constructor(
    readonly client: Client,
    private readonly key: string,
    private readonly random: Random,
  ) {}

  async run(): Promise<void> {
    const { client, random } = this
    while (!this.stopped) {
      const plan = this.next()
      const leavesAfterMs = random.chance(LEAVING_SHARE) ? random.below(300) : undefined
      const leaving =
        leavesAfterMs === undefined ? undefined : setTimeout(() => client.close('its client has gone'), leavesAfterMs)
      const [taken] = await client.send([plan])
      clearTimeout(leaving)
      if (taken === undefined) await sleep(20)
      else if (plan.name === 'blmove' && taken.outcome.kind === 'ok' && Array.isArray(taken.outcome.value)) {
        const args = [String(taken.outcome.value[0])]
        if (!this.stopped) await client.send([{ workload: WORKLOAD, key: this.key, name: 'done', args }])
      }
    }
  }

  stop(): void {
    this.stopped = true
    this.client.stop()
  }

  private next(): Plan {
    const { random, key, client } = this
    const name = random.pick(KINDS)
    const chance = random.next()
    const timeoutMs = chance < 0.3 ? random.between(1, 300) : chance < 0.6 ? random.between(300, 3000) : 0
    return {
      workload: WORKLOAD,
      key,
      name,
      args: [nameOf(client), timeoutMs, ...this.places(name)],
    }
  }

  private places(name: string): readonly string[] {
    const { random } = this
    if (name === 'xreadgroup') return ['s']
    if (name.startsWith('bz')) return ['z']
    if (name === 'blmove' || random.chance(0.5)) return [random.pick(['a', 'b'])]
    return random.sample(['a', 'b'], 2)
  }
}

export class Workers {
  private workers: readonly Worker[] = []
  private running: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly ring: ChaosRing,
    private readonly history: History,
    private readonly seed: number,
    /** The number of the first of them. */
    private readonly first: number,
  ) {}

  async start(): Promise<void> {
    const { ring, history, seed, first } = this
    await this.ofEachQueue('begin')
    this.workers = Array.from({ length: COUNT }, (_, i) => {
      const index = first + i
      const random = new Random(seed, `worker ${i}`)
      const find = () => ring.proxyOf(index)
      const client = new Client(index, DBS[i % DBS.length], random.pick([2, 3]), find, history, undefined, undefined, 0)
      return new Worker(client, KEYS[Math.floor(i / DBS.length) % KEYS.length], random)
    })
    this.running = Promise.all(this.workers.map((worker) => worker.run()))
  }

  /** Those of one half find the proxy that serves now. */
  move(): void {
    for (const { client } of this.workers) if (client.index % 2 === 1) client.close('it was told to use another proxy')
  }

  /** None waits anew. */
  stop(): void {
    for (const worker of this.workers) worker.stop()
  }

  /** Reads what is left of the streams, which cannot be looked at without taking it. */
  async drain(): Promise<void> {
    if (this.workers.length > 0) await this.ofEachQueue('drain')
  }

  /** Ends the waiting of all; they have been stopped. */
  async release(): Promise<void> {
    if (this.workers.length === 0) return
    const connection = await Connection.open(this.ring.proxy.port)
    const patience = setTimeout(() => connection.close('no answer'), RELEASE_PATIENCE_MS)
    try {
      const [list] = await Promise.all(connection.send(command('CLIENT', 'LIST'), 1))
      for (const { client } of this.workers) {
        const id = new RegExp(`^id=(\\d+) .*\\bname=${nameOf(client)} `, 'm').exec(textOf(list))?.[1]
        if (id !== undefined) await connection.send(command('CLIENT', 'UNBLOCK', id, 'ERROR'), 1)[0]
      }
      await Promise.race([this.running, sleep(RELEASE_PATIENCE_MS, undefined, { ref: false })])
    } finally {
      clearTimeout(patience)
      connection.close('done')
      this.close()
    }
  }

  close(): void {
    this.stop()
    for (const { client } of this.workers) client.close('the run is over')
  }

  private async ofEachQueue(name: string): Promise<void> {
    for (const [i, db] of DBS.entries()) {
      const client = new Client(this.first + COUNT + i, db, 3, () => this.ring.address, this.history)
      for (const key of KEYS) await client.send([{ workload: WORKLOAD, key, name, args: [] }])
      client.close('done')
    }
  }
}

function nameOf({ index }: Client): string {
  return `worker-${index}`
}
