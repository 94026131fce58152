import { Block, END } from './block.js'
import type { InFlight } from './in-flight.js'
import { Selection } from './selection.js'

/** A command, or several, one behind the other, from `start` to `end` of `buf`, and their database. */
export type OwedVisitor = (buf: Buffer, start: number, end: number, db: number) => void

/** What the server of a link owes: what its silence, or a reply that does not end, tells about it. */
export class Owed {
  /** Until when it may say nothing, because it reads large values for its replies, in ms of `performance.now`. Set by who looks for them. */
  readsUntilMs = 0

  /** `received` is how many bytes have come of a reply that is not whole. */
  constructor(
    private readonly inFlight: () => InFlight,
    private readonly selection: () => Selection,
    private readonly received: () => number,
  ) {}

  /** For how many ms it may say nothing, because of a transaction that it has not answered. */
  get patienceMs(): number {
    return this.inFlight().patienceMs
  }

  /** For how many ms it has owed the reply that comes next. */
  get forMs(): number {
    return this.inFlight().firstWaitsMs
  }

  /** How many replies have come, over all connections. */
  get answered(): number {
    return this.inFlight().taken
  }

  /** Bytes of a reply of which more is to come. */
  get receivedBytes(): number {
    return this.received()
  }

  /** What it may be executing: the oldest of what it has not answered. */
  visit(visitor: OwedVisitor): void {
    let db = this.selection().answeredDb
    this.inFlight().visitOldest((sink, tag, buf, start, end) => {
      if (sink instanceof Selection) db = tag
      else if (!(sink instanceof Block)) visitor(buf, start, end, db)
      else if (tag === END) {
        sink.visit((sink, tag, buf, start, end) => {
          if (sink instanceof Selection) db = tag
          else visitor(buf, start, end, db)
        })
      }
    })
  }
}
