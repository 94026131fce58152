import { copyBytes } from '../../base/copy-bytes.js'
import { hasOneKey } from '../../command/keys.js'
import type { CommandRow } from '../../command/row.js'
import { type Frame, frameIn } from '../../resp/frame.js'
import { mayHaveTime } from '../absolute.js'
import { isCopied } from '../one-route.js'

/** Most transactions have less, and what lies in one buffer goes to a server as it lies there. */
const FIRST_BYTES = 512
const CHUNK_BYTES_MAX = 64 * 1024
/** Smaller ones are cut from what Node keeps for that, which costs less. */
const OWN_BYTES_MIN = 4096

/** Where a command of a transaction lies, and the key of a plain one. */
export class QueuedFrame {
  constructor(
    readonly row: CommandRow,
    readonly buf: Buffer,
    readonly start: number,
    readonly end: number,
    readonly keyStart: number,
    readonly keyEnd: number,
  ) {}

  get isWrite(): boolean {
    return this.row.replicate !== 'none'
  }

  get frame(): Frame {
    return frameIn(this.buf, this.start)
  }
}

/**
 * The commands of a transaction up to EXEC: their bytes one behind the other, and a few numbers. A client may have millions of them,
 * and a frame with its offsets is an object of several hundred bytes.
 */
export class QueuedFrames {
  /** The size of the commands. */
  bytes = 0
  /** Whether all of them are plain, see plain.ts; and whether their replies have the same form in both protocols. */
  isPlain = true
  isGeneric = true
  hasWrites = false
  readonly all: QueuedFrame[] = []
  private chunk: Buffer | undefined
  private used = 0

  get length(): number {
    return this.all.length
  }

  /** The frame's bytes are copied, unless they are owned. */
  push(frame: Frame, row: CommandRow): void {
    const { start, end, owned, argStart, argEnd } = frame
    const length = end - start
    this.bytes += length
    this.isPlain &&= isPlain(row, frame)
    this.hasWrites ||= row.replicate !== 'none'
    this.isGeneric &&= row.shape === 'generic'
    let { buf } = frame
    let at = start
    if (!owned) {
      at = this.copy(frame)
      buf = this.chunk!
    }
    const shift = at - start
    const key = this.isPlain ? row.firstKey : 0
    this.all.push(new QueuedFrame(row, buf, at, at + length, argStart[key] + shift, argEnd[key] + shift))
  }

  *[Symbol.iterator](): Generator<{ readonly frame: Frame; readonly row: CommandRow }> {
    for (const { frame, row } of this.all) yield { frame, row }
  }

  private copy({ buf, start, end }: Frame): number {
    const length = end - start
    if (this.chunk === undefined || this.chunk.length - this.used < length) {
      const next = Math.min(CHUNK_BYTES_MAX, (this.chunk?.length ?? FIRST_BYTES / 2) * 2)
      const size = Math.max(next, length)
      this.chunk = size < OWN_BYTES_MIN ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size)
      this.used = 0
    }
    const at = this.used
    copyBytes(buf, start, end, this.chunk, at)
    this.used += length
    return at
  }
}

/** Whether a command has one key, and all replicas execute it alike: nobody chooses, and no time is made absolute. */
function isPlain(row: CommandRow, frame: Frame): boolean {
  const isOfOneKey =
    row.route === 'key' ? hasOneKey(row) : row.route === 'split' && frame.argc === row.firstKey + row.keyStep
  if (!isOfOneKey || row.binds || row.otherDb !== undefined) return false
  if (row.replicate === 'none') return true
  const isAlike = row.replicate === 'apply' || (row.replicate === 'absolute' && !mayHaveTime(row, frame))
  return isAlike && !isCopied(row, frame)
}
