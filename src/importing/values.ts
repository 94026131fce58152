import { UserError } from '../base/user-error.js'
import { bytesOf, elementsOf, integerOf } from '../resp/decode.js'
import { isError, type Reply } from '../resp/encode.js'
import type { Command, Conversation } from './conversation.js'
import { readPatiently } from './patience.js'

/** So much of values is asked for at once; a single one may be larger. */
const GROUP_BYTES = 16 * 1024 * 1024
const GROUP_KEYS = 1000
/** What is not known counts as that. */
const UNKNOWN_BYTES = 1024

const NO_KEY = -2

/** A key as one server has it. */
export interface Value {
  readonly key: Buffer
  /** As DUMP gives it; undefined when the key is not there. */
  readonly dump: Buffer | undefined
  /** When it expires, in ms since 1970; 0 for never. */
  readonly deadlineMs: number
}

/** What a server can tell of its keys. */
export interface Abilities {
  /** PEXPIRETIME, which Redis has from 7.0 on. */
  readonly knowsDeadlines: boolean
  /** MEMORY USAGE, which it has from 4.0 on, if we may ask for it. */
  readonly knowsSizes: boolean
}

/** Keys whose values are asked for together. */
export interface Group {
  readonly keys: readonly Buffer[]
}

/** About how much memory each of them takes, in bytes; 0 for one that is not there. */
export async function sizesOf(server: Conversation, db: number, keys: readonly Buffer[], { knowsSizes }: Abilities) {
  if (!knowsSizes) return keys.map(() => UNKNOWN_BYTES)
  const replies = await server.ask(
    db,
    keys.map((key) => ['MEMORY', 'USAGE', key]),
  )
  return replies.map((reply) => (isError(reply) ? UNKNOWN_BYTES : (integerOf(reply) ?? 0)))
}

/** The keys in their order, in groups that are not too much at once. */
export function groupsOf(keys: readonly Buffer[], sizes: readonly number[]): Group[] {
  const groups: { keys: Buffer[] }[] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const [i, key] of keys.entries()) {
    if (bytes + sizes[i] > GROUP_BYTES || (groups.at(-1)?.keys.length ?? 0) >= GROUP_KEYS) {
      groups.push({ keys: [] })
      bytes = 0
    }
    groups.at(-1)?.keys.push(key)
    bytes += sizes[i]
  }
  return groups
}

/**
 * What the server has of these keys now, in their order. One that another node of the same cluster has (MOVED, ASK) is left out; the
 * proxy's TRYAGAIN is of one that an operation has for itself, and is waited for.
 *
 * @throws UserError when it does not say
 */
export async function valuesOf(
  server: Conversation,
  db: number,
  keys: readonly Buffer[],
  { knowsDeadlines }: Abilities,
): Promise<Value[]> {
  const expiry = knowsDeadlines ? 'PEXPIRETIME' : 'PTTL'
  const questions = keys.flatMap((key): Command[] => [
    [expiry, key],
    ['DUMP', key],
  ])
  const [time, ...replies] = await readPatiently(server, db, [['TIME'], ...questions])
  const nowMs = knowsDeadlines ? 0 : msOf(time)
  return keys.flatMap((key, i) => {
    const [left, dump] = [replies[2 * i], replies[2 * i + 1]]
    for (const reply of [left, dump]) {
      if (!isError(reply)) continue
      if (isElsewhere(reply)) return []
      throw new UserError(`${server.whom} does not give what it has: ${reply.message}`)
    }
    const expires = integerOf(left) ?? NO_KEY
    const bytes = expires === NO_KEY ? undefined : bytesOf(dump)
    return [{ key, dump: bytes, deadlineMs: expires < 0 ? 0 : nowMs + expires }]
  })
}

/** Whether a node of a cluster says that another one has the key, or is getting it. */
export function isElsewhere(reply: Reply): boolean {
  return isError(reply) && /^(?:MOVED|ASK) /.test(reply.message)
}

function msOf(time: Reply): number {
  const [seconds = 0, micros = 0] = (elementsOf(time) ?? []).map((part) => Number(bytesOf(part)))
  return seconds * 1000 + Math.floor(micros / 1000)
}
