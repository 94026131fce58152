import { wordOf } from '../../base/ascii.js'
import { wallClockUs } from '../../base/clock.js'
import { bytesOf, elementsOf, integerOf, textOf } from '../../resp/decode.js'
import { isError, map, type Reply, verbatim } from '../../resp/encode.js'
import { SAMPLES_MAX, type Sample } from '../latency-monitor.js'
import type { Server } from '../server.js'
import { errorNaming } from './arguments.js'
import { allDid, askEach, entriesOf, goodReplies, merged, textsOf } from './every-member.js'
import { adviceOf } from './latency-advice.js'
import type { LocalCommand } from './local-command.js'
import { latencyGraph } from './sparkline.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'order' | 'slowLog'>

/**
 * LATENCY …: `latency-monitor-threshold` is a setting of the proxy, which sees what its clients wait for, and of the members, which see what
 * keeps themselves busy: their events are one list. HISTOGRAM tells what the members execute, as in Redis without what it waits for.
 */
export const latencyCommands: Record<string, LocalCommand<Needs>> = {
  'latency|doctor': (_client, args, server) => doctor(server, args),
  'latency|graph': (_client, args, server) => graph(server, args),
  'latency|histogram': (_client, args, server) => merged(server, args, histogram),
  'latency|history': async (_client, args, server) => [
    ...samplesOf(await told(server, args), ownSamples(server, args[2])),
  ],
  'latency|latest': async (_client, args, server) => latest([...(await told(server, args)), ownLatest(server)]),
  'latency|reset': (_client, args, server) => reset(server, args),
}

/** What the members say; nothing of those that are away, for the proxy has its own to tell. */
async function told(server: Needs, args: readonly (Buffer | string)[]): Promise<readonly Reply[]> {
  const answers = await askEach(server, args)
  return goodReplies(answers)
}

function ownLatest({ slowLog }: Needs): Reply {
  return [...slowLog.latency.events].map(([name, { samples, mostMs }]) => [
    name,
    ...samples[samples.length - 1],
    mostMs,
  ])
}

function ownSamples({ slowLog }: Needs, event: Buffer): readonly Sample[] {
  return slowLog.latency.events.get(wordOf(event))?.samples ?? []
}

interface Event {
  readonly atSeconds: number
  readonly latestMs: number
  readonly mostMs: number
}

/** Of an event that several have, the latest one and, of the same second, the longest. */
function eventsOf(replies: readonly Reply[]): ReadonlyMap<string, Event> {
  const events = new Map<string, Event>()
  for (const row of replies.flatMap((reply) => elementsOf(reply) ?? [])) {
    const [name, ...numbers] = elementsOf(row) ?? []
    const [atSeconds, latestMs, mostMs] = numbers.map((number) => integerOf(number) ?? 0)
    const key = textOf(name) ?? ''
    const known = events.get(key)
    const isLater =
      known === undefined || atSeconds > known.atSeconds || (atSeconds === known.atSeconds && latestMs > known.latestMs)
    const later = isLater ? { atSeconds, latestMs } : known
    events.set(key, { ...later, mostMs: Math.max(mostMs, known?.mostMs ?? 0) })
  }
  return events
}

/** LATENCY LATEST */
function latest(replies: readonly Reply[]): Reply {
  return [...eventsOf(replies)].map(([name, { atSeconds, latestMs, mostMs }]) => [name, atSeconds, latestMs, mostMs])
}

/** LATENCY HISTORY event: the latest samples of all, one for a second as in Redis, which is the longest. */
function samplesOf(replies: readonly Reply[], own: readonly Sample[]): readonly Sample[] {
  const samples = new Map<number, number>()
  const note = (atSeconds: number, ms: number) => samples.set(atSeconds, Math.max(ms, samples.get(atSeconds) ?? 0))
  for (const sample of replies.flatMap((reply) => elementsOf(reply) ?? [])) {
    const [atSeconds, ms] = (elementsOf(sample) ?? []).map((number) => integerOf(number) ?? 0)
    note(atSeconds, ms)
  }
  for (const [atSeconds, ms] of own) note(atSeconds, ms)
  return [...samples].sort(([a], [b]) => a - b).slice(-SAMPLES_MAX)
}

/** LATENCY GRAPH event: of all samples that HISTORY has. */
async function graph(server: Needs, args: readonly Buffer[]): Promise<Reply> {
  const event = args[2]
  const [history, latest] = await Promise.all([
    told(server, ['LATENCY', 'HISTORY', event]),
    told(server, ['LATENCY', 'LATEST']),
  ])
  const samples = samplesOf(history, ownSamples(server, event))
  if (samples.length === 0) return errorNaming('No samples available for event ', event)
  const name = wordOf(event)
  const mostMs = eventsOf([...latest, ownLatest(server)]).get(name)?.mostMs ?? 0
  const nowSeconds = Math.floor(wallClockUs() / 1e6)
  return verbatim('txt', Buffer.from(latencyGraph(name, samples, mostMs, nowSeconds), 'latin1'))
}

/** LATENCY DOCTOR: what the proxy has seen, when it watches, before what the members say. */
async function doctor(server: Needs, args: readonly Buffer[]): Promise<Reply> {
  const said = await textsOf(server, args)
  const { latency } = server.slowLog
  if (latency.thresholdMs === 0) return said
  const text = isError(said) ? said.message : (bytesOf(said)?.toString('latin1') ?? '')
  const members = text.startsWith('# ') ? text : `# the servers\n${text}`
  return verbatim('txt', Buffer.from(`# the proxy\n${adviceOf(latency)}\n${members}`, 'latin1'))
}

/** LATENCY RESET [event …]: of the proxy and all members; gives how many kinds of events there were. */
async function reset(server: Needs, args: readonly Buffer[]): Promise<Reply> {
  const asked = args.slice(2).map(wordOf)
  const [known, answers] = await Promise.all([askEach(server, ['LATENCY', 'LATEST']), askEach(server, args)])
  const own = server.slowLog.latency.reset(asked)
  const failure = allDid(answers, 'it')
  if (failure !== undefined) return failure
  const names = [...eventsOf(goodReplies(known)).keys()].filter((name) => asked.length === 0 || asked.includes(name))
  return new Set([...names, ...own]).size
}

/**
 * LATENCY HISTOGRAM [command …]: what the members execute. Each says how many calls took at most so long, where that
 * changes; one that does not name a time has as many there as at the last one before it.
 */
function histogram(replies: readonly Reply[]): Reply {
  const commands = new Map<string, { calls: number; grown: Map<number, number> }>()
  for (const [name, value] of replies.flatMap(entriesOf)) {
    const command = commands.get(name) ?? { calls: 0, grown: new Map<number, number>() }
    commands.set(name, command)
    const fields = new Map(entriesOf(value))
    command.calls += integerOf(fields.get('calls') ?? 0) ?? 0
    let before = 0
    for (const [us, upTo] of entriesOf(fields.get('histogram_usec'))) {
      const count = integerOf(upTo) ?? 0
      command.grown.set(Number(us), (command.grown.get(Number(us)) ?? 0) + count - before)
      before = count
    }
  }
  return map([...commands].map(([name, { calls, grown }]) => [name, shown(calls, grown)]))
}

function shown(calls: number, grown: ReadonlyMap<number, number>): Reply {
  let upTo = 0
  const buckets = [...grown].sort(([a], [b]) => a - b)
  return map([
    ['calls', calls],
    [
      'histogram_usec',
      map(
        buckets.map(([us, count]) => {
          upTo += count
          return [us, upTo]
        }),
      ),
    ],
  ])
}
