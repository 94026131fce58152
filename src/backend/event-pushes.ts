import { decodeReply, OWN_DEPTH_MAX } from '../resp/decode.js'
import type { PushPlace } from '../resp/reply-framer.js'
import type { InFlight } from './in-flight.js'
import type { ReplySink } from './reply-sink.js'

/** All that a server tells of its keys. */
export const EVENTS = '__keyevent@*__:*'

const CHANNEL = /^__keyevent@(\d+)__:(.+)$/s

const CRLF = Buffer.from('\r\n')
/** A key that stands behind them in its command is not looked for. */
const LOOKED_AT_BYTES = 1024

/** A command that may have caused an event. */
interface Cause {
  readonly sink: ReplySink
  readonly number: number
  readonly bytes: Buffer
}

export interface KeyEvent {
  readonly db: number
  /** `set`, `del`, `expired`, … */
  readonly name: string
  readonly key: Buffer
  /** The number of the command in flight that caused it, if that was one of a client's. */
  readonly command: number | undefined
}

/**
 * What a server tells of its keys while clients listen to that [design §7 Keyspace events], with the command that caused it. What a script did is told when it has
 * answered, because it may have been taken back.
 */
export class EventPushes {
  /** Whether somebody listens: else it is not told of pushes. */
  isOn = false
  onEvent: (event: KeyEvent) => void = () => {}
  /** Those of a command that counts only if its answer says so. */
  private kept: KeyEvent[] = []
  private keptFor: ReplySink | undefined
  /** What was answered last, on this connection. */
  private past: Cause | undefined

  constructor(private readonly inFlight: () => InFlight) {}

  /** A new connection. */
  begin(): void {
    this.forget()
    this.past = undefined
  }

  /**
   * Takes a push; those of something else are nothing to it.
   *
   * @param place where it stood
   * @param follow pushes stand behind the reply of what caused them
   */
  told(buf: Buffer, start: number, end: number, place: PushPlace, follow: boolean): void {
    const push = decodeReply(buf, start, end, OWN_DEPTH_MAX)
    if (!Array.isArray(push) || push.length !== 4 || String(push[1]) !== EVENTS) return
    const [, db, name] = CHANNEL.exec((push[2] as Buffer).toString('latin1')) ?? []
    if (db === undefined) return
    const key = push[3] as Buffer
    const next = this.next()
    const cause = (place !== 'alone' ? next : follow ? this.past : this.causeOf(name, key, next)) ?? next
    const command = cause?.sink.speaks === undefined ? undefined : cause.number
    const event: KeyEvent = { db: Number(db), name, key, command }
    if (cause?.sink.speaks !== 'if it counts' || name === 'expired') {
      this.onEvent(event)
      return
    }
    if (this.keptFor !== cause.sink) this.forget()
    this.keptFor = cause.sink
    this.kept.push(event)
  }

  /** The command that `inFlight` has taken last was answered. */
  answered(): void {
    const { sink, taken, segment, start, end } = this.inFlight()
    const bytes = Buffer.from(segment.buf.subarray(start, Math.min(end, start + LOOKED_AT_BYTES)))
    this.past = { sink, number: taken - 1, bytes }
    if (this.keptFor !== sink) return
    const { kept } = this
    this.forget()
    if (sink.isCounted === true) for (const event of kept) this.onEvent(event)
  }

  /** What is answered next. */
  private next(): Cause | undefined {
    const { first, taken } = this.inFlight()
    if (first === undefined) return undefined
    return { sink: first, number: taken, bytes: this.inFlight().firstBytes(LOOKED_AT_BYTES) }
  }

  /**
   * Redis before 7.2 tells of some events before the reply (SET) and of some behind it (LPUSH): what stands between two replies belongs
   * to the command that names the key. Where both do, or none, it is taken for a client's.
   */
  private causeOf(name: string, key: Buffer, next: Cause | undefined): Cause | undefined {
    const { past } = this
    if (past === undefined || next === undefined) return past ?? next
    // What a script does is told before its reply, and so is RESTORE.
    if (past.sink.speaks === 'if it counts' || name === 'restore') return next
    const [isOfNext, isOfPast] = [next, past].map(({ bytes }) => bytes.includes(Buffer.concat([CRLF, key, CRLF])))
    if (isOfNext !== isOfPast) return isOfNext ? next : past
    if (!isOfNext && next.sink.speaks === 'if it counts') return next
    return past.sink.speaks === undefined ? next : past
  }

  private forget(): void {
    this.kept = []
    this.keptFor = undefined
  }
}
