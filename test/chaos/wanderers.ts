import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosRing } from './chaos-ring.js'
import { Client, type Gate, type Reading } from './client.js'
import { OTHER_DB } from './databases.js'
import type { History } from './history.js'
import { Random } from './random.js'

/*
 * Sessions that write through one proxy and read through another one at once: what was acknowledged by one is there for who asks another.
 * That is a part of linearizability, which is checked of all keys; here nothing comes between the write and the read.
 */

const WORKLOAD = 'register'
const DBS = [0, OTHER_DB]
const SESSIONS = 4
/** So often a key is written, that the history of one stays short. */
const WRITES_OF_KEY = 25
/** The share of times in which a session goes elsewhere. */
const MOVING_SHARE = 0.03
const THINK_MS = 60

class Wanderer {
  private stopped = false
  private readonly sides: readonly [Client, Client]
  /** Where the first side is; the other one is at the next proxy. */
  private at: number

  constructor(
    private readonly number: number,
    first: number,
    private readonly ring: ChaosRing,
    history: History,
    private readonly random: Random,
    reading: Reading,
    gate: Gate,
  ) {
    this.at = random.below(ring.places.length)
    const side = (i: number) => {
      const place = () => ring.places[(this.at + i) % ring.places.length].proxy
      return new Client(
        first + i,
        DBS[number % DBS.length],
        i === 0 ? 2 : 3,
        () => ring.addressOf(place()),
        history,
        reading,
        gate,
      )
    }
    this.sides = [side(0), side(1)]
  }

  async run(): Promise<void> {
    const { random, number } = this
    for (let i = 0; !this.stopped; i++) {
      const [writer, reader] = random.chance(0.5) ? this.sides : [this.sides[1], this.sides[0]]
      const key = `wandering:${number}:${Math.floor(i / WRITES_OF_KEY)}`
      await writer.send([{ workload: WORKLOAD, key, name: 'set', args: [`c${writer.index}.${i}`] }])
      await reader.send([{ workload: WORKLOAD, key, name: 'get', args: [] }])
      if (random.chance(MOVING_SHARE)) {
        this.at = random.below(this.ring.places.length)
        this.close('it goes elsewhere')
      }
      await sleep(random.below(THINK_MS))
    }
  }

  stop(): void {
    this.stopped = true
    for (const side of this.sides) side.stop()
  }

  close(reason: string): void {
    for (const side of this.sides) side.close(reason)
  }
}

export class Wanderers {
  private readonly all: readonly Wanderer[]
  private running: Promise<unknown> = Promise.resolve()

  /** @param first the number of the first of their clients */
  constructor(ring: ChaosRing, history: History, seed: number, first: number, reading: Reading, gate: Gate) {
    this.all = Array.from({ length: SESSIONS }, (_, i) => {
      return new Wanderer(i, first + 2 * i, ring, history, new Random(seed, `wanderer ${i}`), reading, gate)
    })
  }

  start(): void {
    this.running = Promise.all(this.all.map((each) => each.run()))
  }

  async stop(): Promise<void> {
    for (const each of this.all) each.stop()
    await this.running
    this.close()
  }

  close(): void {
    for (const each of this.all) {
      each.stop()
      each.close('the run is over')
    }
  }
}
