import { error, type Reply } from '../resp/encode.js'
import { NOT_APPLIED } from './replies.js'
import type { Waiting } from './waiting.js'

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
  private wasOpen = false
  /** What is answered to commands that need the ring while it is known why there is none. */
  refusal: Reply | undefined
  private reason = ''

  /** `missing` says what is waited for as long as nothing is refused. */
  constructor(
    private readonly waiting: Waiting,
    private readonly missing: () => string,
  ) {}

  /** Commands are served from the next view on. */
  open(): void {
    this.isOpen = true
    this.wasOpen = true
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
    if (this.isOpen) return ''
    return this.refusal === undefined ? this.missing() : this.reason
  }

  /** What is answered to a command that has waited in vain. */
  tooLate(waitedMs: number): Reply {
    return this.closed(this.missing(), `the command waited ${waitedMs} ms and was not applied, try again`)
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

  private closed(reason: string, consequence: string): Reply {
    const what = `${reason.replace(/[\r\n]+/g, ' ')}; ${consequence}`
    return error(
      this.wasOpen ? `CLUSTERDOWN nothing is served any more: ${what}` : `CLUSTERDOWN nothing is served yet: ${what}`,
    )
  }
}
