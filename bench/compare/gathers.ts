import { setTimeout as sleep } from 'node:timers/promises'
import { RawClient } from '../../test/helpers/raw-client.js'
import { counter, replicasOf } from '../../test/helpers/ring-state.js'
import { cpuSeconds } from '../support/process-figures.js'
import { runRedisBenchmark } from './redis-benchmark.js'
import { type Spread, spreadOf } from './results.js'
import { chooseRows } from './rows.js'

/*
 * What commands cost that need whole values of keys on several servers, as a ratio to what is the same on one of them, or to a SET;
 * both are measured in turn, a few times.
 */

export const GATHER_NAMES = ['rename', 'union-store', 'move-element', 'gathers', 'inter', 'get-beside-gathers'] as const
export type GatherName = (typeof GATHER_NAMES)[number]

export const GATHER_TITLES: Readonly<Record<GatherName, string>> = {
  rename: 'RENAME of a small value between servers, 1 connection: p50 to that of a SET',
  'union-store': 'SUNIONSTORE of small sets of two servers, 1 connection: p50 to that of a SET',
  'move-element':
    'LMOVE of an element between lists of a million on two servers, 1 connection: p50 to that of a SET, nothing copied',
  gathers: 'SUNIONSTORE of small sets of two servers, 50 connections: commands a second to those of SET',
  inter: 'SINTER of two sets of 10,000 members on two servers: p50 to that on one server',
  'get-beside-gathers': 'GET beside 1,000 such SUNIONSTOREs a second: CPU to that of GET alone',
}

const CLIENTS = 50
const MEMBERS = 10_000
const ELEMENTS = 1_000_000
const GATHERS_PER_SECOND = 1000
const TICK_MS = 10

type Ask = (client: RawClient, i: number) => Promise<unknown>

/** @param proxyPid whose CPU time counts */
export async function measureGather(
  name: GatherName,
  { port, proxyPid, quick, signal }: { port: number; proxyPid: number; quick: boolean; signal: AbortSignal },
): Promise<Spread> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(port)))
  const [client] = clients
  try {
    const [a, b, d] = await tagsApart(client)
    const set: Ask = (each, i) => each.ask('SET', `key:${i}`, 'xxxxxxxxxxxxxxxx')
    const unite: Ask = (each, i) => each.ask('SUNIONSTORE', `union:${i % 100}{${d}}`, `set{${a}}`, `set{${b}}`)
    await client.ask('SADD', `set{${a}}`, 'x', 'y')
    await client.ask('SADD', `set{${b}}`, 'y', 'z')
    const times = quick ? 100 : 1000
    const rounds = async (one: () => Promise<number>) => {
      // The first ones are slower: nothing has been compiled yet.
      await one()
      const ratios: number[] = []
      for (let i = 0; i < (quick ? 2 : 5); i++) ratios.push(await one())
      return spreadOf(ratios)
    }
    const toSet = (ask: Ask) => rounds(async () => (await p50(client, times, ask)) / (await p50(client, times, set)))
    switch (name) {
      case 'rename': {
        await client.ask('SET', `name{${a}}`, 'value')
        const names = [`name{${a}}`, `name{${b}}`]
        let renames = 0
        return await toSet((each) => each.ask('RENAME', names[renames % 2], names[++renames % 2]))
      }
      case 'union-store':
        return await toSet(unite)
      case 'move-element': {
        const lists = [`list{${a}}`, `list{${b}}`]
        for (const list of lists) await push(client, list)
        const before = await counter(client, 'gather_bytes')
        let moves = 0
        const move: Ask = (each) =>
          each.ask('LMOVE', lists[moves % 2], lists[++moves % 2], moves % 4 < 2 ? 'LEFT' : 'RIGHT', 'RIGHT')
        const ratio = await toSet(move)
        const copied = (await counter(client, 'gather_bytes')) - before
        if (copied > 0) throw new Error(`LMOVE has copied ${copied} bytes`)
        return ratio
      }
      case 'gathers':
        return await rounds(async () => (await rate(clients, quick, unite)) / (await rate(clients, quick, set)))
      case 'inter': {
        const sets = [`large{${a}}`, `other{${a}}`, `large{${b}}`]
        for (const [k, key] of sets.entries()) await fill(client, key, k === 0 ? 0 : MEMBERS / 2)
        const inter = (other: string) => p50(client, times / 20, (each) => each.ask('SINTER', sets[0], other))
        return await rounds(async () => (await inter(sets[2])) / (await inter(sets[1])))
      }
      default:
        return await rounds(() => besideGathers(clients, { port, proxyPid, quick, signal }, unite))
    }
  } finally {
    for (const each of clients) each.close()
  }
}

/** Three tags whose keys have different masters, and not the same servers. */
async function tagsApart(client: RawClient): Promise<string[]> {
  const tags: string[] = []
  const masters = new Set<string>()
  for (let i = 0; tags.length < 3; i++) {
    const [master] = await replicasOf(client, `tag${i}`)
    if (masters.has(master)) continue
    masters.add(master)
    tags.push(`tag${i}`)
  }
  return tags
}

async function fill(client: RawClient, key: string, from: number): Promise<void> {
  for (let i = 0; i < MEMBERS; i += 1000) {
    await client.ask('SADD', key, ...Array.from({ length: 1000 }, (_, k) => `member:${from + i + k}`))
  }
}

async function push(client: RawClient, key: string): Promise<void> {
  const elements = Array.from({ length: 1000 }, (_, k) => `element:${k}`)
  for (let i = 0; i < ELEMENTS; i += elements.length) await client.ask('RPUSH', key, ...elements)
}

async function p50(client: RawClient, times: number, ask: Ask): Promise<number> {
  const all: number[] = []
  for (let i = 0; i < times; i++) {
    const beganMs = performance.now()
    await ask(client, i)
    all.push(performance.now() - beganMs)
  }
  return all.sort((x, y) => x - y)[Math.floor(all.length / 2)]
}

/** Commands a second of clients that each wait for their answers. */
async function rate(clients: readonly RawClient[], quick: boolean, ask: Ask): Promise<number> {
  const ms = quick ? 300 : 1500
  const endMs = performance.now() + ms
  let done = 0
  const run = async (client: RawClient, k: number) => {
    for (let i = k; performance.now() < endMs; i += CLIENTS, done++) await ask(client, i)
  }
  await Promise.all(clients.map(run))
  return done / ms
}

/** CPU time of a GET beside gathers, without theirs, to that of one alone. */
async function besideGathers(
  clients: readonly RawClient[],
  { port, proxyPid, quick, signal }: { port: number; proxyPid: number; quick: boolean; signal: AbortSignal },
  unite: Ask,
): Promise<number> {
  const [{ drivers, keys, pipeline }] = chooseRows(['get-p1'])
  const slices = quick ? 1 : 6
  const requests = quick ? 5000 : 10_000
  const gets = () => runRedisBenchmark({ port, driver: drivers[0], pipeline, keys, requests }, signal)
  const cpuOf = async (work: () => Promise<unknown>) => {
    const before = cpuSeconds(proxyPid)
    await work()
    return cpuSeconds(proxyPid) - before
  }
  const besides = async (work: () => Promise<unknown>) => {
    const pace = new Pace(clients, unite)
    await work()
    return pace.stop()
  }
  let [alone, own, both, gathers, beside] = [0, 0, 0, 0, 0]
  // In turn, and for short: what else the machine does, and what of the proxy has been compiled meanwhile, meets all of them alike.
  for (let i = 0; i < slices; i++) {
    alone += await cpuOf(gets)
    own += await cpuOf(async () => {
      gathers += await besides(() => sleep(quick ? 300 : 800))
    })
    both += await cpuOf(async () => {
      beside += await besides(gets)
    })
  }
  return (both - (own / gathers) * beside) / alone
}

/** Asks so often a second, whoever of the clients is free. */
class Pace {
  private readonly free: RawClient[]
  private readonly under = new Set<Promise<unknown>>()
  private readonly timer: NodeJS.Timeout
  private done = 0
  private beganMs = performance.now()

  constructor(
    clients: readonly RawClient[],
    private readonly ask: Ask,
  ) {
    this.free = [...clients]
    this.timer = setInterval(() => this.tick(), TICK_MS)
  }

  async stop(): Promise<number> {
    clearInterval(this.timer)
    await Promise.all(this.under)
    return this.done
  }

  private tick(): void {
    const due = ((performance.now() - this.beganMs) / 1000) * GATHERS_PER_SECOND
    while (this.done < due && this.free.length > 0) {
      const client = this.free.pop()!
      const asked = this.ask(client, this.done++).then(() => {
        this.free.push(client)
        this.under.delete(asked)
      })
      this.under.add(asked)
    }
  }
}
