import { decodeReply, OWN_DEPTH_MAX } from '../resp/decode.js'
import { type Frame, frameOf } from '../resp/frame.js'
import { IS_ERROR } from '../resp/reply-framer.js'
import type { ReplySink } from './reply-sink.js'
import { ANY_DB } from './selection.js'

const TRACKING = frameOf(['CLIENT', 'TRACKING', 'ON', 'OPTIN'])
const CACHING = frameOf(['CLIENT', 'CACHING', 'YES'])
/** Tags of the three. */
const BEGIN = 0
const BEFORE = 1
const QUESTION = 2

const TWO = 0x32

/** What is needed of a link: commands, and in which database those are that have none of their own. */
interface TrackedLink {
  enter(db: number): void
  emitFrame(frame: Frame, db: number, sink: ReplySink, tag: number): void
}

/** Who asks about a key and is told when it changes. */
export interface Asking {
  /** What the server answers; or why it does not tell of changes. From now on they are heard through `onChanged`. */
  answered(reply: Buffer): void
  refused(error: string): void
  lost(): void
}

/**
 * Which keys a server is to tell of when they change: those about which it was asked so (`CLIENT TRACKING ON OPTIN`, switched on
 * with the first one of a connection). It tells once, and of the name alone, whichever database it was asked about. What a
 * command of this connection changes is told right behind the reply to that command; so a later reply on it is the proof that
 * nothing more is to be heard of what was emitted before that one [redis-facts Tracking].
 *
 *     SELECT 2    CLIENT CACHING YES    PEXPIRETIME k          with nothing between them
 */
export class Tracking {
  /** Told of a key that has changed. */
  onChanged: (key: Buffer) => void = () => {}
  private isOn = false

  /** A new connection: its server tells of nothing. */
  begin(): void {
    this.isOn = false
  }

  /** Asks about a key, on a link that is up. */
  ask(link: TrackedLink, question: Frame, db: number, asking: Asking): void {
    const sink = new Tracked(asking, () => this.begin())
    // A change of the database between the two would be what the server is to remember.
    link.enter(db)
    if (!this.isOn) link.emitFrame(TRACKING, ANY_DB, sink, BEGIN)
    this.isOn = true
    link.emitFrame(CACHING, ANY_DB, sink, BEFORE)
    link.emitFrame(question, ANY_DB, sink, QUESTION)
  }

  /** Takes a push; those of something else are nothing to it, nor is that a whole database was emptied, which names no key. */
  told(buf: Buffer, start: number, end: number): void {
    if (buf[start + 1] !== TWO) return
    const push = decodeReply(buf, start, end, OWN_DEPTH_MAX)
    if (!Array.isArray(push) || String(push[0]) !== 'invalidate' || !Array.isArray(push[1])) return
    for (const key of push[1]) this.onChanged(key as Buffer)
  }
}

class Tracked implements ReplySink {
  private error = ''

  constructor(
    private readonly asking: Asking,
    /** The server tells of nothing. */
    private readonly refused: () => void,
  ) {}

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    if ((flags & IS_ERROR) !== 0 && tag === BEGIN) this.refused()
    if ((flags & IS_ERROR) !== 0 && this.error === '') this.error = buf.toString('utf8', start + 1, end).trim()
    if (tag !== QUESTION) return
    if (this.error !== '') this.asking.refused(this.error)
    else this.asking.answered(Buffer.from(buf.subarray(start, end)))
  }

  onLost(tag: number): void {
    if (tag === QUESTION) this.asking.lost()
  }
}
