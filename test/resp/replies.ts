import { HAS_RESP3, IS_ERROR, OWNED, ReplyFramer } from '../../src/resp/reply-framer.js'

export interface FramedReply {
  /** The reply's bytes as latin1 text. */
  readonly text: string
  readonly resp3: boolean
  readonly error: boolean
}

export interface FramedReplies {
  readonly replies: FramedReply[]
  readonly pushes: string[]
  /** Replies and pushes in the order in which they were handed over. */
  readonly order: string[]
  readonly owned: number
  readonly framer: ReplyFramer
}

/**
 * Frames a stream of replies that arrives in these chunks. Every chunk lies in the same buffer, which is overwritten
 * after each call. Checks that owned replies stay as they are.
 */
export function frameReplies(chunks: readonly Buffer[]): FramedReplies {
  const replies: FramedReply[] = []
  const pushes: string[] = []
  const order: string[] = []
  const kept: { reply: Buffer; copy: Buffer }[] = []
  const framer = new ReplyFramer({
    onReply(buf, start, end, flags) {
      const text = buf.toString('latin1', start, end)
      if ((flags & OWNED) !== 0) kept.push({ reply: buf.subarray(start, end), copy: Buffer.from(text, 'latin1') })
      replies.push({ text, resp3: (flags & HAS_RESP3) !== 0, error: (flags & IS_ERROR) !== 0 })
      order.push(text)
    },
    onPush(buf, start, end) {
      const text = buf.toString('latin1', start, end)
      pushes.push(text)
      order.push(text)
    },
  })
  const shared = Buffer.alloc(Math.max(1, ...chunks.map((chunk) => chunk.length)))
  for (const chunk of chunks) {
    chunk.copy(shared)
    framer.feed(shared.subarray(0, chunk.length))
    shared.fill(0xee)
  }
  for (const { reply, copy } of kept) if (!reply.equals(copy)) throw new Error('an owned reply was written into')
  return { replies, pushes, order, owned: kept.length, framer }
}
