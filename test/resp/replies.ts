import fc from 'fast-check'
import { HAS_RESP3, IS_ERROR, ReplyFramer, type ReplySink } from '../../src/resp/reply-framer.js'
import { give, Held } from './framing.js'

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
  /** How many were held, and so not copied. */
  readonly held: number
  readonly framer: ReplyFramer
}

/**
 * Frames a stream of replies that arrives in these chunks. Every chunk lies in the same buffer, which is overwritten
 * after each call, or where the framer wants it. Checks that large replies stay as they are while they are held.
 */
export function frameReplies(chunks: readonly Buffer[], maxBytes?: number): FramedReplies {
  const replies: FramedReply[] = []
  const pushes: string[] = []
  const order: string[] = []
  const held: Held[] = []
  const sink: ReplySink = {
    onReply(buf, start, end, flags) {
      const text = buf.toString('latin1', start, end)
      held.push(...Held.of(buf, start, end))
      replies.push({ text, resp3: (flags & HAS_RESP3) !== 0, error: (flags & IS_ERROR) !== 0 })
      order.push(text)
    },
    onPush(buf, start, end) {
      const text = buf.toString('latin1', start, end)
      pushes.push(text)
      order.push(text)
    },
  }
  const framer = new ReplyFramer(sink, maxBytes)
  const shared = Buffer.alloc(Math.max(1, ...chunks.map((chunk) => chunk.length)))
  for (const chunk of chunks) give(framer, chunk, shared, () => shared.fill(0xee))
  for (const each of held) each.letGo()
  return { replies, pushes, order, held: held.length, framer }
}

/** Any reply as a text, and the same with pushes put in at element positions. */
export interface Written {
  readonly clean: string
  readonly full: string
}
const line = fc.string({ maxLength: 8, unit: fc.constantFrom('a', ' ', '$', '*', '1') })
const bytes = fc.uint8Array({ maxLength: 30 }).map((raw) => Buffer.from(raw).toString('latin1'))
const leaf = fc.oneof(
  line.map((text) => `+${text}\r\n`),
  line.map((text) => `-${text}\r\n`),
  fc.integer().map((value) => `:${value}\r\n`),
  bytes.map((raw) => `$${raw.length}\r\n${raw}\r\n`),
  bytes.map((raw) => `=${raw.length + 4}\r\ntxt:${raw}\r\n`),
  bytes.map((raw) => `!${raw.length}\r\n${raw}\r\n`),
  fc.constantFrom('_\r\n', '#t\r\n', ',0.1\r\n', '(12\r\n', '$-1\r\n', '*-1\r\n', '*0\r\n', '%0\r\n', '~0\r\n'),
)
const push = fc.array(leaf, { maxLength: 3 }).map((items) => `>${items.length}\r\n${items.join('')}`)
/** Mostly none, else one or two. */
export const anyPushes = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  fc.array(push, { minLength: 1, maxLength: 2 }).map((texts) => texts.join('')),
)
export const anyReply = fc.letrec<{ reply: Written }>((tie) => ({
  reply: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf.map((text) => ({ clean: text, full: text })),
    fc
      .tuple(
        fc.constantFrom('*', '~', '%', '|'),
        fc.array(fc.tuple(anyPushes, tie('reply')), { maxLength: 4 }),
        anyPushes,
        leaf,
      )
      .map(([type, drawn, before, value]) => {
        const pairs = type === '%' || type === '|'
        const items = pairs && drawn.length % 2 === 1 ? drawn.slice(1) : drawn
        const head = `${type}${pairs ? items.length / 2 : items.length}\r\n`
        const clean = items.map(([, item]) => item.clean).join('')
        const full = items.map(([pushed, item]) => pushed + item.full).join('')
        return type === '|'
          ? { clean: head + clean + value, full: head + full + before + value }
          : { clean: head + clean, full: head + full }
      }),
  ),
})).reply
