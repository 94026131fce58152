import { copyBytes } from '../base/copy-bytes.js'
import { type KeyId, keyId } from '../base/key-id.js'
import { decodeReply, OWN_DEPTH_MAX } from '../resp/decode.js'
import { type Frame, frameIn } from '../resp/frame.js'
import type { PushPlace } from '../resp/reply-framer.js'
import { EVENTS } from './event-pushes.js'
import type { Expirations } from './expirations.js'

/** A longer command is not kept: it is rare that somebody asks, and then it counts as unknown. */
const KEPT_BYTES = 1024
const NOTHING = -1
const UNKNOWN = 0

/**
 * What a server says of keys that expired [design §7 Expiry]. Redis 7.2 and newer tell of a key that a command found
 * expired right behind the reply of that command, so the pushes that are there with it are noted before the reply is
 * handed over. When the bytes that came ended with the reply, the push may come later: for that the command is kept.
 */
export class ExpiryPushes {
  /** Told of a key that perhaps had expired before the command that was answered last, which may be unknown. */
  onLate: (id: KeyId, answered: Frame | undefined) => void = () => {}
  private readonly kept = Buffer.allocUnsafeSlow(KEPT_BYTES)
  private length = NOTHING

  constructor(private readonly expirations: Expirations) {}

  /** Whatever was answered, it is not on this connection. */
  reset(): void {
    this.length = NOTHING
  }

  /** The bytes that have come end with the reply of this command, or within a push behind it. */
  answered(buf: Buffer, start: number, end: number): void {
    this.length = end - start <= KEPT_BYTES ? end - start : UNKNOWN
    if (this.length !== UNKNOWN) copyBytes(buf, start, end, this.kept, 0)
  }

  /** What was answered last were several commands. */
  answeredSeveral(): void {
    if (this.length !== NOTHING) this.length = UNKNOWN
  }

  /** Takes a push; those of something else than expired keys and fields are nothing to it. */
  told(buf: Buffer, start: number, end: number, place: PushPlace): void {
    const expired = expiredIn(buf, start, end)
    if (expired === undefined) return
    const { id, isField } = expired
    const nowMs = performance.now()
    if (isField) {
      this.expirations.fields.note(id, nowMs)
      return
    }
    if (place === 'behind') this.expirations.noteBehind(id, nowMs)
    else this.expirations.note(id, nowMs)
    if (place !== 'alone' || this.length === NOTHING) return
    this.onLate(id, this.length === UNKNOWN ? undefined : frameIn(Buffer.from(this.kept.subarray(0, this.length))))
  }
}

/** The key that a push says has expired, or a field of it: `pmessage`, pattern, `__keyevent@<db>__:expired`, key. Undefined for other pushes. */
function expiredIn(buf: Buffer, start: number, end: number): { id: KeyId; isField: boolean } | undefined {
  const push = decodeReply(buf, start, end, OWN_DEPTH_MAX)
  // Who listens to all events is told of this one twice.
  if (!Array.isArray(push) || push.length !== 4 || String(push[1]) === EVENTS) return undefined
  const channel = /^__keyevent@(\d+)__:(h?)expired$/.exec(String(push[2]))
  const key = push[3] as Buffer
  return channel === null
    ? undefined
    : { id: keyId(Number(channel[1]), key, 0, key.length), isField: channel[2] !== '' }
}
