import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { frameOf } from '../../src/resp/frame.js'
import { Pipeline } from '../support/pipeline.js'
import { cpuSeconds } from '../support/process-figures.js'
import { type Spread, spreadOf } from './results.js'

/*
 * What a transaction costs the proxy, beside the same commands without one: CPU time of units of work that are done in turn, so
 * that what else the machine does meets all of them alike.
 */

export const TRANSACTION_NAMES = ['multi', 'multi-3', 'watch'] as const
export type TransactionName = (typeof TRANSACTION_NAMES)[number]

export interface TransactionFigure {
  readonly name: TransactionName
  readonly title: string
  readonly value: Spread
}

/** What a client writes at once, and how long the replies are. */
interface Trip {
  readonly request: Buffer
  readonly replyBytes: number
}

/** What is done without anything else between. */
type Unit = readonly Trip[]

const CLIENTS = 20
const VARIANTS = 60
const VALUE = 'x'.repeat(16)
const SET = 5
const OK = '+OK\r\n'
const QUEUED = '+QUEUED\r\n'
const GOT = `$16\r\n${VALUE}\r\n`

function trip(commands: readonly (readonly string[])[], reply: string): Trip {
  const frames = commands.map((command) => {
    const { buf, start, end } = frameOf(command)
    return buf.subarray(start, end)
  })
  return { request: Buffer.concat(frames), replyBytes: reply.length }
}

const setsOf = (keys: readonly string[]) => keys.map((key) => ['SET', key, VALUE])

function sets(keys: readonly string[]): Unit {
  return [trip(setsOf(keys), OK.repeat(keys.length))]
}

function transaction(keys: readonly string[]): Unit {
  const reply = `${OK}${QUEUED.repeat(keys.length)}*${keys.length}\r\n${OK.repeat(keys.length)}`
  return [trip([['MULTI'], ...setsOf(keys), ['EXEC']], reply)]
}

const getAndSet = (key: string): Unit => [trip([['GET', key]], GOT), trip([['SET', key, VALUE]], OK)]

/** As client libraries do it: what is read decides what is written. */
function compareAndSet(key: string): Unit {
  return [trip([['WATCH', key]], OK), trip([['GET', key]], GOT), ...transaction([key])]
}

/**
 * @param port of the proxy with three copies
 * @param pid of its process
 */
export async function measureTransactions(
  { port, pid }: { readonly port: number; readonly pid: number },
  { quick, signal }: { readonly quick: boolean; readonly signal: AbortSignal },
): Promise<TransactionFigure[]> {
  const tags = await tagsOnThreeSets(port)
  const pick = (i: number, set: number) => tags[set][i % tags[set].length]
  const own = (i: number) => Array.from({ length: SET }, (_, n) => `{${pick(i, i % 3)}}:${n}`)
  const spread = (i: number) => Array.from({ length: SET }, (_, n) => `{${pick(i, n % 3)}}:${n}`)
  const variants = Array.from({ length: VARIANTS }, (_, i) => i)
  const units = {
    sets: variants.map((i) => sets(own(i))),
    multi: variants.map((i) => transaction(own(i))),
    spread: variants.map((i) => transaction(spread(i))),
    // Nobody else writes the key of a client.
    plain: variants.map((i) => getAndSet(`own:${i}`)),
    watch: variants.map((i) => compareAndSet(`own:${i}`)),
  }
  await done(
    port,
    variants.map((i) => [trip(setsOf([`own:${i}`]), OK)]),
    VARIANTS,
  )
  const count = quick ? 2000 : 12_000
  const rounds = quick ? 1 : 5
  const ratios: Record<TransactionName, number[]> = { multi: [], 'multi-3': [], watch: [] }
  // The first round warms up.
  for (let round = 0; round <= rounds && !signal.aborted; round++) {
    const costs = { sets: 0, multi: 0, spread: 0, plain: 0, watch: 0 }
    for (const name of Object.keys(costs) as (keyof typeof costs)[]) {
      const before = cpuSeconds(pid)
      await done(port, units[name], count)
      costs[name] = cpuSeconds(pid) - before
    }
    if (round === 0) continue
    ratios.multi.push(costs.multi / costs.sets)
    ratios['multi-3'].push(costs.spread / costs.multi)
    ratios.watch.push(costs.watch / costs.plain)
  }
  const titles: Record<TransactionName, string> = {
    multi: 'MULTI, 5 SET, EXEC on one replica set: CPU to that of the 5 SET in one pipeline',
    'multi-3': 'MULTI, 5 SET, EXEC over three replica sets: CPU to that of one on one',
    watch: 'WATCH, GET, MULTI, SET, EXEC: CPU to that of GET, SET',
  }
  return TRANSACTION_NAMES.filter((name) => ratios[name].length > 0).map((name) => {
    return { name, title: `DT, 3 copies: ${titles[name]}`, value: spreadOf(ratios[name]) }
  })
}

/** Hash tags by three different replica sets. */
async function tagsOnThreeSets(port: number): Promise<string[][]> {
  const pipeline = await Pipeline.open(port)
  const bySet = new Map<string, string[]>()
  const tags = Array.from({ length: 300 }, (_, i) => `tag${i}`)
  await pipeline.run(
    tags.map((tag) => ['DT', 'LOCATE', tag]),
    ([, , tag], reply) => {
      const set = (reply.toString().match(/dt-\d+/g) ?? []).join(' ')
      bySet.set(set, [...(bySet.get(set) ?? []), String(tag)])
    },
  )
  pipeline.close()
  return [...bySet.values()].sort((a, b) => b.length - a.length).slice(0, 3)
}

/** Some clients do so many units, one trip after the other, each in its own place among the variants. */
async function done(port: number, units: readonly Unit[], count: number): Promise<void> {
  const each = Math.ceil(count / CLIENTS)
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, c) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      await once(socket, 'connect')
      const own = units.filter((_, i) => i % CLIENTS === c)
      for (let i = 0; i < each; i++) for (const part of own[i % own.length]) await ask(socket, part)
      socket.destroy()
    }),
  )
}

function ask(socket: Socket, { request, replyBytes }: Trip): Promise<void> {
  return new Promise((resolve, reject) => {
    let missing = replyBytes
    const onData = (bytes: Buffer) => {
      missing -= bytes.length
      if (missing > 0) return
      socket.off('data', onData)
      if (missing === 0) resolve()
      else reject(new Error(`not the reply that was expected: ${bytes.toString('latin1')}`))
    }
    socket.on('data', onData)
    socket.write(request)
  })
}
