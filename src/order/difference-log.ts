import type { Link } from '../backend/link.js'
import type { Logger } from '../base/log.js'

/** At most one is logged in this time. */
const PAUSE_MS = 1000
const BYTES_SHOWN = 200

/** Says which replica answered a write differently from others, and what it was asked. */
export class DifferenceLog {
  private lastMs = Number.NEGATIVE_INFINITY

  constructor(private readonly log: Logger) {}

  /** To be called while the answer of `link` is handed over; `differences` is how many there have been. */
  say(link: Link, differences: number, backupReply: Buffer, otherReply: Buffer): void {
    const now = performance.now()
    if (now - this.lastMs < PAUSE_MS) return
    this.lastMs = now
    const shown = (bytes: Buffer) => JSON.stringify(bytes.toString('utf8', 0, BYTES_SHOWN))
    this.log.warn(
      {
        event: 'replicas-differed',
        member: link.name,
        differences,
        command: shown(link.answering),
        reply: shown(backupReply),
        other: shown(otherReply),
      },
      `${link.name} answered a write differently from the other replicas of its key`,
    )
  }
}
