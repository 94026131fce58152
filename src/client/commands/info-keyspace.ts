import { within } from '../../base/within.js'
import type { Coordinator } from '../../coordinator/coordinator.js'
import type { Order } from '../../order/order.js'
import { rangeSize } from '../../ring/token-range.js'
import type { Server } from '../server.js'
import type { MemberInfos } from './info-members.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'coordinator' | 'order'>

/**
 * Databases with at most so many entries, copies included, are counted key by key where the members' own numbers may
 * mislead (see `Keyspace.size`); walking over a larger one is too much work for a command that tools ask every second.
 */
const COUNTED_ENTRIES_MAX = 30_000
const COUNT_TIMEOUT_MS = 1000

interface Database {
  keys: number
  expires: number
  /** Sum of the members' mean times to live, each weighted with its keys that have one, in ms. */
  ttlMs: number
  /** Sum of these weights: a mean of 0 was not measured yet. */
  ttlWeight: number
  /** Hashes with fields that have deadlines of their own, and how newer servers call their number. */
  withFieldTtl: { readonly name: string; readonly keys: number } | undefined
}

/** A database of the ring, with each key counted once. */
interface CountedDatabase {
  readonly db: number
  readonly keys: number
  /** What the members say of it. */
  readonly sum: Database
}

/** The Keyspace section. */
export async function keyspaceLines(members: MemberInfos, server: Needs): Promise<string[]> {
  return (await countedDatabases(members, server)).map(({ db, keys, sum }) => {
    const expires = sum.keys === 0 ? 0 : Math.min(keys, Math.round((sum.expires * keys) / sum.keys))
    const avgTtl = sum.ttlWeight === 0 ? 0 : Math.round(sum.ttlMs / sum.ttlWeight)
    const { withFieldTtl } = sum
    const hashes =
      withFieldTtl === undefined || sum.keys === 0
        ? ''
        : `,${withFieldTtl.name}=${Math.min(keys, Math.round((withFieldTtl.keys * keys) / sum.keys))}`
    return `db${db}:keys=${keys},expires=${expires},avg_ttl=${avgTtl}${hashes}`
  })
}

/**
 * The databases that have keys, in order: counted exactly where that is cheap or the members' own numbers are enough, else the
 * members' sum divided by the copies of a key that it counts.
 */
export async function countedDatabases(
  members: MemberInfos,
  { coordinator, order }: Needs,
): Promise<readonly CountedDatabase[]> {
  const counted = [...sumDatabases(members.lines)].map(async ([db, sum]) => {
    const exactly = await count(coordinator, db, sum.keys, members)
    return { db, sum, keys: exactly ?? Math.round(sum.keys / copiesCounted(members, order)) }
  })
  return (await Promise.all(counted)).filter(({ keys }) => keys > 0).sort((a, b) => a.db - b.db)
}

function sumDatabases(lines: readonly string[]): Map<number, Database> {
  const databases = new Map<number, Database>()
  for (const line of lines) {
    const match =
      /^db(\d+):keys=(\d+),expires=(\d+),avg_ttl=(\d+)(?:,(subexpiry|keys_with_volatile_items)=(\d+))?/.exec(line)
    if (match === null) continue
    const [db, keys, expires, avgTtl] = match.slice(1, 5).map(Number)
    const sum = databases.get(db) ?? { keys: 0, expires: 0, ttlMs: 0, ttlWeight: 0, withFieldTtl: undefined }
    databases.set(db, {
      keys: sum.keys + keys,
      expires: sum.expires + expires,
      ttlMs: sum.ttlMs + expires * avgTtl,
      ttlWeight: sum.ttlWeight + (avgTtl > 0 ? expires : 0),
      withFieldTtl:
        match[5] === undefined
          ? sum.withFieldTtl
          : { name: match[5], keys: (sum.withFieldTtl?.keys ?? 0) + Number(match[6]) },
    })
  }
  return databases
}

/** The exact number of keys; undefined when a member is missing, it is too much work, or does not come in time. */
async function count(
  { keyspace, order }: Coordinator,
  db: number,
  entries: number,
  members: MemberInfos,
): Promise<number | undefined> {
  if (members.missing.length > 0 || entries > COUNTED_ENTRIES_MAX || db >= order.databases) return undefined
  return within(
    keyspace.size(db).catch(() => undefined),
    COUNT_TIMEOUT_MS,
  )
}

/** How many copies of a key the sum over the members that answered has on average; at least one. */
function copiesCounted(members: MemberInfos, order: Order): number {
  const { ring, setOfRange } = order.router.view
  const missing = new Set(members.missing)
  if (missing.size === 0) return Math.max(1, members.copies)
  let identifiers = 0
  let copies = 0
  ring.ranges().forEach((range, i) => {
    const there = setOfRange[i].natural.filter(({ name }) => !missing.has(name)).length
    if (there === 0) return
    identifiers += rangeSize(range)
    copies += rangeSize(range) * there
  })
  return identifiers === 0 ? 1 : copies / identifiers
}
