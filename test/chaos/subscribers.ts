import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../helpers/raw-client.js'
import type { Node } from '../helpers/raw-reply.js'
import type { ChaosRing } from './chaos-ring.js'
import { Client, type Reading, viaOf } from './client.js'
import { outcomeOf, type Plan } from './commands.js'
import { Connection } from './connection.js'
import { type History, nowMs } from './history.js'
import { ownerOf } from './listening-commands.js'
import { Random } from './random.js'
import { keyOfSlot, SLOTS } from './workloads.js'

/*
 * Those who listen to the channels [listening-commands.ts]. Of each time that one listened it is written down what came, in its order, and
 * between which moments all had to come: from its confirmation to the last PING that was answered. They are in nobody's way.
 */

export const WORKLOAD = 'channel'

/** How long somebody listens before he begins anew, and how often he asks whether all has come. */
const SESSION_MS = [500, 6000] as const
const ASK_MS = 40
const RETRY_MS = 30
/** Of what is heard so much is looked up. */
const LOOKING_SHARE = 0.5

const KEYS: readonly string[] = Array.from({ length: SLOTS }, (_, slot) => keyOfSlot(WORKLOAD, slot, 0))
const WAYS = [
  { word: 'SUBSCRIBE', proto: 2 },
  { word: 'SUBSCRIBE', proto: 3 },
  { word: 'PSUBSCRIBE', proto: 3 },
  { word: 'SSUBSCRIBE', proto: 2 },
] as const
const MESSAGES: readonly string[] = ['message', 'pmessage', 'smessage']
/** A publish, as which the message is read: its bytes may have been damaged. */
const READ_AS: Plan = { workload: 'register', key: '', name: 'get', args: [] }

class Subscriber {
  private stopped = false
  private connection: Connection | undefined
  private session = 0
  /** What is being looked up. */
  private readonly looks = new Set<Promise<unknown>>()

  constructor(
    private readonly index: number,
    private readonly key: string,
    private readonly way: (typeof WAYS)[number],
    private readonly random: Random,
    private readonly ring: ChaosRing,
    private readonly history: History,
    /** Who looks up what is announced. */
    private readonly reader: Client,
  ) {}

  async run(): Promise<void> {
    while (!this.stopped) {
      await this.listen().catch(() => {})
      if (!this.stopped) await sleep(RETRY_MS)
    }
    await Promise.all(this.looks)
    this.reader.close('done')
  }

  stop(): void {
    this.stopped = true
    this.reader.stop()
  }

  close(reason: string): void {
    this.connection?.close(reason)
  }

  /** Listens for a while, or until the connection ends. */
  private async listen(): Promise<void> {
    const { key, way, random, index } = this
    const heard: string[] = []
    const via = this.ring.proxyOf(index)
    const connection = await Connection.open(via.port, (node) => this.hears(node, heard))
    this.connection = connection
    const times = { askedMs: nowMs(), surelyMs: 0, confirmedMs: 0 }
    try {
      if (way.proto === 3) await connection.send(command('HELLO', '3'), 1)[0]
      times.askedMs = nowMs()
      const [confirmation] = await Promise.all(connection.send(command(way.word, this.topic()), 1))
      // An owner that is not sure that it still is one refuses it.
      if (confirmation.type === '-') throw new Error('refused')
      times.confirmedMs = nowMs()
      const endsMs = nowMs() + random.between(...SESSION_MS)
      for (let isLast = false; !isLast; ) {
        await sleep(ASK_MS)
        isLast = this.stopped || nowMs() > endsMs
        const askedMs = nowMs()
        await connection.send(command('PING'), 1)[0]
        times.surelyMs = askedMs
      }
      connection.close('done')
    } finally {
      // What was never confirmed may have begun.
      const { askedMs, surelyMs, confirmedMs } = times
      const began = confirmedMs === 0 ? Number.POSITIVE_INFINITY : confirmedMs
      this.history.add({
        id: this.history.nextId(),
        client: index,
        workload: WORKLOAD,
        key: `0/${key}`,
        name: 'listened',
        args: [way.word, askedMs, Math.max(surelyMs, 0), `${index}.${this.session++}`],
        invokedMs: Math.min(began, nowMs()),
        returnedMs: nowMs(),
        outcome: { kind: 'ok', value: heard },
        ...viaOf(via),
      })
    }
  }

  private topic(): Buffer {
    const name = Buffer.from(this.key, 'latin1')
    return this.way.word === 'PSUBSCRIBE' ? Buffer.concat([name.subarray(0, name.length - 1), Buffer.from('?')]) : name
  }

  private hears(node: Node, heard: string[]): (() => void) | undefined {
    if (!('items' in node)) return undefined
    const [kind] = node.items
    if (!('text' in kind) || !MESSAGES.includes(kind.text)) return undefined
    return () => this.take(node.items[node.items.length - 1], heard)
  }

  private take(node: Node, heard: string[]): void {
    const outcome = outcomeOf(READ_AS, node)
    const value = outcome.kind === 'ok' ? String(outcome.value) : JSON.stringify(node)
    heard.push(value)
    if (!this.stopped && this.random.chance(LOOKING_SHARE)) {
      const args = [ownerOf(value), value]
      const look = this.reader.send([{ workload: WORKLOAD, key: this.key, name: 'told', args }])
      this.looks.add(look)
      void look.finally(() => this.looks.delete(look))
    }
  }
}

export class Subscribers {
  private readonly subscribers: readonly Subscriber[]
  private running: Promise<unknown> = Promise.resolve()

  /** @param first the number of the first of them */
  constructor(ring: ChaosRing, history: History, seed: number, first: number, reading: Reading) {
    this.subscribers = KEYS.flatMap((key, slot) =>
      WAYS.map((way, i) => {
        const index = first + slot * WAYS.length + i
        const reader = new Client(index, 0, 3, () => ring.proxyOf(index), history, reading)
        return new Subscriber(index, key, way, new Random(seed, `subscriber ${index}`), ring, history, reader)
      }),
    )
  }

  start(): void {
    this.running = Promise.all(this.subscribers.map((each) => each.run()))
  }

  /** Those of one half find the proxy that serves now. */
  move(): void {
    for (const [i, each] of this.subscribers.entries()) if (i % 2 === 1) each.close('it was told to use another proxy')
  }

  /** Resolves when all that they heard is written down. */
  async stop(): Promise<void> {
    for (const each of this.subscribers) each.stop()
    await this.running
  }

  close(): void {
    for (const each of this.subscribers) {
      each.stop()
      each.close('the run is over')
    }
  }
}
