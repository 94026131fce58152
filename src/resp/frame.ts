import type { SomeKeys } from '../base/some-keys.js'

const CR = 13

/**
 * One complete command as it lies in memory: a strict RESP array of bulk strings, `*n CRLF ($len CRLF bytes CRLF)×n`,
 * in `buf` from `start` to `end`, with the place of every argument. The request framer gives its frames as a view
 * that the next command overwrites; `ownFrame` makes one that stays.
 */
export interface Frame {
  readonly buf: Buffer
  readonly start: number
  readonly end: number
  /** Number of arguments, the command's name included. */
  readonly argc: number
  /** Offsets into `buf` of the first byte of each argument, and of the byte after its last. */
  readonly argStart: ArrayLike<number>
  readonly argEnd: ArrayLike<number>
  /** True when nobody will write into `buf` again, so that a reference to it may be kept. */
  readonly owned: boolean
  /** The offsets are its own, too, and its bytes are owned. */
  readonly stays?: true
  /** Of one with very many keys: tells whether some are among them. */
  readonly names?: Names | undefined
}

/** The keys of a command, where they are so many that it would take long to make names of them. */
export interface Names {
  areAnyOf(some: SomeKeys, db: number): boolean
}

/** Whether a command that is sent in database `db` may have one of these keys: of one with few keys that is not looked up. */
export function mayName({ names }: Frame, db: number, some: SomeKeys): boolean {
  return names === undefined || names.areAnyOf(some, db)
}

/** The bytes of argument `i`, valid as long as the frame's. */
export function argumentOf(frame: Frame, i: number): Buffer {
  return frame.buf.subarray(frame.argStart[i], frame.argEnd[i])
}

/** All its arguments, the command's name included, valid as long as the frame's. */
export function argumentsOf(frame: Frame): Buffer[] {
  return Array.from({ length: frame.argc }, (_, i) => argumentOf(frame, i))
}

/** A frame that stays valid: the same one if its bytes are owned and its offsets are its own, otherwise a copy. */
export function ownFrame(frame: Frame): Frame {
  if (frame.stays === true) return frame
  const { start } = frame
  const shift = frame.owned ? 0 : start
  const argStart = new Array<number>(frame.argc)
  const argEnd = new Array<number>(frame.argc)
  for (let i = 0; i < frame.argc; i++) {
    argStart[i] = frame.argStart[i] - shift
    argEnd[i] = frame.argEnd[i] - shift
  }
  if (frame.owned) return { buf: frame.buf, start, end: frame.end, argc: frame.argc, argStart, argEnd, owned: true }
  const buf = Buffer.from(frame.buf.subarray(start, frame.end))
  return { buf, start: 0, end: buf.length, argc: frame.argc, argStart, argEnd, owned: true }
}

/** Encodes arguments as a frame of its own. Strings are taken as UTF-8. */
export function frameOf(args: readonly (Buffer | string)[]): Frame {
  const argc = args.length
  const argStart = new Array<number>(argc)
  const argEnd = new Array<number>(argc)
  const headers = new Array<string>(argc)
  const head = `*${argc}\r\n`
  let size = head.length
  for (let i = 0; i < argc; i++) {
    const arg = args[i]
    const length = typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length
    const header = `$${length}\r\n`
    headers[i] = header
    argStart[i] = size + header.length
    argEnd[i] = argStart[i] + length
    size = argEnd[i] + 2
  }
  const buf = Buffer.allocUnsafe(size)
  buf.latin1Write(head, 0)
  for (let i = 0; i < argc; i++) {
    const arg = args[i]
    buf.latin1Write(headers[i], argStart[i] - headers[i].length)
    if (typeof arg === 'string') buf.utf8Write(arg, argStart[i])
    else arg.copy(buf, argStart[i])
    buf[argEnd[i]] = 13
    buf[argEnd[i] + 1] = 10
  }
  return { buf, start: 0, end: size, argc, argStart, argEnd, owned: true }
}

/** The frame that the bytes of a strict frame from `start` on are, as they were once emitted; takes the bytes over. */
export function frameIn(buf: Buffer, start = 0): Frame {
  const lengths = new Lengths(buf, start)
  const argc = lengths.next()
  const argStart = new Array<number>(argc)
  const argEnd = new Array<number>(argc)
  for (let i = 0; i < argc; i++) {
    const size = lengths.next()
    argStart[i] = lengths.pos
    argEnd[i] = lengths.pos + size
    lengths.pos += size + 2
  }
  return { buf, start, end: lengths.pos, argc, argStart, argEnd, owned: true }
}

/** A command of which something may have been left out: its first arguments, and their beginnings. */
export interface CutFrame {
  readonly frame: Frame
  /** Where something may have been: how many arguments there were, and how long those of the frame. */
  readonly was?: { readonly argc: number; readonly sizes: readonly number[] }
}

/** The same of bytes that end behind the argument `argumentsMax`, and of each argument have the first `bytesMax`. */
export function cutFrameIn(buf: Buffer, start: number, argumentsMax: number, bytesMax: number): CutFrame {
  const lengths = new Lengths(buf, start)
  const was = { argc: lengths.next(), sizes: [] as number[] }
  const argc = Math.min(was.argc, argumentsMax)
  const argStart: number[] = []
  const argEnd: number[] = []
  for (let i = 0; i < argc; i++) {
    const size = lengths.next()
    was.sizes.push(size)
    argStart.push(lengths.pos)
    lengths.pos += Math.min(size, bytesMax)
    argEnd.push(lengths.pos)
    lengths.pos += 2
  }
  return { frame: { buf, start, end: lengths.pos, argc, argStart, argEnd, owned: true }, was }
}

/** The numbers in the lines of a strict frame, one after the other; what lies between two lines is passed over by its reader. */
class Lengths {
  constructor(
    private readonly buf: Buffer,
    public pos: number,
  ) {}

  next(): number {
    const { buf } = this
    let pos = this.pos + 1
    let value = 0
    while (buf[pos] !== CR) value = value * 10 + buf[pos++] - 48
    this.pos = pos + 2
    return value
  }
}
