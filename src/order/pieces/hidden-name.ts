import type { Link } from '../../backend/link.js'
import type { ReplySink } from '../../backend/reply-sink.js'
import { frameOf } from '../../resp/frame.js'

/*
 * Where a large value is built on a member, in the database of its key, before it is put in place [design §7 Copying in
 * pieces]. Of what is copied to stay there, one value at a time is built on a member: one name is enough for it. What waits for a
 * command has names of its own, and a list of them.
 */

const PREFIX = Buffer.from('\0dt:pieces:')

export const HIDDEN_NAME = Buffer.from('\0dt:pieces:0')

/** The names of values that are on a server within one MULTI only, where no client sees them; no two of them are the same. */
export function guestName(number: number): Buffer {
  return Buffer.from(`\0dt:pieces:g${number}`)
}

/**
 * The names of values that wait on a server for a command that needs them [parking.ts]; each is given once. They are listed there, in
 * the database where they are, so that whatever a process leaves behind is found by the next one.
 */
export function parkedName(number: number): Buffer {
  return Buffer.from(`\0dt:pieces:p${number}`)
}

/** Where they are listed: a set. */
export const PARKED_NAMES = Buffer.from('\0dt:pieces:parked')

/** Removes all that is listed, of all databases. SPOP takes the whole list, and where there is none it counts as no miss of a key. */
const REMOVE_PARKED = `for db = 0, ARGV[1] - 1 do
  redis.call('SELECT', db)
  for _, name in ipairs(redis.call('SPOP', KEYS[1], 1000000000)) do redis.call('UNLINK', name) end
end`

const REMOVE = frameOf(['UNLINK', HIDDEN_NAME])
/** Whatever comes of it: a link that broke removes it when it is up again. */
const NOBODY: ReplySink = { onReply: () => {}, onLost: () => {} }

/** Whether a key is none of the clients', but something that DT builds. */
export function isHidden(key: Buffer, start = 0, end = key.length): boolean {
  if (key[start] !== 0 || end - start < PREFIX.length) return false
  return PREFIX.compare(key, start, start + PREFIX.length) === 0
}

/** Whatever is built on a member in a database is not wanted any more. Only while the link is ready. */
export function removeHidden(link: Link, db: number): void {
  link.emitFrame(REMOVE, db, NOBODY, 0)
}

/** What may be being built on a member, in whatever database. */
export function removeBuilt(link: Link, databases: number): void {
  for (let db = 0; db < databases; db++) removeHidden(link, db)
}

/** What was being built when the last link to this member broke, and what was parked. The first that is emitted on a link. */
export function removeLeftovers(link: Link, databases: number): void {
  removeBuilt(link, databases)
  if (databases === 0) return
  link.emitFrame(frameOf(['EVAL', REMOVE_PARKED, '1', PARKED_NAMES, String(databases)]), 0, NOBODY, 0)
}

/** These values are not wanted any more. Only while the link is ready. */
export function removeParked(link: Link, db: number, names: readonly Buffer[]): void {
  link.emitFrame(frameOf(['UNLINK', ...names]), db, NOBODY, 0)
  link.emitFrame(frameOf(['SREM', PARKED_NAMES, ...names]), db, NOBODY, 0)
}
