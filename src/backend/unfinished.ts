import { randomBytes } from 'node:crypto'
import type { Reply } from '../resp/encode.js'
import { ReplyProtocolError } from '../resp/reply-framer.js'
import type { InFlight } from './in-flight.js'

export const UNASKED = 'a reply that nobody asked for'

const WORD_BYTES = 16
const EMPTY = Buffer.alloc(0)

interface Asked {
  readonly outstanding: number
  call(args: readonly string[]): Promise<Reply>
}

/**
 * What comes of a reply, or of a push, that is not whole. Its head says how much belongs to it, and who is there may say what
 * he likes: the answers to all that is sent afterwards would be taken for its elements, and nothing would ever be answered.
 *
 *     sent       GET k             PING 7f3a…
 *     received   *2147483647  $1 a            $32 7f3a…     an answer inside of another one
 *
 * A server answers in order. So behind what has not ended when the heart beats a PING is sent with a word that nobody knows: where
 * the word comes and the PING is not answered by it, something has swallowed it, however much was announced. What really is
 * large may take its time: the word comes behind it.
 */
export class Unfinished {
  /** Bytes that came while a reply was not whole, over all connections. */
  bytes = 0
  /** What is looked for, and the last bytes of what it was looked for in. */
  private word: Buffer | undefined
  private tail = EMPTY
  /** How many commands were emitted before the one whose answer it is. */
  private before = 0

  /**
   * The first `size` bytes of `buf` have come, all that is whole in them has been handed over, and something is left.
   *
   * @param isReply whether that is a reply: a push needs nobody who asked for it
   * @throws ReplyProtocolError
   */
  came(buf: Buffer, size: number, isReply: boolean, { isAsked, taken }: Pick<InFlight, 'isAsked' | 'taken'>): void {
    if (isReply) {
      if (!isAsked) throw new ReplyProtocolError(UNASKED)
      this.bytes += size
    }
    if (this.word === undefined) return
    if (taken > this.before) this.word = undefined
    else this.look(this.word, buf.subarray(0, size))
  }

  /** Asks behind what has not ended, once until that is answered. So many answers have come. */
  ask(link: Asked, answered: number): void {
    if (this.word !== undefined && answered <= this.before) return
    const word = randomBytes(WORD_BYTES).toString('hex')
    // With its end: before that it may be an answer of which the rest is to come.
    this.word = Buffer.from(`${word}\r\n`)
    this.tail = EMPTY
    this.before = answered + link.outstanding
    link.call(['PING', word]).catch(() => {}) // The link broke: it has been reported.
  }

  private look(word: Buffer, chunk: Buffer): void {
    const seam = Buffer.concat([this.tail, chunk.subarray(0, word.length)])
    if (seam.includes(word) || chunk.includes(word)) {
      throw new ReplyProtocolError('a reply that goes on behind the answer to a later command')
    }
    this.tail = Buffer.from((chunk.length < word.length ? seam : chunk).subarray(-word.length))
  }
}
