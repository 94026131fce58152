import type { Acl } from '../acl/acl.js'
import type { Logger } from '../base/log.js'
import type { Turn } from '../base/turn.js'
import type { Config } from '../config/config.js'
import type { RequestFramer } from '../resp/request-framer.js'
import type { Durations } from './durations.js'
import type { OutputLimits } from './output-limit.js'
import type { Pace } from './pace.js'
import type { ReplyBudget } from './reply-budget.js'
import type { Rota } from './rota.js'
import type { Slot } from './slot.js'

/** A client as others see it. */
export interface Named {
  readonly address: string
  readonly session: { readonly name: Buffer }
}

/** What a connection needs of the process that it is part of. */
export interface Surroundings {
  readonly config: Config
  readonly pushLimits: Readonly<OutputLimits>
  readonly log: Logger
  readonly turn: Turn
  readonly acl: Acl
  readonly clients: {
    keptBytes: number
    /** The proxy stops, and lets them go. */
    readonly isDraining: boolean
    readonly replyBudget: ReplyBudget
    readonly rota: Rota
    readonly pace: Pace
    /** False when it was not there any more. */
    remove(client: { readonly id: number }): boolean
  }
  readonly stats: {
    receivedBytesOfGone: number
    sentBytesOfGone: number
    countError(buf: Buffer, start: number, end: number, timedAs: number): void
  }
  readonly slowLog: {
    readonly ticks: number
    readonly durations: Durations
    begin(): number
    note(slot: Slot, framer: RequestFramer): void
    answered(client: Named, slot: Slot, sinceTick: number): void
  }
  failed(failure: Error, about: object): void
}
