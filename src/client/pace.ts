import { type ClientSocket, queuedBytesOf } from './client-socket.js'
import type { Outbox } from './outbox.js'
import type { OutputLimits } from './output-limit.js'

/*
 * Who publishes goes at the pace of those who listen. Redis reads a little of a publisher, writes to all who listen, and so on; here much may be read, and
 * served, before a listener's socket is asked whether it takes more, and one who reads all the time would be cut off for what he has not been given yet.
 *
 *     PUBLISH ──> Ear.push: too much waits for the listener ──> its client rests: nothing more of it is served, or read
 *                                 the socket has taken it   ──> its client goes on, before those who rest since a later time
 *
 * That counts for all that is sent to one who has not asked: messages, keyspace events, invalidations, lines of MONITOR. Whose command is served when it is
 * sent has caused it; what is sent when servers have answered was caused by those whose writes are answered.
 *
 * Who does not read is not waited for, but cut off as Redis does it [output-limit.ts], and holds up nobody for long:
 *
 *     nothing is taken for STILL_MS                  he is not waited for, until he has taken all but little
 *     he was waited for HELD_MS in all, and for      the same
 *     one in REFILL of the time since
 */

/** Less that a listener has to take is nothing to wait for. */
export const BEHIND_BYTES_MIN = 64 * 1024
/** With so much he is behind, or with a part of what would close him. */
const BEHIND_BYTES_MAX = 1024 * 1024

const LOOK_MS = 10
const STILL_MS = 100
const HELD_MS = 1000
const REFILL = 10

/** Who listens, as far as he is looked at here. */
export interface Listening {
  /** What he has to take. */
  readonly pendingBytes: number
  readonly closed: boolean
  readonly outbox: Pick<Outbox, 'totalBytes' | 'offer'>
  readonly socket: ClientSocket
  lag: Lag | undefined
}

/** Who has others told. */
export interface Telling {
  /** Those for whom it rests; undefined when it may be served. */
  restsFor: Lag[] | undefined
  /** It may be served again. */
  restIsOver(): void
}

export class Pace {
  /** Whose commands are served at this moment. */
  acting: Telling | undefined
  private readonly waitedFor = new Set<Lag>()
  /** Those that are behind by what was sent when servers had answered. */
  private readonly ofAnswers = new Set<Lag>()
  private timer: NodeJS.Timeout | undefined
  private readonly isOver = (lag: Lag) => {
    this.waitedFor.delete(lag)
    this.ofAnswers.delete(lag)
  }

  /** Something was sent to him that he has not asked for, and he has much to take. */
  pushed(listener: Listening, limits: Readonly<OutputLimits>): void {
    const behindBytes = behindBytesOf(limits)
    if (listener.pendingBytes < behindBytes) return
    // It may be that he has not been given what there is.
    listener.outbox.offer()
    if (listener.pendingBytes < behindBytes || listener.closed) return
    const lag = (listener.lag ??= new Lag(listener, this.isOver))
    if (!lag.begin(behindBytes / 2)) return
    this.waitedFor.add(lag)
    this.timer ??= setInterval(() => this.look(), LOOK_MS).unref()
    if (this.acting === undefined) this.ofAnswers.add(lag)
    else rest(this.acting, lag)
  }

  /** A write of his was answered. */
  wrote(client: Telling): void {
    for (const lag of this.ofAnswers) rest(client, lag)
  }

  private look(): void {
    const nowMs = performance.now()
    for (const lag of this.waitedFor) lag.look(nowMs)
    if (this.waitedFor.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }
}

function rest(client: Telling, lag: Lag): void {
  if (client.restsFor === undefined) {
    client.restsFor = [lag]
    lag.resting.push(client)
  } else if (!client.restsFor.includes(lag)) client.restsFor.push(lag)
}

function behindBytesOf({ hardBytes, softBytes }: Readonly<OutputLimits>): number {
  const bytes = Math.min(
    BEHIND_BYTES_MAX,
    hardBytes > 0 ? hardBytes / 4 : Infinity,
    softBytes > 0 ? softBytes / 2 : Infinity,
  )
  return Math.max(bytes, BEHIND_BYTES_MIN)
}

/** That somebody who listens has too much to take. */
export class Lag {
  /** Those who rest for it, in the order in which they go on. */
  readonly resting: Telling[] = []
  private state: 'none' | 'waited for' | 'given up' = 'none'
  private untilBytes = 0
  private takenBytes = 0
  private queuedBytes = 0
  private takenAtMs = 0
  private leftMs = HELD_MS
  private lookedAtMs = 0
  private isGoingOn = false

  constructor(
    private readonly listener: Listening,
    private readonly isOver: (lag: Lag) => void,
  ) {}

  /** He is behind until he has less than that to take; false when he is not waited for. */
  begin(untilBytes: number): boolean {
    if (this.state !== 'none') return this.state === 'waited for'
    const nowMs = performance.now()
    this.leftMs = Math.min(HELD_MS, this.leftMs + (nowMs - this.lookedAtMs) / REFILL)
    this.lookedAtMs = nowMs
    this.takenAtMs = nowMs
    this.untilBytes = untilBytes
    this.become(this.leftMs > 0 ? 'waited for' : 'given up')
    return this.leftMs > 0
  }

  /** Something may have been taken. */
  took(): void {
    if (this.state !== 'none' && (this.listener.closed || this.listener.pendingBytes < this.untilBytes))
      this.become('none')
  }

  look(nowMs: number): void {
    const { outbox, pendingBytes } = this.listener
    if (this.resting.length > 0) this.leftMs -= nowMs - this.lookedAtMs
    this.lookedAtMs = nowMs
    const takenBytes = outbox.totalBytes - pendingBytes
    const queuedBytes = queuedBytesOf(this.listener)
    if (takenBytes !== this.takenBytes || queuedBytes < this.queuedBytes) this.takenAtMs = nowMs
    this.takenBytes = takenBytes
    this.queuedBytes = queuedBytes
    this.took()
    if (this.state === 'waited for' && (this.leftMs <= 0 || nowMs - this.takenAtMs > STILL_MS)) this.become('given up')
  }

  private become(next: 'none' | 'waited for' | 'given up'): void {
    this.state = next
    if (next === 'waited for') return
    this.isOver(this)
    if (this.resting.length === 0 || this.isGoingOn) return
    this.isGoingOn = true
    setImmediate(() => this.goOn())
  }

  /** One after the other, until he is behind again. */
  private goOn(): void {
    this.isGoingOn = false
    while (this.resting.length > 0 && this.state !== 'waited for') {
      const client = this.resting.shift()!
      const next = client.restsFor!.find(({ state }) => state === 'waited for')
      if (next !== undefined) next.resting.push(client)
      else {
        client.restsFor = undefined
        client.restIsOver()
      }
    }
  }
}
