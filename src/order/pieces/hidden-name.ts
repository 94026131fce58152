import { randomBytes } from 'node:crypto'

/*
 * Where a large value is built on a member, in the database of its key, before it is put in place [design §7 Copying in
 * pieces]. Of what is copied to stay there, one value at a time is built on a member: one name is enough for it. What waits for a
 * command has names of its own, and a list of them.
 */

const PREFIX = Buffer.from('\0dt:pieces:')

export const HIDDEN_NAME = Buffer.from('\0dt:pieces:0')

/** What another process has left has other names. */
const RUN = randomBytes(6).toString('hex')

/** The names of values that are on a server within one MULTI only, where no client sees them; no two of them are the same. */
export function guestName(number: number): Buffer {
  return Buffer.from(`\0dt:pieces:g${number}`)
}

/**
 * The names of values that wait on a server for a command that needs them [parking.ts]; each is given once. They are listed there, in
 * the database where they are, so that whatever a process leaves behind is found by the next one.
 */
export function parkedName(number: number): Buffer {
  return Buffer.from(`\0dt:pieces:p${RUN}:${number}`)
}

/** One of several that are made together, by a command that finds out itself how many it needs. */
export function parkedPart(name: Buffer, i: number): Buffer {
  return Buffer.concat([name, Buffer.from(`.${i}`)])
}

/** Where they are listed: a set. */
export const PARKED_NAMES = Buffer.from('\0dt:pieces:parked')

/** What stands before the number of a train of scripts that one of them has stopped, see `prologue-keys`: there for a moment. */
export const STOPPED_TRAIN = '\0dt:pieces:t'

/** The name of such a train, behind that. */
export function trainName(number: number): string {
  return `${RUN}:${number}`
}

/** Whether a key is none of the clients', but something that DT builds. */
export function isHidden(key: Buffer, start = 0, end = key.length): boolean {
  if (key[start] !== 0 || end - start < PREFIX.length) return false
  return PREFIX.compare(key, start, start + PREFIX.length) === 0
}
