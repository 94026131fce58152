import { HELD_BYTES, hold, release } from '../../src/base/large-buffers.js'
import { frameOf } from '../../src/resp/frame.js'
import { FRAME, NEED_MORE, PROTOCOL_ERROR, RequestFramer } from '../../src/resp/request-framer.js'
import { parseRequest } from '../../src/resp/request-parser.js'

export interface Framed {
  /** The arguments of every command, as latin1 text. */
  readonly commands: string[][]
  /** The text after `ERR Protocol error: `, empty when there was none. */
  readonly error: string
  readonly framer: RequestFramer
}

export interface FramingOptions {
  readonly maxBulkBytes?: number
  readonly authenticated?: boolean
  /** Before each command: whether the reader stops for now and the rest is retained. */
  readonly stops?: () => boolean
  /** Of each command: whether it is not served yet, but put back first. */
  readonly putsBack?: () => boolean
}

/** What reads a stream into a shared buffer, or to where the framer wants it. */
interface Fed {
  readonly room: Buffer | undefined
  feed(chunk: Buffer, size: number): void
  filled(size: number): void
}

/** Gives the bytes to the framer as a socket does, in one read or several. */
export function give(framer: Fed, bytes: Buffer, shared: Buffer, afterRead: () => void): void {
  for (let at = 0; at < bytes.length; ) {
    const { room } = framer
    const size = Math.min((room ?? shared).length, bytes.length - at)
    bytes.copy(room ?? shared, 0, at, at + size)
    at += size
    if (room === undefined) framer.feed(shared, size)
    else framer.filled(size)
    afterRead()
  }
}

/** A large frame or reply that is held, and how it looked. */
export class Held {
  private readonly copy: Buffer

  private constructor(
    private readonly buf: Buffer,
    private readonly bytes: Buffer,
  ) {
    this.copy = Buffer.from(bytes)
  }

  static of(buf: Buffer, start: number, end: number): Held[] {
    return end - start >= HELD_BYTES && hold(buf) ? [new Held(buf, buf.subarray(start, end))] : []
  }

  letGo(): void {
    if (!this.bytes.equals(this.copy)) throw new Error('what was held was written into')
    release(this.buf)
  }
}

/**
 * Frames a stream that arrives in these chunks as a connection does: every chunk lies in the same buffer, which is
 * overwritten as soon as the framer has said that it may be, or where the framer wants it. Checks on the way that
 * frames are strict and that large ones stay as they are while they are held.
 */
export function frameChunks(chunks: readonly Buffer[], options: FramingOptions = {}): Framed {
  const framer = new RequestFramer({ maxBulkBytes: options.maxBulkBytes ?? 512 * 1024 * 1024 })
  framer.authenticated = options.authenticated ?? true
  const shared = Buffer.alloc(Math.max(1, ...chunks.map((chunk) => chunk.length)))
  const commands: string[][] = []
  const held: Held[] = []
  let received = 0

  const read = (): typeof NEED_MORE | typeof PROTOCOL_ERROR => {
    for (;;) {
      if (options.stops?.() === true) {
        framer.retain()
        shared.fill(0xee)
      }
      const result = framer.next()
      if (result !== FRAME) return result
      if (options.putsBack?.() === true) {
        framer.putBack()
        framer.retain()
        shared.fill(0xee)
        if (framer.next() !== FRAME) throw new Error('what was put back is not the next command')
      }
      const bytes = framer.buf.subarray(framer.start, framer.end)
      const args = Array.from({ length: framer.argc }, (_, i) =>
        Buffer.from(framer.buf.subarray(framer.argStart[i], framer.argEnd[i])),
      )
      if (!bytes.equals(frameOf(args).buf)) throw new Error(`not strict: ${JSON.stringify(bytes.toString('latin1'))}`)
      if (parseRequest(framer).some((arg, i) => !arg.equals(args[i])))
        throw new Error('the parser reads something else')
      held.push(...Held.of(framer.buf, framer.start, framer.end))
      commands.push(args.map((arg) => arg.toString('latin1')))
    }
  }

  for (const chunk of chunks) {
    received += chunk.length
    let result: typeof NEED_MORE | typeof PROTOCOL_ERROR = NEED_MORE
    if (chunk.length === 0) framer.feed(shared, 0)
    give(framer, chunk, shared, () => {
      result = read()
      shared.fill(0xee)
    })
    if ((result as number) === PROTOCOL_ERROR) break
    if (framer.bufferedBytes > received) throw new Error('more is buffered than was received')
  }
  for (const each of held) each.letGo()
  return { commands, error: framer.error, framer }
}

/** The bytes in two parts, for every place to cut them. */
export function* everySplit(bytes: Buffer): Generator<Buffer[]> {
  for (let i = 0; i <= bytes.length; i++) yield [bytes.subarray(0, i), bytes.subarray(i)]
}

/** The bytes in parts of this size. */
export function inParts(bytes: Buffer, size: number): Buffer[] {
  const parts: Buffer[] = []
  for (let i = 0; i < bytes.length; i += size) parts.push(bytes.subarray(i, i + size))
  return parts
}

/** The bytes cut at the given places, taken modulo their length. */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  const parts: Buffer[] = []
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    parts.push(bytes.subarray(from, cut))
    from = cut
  }
  return parts
}

/** Text with one character a byte. */
export function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}
