import { frameOf } from '../resp/frame.js'
import { IS_ERROR } from '../resp/reply-framer.js'
import { Block } from './block.js'
import type { InFlight } from './in-flight.js'
import { CommandRefusedError, isBusyReply, type ReplySink } from './reply-sink.js'

/** For a command that is emitted: the database does not matter. */
export const ANY_DB = -1
/** Each command selects its database. */
const UNSURE = -2

/**
 * In which database the server of a link executes what it is sent next. What is sent behind a refused SELECT lands in the database
 * of before [redis-facts Framing and errors], and nobody knows what the server has there any more.
 *
 * A server that is busy with a script refuses whatever it is sent, so nothing has strayed as long as all that was in flight
 * behind the SELECT is refused as well. From then on each command has a SELECT right before it, until one is taken again.
 */
export class Selection implements ReplySink {
  /** The database of the next command that does not select another one. */
  db = 0
  /** How many of those in flight may be executed in another database than theirs. */
  astray = 0
  /** The one that was selected last by a SELECT that is answered. */
  answeredDb = 0
  private last = 0

  /** What is in flight, behind the reply that is handed over. */
  constructor(private readonly inFlight: () => InFlight) {}

  /** A new connection. */
  begin(): void {
    this.db = 0
    this.answeredDb = 0
    this.astray = 0
  }

  /** The SELECT that is emitted now; its replies are to be handed over here, with the database as the tag. */
  change(db: number): Buffer {
    this.last = db
    if (this.db !== UNSURE) this.db = db
    return frameOf(['SELECT', String(db)]).buf
  }

  /** Whether what is answered so, while `astray` is above 0, was executed in another database than its own. */
  hasStrayed(buf: Buffer, start: number, sink: ReplySink, tag: number): boolean {
    const isRefused = sink instanceof Block ? !Block.wasExecuted(tag, buf, start) : isBusyReply(buf, start)
    if (!isRefused) return true
    this.astray--
    return false
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    if ((flags & IS_ERROR) === 0) {
      this.answeredDb = tag
      if (this.db === UNSURE) this.db = this.last
      return
    }
    const inFlight = this.inFlight()
    if (!isBusyReply(buf, start)) {
      this.astray = inFlight.length - inFlight.unsent
      throw new CommandRefusedError('SELECT', buf.toString('utf8', start, end).trim())
    }
    this.astray = inFlight.countTo(this)
    this.db = UNSURE
  }

  onLost(): void {
    // Whoever selected is told by himself.
  }
}
