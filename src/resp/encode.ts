import { assert } from '../base/assert.js'

/**
 * A reply that the proxy itself makes, or has decoded. Plain values where they say what they mean; the classes below,
 * made by the small functions, where RESP has more types than JavaScript.
 *
 *     number, bigint   integer          string, Buffer   bulk string
 *     null             null             array            array
 */
export type Reply = number | bigint | string | Buffer | null | readonly Reply[] | TypedReply

export type TypedReply =
  | SimpleReply
  | ErrorReply
  | NullArrayReply
  | MapReply
  | SetReply
  | DoubleReply
  | BigNumberReply
  | BooleanReply
  | VerbatimReply
  | BulksReply
  | KeptReply

export class SimpleReply {
  readonly kind = 'simple'
  constructor(readonly text: string) {}
}
/** What is said by the proxy or a server is shorter. */
const MESSAGE_BYTES_MAX = 16 * 1024

export class ErrorReply {
  readonly kind = 'error'
  constructor(readonly text: string | Buffer) {}
  /** The text for people and comparisons: its beginning, as an error may name what a client has sent, which may have 512 MB. */
  get message(): string {
    return typeof this.text === 'string' ? this.text : this.text.toString('utf8', 0, MESSAGE_BYTES_MAX)
  }
}
export class NullArrayReply {
  readonly kind = 'null-array'
}
export class MapReply {
  readonly kind = 'map'
  constructor(readonly entries: readonly (readonly [Reply, Reply])[]) {}
}
export class SetReply {
  readonly kind = 'set'
  constructor(readonly items: readonly Reply[]) {}
}
export class DoubleReply {
  readonly kind = 'double'
  constructor(readonly text: string) {}
}
export class BigNumberReply {
  readonly kind = 'big-number'
  constructor(readonly text: string) {}
}
export class BooleanReply {
  readonly kind = 'boolean'
  constructor(readonly value: boolean) {}
}
export class VerbatimReply {
  readonly kind = 'verbatim'
  constructor(
    readonly format: string,
    readonly text: string | Buffer,
  ) {}
}
/** An array of bulk strings that are encoded already, one behind the other in each part: for long ones. */
export class BulksReply {
  readonly kind = 'bulks'
  constructor(
    readonly count: number,
    readonly parts: readonly Buffer[],
  ) {}
}
/** One that is encoded once and kept: for what is long and always the same. */
export class KeptReply {
  readonly kind = 'kept'
  private readonly encoded: [Buffer?, Buffer?] = []

  constructor(private readonly reply: Reply) {}

  bytes(proto: 2 | 3): Buffer {
    return (this.encoded[proto - 2] ??= Buffer.from(encodeReply(this.reply, proto)))
  }
}
/** `+text`. */
export const simple = (text: string): SimpleReply => new SimpleReply(text)
/** `-text`, the text with its code (`ERR …`). Line ends become spaces, as in Redis. */
export const error = (text: string | Buffer): ErrorReply => new ErrorReply(text)
/** `*-1` in RESP2, the one null in RESP3. */
export const nullArray = new NullArrayReply()
/** A map in RESP3, a flat array of keys and values in RESP2. */
export const map = (entries: readonly (readonly [Reply, Reply])[]): MapReply => new MapReply(entries)
/** A set in RESP3, an array in RESP2. */
export const set = (items: readonly Reply[]): SetReply => new SetReply(items)
/** A double in RESP3, a bulk string with the same text in RESP2. */
export const double = (value: number): DoubleReply => new DoubleReply(doubleText(value))
/** A boolean in RESP3, 1 or 0 in RESP2. */
export const bool = (value: boolean): BooleanReply => new BooleanReply(value)
/** A verbatim string in RESP3 (`format` is three letters: `txt`, `mkd`), a bulk string in RESP2. */
export const verbatim = (format: string, text: string | Buffer): VerbatimReply => {
  assert(format.length === 3, 'the format of a verbatim string has three letters')
  return new VerbatimReply(format, text)
}

/** Whether a reply is an error; then `reply.message` is its text. */
export function isError(reply: Reply): reply is ErrorReply {
  return reply instanceof ErrorReply
}

/** Encoded replies that are needed often. */
export const OK = Buffer.from('+OK\r\n')
export const PONG = Buffer.from('+PONG\r\n')
export const NULL_BULK = Buffer.from('$-1\r\n')

/** The bytes of a reply, into which nobody writes. Strings are written as UTF-8. */
export function encodeReply(reply: Reply, proto: 2 | 3): Buffer {
  if (reply instanceof KeptReply) return reply.bytes(proto)
  const writer = new Writer()
  write(writer, reply, proto)
  return writer.bytes()
}

function write(writer: Writer, reply: Reply, proto: 2 | 3): void {
  if (typeof reply === 'string' || Buffer.isBuffer(reply)) {
    writer.bulk('$', '', reply)
  } else if (typeof reply === 'number') {
    assert(Number.isSafeInteger(reply), 'a number in a reply is an integer')
    writer.ascii(`:${reply}\r\n`)
  } else if (typeof reply === 'bigint') {
    writer.ascii(`:${reply}\r\n`)
  } else if (reply === null) {
    writer.ascii(proto === 3 ? '_\r\n' : '$-1\r\n')
  } else if (isArray(reply)) {
    writer.ascii(`*${reply.length}\r\n`)
    for (const item of reply) write(writer, item, proto)
  } else {
    writeTyped(writer, reply, proto)
  }
}

function writeTyped(writer: Writer, reply: TypedReply, proto: 2 | 3): void {
  switch (reply.kind) {
    case 'simple':
      writer.line('+', reply.text)
      break
    case 'error':
      writer.line('-', reply.text)
      break
    case 'null-array':
      writer.ascii(proto === 3 ? '_\r\n' : '*-1\r\n')
      break
    case 'map':
      writer.ascii(proto === 3 ? `%${reply.entries.length}\r\n` : `*${reply.entries.length * 2}\r\n`)
      for (const [key, value] of reply.entries) {
        write(writer, key, proto)
        write(writer, value, proto)
      }
      break
    case 'set':
      writer.ascii(`${proto === 3 ? '~' : '*'}${reply.items.length}\r\n`)
      for (const item of reply.items) write(writer, item, proto)
      break
    case 'double':
      if (proto === 3) writer.line(',', reply.text)
      else writer.bulk('$', '', reply.text)
      break
    case 'bulks':
      writer.ascii(`*${reply.count}\r\n`)
      for (const part of reply.parts) writer.raw(part)
      break
    case 'kept':
      writer.raw(reply.bytes(proto))
      break
    case 'big-number':
      if (proto === 3) writer.line('(', reply.text)
      else writer.bulk('$', '', reply.text)
      break
    case 'boolean':
      if (proto === 3) writer.ascii(reply.value ? '#t\r\n' : '#f\r\n')
      else writer.ascii(reply.value ? ':1\r\n' : ':0\r\n')
      break
    case 'verbatim':
      if (proto === 3) writer.bulk('=', `${reply.format}:`, reply.text)
      else writer.bulk('$', '', reply.text)
      break
  }
}

function isArray(reply: Reply): reply is readonly Reply[] {
  return Array.isArray(reply)
}

function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (value === Number.POSITIVE_INFINITY) return 'inf'
  if (value === Number.NEGATIVE_INFINITY) return '-inf'
  return String(value)
}

/** A buffer that grows by doubling. */
class Writer {
  private buf = Buffer.allocUnsafe(256)
  private size = 0

  bytes(): Buffer {
    return this.buf.subarray(0, this.size)
  }

  ascii(text: string): void {
    this.reserve(text.length)
    this.size += this.buf.write(text, this.size, 'latin1')
  }

  raw(bytes: Buffer): void {
    this.reserve(bytes.length)
    this.size += bytes.copy(this.buf, this.size)
  }

  text(text: string | Buffer): void {
    if (typeof text !== 'string') {
      this.raw(text)
      return
    }
    this.reserve(Buffer.byteLength(text))
    this.size += this.buf.write(text, this.size)
  }

  bulk(type: string, prefix: string, text: string | Buffer): void {
    const length = typeof text === 'string' ? Buffer.byteLength(text) : text.length
    this.ascii(`${type}${prefix.length + length}\r\n${prefix}`)
    this.text(text)
    this.ascii('\r\n')
  }

  /** One line: line ends inside become spaces. */
  line(type: string, text: string | Buffer): void {
    this.ascii(type)
    const from = this.size
    this.text(text)
    for (let i = from; i < this.size; i++) if (this.buf[i] === 13 || this.buf[i] === 10) this.buf[i] = 32
    this.ascii('\r\n')
  }

  private reserve(count: number): void {
    if (this.size + count <= this.buf.length) return
    const bigger = Buffer.allocUnsafe(Math.max(this.size + count, this.buf.length * 2))
    this.buf.copy(bigger, 0, 0, this.size)
    this.buf = bigger
  }
}
