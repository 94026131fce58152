import { setTimeout as sleep } from 'node:timers/promises'
import { preciseNowMs } from '../backend/handshake.js'
import { Differing, decoded, elementsAPiece, integerIn, itemsOf, stringOf } from './differing.js'
import { type InStep, KEY, UnsettledError } from './in-step.js'

/** Until each server has removed a field whose deadline has passed, also of a large hash [redis-facts Versions]. */
const REMOVED_MS = 2500
/** So close to the deadline of a field one replica may have removed it and another not. */
const NEAR_DEADLINE_MS = 1500
const NO_DEADLINE = -1

interface Seen {
  readonly flags: boolean[]
  /** The next deadline of a field; Infinity when none has one. */
  readonly nextMs: number
  /** Fields are counted that nobody is shown any more. */
  readonly hasHidden: boolean
}

/**
 * Which of the replicas hold another hash than the first one: other fields, values, or deadlines of fields. A field whose deadline has
 * passed is counted by a server until it has removed it, and shown to nobody: so what differs while such fields may be there is looked
 * at again.
 *
 * @param bytes about how much memory it takes
 */
export async function differingHashes(replicas: InStep, bytes: number): Promise<boolean[]> {
  const withDeadlines = (await knowFieldDeadlines(replicas)).every((knows) => knows)
  const seen = await look(replicas, bytes, withDeadlines)
  if (!withDeadlines || !seen.flags.includes(true) || (seen.nextMs === Number.POSITIVE_INFINITY && !seen.hasHidden)) {
    return seen.flags
  }
  await sleep(REMOVED_MS)
  const again = await look(replicas, bytes, true)
  if (again.flags.includes(true) && again.nextMs - preciseNowMs() < NEAR_DEADLINE_MS) {
    throw new UnsettledError('fields of it are about to expire')
  }
  return again.flags
}

/** Which replicas can have deadlines of fields: from Redis 7.4 and Valkey 9 on; before that there is no such command. */
export function knowFieldDeadlines(replicas: InStep): Promise<boolean[]> {
  return Promise.all(
    replicas.links.map((link) =>
      replicas
        .on([link])
        .first('HPEXPIRETIME', KEY, 'FIELDS', '1', '')
        .then(
          () => true,
          (error) => {
            if (error instanceof UnsettledError && /unknown command/i.test(error.message)) return false
            throw error
          },
        ),
    ),
  )
}

async function look(replicas: InStep, bytes: number, withDeadlines: boolean): Promise<Seen> {
  const differing = new Differing(replicas.links.length)
  const counts = await replicas.all('HLEN', KEY)
  differing.compare(counts)
  const step = elementsAPiece(bytes, integerIn(counts[0]))
  let nextMs = Number.POSITIVE_INFINITY
  let shown = 0
  let cursor = '0'
  do {
    const [next, found] = itemsOf(await replicas.first('HSCAN', KEY, cursor, 'COUNT', String(step)))
    cursor = String(stringOf(next))
    const names = itemsOf(found)
      .map(stringOf)
      .filter((_, i) => i % 2 === 0)
    shown += names.length
    for (let from = 0; from < names.length && !differing.all; from += step) {
      const some = names.slice(from, from + step)
      differing.compare(await replicas.all('HMGET', KEY, ...some))
      if (!withDeadlines) continue
      const deadlines = await replicas.all('HPEXPIRETIME', KEY, 'FIELDS', String(some.length), ...some)
      differing.compare(deadlines)
      for (const each of itemsOf(decoded(deadlines[0]))) {
        if (Number(each) > NO_DEADLINE) nextMs = Math.min(nextMs, Number(each))
      }
    }
  } while (cursor !== '0' && !differing.all)
  return { flags: differing.flags, nextMs, hasHidden: shown < integerIn(counts[0]) }
}
