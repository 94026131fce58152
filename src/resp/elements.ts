import { HAS_RESP3, IS_ERROR, ReplyProtocolError } from './reply-framer.js'

const CR = 13
const BANG = 33
const DOLLAR = 36
const PERCENT = 37
const STAR = 42
const MINUS = 45
const ZERO = 48
const EQUALS = 61
const GREATER = 62
const BAR = 124
const TILDE = 126
/** What a line of RESP2 may begin with: + - : */
const LINES_OF_RESP2: ReadonlySet<number> = new Set([43, MINUS, 58])

/** Walks over the elements of a whole reply that is an array, with the flags that the framer would have given each. */
export class Elements {
  /** How many there are; -1 when the reply is no array, or a null one. */
  readonly count: number
  /** The element that `next` went to. */
  start = 0
  end: number
  flags = 0

  constructor(
    private readonly buf: Buffer,
    start: number,
    private readonly limit: number,
    isArray = true,
  ) {
    this.end = start
    this.count = isArray && buf[start] === STAR && buf[start + 1] !== MINUS ? this.header() : -1
  }

  /** Over elements that stand there without the head of their array. */
  static within(buf: Buffer, start: number, end: number): Elements {
    return new Elements(buf, start, end, false)
  }

  /** Goes on to the next element, which must be there. */
  next(): void {
    this.start = this.end
    this.flags = this.buf[this.end] === MINUS || this.buf[this.end] === BANG ? IS_ERROR : 0
    for (let pending = 1; pending > 0; ) {
      if (this.end >= this.limit) throw new ReplyProtocolError('an array ends before its last element')
      pending += this.value() - 1
    }
  }

  /** Goes over so many elements, which must be there: from the `start` of the first to the `end` of the last. */
  pass(count: number): void {
    const from = this.end
    let flags = 0
    for (let i = 0; i < count; i++) {
      this.next()
      flags |= this.flags
    }
    this.start = from
    this.flags = flags
  }

  /** Goes over a value, or the head of an aggregate; gives how many values are in it. */
  private value(): number {
    const { buf } = this
    const type = buf[this.end]
    switch (type) {
      case DOLLAR:
      case EQUALS:
      case BANG: {
        if (type !== DOLLAR) this.flags |= HAS_RESP3
        const isNull = buf[this.end + 1] === MINUS
        const size = this.header()
        if (!isNull) this.end += size + 2
        return 0
      }
      case STAR: {
        const isNull = buf[this.end + 1] === MINUS
        const size = this.header()
        return isNull ? 0 : size
      }
      case TILDE:
      case GREATER:
        this.flags |= HAS_RESP3
        return this.header()
      case PERCENT:
        this.flags |= HAS_RESP3
        return 2 * this.header()
      case BAR:
        // What it is about follows.
        this.flags |= HAS_RESP3
        return 2 * this.header() + 1
      default:
        if (!LINES_OF_RESP2.has(type)) this.flags |= HAS_RESP3
        this.line()
        return 0
    }
  }

  /** The number behind the type; goes behind its line. */
  private header(): number {
    const { buf } = this
    let value = 0
    for (let p = this.end + 1; p < this.limit && buf[p] !== CR; p++) value = value * 10 + buf[p] - ZERO
    this.line()
    return value
  }

  private line(): void {
    const { buf, limit } = this
    let at = this.end
    while (at < limit && buf[at] !== CR) at++
    if (at >= limit) throw new ReplyProtocolError('a line that does not end')
    this.end = at + 2
  }
}
