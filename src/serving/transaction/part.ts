import type { Entry } from '../../order/gates.js'
import { InnerSlot, type ReplySlot } from '../../order/reply-slot.js'
import type { Stop } from './obstacles.js'
import type { QueuedCommand } from './plan.js'
import { keptReply } from './results.js'
import { Transaction } from './transaction.js'
import type { Ways } from './ways.js'

/** What comes of a part: its reply, or all of it is to be asked again. */
export type PartOutcome = Buffer | 'again'

/** Some commands of a transaction in steps that leave in one turn, under the gates that it has. */
export class Part extends Transaction {
  readonly outcome: Promise<PartOutcome>
  private readonly place: PartSlot

  constructor(ways: Ways, commands: readonly QueuedCommand[], whole: ReplySlot) {
    const place = new PartSlot(whole)
    super(ways, commands, place, undefined, () => {})
    this.place = place
    this.outcome = place.outcome
  }

  get isEmitted(): boolean {
    return this.wasEmitted
  }

  /** Tries to emit it; gives what stands against that. */
  tryAt(entry: Entry): Stop | undefined {
    return this.attempt(entry)
  }

  protected override get isInMiddle(): boolean {
    return true
  }

  protected override again(): void {
    this.place.ends('again')
  }

  protected inSteps(): void {}
}

class PartSlot extends InnerSlot {
  readonly outcome: Promise<PartOutcome>
  ends!: (outcome: PartOutcome) => void
  private fails!: (failure: Error) => void

  constructor(protected readonly whole: ReplySlot) {
    super()
    this.outcome = new Promise((resolve, reject) => {
      this.ends = resolve
      this.fails = reject
    })
  }

  finish(buf: Buffer, start: number, end: number, owned: boolean): void {
    this.ends(keptReply(buf, start, end, owned))
  }

  override fail(failure: Error): void {
    this.fails(failure)
  }
}
