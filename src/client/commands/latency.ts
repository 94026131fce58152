import { elementsOf, integerOf, textOf } from '../../resp/decode.js'
import { map, type Reply } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { allDid, askEach, entriesOf, goodReplies, merged, textsOf } from './every-member.js'
import type { LocalCommand } from './local-command.js'

/** Redis keeps so many samples of an event [Redis latency.h LATENCY_TS_LEN]. */
const SAMPLES_MAX = 160

/** LATENCY …: what is slow is told by the members, and `latency-monitor-threshold` is a setting of theirs. */
export const latencyCommands: Record<string, LocalCommand> = {
  'latency|doctor': (_client, _args, server) => textsOf(server, ['LATENCY', 'DOCTOR']),
  'latency|graph': (_client, args, server) => textsOf(server, args),
  'latency|histogram': (_client, args, server) => merged(server, args, histogram),
  'latency|history': (_client, args, server) => merged(server, args, history),
  'latency|latest': (_client, args, server) => merged(server, args, latest),
  'latency|reset': (_client, args, server) => reset(server, args),
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
function history(replies: readonly Reply[]): Reply {
  const samples = new Map<number, number>()
  for (const sample of replies.flatMap((reply) => elementsOf(reply) ?? [])) {
    const [atSeconds, ms] = (elementsOf(sample) ?? []).map((number) => integerOf(number) ?? 0)
    samples.set(atSeconds, Math.max(ms, samples.get(atSeconds) ?? 0))
  }
  return [...samples].sort(([a], [b]) => a - b).slice(-SAMPLES_MAX)
}

/** LATENCY RESET [event …]: of all members; gives how many kinds of events there were. */
async function reset(server: Server, args: readonly Buffer[]): Promise<Reply> {
  const [known, answers] = await Promise.all([askEach(server, ['LATENCY', 'LATEST']), askEach(server, args)])
  const failure = allDid(answers, 'it')
  if (failure !== undefined) return failure
  const names = [...eventsOf(goodReplies(known)).keys()]
  if (args.length === 2) return names.length
  const asked = new Set(args.slice(2).map(String))
  return names.filter((name) => asked.has(name)).length
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
