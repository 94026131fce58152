import { assert } from '../base/assert.js'
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

/** An aggregate whose elements are being read. */
interface Open {
  readonly type: string
  readonly size: number
  readonly items: Reply[]
}

/**
 * Decodes one whole reply, as the reply framer gives it: the same values that `encodeReply` takes, bulk strings as
 * Buffers of their own, integers as numbers where these are exact and else as bigints. Attributes are dropped, a push
 * is an array. For handshakes and other replies that the proxy itself reads; not for the hot path.
 */
export function decodeReply(buf: Buffer, start: number, end: number): Reply {
  const open: Open[] = []
  let p = start
  for (;;) {
    assert(p < end, 'a reply that is decoded is whole')
    const type = String.fromCharCode(buf[p])
    const lineEnd = buf.indexOf(13, p)
    const lineStart = p + 1
    const text = buf.toString('utf8', lineStart, lineEnd)
    p = lineEnd + 2
    let value: Reply
    if ('$=!'.includes(type) && text !== '-1') {
      const bytes = Buffer.from(buf.subarray(p, p + Number(text)))
      p += bytes.length + 2
      value = bulkValue(type, bytes)
    } else if ('*~%>|'.includes(type) && text !== '-1') {
      const size = type === '%' || type === '|' ? Number(text) * 2 : Number(text)
      open.push({ type, size, items: [] })
      if (size > 0) continue
      value = null
    } else {
      value = type === '-' ? new ErrorReply(Buffer.from(buf.subarray(lineStart, lineEnd))) : lineValue(type, text)
    }

    // The value ends here, and with it the aggregates whose last element it is.
    let top = open.at(-1)
    if (top !== undefined && top.size > 0) top.items.push(value)
    while (top !== undefined && top.items.length === top.size) {
      open.pop()
      if (top.type === '|') break
      value = aggregateValue(top)
      top = open.at(-1)
      top?.items.push(value)
    }
    if (top === undefined) return value
  }
}

function bulkValue(type: string, bytes: Buffer): Reply {
  if (type === '!') return new ErrorReply(bytes)
  if (type === '=') return new VerbatimReply(bytes.toString('latin1', 0, 3), bytes.subarray(4))
  return bytes
}

function lineValue(type: string, text: string): Reply {
  switch (type) {
    case '+':
      return new SimpleReply(text)
    case ':': {
      const value = Number(text)
      return Number.isSafeInteger(value) ? value : BigInt(text)
    }
    case ',':
      return new DoubleReply(text)
    case '(':
      return new BigNumberReply(text)
    case '#':
      return new BooleanReply(text === 't')
    case '*':
      return nullArray
    default:
      return null
  }
}

function aggregateValue({ type, items }: Open): Reply {
  if (type === '~') return new SetReply(items)
  if (type !== '%') return items
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
