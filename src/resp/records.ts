import { Elements } from './elements.js'

/*
 * Replies with very many small parts, as XINFO and XPENDING give them, are not made into objects as a whole: it is walked over
 * them, and whoever walks may stop at any part and go on later.
 */

const LF = 10

/**
 * A part of a reply as it stands there: an aggregate of names and values (XINFO in RESP2 and in RESP3), or of values in a certain
 * order (XPENDING).
 */
export class RecordIn {
  constructor(
    private readonly reply: Buffer,
    private readonly start: number,
    private readonly end: number,
  ) {}

  /** The value under this name, as it stands in the reply; undefined when there is none. */
  field(name: string): Buffer | undefined {
    const { reply, end } = this
    const parts = this.parts()
    while (parts.end < end) {
      parts.next()
      const isIt = isNamed(reply, parts.start, parts.end, name)
      parts.next()
      if (isIt) return reply.subarray(parts.start, parts.end)
    }
    return undefined
  }

  /** All values in it, as they stand in the reply. */
  values(): Buffer[] {
    const values: Buffer[] = []
    const parts = this.parts()
    while (parts.end < this.end) {
      parts.next()
      values.push(this.reply.subarray(parts.start, parts.end))
    }
    return values
  }

  private parts(): Elements {
    return Elements.within(this.reply, this.reply.indexOf(LF, this.start) + 1, this.end)
  }
}

/** Whether this value is a string with this text, which is ASCII and has no line ends. */
function isNamed(reply: Buffer, start: number, end: number, name: string): boolean {
  const from = end - 2 - name.length
  // What stands before it ends its head.
  if (from <= start || (reply[from - 1] !== LF && from - 1 !== start)) return false
  for (let i = 0; i < name.length; i++) if (reply[from + i] !== name.charCodeAt(i)) return false
  return true
}

/** The parts of a whole reply that is an array, one after the other; none when it is something else. */
export function* recordsIn(reply: Buffer): Generator<RecordIn> {
  const records = new Elements(reply, 0, reply.length)
  for (let i = 0; i < records.count; i++) {
    records.next()
    yield new RecordIn(reply, records.start, records.end)
  }
}

/** The bytes of a string that stands in a reply; empty for null. */
export function stringIn(value: Buffer | undefined): Buffer {
  if (value === undefined) return Buffer.alloc(0)
  return value[0] === DOLLAR ? value.subarray(value.indexOf(LF) + 1, -2) : value.subarray(1, -2)
}

const DOLLAR = 0x24
const COLON = 0x3a

/** The number in an integer that stands in a reply, as text; undefined for anything else. */
export function digitsIn(value: Buffer | undefined): string | undefined {
  return value?.[0] === COLON ? value.latin1Slice(1, value.length - 2) : undefined
}
