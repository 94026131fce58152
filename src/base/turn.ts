/**
 * What one turn of the event loop produces for one socket goes out in one write [design §5 Batching]: whoever has
 * bytes to send says so once, and everybody is flushed together when the input of the turn has been handled.
 */
export interface Flushable {
  flush(): void
}

/** Who has to send what is in no hurry. */
export interface Unhurried {
  flushLast(): void
}

/** Who can wait for more to send, but not for long. */
export interface Patient {
  /** The wait is over. */
  due(): void
}

/** So long is waited; timers count whole milliseconds, so that it may become two. */
const PATIENCE_MS = 1

export class Turn {
  /** Nothing is flushed: who asked has its turn after `release`. */
  held = false
  /** Asked before anything is flushed; may call `hold`. */
  guard: () => void = () => {}

  /** Of this turn; the next one begins when what this one produces is flushed. */
  number = 0

  private early: Flushable[] = []
  private waiting: (() => void)[] = []
  private dirty: Flushable[] = []
  private spare: Flushable[] = []
  private last: Unhurried[] = []
  private spareLast: Unhurried[] = []
  private patient: Patient[] = []
  /** One for all, used again: it is begun at most once a millisecond. */
  private timer: NodeJS.Timeout | undefined
  private readonly run = () => {
    this.number++
    this.guard()
    if (this.held) return
    this.flushEarly()
    const batch = this.dirty
    const { last } = this
    this.dirty = this.spare
    this.last = this.spareLast
    for (let i = 0; i < batch.length; i++) batch[i].flush()
    batch.length = 0
    this.spare = batch
    for (let i = 0; i < last.length; i++) last[i].flushLast()
    if (last.length > 0) last.length = 0
    this.spareLast = last
  }
  private readonly endPatience = () => {
    const batch = this.patient
    this.patient = []
    for (const target of batch) target.due()
  }

  /** How many are flushed when the input of this turn has been handled. */
  get scheduled(): number {
    return this.dirty.length + this.last.length
  }

  /** Asks for one `flush` in the check phase of this turn. The caller sees to it that it asks once a turn. */
  schedule(target: Flushable): void {
    if (this.scheduled === 0) setImmediate(this.run)
    this.dirty.push(target)
  }

  /** The same for what may be sent when all others have sent theirs. */
  scheduleLast(target: Unhurried): void {
    if (this.scheduled === 0) setImmediate(this.run)
    this.last.push(target)
  }

  /** It is flushed before all others: what it has to say must be known before anybody is told what they say. It has asked for its turn. */
  first(target: Flushable): void {
    this.early.push(target)
  }

  private flushEarly(): void {
    if (this.early.length === 0) return
    for (const target of this.early.splice(0)) target.flush()
  }

  /** Asks for one call of `due` in a millisecond or two. */
  wait(target: Patient): void {
    if (this.patient.length === 0) {
      if (this.timer === undefined) this.timer = setTimeout(this.endPatience, PATIENCE_MS)
      else this.timer.refresh()
    }
    this.patient.push(target)
  }

  /** Flushes it at once, before its turn, unless what leaves the process is held: then it must have asked for its turn. */
  flushNow(target: Flushable): void {
    this.guard()
    if (this.held) return
    this.flushEarly()
    target.flush()
  }

  /** For what leaves the process by another way: resolves when it may, which after a `hold` for good is never. */
  async mayLeave(): Promise<void> {
    this.guard()
    while (this.held) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }

  /** From now on everything is kept that is to leave the process. */
  hold(): void {
    this.held = true
  }

  release(): void {
    this.held = false
    if (this.scheduled > 0) setImmediate(this.run)
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}
