import { frameOf } from '../../src/resp/frame.js'
import { FRAME, type NEED_MORE, PROTOCOL_ERROR, RequestFramer } from '../../src/resp/request-framer.js'
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
}

/**
 * Frames a stream that arrives in these chunks as a connection does: every chunk lies in the same buffer, which is
 * overwritten as soon as the framer has said that it may be. Checks on the way that frames are strict and that
 * owned ones stay as they are.
 */
export function frameChunks(chunks: readonly Buffer[], options: FramingOptions = {}): Framed {
  const framer = new RequestFramer({ maxBulkBytes: options.maxBulkBytes ?? 512 * 1024 * 1024 })
  framer.authenticated = options.authenticated ?? true
  const shared = Buffer.alloc(Math.max(1, ...chunks.map((chunk) => chunk.length)))
  const commands: string[][] = []
  const owned: { frame: Buffer; copy: Buffer }[] = []
  let received = 0

  const read = (): typeof NEED_MORE | typeof PROTOCOL_ERROR => {
    for (;;) {
      if (options.stops?.() === true) {
        framer.retain()
        shared.fill(0xee)
      }
      const result = framer.next()
      if (result !== FRAME) return result
      const bytes = framer.buf.subarray(framer.start, framer.end)
      const args = Array.from({ length: framer.argc }, (_, i) =>
        Buffer.from(framer.buf.subarray(framer.argStart[i], framer.argEnd[i])),
      )
      if (!bytes.equals(frameOf(args).buf)) throw new Error(`not strict: ${JSON.stringify(bytes.toString('latin1'))}`)
      if (parseRequest(framer).some((arg, i) => !arg.equals(args[i])))
        throw new Error('the parser reads something else')
      if (framer.owned) owned.push({ frame: bytes, copy: Buffer.from(bytes) })
      commands.push(args.map((arg) => arg.toString('latin1')))
    }
  }

  for (const chunk of chunks) {
    chunk.copy(shared)
    framer.feed(shared.subarray(0, chunk.length))
    received += chunk.length
    const result = read()
    shared.fill(0xee)
    if (result === PROTOCOL_ERROR) break
    if (framer.bufferedBytes > received) throw new Error('more is buffered than was received')
  }
  for (const { frame, copy } of owned) if (!frame.equals(copy)) throw new Error('an owned frame was written into')
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
