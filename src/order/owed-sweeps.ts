import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import { dbOfId, type KeyId } from '../base/key-id.js'
import { frameOf } from '../resp/frame.js'
import { IS_ERROR } from '../resp/reply-framer.js'
import { ALL_DATABASES } from './database-change.js'

/** What one process may not have executed. */
interface Owed {
  readonly runId: string | undefined
  /** The databases that are to be emptied. */
  readonly databases: Set<number>
}

/**
 * FLUSHALL and FLUSHDB of which the connection broke: nobody knows whether the server has executed them, and it need not be known.
 * They are the first that the process is sent over its next connection. What was emitted behind them over the broken one is in
 * doubt there, and what was there before is gone either way, so it is as if the server had executed them in their place
 * [design §7 Keyspace-wide]. It keeps what it has in other databases, which may be the last copy: whoever has answered may have
 * lost everything meanwhile.
 */
export class OwedSweeps {
  private readonly byName = new Map<string, Owed>()

  /** @param refused a member does not empty its databases although the others have */
  constructor(private readonly refused: (name: string, reason: string) => void) {}

  /** False nearly always: nobody needs to ask further. */
  get any(): boolean {
    return this.byName.size > 0
  }

  isOwed(name: string): boolean {
    return this.byName.has(name)
  }

  /** The databases that this member may not have emptied, which may be ALL_DATABASES. */
  of(name: string): readonly number[] {
    return [...(this.byName.get(name)?.databases ?? [])]
  }

  /**
   * Whether a replica is not to be asked for some keys, because one that comes before it may have them still: if the proxy crashes that
   * one's word counts, and what was read here would be gone.
   *
   * @param natural the natural replicas of the keys, the master first
   */
  hides(ids: readonly KeyId[], { name }: Link, natural: readonly Link[]): boolean {
    for (const before of natural) {
      if (before.name === name) return false
      const databases = this.byName.get(before.name)?.databases
      if (databases !== undefined && ids.some((id) => databases.has(ALL_DATABASES) || databases.has(dbOfId(id))))
        return true
    }
    return false
  }

  /**
   * The connection broke, or had broken, before this was answered.
   *
   * @param db the database that was to be emptied, or ALL_DATABASES
   */
  owe({ name, info }: Link, db: number): void {
    let owed = this.byName.get(name)
    if (owed === undefined || owed.runId !== info?.runId) {
      this.byName.set(name, (owed = { runId: info?.runId, databases: new Set() }))
    }
    owed.databases.add(db)
  }

  /** The link is up, and nothing has been emitted on it. */
  linkUp(link: Link): void {
    const owed = this.byName.get(link.name)
    if (owed === undefined) return
    if (owed.runId !== link.info?.runId) {
      this.byName.delete(link.name)
      return
    }
    for (const db of owed.databases.has(ALL_DATABASES) ? [ALL_DATABASES] : owed.databases) {
      link.sweeps++
      const frame = frameOf([db === ALL_DATABASES ? 'FLUSHALL' : 'FLUSHDB', 'ASYNC'])
      link.emitFrame(frame, Math.max(0, db), this.sinkFor(link.name, owed, db), 0)
    }
  }

  /** What this member has does not count any more. */
  forget(name: string): void {
    this.byName.delete(name)
  }

  private sinkFor(name: string, owed: Owed, db: number): ReplySink {
    return {
      onReply: (_tag, buf, start, end, flags) => {
        if (this.byName.get(name) !== owed) return
        if ((flags & IS_ERROR) !== 0) {
          this.byName.delete(name)
          this.refused(name, `it refused to empty databases: ${buf.toString('utf8', start + 1, end - 2)}`)
          return
        }
        if (db === ALL_DATABASES) owed.databases.clear()
        else owed.databases.delete(db)
        if (owed.databases.size === 0) this.byName.delete(name)
      },
      // It is owed still.
      onLost: () => {},
    }
  }
}
