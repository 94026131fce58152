import { ErrorReply } from '../../resp/encode.js'

/*
 * What FUNCTION DUMP gives [Redis functions.c functionDumpCommand, rdb.c]: of each library a byte and its source as a string of an RDB, then
 * the version of that (2 bytes) and a checksum (8 bytes), the lowest byte first.
 *
 *     F5 <length> <source> … 0A 00 <crc64>
 */

const FUNCTION = 0xf5
const FUNCTION_PRE_GA = 0xf6
/** That of Redis 7.0; later ones are refused, as by it. */
const RDB_VERSION = 10
const FOOTER_BYTES = 10

/** Jones, reflected. */
const POLYNOMIAL = 0x95ac9329ac4bc9b5n
const TABLE = Array.from({ length: 256 }, (_, i) => {
  let crc = BigInt(i)
  for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ POLYNOMIAL : crc >> 1n
  return crc
})
/** In halves: with big numbers each byte takes fifty times as long, and a client may send 512 MB. */
const HIGH = Int32Array.from(TABLE, (crc) => Number(crc >> 32n) | 0)
const LOW = Int32Array.from(TABLE, (crc) => Number(crc & 0xffffffffn) | 0)

function crc64(bytes: Buffer): bigint {
  let high = 0
  let low = 0
  for (let i = 0; i < bytes.length; i++) {
    const at = (low ^ bytes[i]) & 0xff
    low = ((low >>> 8) | (high << 24)) ^ LOW[at]
    high = (high >>> 8) ^ HIGH[at]
  }
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}

export function dumpOf(sources: readonly Buffer[]): Buffer {
  return payloadOf(sources.flatMap((source) => [Buffer.from([FUNCTION]), lengthOf(source.length), source]))
}

/** With the version and the checksum behind these. */
export function payloadOf(parts: readonly Buffer[]): Buffer {
  const footer = Buffer.alloc(2)
  footer.writeUInt16LE(RDB_VERSION)
  const body = Buffer.concat([...parts, footer])
  const sum = Buffer.alloc(8)
  sum.writeBigUInt64LE(crc64(body))
  return Buffer.concat([body, sum])
}

/**
 * The sources in a payload, or in Redis's words what is wrong with it; those before that are there as well.
 *
 * @param refusal why one of so many bytes is not taken, that many being of all so far: a packed one has more than it seems
 */
export function sourcesIn(
  payload: Buffer,
  refusal: (bytes: number, all: number) => ErrorReply | undefined = () => undefined,
): {
  readonly sources: readonly Buffer[]
  readonly fault: string | ErrorReply | undefined
} {
  const sources: Buffer[] = []
  const end = payload.length - FOOTER_BYTES
  const isRight =
    end >= 0 &&
    payload.readUInt16LE(end) <= RDB_VERSION &&
    payload.readBigUInt64LE(end + 2) === crc64(payload.subarray(0, end + 2))
  if (!isRight) return { sources, fault: 'DUMP payload version or checksum are wrong' }
  let all = 0
  const reader = new Reader(payload, end, (bytes) => refusal(bytes, (all += bytes)))
  while (reader.pos < end) {
    const type = payload[reader.pos++]
    if (type === FUNCTION_PRE_GA) return { sources, fault: 'Pre-GA function format not supported' }
    if (type !== FUNCTION) return { sources, fault: 'given type is not a function' }
    const source = reader.string()
    if (source === undefined) return { sources, fault: 'Failed loading library code' }
    if (source instanceof ErrorReply) return { sources, fault: source }
    sources.push(source)
  }
  return { sources, fault: undefined }
}

function lengthOf(length: number): Buffer {
  if (length < 64) return Buffer.from([length])
  if (length < 16384) return Buffer.from([0x40 | (length >> 8), length & 0xff])
  const long = Buffer.from([0x80, 0, 0, 0, 0])
  long.writeUInt32BE(length, 1)
  return long
}

/** Reads strings of an RDB [Redis rdb.c rdbGenericLoadStringObject]. */
class Reader {
  pos = 0

  constructor(
    private readonly buf: Buffer,
    private readonly end: number,
    private readonly refusal: (bytes: number) => ErrorReply | undefined,
  ) {}

  /** Undefined when there is none. */
  string(): Buffer | ErrorReply | undefined {
    const first = this.buf[this.pos]
    if (first >> 6 !== 3) {
      const length = this.length()
      return length === undefined ? undefined : (this.refusal(length) ?? this.take(length))
    }
    this.pos++
    const kind = first & 0x3f
    if (kind < 3) {
      const bytes = this.take(1 << kind)
      return bytes === undefined ? undefined : Buffer.from(String(bytes.readIntLE(0, 1 << kind)))
    }
    if (kind > 3) return undefined
    const [packed, length] = [this.length(), this.length()]
    const bytes = packed === undefined ? undefined : this.take(packed)
    if (bytes === undefined || length === undefined) return undefined
    return this.refusal(length) ?? unpacked(bytes, length)
  }

  private length(): number | undefined {
    const first = this.take(1)?.[0]
    if (first === undefined) return undefined
    if (first >> 6 === 0) return first
    if (first >> 6 === 1) {
      const second = this.take(1)?.[0]
      return second === undefined ? undefined : ((first & 0x3f) << 8) | second
    }
    if (first === 0x80) return this.take(4)?.readUInt32BE()
    return first === 0x81 ? Number(this.take(8)?.readBigUInt64BE()) : undefined
  }

  private take(length: number): Buffer | undefined {
    if (!(this.pos + length <= this.end)) return undefined
    this.pos += length
    return this.buf.subarray(this.pos - length, this.pos)
  }
}

/** LZF [liblzf lzf_d.c]: runs of bytes, and repetitions of what came before. */
function unpacked(bytes: Buffer, length: number): Buffer | undefined {
  const out = Buffer.alloc(length)
  let size = 0
  for (let i = 0; i < bytes.length; ) {
    const control = bytes[i++]
    if (control < 32) {
      if (size + control + 1 > length || i + control + 1 > bytes.length) return undefined
      size += bytes.copy(out, size, i, i + control + 1)
      i += control + 1
      continue
    }
    let count = control >> 5
    if (count === 7) count += bytes[i++]
    let from = size - ((control & 0x1f) << 8) - bytes[i++] - 1
    if (!(from >= 0) || !(size + count + 2 <= length)) return undefined
    for (let k = count + 2; k > 0; k--) out[size++] = out[from++]
  }
  return size === length ? out : undefined
}
