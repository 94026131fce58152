import type { Link } from '../backend/link.js'
import { isError, type Reply, type VerbatimReply } from '../resp/encode.js'

const BATCH_KEYS = 250

/** A server could not be asked, or refused. */
export class WalkError extends Error {
  override name = 'WalkError'
}

/** The value of a reply that is no error. */
export function accepted<T extends Reply>(link: Link, reply: Reply): T {
  if (isError(reply)) throw new WalkError(`${link.name} answered: ${reply.message}`)
  return reply as T
}

/** The databases of a member that hold keys, with their numbers of keys. */
export async function databasesOf(link: Link): Promise<{ readonly db: number; readonly keys: number }[]> {
  const reply = accepted<VerbatimReply>(link, await link.call(['INFO', 'keyspace']))
  const lines = String(reply.text).matchAll(/^db(\d+):keys=(\d+)/gm)
  return [...lines].map(([, db, keys]) => ({ db: Number(db), keys: Number(keys) }))
}

/**
 * A cursor leads nowhere in another process, which may have the same keys in another order; and a link may have been down
 * and up again while nothing was under way on it. To be called in the turn in which something is asked.
 *
 * @throws WalkError when the server is not the process any more that it was
 */
export function assertProcess(link: Link, runId: string | undefined): void {
  if (link.info?.runId !== runId) throw new WalkError(`${link.name} has restarted`)
}

/**
 * One pass over all keys of a member, in batches as SCAN gives them. Every key that is there from the beginning to the
 * end is given at least once [Redis SCAN guarantees].
 */
export async function* walkKeys(link: Link): AsyncGenerator<{ readonly db: number; readonly keys: readonly Buffer[] }> {
  const runId = link.info?.runId
  for (const { db } of await databasesOf(link)) {
    let cursor = '0'
    do {
      assertProcess(link, runId)
      const scanned: Reply = await link.call(['SCAN', cursor, 'COUNT', String(BATCH_KEYS)], db)
      const [next, keys] = accepted<[Buffer, Buffer[]]>(link, scanned)
      cursor = next.toString()
      yield { db, keys }
    } while (cursor !== '0')
  }
}
