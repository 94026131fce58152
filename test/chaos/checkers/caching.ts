import type { Operation } from '../history.js'
import type { Violation } from './violation.js'

/** What others have read, however it came to be, is in no cache in an older form after this time. */
const SEEN_MS = 1000

const SETS: readonly string[] = ['set', 'scripted', 'inMulti']

/** What may have left a value: nobody, in the beginning. */
interface Source {
  readonly invokedMs: number
  readonly returnedMs: number
  readonly by?: Operation
}

const BEGINNING: Source = { invokedMs: Number.NEGATIVE_INFINITY, returnedMs: Number.NEGATIVE_INFINITY }

/**
 * What clients have in caches of their own. After a PING on the connection on which they are told of changes nothing is there that is older
 * than the last write that had been acknowledged when it was sent; by the proxy to which the client is connected: of one that takes the
 * ring over it hears when its connection ends. And what others have read has come to all caches a while after it was answered what became of its write.
 */
export function checkCaching(key: string, operations: readonly Operation[]): Violation[] {
  const writes = operations.filter(({ name, outcome }) => {
    return (SETS.includes(name) || name === 'del') && outcome.kind !== 'failed'
  })
  const sources = new Map<string, Source>()
  for (const by of writes) if (by.name !== 'del') sources.set(String(by.args[0]), { ...by, by })
  const deletions = new Prefix(
    writes.filter(({ name }) => name === 'del').map((by) => ({ ...by, by })),
    ({ invokedMs }) => invokedMs,
    ({ returnedMs }) => returnedMs,
  )
  const looks = operations.filter(({ name, outcome }) => name === 'cached' && outcome.kind === 'ok')
  for (const via of new Set(looks.map((look) => look.via))) {
    const acknowledged = new Prefix(
      writes.filter((write) => write.outcome.kind === 'ok' && write.via === via).map((by) => ({ ...by, by })),
      ({ returnedMs }) => returnedMs,
      ({ invokedMs }) => invokedMs,
    )
    const seen = new Prefix(
      seenIn(operations, via, sources),
      (each) => each.returnedMs,
      ({ invokedMs }) => invokedMs,
    )
    for (const look of looks) {
      if (look.via !== via || look.outcome.kind !== 'ok') continue
      const { value } = look.outcome
      const source = value === null ? (deletions.before(look.returnedMs) ?? BEGINNING) : sources.get(String(value))
      // That it was written is looked at elsewhere.
      if (source === undefined) continue
      const newer = [acknowledged.before(look.invokedMs), seen.before(look.invokedMs)].find((each) => {
        return each !== undefined && source.returnedMs < each.invokedMs
      })
      if (newer === undefined) continue
      const witness = [...(source.by === undefined ? [] : [source.by]), newer.by!, look]
      return [{ check: 'old in a cache', key, message: `${String(value)} is in a cache (${look.args[0]})`, witness }]
    }
  }
  return []
}

/** The writes of values that were read, as if each had returned a while after it had, and that had been read. */
function seenIn(
  operations: readonly Operation[],
  via: number | undefined,
  sources: ReadonlyMap<string, Source>,
): Source[] {
  const done = new Map<string, Source>()
  for (const { name, outcome, returnedMs, via: at } of operations) {
    if (name !== 'get' || outcome.kind !== 'ok' || outcome.value === null || at !== via) continue
    const value = String(outcome.value)
    const source = sources.get(value)
    if (source?.by === undefined || source.by.via !== via || done.has(value)) continue
    const endedMs = Math.min(source.by.returnedMs, source.by.lostMs ?? Number.POSITIVE_INFINITY)
    done.set(value, { ...source, returnedMs: Math.max(returnedMs, endedMs) + SEEN_MS })
  }
  return [...done.values()]
}

/** Of those whose one time is before a moment the one whose other time is the last. */
class Prefix {
  private readonly times: number[]
  private readonly best: Source[] = []

  constructor(all: readonly Source[], time: (each: Source) => number, rank: (each: Source) => number) {
    const sorted = [...all].sort((one, other) => time(one) - time(other))
    this.times = sorted.map(time)
    for (const each of sorted) {
      const last = this.best.at(-1)
      this.best.push(last === undefined || rank(each) > rank(last) ? each : last)
    }
  }

  before(ms: number): Source | undefined {
    let [low, high] = [0, this.times.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.times[middle] < ms) low = middle + 1
      else high = middle
    }
    return this.best[low - 1]
  }
}
