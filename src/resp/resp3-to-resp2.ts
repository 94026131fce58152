/** Names of the rules in the first table of redis-facts: what `toResp2` does with a reply. */
export type Shape =
  | 'generic'
  | 'null-array' // a top-level null is `*-1`
  | 'geopos' // null elements are `*-1`
  | 'flatten' // pairs one level down become flat
  | 'xread' // map → array of pairs; top-level null is `*-1`
  | 'xreadgroup' // like xread, and null fields of deleted entries are `*-1`
  | 'xpending' // the fourth element of the summary is `*-1` when null

const BANG = 33
const HASH = 35
const DOLLAR = 36
const PERCENT = 37
const LEFT_PARENTHESIS = 40
const STAR = 42
const COMMA = 44
const MINUS = 45
const EQUALS = 61
const GREATER = 62
const LETTER_T = 116
const UNDERSCORE = 95
const BAR = 124
const TILDE = 126

/** The format of a verbatim string and its colon. */
const VERBATIM_PREFIX_BYTES = 4
const NULL_BULK = '$-1\r\n'
const NULL_ARRAY = '*-1\r\n'
const PAIR = '*2\r\n'

/**
 * What RESP2 makes of a RESP3 reply, as Redis 7.0 itself would have answered [redis-facts, first table]. `buf` from
 * `start` to `end` is one whole reply without pushes inside. When nothing changes, the answer is a view of `buf`.
 *
 * Only of shape `generic` a reply without types of RESP3 is sure to stay as it is: the pairs of `flatten` may consist
 * of types that RESP2 knows too (HRANDFIELD … WITHVALUES).
 */
export function toResp2(buf: Buffer, start: number, end: number, shape: Shape): Buffer {
  return new Conversion(buf, start, end, shape).run()
}

class Conversion {
  private out: Buffer | undefined
  private size = 0
  /** The reply's bytes before this one are in `out` or were left out. */
  private taken: number
  private p: number
  /** What a null is at this place. */
  private nullText = NULL_BULK

  constructor(
    private readonly buf: Buffer,
    private readonly start: number,
    private readonly end: number,
    private readonly shape: Shape,
  ) {
    this.taken = start
    this.p = start
  }

  run(): Buffer {
    this.skipAttributes()
    const { buf, shape } = this
    const type = buf[this.p]
    switch (shape) {
      case 'null-array':
        this.nullText = type === UNDERSCORE ? NULL_ARRAY : NULL_BULK
        break
      case 'geopos':
      case 'xread':
      case 'xreadgroup':
        this.nullText = NULL_ARRAY
        break
    }
    if (shape === 'flatten' && type === STAR) this.flatten()
    else if ((shape === 'xread' || shape === 'xreadgroup') && type === PERCENT) this.mapToPairs()
    else if (shape === 'xpending' && type === STAR) this.summary()
    else this.elements(1)
    if (this.out === undefined) return buf.subarray(this.start, this.end)
    this.flush(this.end)
    return this.out.subarray(0, this.size)
  }

  /** Converts `count` elements and all that is in them, by the generic rules. */
  private elements(count: number): void {
    const { buf } = this
    let pending = count
    while (pending > 0) {
      const p = this.p
      const type = buf[p]
      switch (type) {
        case STAR:
          pending += Math.max(this.header(), 0)
          break
        case TILDE:
        case GREATER:
          pending += this.header()
          this.replace(p, p + 1, '*')
          break
        case PERCENT: {
          const size = this.header() * 2
          this.replace(p, this.p, `*${size}\r\n`)
          pending += size
          break
        }
        case BAR:
          this.skipAttributes()
          continue
        case DOLLAR:
          this.bulk()
          break
        case EQUALS: {
          const size = this.bulk()
          this.replace(p, this.p - size - 2 + VERBATIM_PREFIX_BYTES, `$${size - VERBATIM_PREFIX_BYTES}\r\n`)
          break
        }
        case BANG: {
          const size = this.bulk()
          const text = buf.toString('latin1', this.p - size - 2, this.p - 2).replace(/[\r\n]/g, ' ')
          this.replace(p, this.p, `-${text}\r\n`)
          break
        }
        case UNDERSCORE:
          this.line()
          this.replace(p, this.p, this.nullText)
          break
        case HASH:
          this.line()
          this.replace(p, this.p, buf[p + 1] === LETTER_T ? ':1\r\n' : ':0\r\n')
          break
        case COMMA:
        case LEFT_PARENTHESIS:
          this.line()
          this.replace(p, p + 1, `$${this.p - p - 3}\r\n`)
          break
        default:
          this.line()
      }
      pending--
    }
  }

  /** `[[a, 1], [b, 2]]` becomes `[a, 1, b, 2]`; any other array stays. */
  private flatten(): void {
    const { buf } = this
    const first = this.p
    const count = this.header()
    const body = this.p
    if (count <= 0 || buf[body] !== STAR) {
      this.p = first
      this.elements(1)
      return
    }
    let size = 0
    for (let i = 0; i < count; i++) {
      const inner = Math.max(this.header(), 0)
      this.skip(inner)
      size += inner
    }
    this.replace(first, body, `*${size}\r\n`)
    this.p = body
    for (let i = 0; i < count; i++) {
      const pair = this.p
      const inner = Math.max(this.header(), 0)
      this.replace(pair, this.p, '')
      this.elements(inner)
    }
  }

  /** `{k: v, …}` becomes `[[k, v], …]`. */
  private mapToPairs(): void {
    const p = this.p
    const count = this.header()
    this.replace(p, p + 1, '*')
    for (let i = 0; i < count; i++) {
      this.replace(this.p, this.p, PAIR)
      this.elements(2)
    }
  }

  /** The summary of XPENDING has four elements, the last of which is an array or a null array. */
  private summary(): void {
    const count = this.header()
    for (let i = 0; i < count; i++) {
      this.nullText = i === 3 ? NULL_ARRAY : NULL_BULK
      this.elements(1)
    }
  }

  private skipAttributes(): void {
    while (this.buf[this.p] === BAR) {
      const p = this.p
      this.skip(this.header() * 2)
      this.replace(p, this.p, '')
    }
  }

  /** Goes over `count` elements and all that is in them. */
  private skip(count: number): void {
    let pending = count
    while (pending > 0) {
      switch (this.buf[this.p]) {
        case STAR:
        case TILDE:
        case GREATER:
          pending += Math.max(this.header(), 0)
          break
        case PERCENT:
          pending += this.header() * 2
          break
        case BAR:
          // With the value that follows it an attribute is one element.
          pending += this.header() * 2 + 1
          break
        case DOLLAR:
        case EQUALS:
        case BANG:
          this.bulk()
          break
        default:
          this.line()
      }
      pending--
    }
  }

  /** The number of the line at `p`; `p` goes behind the line. */
  private header(): number {
    const { buf } = this
    let q = this.p + 1
    const negative = buf[q] === MINUS
    if (negative) q++
    let value = 0
    for (; buf[q] !== 13; q++) value = value * 10 + (buf[q] - 48)
    this.p = q + 2
    return negative ? -value : value
  }

  /** Goes behind the bulk at `p`; its length. */
  private bulk(): number {
    const size = this.header()
    if (size >= 0) this.p += size + 2
    return size
  }

  private line(): void {
    let q = this.p + 1
    while (this.buf[q] !== 13) q++
    this.p = q + 2
  }

  /** What stands from `from` to `to` is `text` in RESP2. */
  private replace(from: number, to: number, text: string): void {
    this.flush(from)
    this.reserve(text.length)
    this.size += this.out!.write(text, this.size, 'latin1')
    this.taken = to
  }

  /** Takes over what did not change, up to `to`. */
  private flush(to: number): void {
    this.reserve(to - this.taken)
    this.size += this.buf.copy(this.out!, this.size, this.taken, to)
  }

  private reserve(count: number): void {
    if (this.out !== undefined && this.size + count <= this.out.length) return
    const total = this.end - this.start
    const bigger = Buffer.allocUnsafe(Math.max(this.size + count, this.size * 2, total + (total >> 3) + 32))
    this.out?.copy(bigger, 0, 0, this.size)
    this.out = bigger
  }
}
