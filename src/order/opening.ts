import { error, type Reply } from '../resp/encode.js'
import { NOT_APPLIED } from './replies.js'
import type { Waiting } from './waiting.js'

export interface OpeningOptions {
  /** What is missing as long as there is no ring to serve, and nothing is refused. */
  missing(): string
  /** Another proxy may serve the ring before this one does, or go on in its place. */
  readonly isFollowed?: boolean
}

/**
 * Whether there is a ring to serve [design §8 Start]:
 *
 *     waiting ──> refused: it is known why nothing may be served, so commands are told at once
 *      │ ^ │<────────┤
 *      │ │ └─────────┴──> open
 *      │ └─────────────────┘ another proxy may serve it, because too few members are reached
 *
 * While it is waited for, commands wait too, as for a server that is away: a proxy that is restarted in order is not
 * noticed but for the connections.
 */
export class Opening {
  isOpen = false
  /** It was open, and may not be read or written now. */
  isCutOff = false
  /** Nobody else can serve the ring, so that what is known here alone may be relied on: who listens, who waits [membership/certainty.ts]. */
  isSure: boolean
  private isDoubted = false
  /** Why who listens or waits was let go, and nobody may any more; undefined while that is not so. */
  givenUp: string | undefined
  private wasOpen = false
  /** What is answered to commands that need the ring while it is known why there is none. */
  refusal: Reply | undefined
  private reason = ''

  constructor(
    private readonly waiting: Waiting,
    private readonly options: OpeningOptions,
  ) {
    this.isSure = options.isFollowed !== true
  }

  /** Commands are served from the next view on. */
  open(): void {
    this.isOpen = true
    this.wasOpen = true
    this.isSure = !this.isDoubted
    this.refusal = undefined
  }

  /** Whether another proxy may serve the ring, with members that we do not reach: then commands wait, or are refused for the reason. */
  cutOff(isCutOff: boolean, reason?: string): void {
    this.isCutOff = isCutOff
    this.isOpen = !isCutOff
    if (reason !== undefined) this.refuse(reason)
    else this.expect()
    if (!isCutOff) this.waiting.retry()
  }

  /** Whether another proxy may have gone on: what only the owner may say waits then, or is refused for the reason. */
  doubt(isUnsure: boolean, reason?: string): void {
    this.isDoubted = isUnsure
    this.givenUp = reason
    this.isSure = this.wasOpen && !isUnsure
    this.waiting.wake()
  }

  /** Nothing is served, for this reason, until somebody says otherwise. */
  refuse(reason: string): void {
    this.reason = reason
    this.refusal = this.closed(reason, NOT_APPLIED)
    this.waiting.retry()
  }

  /** It may be served soon after all: commands wait. */
  expect(): void {
    this.reason = ''
    this.refusal = undefined
  }

  /** Why nothing is served, or ''. */
  why(): string {
    if (this.isOpen) return this.givenUp ?? ''
    return this.refusal === undefined ? this.options.missing() : this.reason
  }

  /** What is answered to a command that has waited in vain. */
  tooLate(waitedMs: number): Reply {
    return this.closed(this.options.missing(), `the command waited ${waitedMs} ms and was not applied, try again`)
  }

  /** Resolves when commands are served, with nothing, or with the error that says why they are not. */
  async whenOpen(): Promise<Reply | undefined> {
    const startedAtMs = performance.now()
    const deadlineMs = this.waiting.deadline()
    while (!this.isOpen) {
      if (this.refusal !== undefined) return this.refusal
      if (await this.waiting.change(deadlineMs)) continue
      return this.refusal ?? this.tooLate(Math.round(performance.now() - startedAtMs))
    }
    return undefined
  }

  /** Resolves when only this proxy can serve the ring, with nothing, or with the error that says why that is not known. */
  async whenSure(): Promise<Reply | undefined> {
    const startedAtMs = performance.now()
    const deadlineMs = this.waiting.deadline()
    while (!this.isSure) {
      if (this.refusal !== undefined) return this.refusal
      if (this.givenUp !== undefined) return error(`CLUSTERDOWN not served here: ${this.givenUp}; ${NOT_APPLIED}`)
      if (await this.waiting.change(deadlineMs)) continue
      return this.refusal ?? this.tooLate(Math.round(performance.now() - startedAtMs))
    }
    return undefined
  }

  private closed(reason: string, consequence: string): Reply {
    const what = `${reason.replace(/[\r\n]+/g, ' ')}; ${consequence}`
    return error(
      this.wasOpen ? `CLUSTERDOWN nothing is served any more: ${what}` : `CLUSTERDOWN nothing is served yet: ${what}`,
    )
  }
}
