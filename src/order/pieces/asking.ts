import { heldReply } from '../../backend/held-reply.js'
import { ANY_DB, type Link, LinkLostError } from '../../backend/link.js'
import { decodeReply } from '../../resp/decode.js'
import type { Reply } from '../../resp/encode.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import { IS_ERROR } from '../../resp/reply-framer.js'
import type { Budget } from './budget.js'
import { fittingInOrder, fittingInStream } from './fitting.js'

/** A server answered an error; the message is its text, with the `-`. */
export class RefusedError extends Error {
  override name = 'RefusedError'
}

/**
 * The bytes of a reply.
 *
 * @throws RefusedError, LinkLostError
 */
export function ask(link: Link, frame: Frame, db: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (!link.ready) {
      reject(new LinkLostError(link.name, false))
      return
    }
    link.emitFrame(
      frame,
      db,
      {
        onReply: (_tag, buf, start, end, flags) => {
          if ((flags & IS_ERROR) !== 0) reject(new RefusedError(buf.toString('utf8', start, end - 2)))
          else resolve(heldReply(buf, start, end, flags))
        },
        onLost: () => reject(new LinkLostError(link.name, true)),
      },
      0,
    )
  })
}

const TIME = frameOf(['TIME'])

/** One key on the member that it is copied from. */
export class Source {
  constructor(
    readonly link: Link,
    readonly db: number,
    readonly key: Buffer,
    private readonly budget: Budget,
  ) {}

  /** The bytes of the reply to a command on the key that reads a piece of it. */
  piece(command: string, ...args: readonly string[]): Promise<Buffer> {
    return this.timed(this.bytes(command, ...args))
  }

  /** The reply to a command on the key, which stands behind the command, or its subcommand. */
  async reply(command: string | readonly [string, string], ...args: readonly (Buffer | string)[]): Promise<Reply> {
    const bytes = await this.bytes(command, ...args)
    return decodeReply(bytes, 0, bytes.length)
  }

  /** The same as bytes, for a reply that may have very many parts. */
  bytes(command: string | readonly [string, string], ...args: readonly (Buffer | string)[]): Promise<Buffer> {
    const words = typeof command === 'string' ? [command] : command
    return ask(this.link, frameOf([...words, this.key, ...args]), this.db)
  }

  /** How many elements of the list are a piece; see `fittingInOrder`. */
  fitting(place: number, step: 1 | -1): Promise<number> {
    const { budget } = this
    const asked = { command: 'LRANGE', place, step, most: budget.elementsOf(1), bytes: budget.bytes } as const
    return this.timed(fittingInOrder(this.answer, this.key, asked))
  }

  /** The same of entries of the stream, and no more than `most`. */
  fittingEntries(after: string, most: number): Promise<{ count: number; areAll: boolean }> {
    const { budget } = this
    const asked = { after, most: Math.min(most, budget.elementsOf(1)), bytes: budget.bytes }
    return this.timed(fittingInStream(this.answer, this.key, asked))
  }

  private readonly answer = async (...words: readonly (Buffer | string)[]): Promise<Reply> => {
    const bytes = await ask(this.link, frameOf(words), this.db)
    return decodeReply(bytes, 0, bytes.length)
  }

  /** Its time counts for how large the next pieces are. */
  private async timed<T>(asking: Promise<T>): Promise<T> {
    const beganAtMs = performance.now()
    const answer = await asking
    this.budget.took(performance.now() - beganAtMs)
    return answer
  }

  /** The server's clock. */
  async serverMs(): Promise<number> {
    const bytes = await ask(this.link, TIME, ANY_DB)
    const [seconds, microseconds] = (decodeReply(bytes, 0, bytes.length) as Buffer[]).map((part) => Number(part))
    return seconds * 1000 + Math.floor(microseconds / 1000)
  }
}
