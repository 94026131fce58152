import type { Link } from '../backend/link.js'
import { within } from '../base/within.js'
import { bytesOf, elementsOf, textOf } from '../resp/decode.js'
import type { Router } from './router.js'

/** Entries of all members, copies included, that are counted one by one; of more only samples are. */
const COUNTED_ENTRIES_MAX = 200_000
/** Keys of a database that are looked at on a member, when it has more. */
const SAMPLE_KEYS = 5000
const BATCH_KEYS = 1000
/** A member that takes longer for one answer is left out. */
const TIMEOUT_MS = 2000

/**
 * `exact`; `estimated` from samples; or `incomplete`, because ranges have no member that can be asked, or one that was
 * asked did not answer.
 */
export type Accuracy = 'exact' | 'estimated' | 'incomplete'

/** Keys of one database that a member serves. */
export interface KeySample {
  readonly link: Link
  readonly db: number
  readonly keys: readonly Buffer[]
  /** For how many keys each of them stands. */
  readonly weight: number
}

export interface KeyCount {
  readonly how: Accuracy
  /** Keys of all databases by the name of the member that is their master. */
  readonly byMaster: ReadonlyMap<string, number>
}

/** How many keys each member is the master of. */
export async function countKeysByMaster(router: Router): Promise<KeyCount> {
  const { how, samples } = await surveyKeys(router)
  const byMaster = new Map(router.view.members.map(({ name }) => [name, 0]))
  for (const { keys, weight } of samples) {
    for (const key of keys) {
      const [master] = router.routeOfKey(key, 0, key.length).natural
      byMaster.set(master.name, (byMaster.get(master.name) ?? 0) + weight)
    }
  }
  for (const [name, keys] of byMaster) byMaster.set(name, Math.round(keys))
  return { how, byMaster }
}

/**
 * All keys, or samples of them when they are many, each once: of whoever serves it now, so that the keys of a member that
 * is down are found on their backups. A sample is what SCAN gives first: the order of its hash table has nothing to do
 * with the order on the ring.
 */
export async function surveyKeys(router: Router): Promise<{ how: Accuracy; samples: KeySample[] }> {
  const serving = router.serving()
  const { links } = serving
  const sizes = await Promise.all(links.map(databaseSizes))
  let entries = 0
  for (const databases of sizes) for (const size of databases?.values() ?? []) entries += size
  const limit = entries > COUNTED_ENTRIES_MAX ? SAMPLE_KEYS : Number.POSITIVE_INFINITY

  const tasks = links.flatMap((link, i) => [...(sizes[i] ?? [])].map(([db, size]) => ({ link, db, size })))
  const samples = await Promise.all(
    tasks.map(async ({ link, db, size }) => {
      const read = await readKeys(link, db, limit)
      if (read === undefined) return undefined
      const keys = read.keys.filter((key) => serving.by(link, key))
      return { link, db, keys, weight: read.whole ? 1 : size / read.keys.length }
    }),
  )
  const complete = serving.isWhole && !sizes.includes(undefined) && !samples.includes(undefined)
  return {
    how: !complete ? 'incomplete' : limit === SAMPLE_KEYS ? 'estimated' : 'exact',
    samples: samples.filter((sample) => sample !== undefined),
  }
}

/** The number of entries of each database that is not empty, undefined when the member does not say. */
async function databaseSizes(link: Link): Promise<Map<number, number> | undefined> {
  const reply = await answer(link, ['INFO', 'keyspace'])
  const text = reply === undefined ? undefined : textOf(reply)
  if (text === undefined) return undefined
  const sizes = new Map<number, number>()
  for (const [, db, keys] of text.matchAll(/^db(\d+):keys=(\d+)/gm)) sizes.set(Number(db), Number(keys))
  return sizes
}

/** The keys of a database, or (`whole` false) the first of them, at least `limit`. */
async function readKeys(
  link: Link,
  db: number,
  limit: number,
): Promise<{ readonly keys: readonly Buffer[]; readonly whole: boolean } | undefined> {
  const keys: Buffer[] = []
  for (let cursor = '0'; ; ) {
    const reply = await answer(link, ['SCAN', cursor, 'COUNT', String(BATCH_KEYS)], db)
    const [next, batch] = (reply === undefined ? undefined : elementsOf(reply)) ?? []
    if (next === undefined || batch === undefined) return undefined
    for (const key of elementsOf(batch) ?? []) keys.push(bytesOf(key) ?? Buffer.alloc(0))
    cursor = textOf(next) ?? '0'
    if (cursor === '0') return { keys, whole: true }
    if (keys.length >= limit) return { keys, whole: false }
  }
}

async function answer(link: Link, args: readonly string[], db?: number) {
  const call = link.call(args, db).catch(() => undefined)
  return within(call, TIMEOUT_MS)
}
