import { InnerSlot, type ReplySlot } from '../../order/reply-slot.js'

/* The places of the replies to what is asked, or sent for, for a client that waits. */

export type Answered = (buf: Buffer, start: number, end: number) => void
export type Failed = (failure: Error, isWrite: boolean) => void

/** A client whose command takes several steps itself. */
interface Planned {
  readonly slot: ReplySlot
  readonly isOver: boolean
  /** What its client sent before has been answered. */
  isFirst(): void
}

/** The slot of what is asked for a client that waits: it passes the gates, and as a rule waits nowhere else. */
export class AskedSlot extends InnerSlot {
  /** It has been sent for: an answer that comes before waits for that. */
  isOut = false
  /** It was not: something has to be done first. */
  isPutOff = false

  constructor(
    protected readonly whole: ReplySlot,
    private readonly answered: Answered,
    private readonly failed: Failed,
    private readonly gates: 'admitted' | 'admitted, now' = 'admitted, now',
  ) {
    super()
  }

  override get proto(): 2 | 3 {
    return 3
  }

  override get abandoned(): boolean {
    return false
  }

  override get atGates(): 'admitted' | 'admitted, now' {
    return this.gates
  }

  finish(buf: Buffer, start: number, end: number): void {
    if (this.isOut) {
      this.answered(buf, start, end)
      return
    }
    const own = Buffer.from(buf.subarray(start, end))
    queueMicrotask(() => this.answered(own, 0, own.length))
  }

  override fail(failure: Error, isWrite: boolean): void {
    this.failed(failure, isWrite)
  }

  override pauseClient(): void {}

  override async whenFirst(): Promise<void> {}
}

/**
 * The slot of what may take an element. It holds no gates: when its key has to be made equal first [copy-first.ts], somebody else may
 * have the key for himself by then, and what he has seen there must stay; so it is sent for anew.
 */
export class SentForSlot extends AskedSlot {
  constructor(
    whole: ReplySlot,
    answered: Answered,
    failed: Failed,
    private readonly again: () => void,
  ) {
    super(whole, answered, failed)
  }

  putOff(until: Promise<unknown>): void {
    this.isPutOff = true
    until.then(this.again, this.again)
  }
}

/** The same for a command on several servers, which enters the gates itself, in its turn. */
export class PlannedSlot extends AskedSlot {
  constructor(
    private readonly waiting: Planned,
    answered: Answered,
    failed: Failed,
  ) {
    super(waiting.slot, answered, failed)
  }

  /** The place of who has been answered may be another client's. */
  override get abandoned(): boolean {
    return this.waiting.isOver || this.whole.abandoned
  }

  override async whenFirst(): Promise<void> {
    await this.whole.whenFirst()
    this.waiting.isFirst()
  }
}
