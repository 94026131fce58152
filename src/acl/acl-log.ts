import type { Reason } from './permission.js'

/** The same again within this time counts as one entry [Redis acl.c ACL_LOG_GROUPING_MAX_TIME_DELTA]. */
const GROUPED_MS = 60_000
/** So many of the newest entries are looked at for that. */
const COMPARED = 10

/** Where a command was refused. */
export type Context = 'toplevel' | 'multi' | 'lua'

export interface AclLogEntry {
  count: number
  readonly reason: Reason | 'auth'
  readonly context: Context
  /** The command, key or channel. */
  readonly object: Buffer
  /** In latin1. */
  readonly username: string
  /** By the clock of the process. */
  atMs: number
  /** The client as CLIENT LIST shows it. */
  client: string
}

/** What was refused, the newest first [Redis acl.c addACLLogEntry]. */
export class AclLog {
  private entries: AclLogEntry[] = []

  constructor(private most: number) {}

  /** How many are kept; fewer than there are are kept from the next one on, as Redis does. */
  get max(): number {
    return this.most
  }

  set max(most: number) {
    this.most = most
  }

  /** Something was refused, `count` times. */
  add(entry: AclLogEntry): void {
    const { entries } = this
    const at = entries.slice(0, COMPARED).findIndex((each) => isSame(each, entry))
    if (at < 0) {
      entries.unshift({ ...entry })
      entries.length = Math.min(entries.length, this.most)
      return
    }
    const [again] = entries.splice(at, 1)
    again.count += entry.count
    again.atMs = entry.atMs
    again.client = entry.client
    entries.unshift(again)
  }

  newest(count: number): readonly AclLogEntry[] {
    return this.entries.slice(0, count)
  }

  clear(): void {
    this.entries = []
  }
}

function isSame(a: AclLogEntry, b: AclLogEntry): boolean {
  return (
    a.reason === b.reason &&
    a.context === b.context &&
    Math.abs(a.atMs - b.atMs) <= GROUPED_MS &&
    a.username === b.username &&
    a.object.equals(b.object)
  )
}
