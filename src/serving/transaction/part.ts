import type { CommandRow } from '../../command/row.js'
import { InnerSlot, type ReplySlot } from '../../order/reply-slot.js'
import { decodeReply, elementsOf } from '../../resp/decode.js'
import { type ErrorReply, isError } from '../../resp/encode.js'
import type { Frame } from '../../resp/frame.js'
import type { Stop } from './obstacles.js'
import { PlainCommands } from './plain.js'
import type { Commands } from './planned.js'
import { QueuedFrames } from './queued-frames.js'
import { keptReply } from './results.js'
import { whyUnknown } from './texts.js'
import { Transaction } from './transaction.js'
import type { Ways } from './ways.js'

/** What comes of a part: its reply, or all of it is to be asked again. */
export type PartOutcome = Buffer | 'again'

/** Some commands of a transaction in steps that leave in one turn, under the gates that it has. */
export class Part extends Transaction {
  readonly outcome: Promise<PartOutcome>
  private readonly place: PartSlot

  constructor(ways: Ways, commands: Commands, whole: ReplySlot) {
    const place = new PartSlot(whole)
    super(ways, commands, place, undefined, () => {})
    this.place = place
    this.outcome = place.outcome
  }

  get isEmitted(): boolean {
    return this.wasEmitted
  }

  /** Tries to emit it; gives what stands against that. */
  tryNow(): Stop | undefined {
    return this.attempt(true)
  }

  protected override get isInMiddle(): boolean {
    return true
  }

  protected override again(): void {
    this.place.ends('again')
  }

  protected inSteps(): void {}
}

/**
 * Emits some writes in this turn for who has the gates of their keys: each server executes its share of them or nothing.
 *
 * @returns the errors that there are; undefined when something stands against it, and nothing was emitted
 */
export function emitTogether(
  ways: Ways,
  writes: readonly { readonly frame: Frame; readonly row: CommandRow }[],
  slot: ReplySlot,
): Promise<readonly ErrorReply[]> | undefined {
  const queued = new QueuedFrames()
  for (const { frame, row } of writes) queued.push(frame, row)
  const commands = new PlainCommands(queued, slot.db, 3)
  const part = new Part(ways, queued.isPlain ? commands : commands.list(), slot)
  return part.tryNow() === undefined ? part.outcome.then((outcome) => errorsIn(outcome as Buffer)) : undefined
}

function errorsIn(outcome: Buffer): readonly ErrorReply[] {
  const reply = decodeReply(outcome, 0, outcome.length)
  return isError(reply) ? [whyUnknown(reply)] : (elementsOf(reply) ?? []).filter(isError)
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
