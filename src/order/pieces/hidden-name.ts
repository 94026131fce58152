import type { Link } from '../../backend/link.js'
import type { ReplySink } from '../../backend/reply-sink.js'
import { frameOf } from '../../resp/frame.js'

/*
 * Where a large value is built on a member, in the database of its key, before it is put in place [design §7 Copying in
 * pieces]. One value at a time is built on a member, so one name is enough, and leftovers need not be looked for.
 */

const PREFIX = Buffer.from('\0dt:pieces:')

export const HIDDEN_NAME = Buffer.from('\0dt:pieces:0')

/** The names of values that are on a server within one MULTI only, where no client sees them; no two of them are the same. */
export function guestName(number: number): Buffer {
  return Buffer.from(`\0dt:pieces:g${number}`)
}

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

/** What was being built when the last link to this member broke. The first that is emitted on a link. */
export function removeLeftovers(link: Link, databases: number): void {
  for (let db = 0; db < databases; db++) removeHidden(link, db)
}
