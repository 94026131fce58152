/*
 * What two proxies say to each other: messages with a head of 16 bytes, and what each says of itself.
 *
 *     0  type   1  flags   2  0 0   4  stream   8  length of what follows   12  number        (little-endian)
 *
 * A stream is one client of a front, numbered by that. Its bytes are passed on as they come, in both directions, and are not
 * looked at on the way: a message of them may come in parts, all others are read whole.
 */

export const HEAD_BYTES = 16

/** What a message is; where it has a number that stands in the head. */
export const MESSAGE = {
  /** Who somebody is, and that he knows the password: JSON. */
  greeting: 1,
  /** A client has come to the front: JSON that says who. */
  open: 2,
  /** Bytes of a stream. */
  data: 3,
  /** How far the stream is answered: its flags, and how many bytes have been served (modulo 2^32). */
  status: 4,
  /** So many bytes of the stream have left the other end: as many more may be sent. */
  taken: 5,
  /** Nothing more is sent on the stream: of a client, its last byte; of the owner, its last reply. */
  end: 6,
  /** The stream is no more. */
  close: 7,
  /** Somebody is there. */
  ping: 8,
  /** What a client has set for itself: JSON, before the status that says so. */
  session: 9,
  /** The owner stops: nothing more is to be sent to it. The front says the same when nothing more comes. */
  leaving: 10,
} as const

export const STATUS = {
  /** Everything that has been served is answered: the client waits for nothing. */
  settled: 1,
  /** What has been sent ends with a whole reply. */
  whole: 2,
  /** Another proxy can go on to serve the client with what `session` has said. */
  portable: 4,
} as const

/** What is read whole has no more than that: names and addresses. */
const WHOLE_MAX = 64 * 1024

/** So many bytes of a stream may be under way in each direction. */
export const WINDOW_BYTES = 256 * 1024
/** It is told now and then how many have left, not for each command. */
export const TAKEN_STEP_BYTES = WINDOW_BYTES / 4

export interface MessageSink {
  /** Bytes of a stream: valid during the call. */
  data(stream: number, bytes: Buffer): void
  message(type: number, stream: number, flags: number, number: number, body: Buffer): void
}

const NOTHING = Buffer.alloc(0)

/** Finds the messages in what comes, however it is cut. */
export class MessageReader {
  private readonly head = Buffer.alloc(HEAD_BYTES)
  private headBytes = 0
  private type = 0
  private flags = 0
  private stream = 0
  private number = 0
  /** Bytes of the message that have not come. */
  private missing = 0
  private parts: Buffer[] = []

  constructor(private readonly sink: MessageSink) {}

  /** @throws Error when that is not what a proxy says */
  read(bytes: Buffer, size: number): void {
    let at = 0
    while (at < size) {
      if (this.missing > 0) {
        const end = Math.min(size, at + this.missing)
        this.missing -= end - at
        this.take(bytes.subarray(at, end))
        at = end
      } else if (this.headBytes === 0 && size - at >= HEAD_BYTES) {
        this.begin(bytes, at)
        at += HEAD_BYTES
      } else {
        const end = Math.min(size, at + HEAD_BYTES - this.headBytes)
        this.headBytes += bytes.copy(this.head, this.headBytes, at, end)
        at = end
        if (this.headBytes === HEAD_BYTES) {
          this.headBytes = 0
          this.begin(this.head, 0)
        }
      }
    }
  }

  private begin(bytes: Buffer, at: number): void {
    this.type = bytes[at]
    this.flags = bytes[at + 1]
    this.stream = bytes.readUInt32LE(at + 4)
    this.missing = bytes.readUInt32LE(at + 8)
    this.number = bytes.readUInt32LE(at + 12)
    if (this.type < MESSAGE.greeting || this.type > MESSAGE.leaving) throw new Error(`there is no message ${this.type}`)
    if (this.type !== MESSAGE.data && this.missing > WHOLE_MAX) throw new Error(`a message has ${this.missing} bytes`)
    if (this.missing === 0 && this.type !== MESSAGE.data) this.tell(NOTHING)
  }

  private take(bytes: Buffer): void {
    if (this.type === MESSAGE.data) {
      this.sink.data(this.stream, bytes)
      return
    }
    this.parts.push(Buffer.from(bytes))
    if (this.missing === 0) this.tell(Buffer.concat(this.parts.splice(0)))
  }

  private tell(body: Buffer): void {
    this.sink.message(this.type, this.stream, this.flags, this.number, body)
  }
}

/** Writes the head of a message into `buffer`, where there is room for it. */
export function writeHead(
  buffer: Buffer,
  at: number,
  type: number,
  stream: number,
  length: number,
  flags = 0,
  number = 0,
): void {
  buffer[at] = type
  buffer[at + 1] = flags
  buffer[at + 2] = 0
  buffer[at + 3] = 0
  buffer.writeUInt32LE(stream, at + 4)
  buffer.writeUInt32LE(length, at + 8)
  buffer.writeUInt32LE(number, at + 12)
}
