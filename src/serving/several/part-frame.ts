import { copyBytes } from '../../base/copy-bytes.js'
import { release, takeLarge } from '../../base/large-buffers.js'
import type { Frame } from '../../resp/frame.js'

const CR = 13
const LF = 10
const STAR = 42
const ZERO = 48
/** `*4294967295 CR LF` */
export const ARRAY_HEADER_BYTES_MAX = 13
const KEPT_BYTES = 8192
const KEPT_ARGS = 1024

/** One part of a command, encoded; the same object and bytes for every part, which whoever keeps them has to copy. */
class PartFrame implements Frame {
  buf: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES)
  readonly start = 0
  end = 0
  argc = 0
  argStart = new Int32Array(KEPT_ARGS)
  argEnd = new Int32Array(KEPT_ARGS)
  readonly owned = false

  private readonly keptBuf = this.buf
  private readonly keptStart = this.argStart
  private readonly keptEnd = this.argEnd

  /**
   * Becomes the command on the first `count` of the `chosen` keys, which are places of arguments in ascending order, each
   * with the `step - 1` values that follow it. What lies side by side in the whole is copied at once.
   */
  fill(whole: Frame, chosen: readonly number[], count: number, step: number): void {
    const argc = 1 + count * step
    let bytes = ARRAY_HEADER_BYTES_MAX + whole.argEnd[0] - whole.start
    for (let c = 0; c < count; c++) bytes += whole.argEnd[chosen[c] + step - 1] - whole.argEnd[chosen[c] - 1] + 2
    if (bytes > KEPT_BYTES) this.buf = takeLarge(bytes)
    if (argc > KEPT_ARGS) {
      this.argStart = new Int32Array(argc)
      this.argEnd = new Int32Array(argc)
    }
    this.argc = 0
    this.end = writeArrayHeader(this.buf, argc)
    this.take(whole, 0, 0)
    for (let c = 0; c < count; ) {
      const first = chosen[c++]
      let next = first + step
      for (; c < count && chosen[c] === next; c++) next += step
      this.take(whole, first, next - 1)
    }
  }

  /** Lets go of what one large part needed. */
  empty(): void {
    if (this.buf !== this.keptBuf) release(this.buf)
    this.buf = this.keptBuf
    this.argStart = this.keptStart
    this.argEnd = this.keptEnd
  }

  /** Takes the arguments from `first` to `last` over as they lie there, with their headers. */
  private take(whole: Frame, first: number, last: number): void {
    const { buf, argStart, argEnd } = this
    const from = first === 0 ? startOfName(whole) : whole.argEnd[first - 1] + 2
    const to = whole.argEnd[last] + 2
    const shift = this.end - from
    copyBytes(whole.buf, from, to, buf, this.end)
    for (let i = first; i <= last; i++) {
      argStart[this.argc] = whole.argStart[i] + shift
      argEnd[this.argc++] = whole.argEnd[i] + shift
    }
    this.end += to - from
  }
}

/** Writes the header of an array of so many elements at the beginning of `buf`; gives its size. */
export function writeArrayHeader(buf: Buffer, count: number): number {
  let at = 1
  let unit = 1
  while (unit * 10 <= count) unit *= 10
  for (; unit >= 1; unit /= 10) buf[at++] = ZERO + (Math.floor(count / unit) % 10)
  buf[0] = STAR
  buf[at] = CR
  buf[at + 1] = LF
  return at + 2
}

/** Where the header of the first argument begins, behind that of the command, `*n CR LF`. */
export function startOfName(whole: Frame): number {
  let at = whole.start
  while (whole.buf[at] !== LF) at++
  return at + 1
}

export const partFrame = new PartFrame()
