import { heldReply } from '../backend/held-reply.js'
import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import type { Lanes } from '../order/lanes.js'
import { isError, type Reply } from '../resp/encode.js'
import { type Frame, frameOf } from '../resp/frame.js'
import { IS_ERROR } from '../resp/reply-framer.js'

/** The replicas cannot be compared at this moment; the message says why. */
export class UnsettledError extends Error {
  override name = 'UnsettledError'
}

/**
 * Reads of one key on several replicas, in step: what `all` asks is emitted on all of their links in one turn, and behind
 * what is held for the key where something is. So every replica answers after the same writes of the key, and equal
 * replicas answer equally, whatever the clients do meanwhile [design §4, §7].
 */
export class InStep {
  private readonly key: Buffer
  private readonly db: number

  /** @param id the key, see `keyId` */
  constructor(
    private readonly lanes: Pick<Lanes, 'isHeld' | 'hold'>,
    readonly links: readonly Link[],
    private readonly id: KeyId,
  ) {
    const { db, key } = keyOfId(id)
    this.key = key
    this.db = db
  }

  /** The same key on some of the replicas. */
  on(links: readonly Link[]): InStep {
    return new InStep(this.lanes, links, this.id)
  }

  /**
   * The bytes of the replies to a command, in the order of the links. The word KEY stands for the key.
   *
   * @throws UnsettledError when a replica could not be asked, or answered an error
   */
  async all(...args: readonly (Buffer | string)[]): Promise<Buffer[]> {
    const [replies] = await this.both(args)
    return replies
  }

  /** The same for several commands, all of them in one turn. */
  both(...commands: readonly (readonly (Buffer | string)[])[]): Promise<Buffer[][]> {
    return new Promise((resolve, reject) => {
      const frames = commands.map((args) => frameOf(args.map((arg) => (arg === KEY ? this.key : arg))))
      const reading = new Reading(this.links, frames, resolve, reject)
      for (const [i, link] of this.links.entries()) {
        const emit = () => reading.emit(i, this.db)
        if (!link.ready) reading.fail(`there is no connection to ${link.name}`)
        else if (!this.lanes.isHeld(link, this.id)) emit()
        else
          this.lanes.hold(link, [this.id], {
            emit,
            dropped: () => reading.fail(`the connection to ${link.name} broke`),
            covered: () => reading.fail('its database was emptied'),
          })()
      }
    })
  }

  /** Asks the first replica alone, at no certain place in the order: for finding out what to ask all of them. */
  async first(...args: readonly (Buffer | string)[]): Promise<Reply> {
    const [link] = this.links
    let reply: Reply
    try {
      reply = await link.call(
        args.map((arg) => (arg === KEY ? this.key : arg)),
        this.db,
      )
    } catch (error) {
      throw new UnsettledError((error as Error).message)
    }
    if (isError(reply)) throw new UnsettledError(`${link.name} answered: ${reply.message}`)
    return reply
  }
}

/** Stands for the key among the arguments of a read; compared by identity, so that it may also be a value's text. */
export const KEY = Buffer.from('the key')

/** The replies that are on their way, by command and replica. */
class Reading implements ReplySink {
  private readonly replies: Buffer[][]
  private open: number
  private failed = false

  constructor(
    private readonly links: readonly Link[],
    private readonly frames: readonly Frame[],
    private readonly resolve: (replies: Buffer[][]) => void,
    private readonly reject: (error: Error) => void,
  ) {
    this.replies = frames.map(() => new Array<Buffer>(links.length))
    this.open = frames.length * links.length
  }

  emit(i: number, db: number): void {
    for (const [k, frame] of this.frames.entries()) this.links[i].emitFrame(frame, db, this, k * this.links.length + i)
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    const i = tag % this.links.length
    if ((flags & IS_ERROR) !== 0)
      this.fail(`${this.links[i].name} answered: ${buf.toString('utf8', start + 1, end - 2)}`)
    this.replies[(tag - i) / this.links.length][i] = heldReply(buf, start, end, flags)
    if (--this.open === 0 && !this.failed) this.resolve(this.replies)
  }

  onLost(tag: number): void {
    this.fail(`the connection to ${this.links[tag % this.links.length].name} broke`)
  }

  fail(why: string): void {
    if (this.failed) return
    this.failed = true
    this.reject(new UnsettledError(why))
  }
}
