import {
  BigNumberReply,
  BooleanReply,
  DoubleReply,
  ErrorReply,
  MapReply,
  nullArray,
  type Reply,
  SetReply,
  SimpleReply,
  VerbatimReply,
} from './encode.js'
import { ReplyProtocolError } from './reply-framer.js'

const CR = 13
const BANG = 33
const DOLLAR = 36
const PERCENT = 37
const STAR = 42
const PLUS = 43
const MINUS = 45
const ZERO = 48
const EQUALS = 61
const GREATER = 62
const BAR = 124
const TILDE = 126
const BULKS: ReadonlySet<number> = new Set([DOLLAR, EQUALS, BANG])
const AGGREGATES: ReadonlySet<number> = new Set([STAR, TILDE, PERCENT, GREATER, BAR])

/** What answers a question of the proxy itself is not deeper: nothing that goes through it by recursion runs out of stack. */
export const OWN_DEPTH_MAX = 64

/** An aggregate whose elements are being read. */
interface Open {
  readonly type: number
  readonly size: number
  readonly items: Reply[]
}

/**
 * Decodes one whole reply, as the reply framer gives it: the same values that `encodeReply` takes, integers as numbers
 * where these are exact and else as bigints. Attributes are dropped, a push is an array. Bulk strings are Buffers that
 * share one copy of the reply. For handshakes and other replies that the proxy itself reads; not for the hot path.
 *
 * @param maxDepth deeper than this nothing is that the proxy asks for itself; who reads what scripts answer gives none
 * @throws ReplyProtocolError when a number is none, or arrays lie too deep in each other
 */
export function decodeReply(buf: Buffer, start: number, end: number, maxDepth = Number.POSITIVE_INFINITY): Reply {
  const own = Buffer.from(buf.subarray(start, end))
  const open: Open[] = []
  let p = 0
  for (;;) {
    const type = own[p]
    const lineStart = p + 1
    const lineEnd = own.indexOf(CR, p)
    p = lineEnd + 2
    let value: Reply
    if (BULKS.has(type) && own[lineStart] !== MINUS) {
      const from = p
      p += lengthIn(own, lineStart, lineEnd) + 2
      value = bulkValue(type, own.subarray(from, p - 2))
    } else if (AGGREGATES.has(type) && own[lineStart] !== MINUS) {
      const size = lengthIn(own, lineStart, lineEnd) * (type === PERCENT || type === BAR ? 2 : 1)
      if (open.length === maxDepth) throw new ReplyProtocolError(`more than ${maxDepth} arrays in each other`)
      open.push({ type, size, items: [] })
      if (size > 0) continue
      value = null
    } else {
      value = lineValue(own.subarray(lineStart - 1, lineEnd))
    }

    // The value ends here, and with it the aggregates whose last element it is.
    let top = open.at(-1)
    if (top !== undefined && top.size > 0) top.items.push(value)
    while (top !== undefined && top.items.length === top.size) {
      open.pop()
      if (top.type === BAR) break
      value = aggregateValue(top)
      top = open.at(-1)
      top?.items.push(value)
    }
    if (top === undefined) return value
  }
}

function lengthIn(buf: Buffer, start: number, end: number): number {
  let value = 0
  for (let i = start; i < end; i++) value = value * 10 + buf[i] - ZERO
  return value
}

function bulkValue(type: number, bytes: Buffer): Reply {
  if (type === BANG) return new ErrorReply(bytes)
  if (type === EQUALS) return new VerbatimReply(bytes.toString('latin1', 0, 3), bytes.subarray(4))
  return bytes
}

/** The value of a line without its end. */
function lineValue(line: Buffer): Reply {
  switch (line[0]) {
    case PLUS:
      return new SimpleReply(line.toString('utf8', 1))
    case MINUS:
      return new ErrorReply(line.subarray(1))
  }
  const text = line.toString('latin1')
  switch (text[0]) {
    case ':': {
      const digits = text.slice(1)
      if (!/^[+-]?[0-9]+$/.test(digits)) throw new ReplyProtocolError(`no integer: ${JSON.stringify(text)}`)
      const value = Number(digits)
      return Number.isSafeInteger(value) ? value : BigInt(digits)
    }
    case ',':
      return new DoubleReply(text.slice(1))
    case '(':
      return new BigNumberReply(text.slice(1))
    case '#':
      return new BooleanReply(text === '#t')
    case '*':
      return nullArray
    default:
      return null
  }
}

function aggregateValue({ type, items }: Open): Reply {
  if (type === TILDE) return new SetReply(items)
  if (type !== PERCENT) return items
  const entries: [Reply, Reply][] = []
  for (let i = 0; i < items.length; i += 2) entries.push([items[i], items[i + 1]])
  return new MapReply(entries)
}

/** The elements of an array or set, undefined for anything else. */
export function elementsOf(reply: Reply): readonly Reply[] | undefined {
  if (reply instanceof SetReply) return reply.items
  return Array.isArray(reply) ? reply : undefined
}

/** The bytes of a bulk, simple or verbatim string, undefined for anything else. */
export function bytesOf(reply: Reply): Buffer | undefined {
  if (Buffer.isBuffer(reply)) return reply
  if (typeof reply === 'string') return Buffer.from(reply)
  if (reply instanceof SimpleReply || reply instanceof VerbatimReply) return Buffer.from(reply.text)
  return undefined
}

/** The text of a bulk, simple or verbatim string, undefined for anything else. */
export function textOf(reply: Reply): string | undefined {
  return bytesOf(reply)?.toString()
}

/** An integer, undefined for anything else. */
export function integerOf(reply: Reply): number | undefined {
  return typeof reply === 'number' ? reply : typeof reply === 'bigint' ? Number(reply) : undefined
}

/** The value of a text key in a map or in a flat array of keys and values, undefined when it is not there. */
export function fieldOf(reply: Reply, key: string): Reply | undefined {
  if (reply instanceof MapReply) return reply.entries.find(([name]) => textOf(name) === key)?.[1]
  const items = elementsOf(reply) ?? []
  for (let i = 0; i + 1 < items.length; i += 2) if (textOf(items[i]) === key) return items[i + 1]
  return undefined
}
