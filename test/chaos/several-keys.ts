/*
 * Workloads of which one operation concerns several keys on different servers: all keys of one thing, a bank say, are checked as
 * one, so that it shows when somebody sees an operation in part.
 */

/** Accounts of a bank. Those with a `*` have a common tag: their servers are the same, and what is written to both is written to both. */
export const ACCOUNTS: readonly string[] = ['a', 'b', 'c', 'x*', 'y*']
/** Sets and lists between which elements are moved, and strings that are renamed. */
export const PLACES: readonly string[] = ['a', 'b', 'c']
/** The elements that the sets may have. */
export const ELEMENTS: readonly string[] = ['e0', 'e1', 'e2', 'e3']

/** What scripts keep: a counter, a queue, a lock with the number of its holders, and how many have passed a limiter. */
export const PARTS: readonly string[] = ['count*', 'queue*', 'held*', 'fence*', 'passed*']
/** Two lists of work, one of what is worked at, a sorted set and a stream. */
export const QUEUE_PLACES: readonly string[] = ['a', 'b', 'kept', 'z', 's']

/** Whoever says something has a key for it; so many clients there are as a rule. */
const OWNERS: readonly string[] = Array.from({ length: 10 }, (_, client) => `c${client}`)

/** Whether two of the names have their keys on the same servers, whatever the ring is. */
export function isTogether(one: string, other: string): boolean {
  return one === other || (one.endsWith('*') && other.endsWith('*'))
}

/** The key of that name in the thing that is called `key`. */
export function keyUnder(key: Buffer, name: string): Buffer {
  return name.endsWith('*')
    ? Buffer.concat([Buffer.from('{'), key, Buffer.from(`}:${name}`)])
    : Buffer.concat([key, Buffer.from(`:${name}`)])
}

const NAMES: Readonly<Record<string, readonly string[]>> = {
  bank: ACCOUNTS,
  moved: PLACES,
  rotated: PLACES,
  ring: PLACES,
  renamed: PLACES,
  scripted: PARTS,
  scattered: ACCOUNTS,
  queue: QUEUE_PLACES,
  channel: OWNERS,
}

/**
 * The keys that a thing consists of, which is called by the name of its workload and a number; or the one key. `moved:deadline:0:5` is
 * no such thing: its keys have it as their common tag, so all of them are where it would be itself.
 */
export function keysOf(key: string): readonly Buffer[] {
  const [workload, kind] = key.split(':', 2)
  const names = kind === 'deadline' ? undefined : NAMES[workload]
  const bytes = Buffer.from(key, 'latin1')
  return names === undefined ? [bytes] : names.map((name) => keyUnder(bytes, name))
}
