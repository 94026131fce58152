import type { Operation } from '../history.js'
import { type Model, NONE, replyOf, textArg } from './model.js'

/**
 * A string key with a deadline that is known up to the time in which the command that set it ran: it cannot be gone
 * before `earliestMs` and cannot be there after `latestMs`. Both are Infinity without a deadline.
 */
interface Expiring {
  readonly value: string | null
  readonly earliestMs: number
  readonly latestMs: number
  /** A moment that has passed for certain, because a deadline had. */
  readonly sinceMs: number
}

/** How far the servers' clocks, in whole milliseconds, may be from ours. */
const CLOCK_SLACK_MS = 3

const NO_DEADLINE = { earliestMs: Infinity, latestMs: Infinity }

/**
 * SET (`set`), SET … PX (`setpx value ms`), SET … PXAT (`setpxat value ms`), SET … KEEPTTL (`setkeep`), PEXPIRE,
 * PERSIST and GET on one key. An expiry is nobody's operation: whoever comes near the deadline may find the key or not.
 */
export const expiringModel: Model<Expiring> = {
  name: 'expiring',
  initial: { value: null, ...NO_DEADLINE, sinceMs: -Infinity },
  timed: true,
  key: ({ value, earliestMs, latestMs, sinceMs }) =>
    `${value === null ? '-' : `=${value} ${earliestMs} ${latestMs}`} ${sinceMs}`,
  isRead: ({ name }) => name === 'get',
  step(state, operation) {
    return sights(state, operation)
      .filter((seen) => allows(seen, operation))
      .map((seen) => after(seen, operation))
  },
  outcomes: (state, unknown) => sights(state, unknown).map((seen) => after(seen, unknown)),
  assist(state, unknown, next) {
    // These keep a part of what they find, so that it matters what was there although they are possible anyway.
    const keeps = ['setkeep', 'pexpire', 'persist'].includes(next.name)
    // And what is only possible late, because a deadline has passed then, might have been possible earlier.
    if (!keeps && this.step(state, next).some(({ sinceMs }) => sinceMs === state.sinceMs)) return NONE
    const before = this.key(state)
    return this.outcomes(state, unknown).filter((then) => this.key(then) !== before)
  },
  anyStates(operations) {
    const read = operations.flatMap(({ name, outcome }) =>
      name === 'get' && outcome.kind === 'ok' ? [outcome.value] : [],
    )
    const values = [...new Set(['another', ...read])].filter((value) => typeof value === 'string')
    const states = values.flatMap((value) => [
      { value, ...NO_DEADLINE, sinceMs: -Infinity },
      { value, earliestMs: -Infinity, latestMs: Infinity, sinceMs: -Infinity },
    ])
    return [this.initial, ...states]
  },
}

/** What the operation may have found: the key, nothing because it had expired, or, close to the deadline, either. */
function sights(state: Expiring, { invokedMs, returnedMs }: Operation): Expiring[] {
  const { value, earliestMs, latestMs, sinceMs } = state
  if (returnedMs < sinceMs) return []
  const seen: Expiring[] = []
  if (Math.max(invokedMs, sinceMs) <= latestMs + CLOCK_SLACK_MS) seen.push(state)
  const goneMs = earliestMs - CLOCK_SLACK_MS
  if (value !== null && earliestMs !== Infinity && returnedMs >= goneMs) {
    seen.push({ value: null, ...NO_DEADLINE, sinceMs: Math.max(sinceMs, goneMs) })
  }
  return seen
}

function allows(seen: Expiring, operation: Operation): boolean {
  const reply = replyOf(operation)
  switch (operation.name) {
    case 'get':
      return reply === seen.value
    case 'pexpire':
      return (seen.value !== null) === (reply === 1)
    case 'persist':
      return (seen.value !== null && seen.earliestMs !== Infinity) === (reply === 1)
    default:
      return true
  }
}

function after(seen: Expiring, operation: Operation): Expiring {
  switch (operation.name) {
    case 'get':
      return seen
    case 'set':
      return { ...seen, value: textArg(operation, 0), ...NO_DEADLINE }
    case 'setpx':
      return { ...seen, value: textArg(operation, 0), ...deadline(operation, 1) }
    case 'setpxat': {
      const atMs = Number(operation.args[1])
      return { ...seen, value: textArg(operation, 0), earliestMs: atMs, latestMs: atMs }
    }
    case 'setkeep':
      return { ...seen, value: textArg(operation, 0) }
    case 'pexpire':
      return seen.value === null ? seen : { ...seen, ...deadline(operation, 0) }
    case 'persist':
      return seen.value === null ? seen : { ...seen, ...NO_DEADLINE }
    default:
      throw new Error(`the model of keys that expire does not know '${operation.name}'`)
  }
}

/** The relative time in the i-th argument counts from the moment of execution, which nobody knows exactly. */
function deadline({ args, invokedMs, returnedMs }: Operation, i: number): { earliestMs: number; latestMs: number } {
  const ttlMs = Number(args[i])
  return { earliestMs: invokedMs + ttlMs, latestMs: returnedMs + ttlMs }
}
