import type { RequestFramer } from '../resp/request-framer.js'
import type { ReplyQueue } from './reply-queue.js'
import type { Session } from './session.js'
import type { Surroundings } from './surroundings.js'

/** So much of what clients write is kept at most: the framer's offsets are 32-bit integers. */
const KEPT_BYTES_MAX = 1024 ** 3

interface Holding {
  readonly pendingBytes: number
  readonly serving: boolean
  readonly closed: boolean
  readonly framer: RequestFramer
  readonly queue: ReplyQueue
  readonly session: Session
  readonly surroundings: Surroundings
}

/** What one client makes the proxy hold, as it counts among what all of them do. Who is gone holds nothing. */
export class HeldBytes {
  /** Of commands that wait to be served. */
  private kept = 0
  /** Of replies that it has to take. */
  private untaken = 0

  constructor(private readonly client: Holding) {}

  get hasToTake(): boolean {
    return this.untaken > 0
  }

  /**
   * Whether the client is read from although it is not served: it may write all its commands before it reads the first
   * reply, and would wait for us as we for it. While it is servers that are waited for, it can wait, too. All clients together may have so much kept
   * as one may.
   */
  mayKeep(): boolean {
    const { pendingBytes, queue, session, surroundings } = this.client
    const { clients, config } = surroundings
    const { outputBufferPauseBytes, queryBufferBytes } = config.limits
    const hasToTake =
      pendingBytes >= outputBufferPauseBytes || (pendingBytes > 0 && clients.replyBudget.isTooMuch(queue.expectedBytes))
    // Only who is read from is known to have gone.
    if (!hasToTake && session.wait === undefined && !session.postponed) return false
    return clients.keptBytes < Math.min(queryBufferBytes, KEPT_BYTES_MAX)
  }

  noteKept(): void {
    const { serving, closed, framer, surroundings } = this.client
    const bytes = serving || closed ? 0 : framer.bufferedBytes
    surroundings.clients.keptBytes += bytes - this.kept
    this.kept = bytes
  }

  noteUntaken(pendingBytes: number): void {
    const { closed, surroundings } = this.client
    const bytes = closed ? 0 : pendingBytes
    surroundings.clients.replyBudget.untakenBytes += bytes - this.untaken
    this.untaken = bytes
  }
}
