/** What is begun with at once: keys, about so many bytes of them, and keys that a server is asked to look through. */
export interface Piece {
  readonly keys: number
  readonly bytes: number
  readonly scanned: number
}

/** Large pieces cost less for each key, small ones keep nobody waiting. */
const ALONE: Piece = { keys: 512, bytes: 1024 * 1024, scanned: 1000 }
const WITH_CLIENTS: Piece = { keys: 48, bytes: 64 * 1024, scanned: 200 }

const TICK_MS = 100
/** Fewer commands than this in a tick are nobody's loss. */
const BUSY_COMMANDS = 10
/** Clients that were there so many ticks ago may be back at any moment. */
const QUIET_TICKS = 10

/** How much of what clients get done may be lost to migrations. */
const LOSS_MAX = 0.1
/** The share of time in which data moves while there are clients: never nothing, and never without a pause to compare with. */
const SHARE_MIN = 0.1
const SHARE_MAX = 0.75
/** How much of what was measured counts still after the next slice. */
const MEMORY = 0.95
/** Longer pauses help nobody: what took so long did not because of its size. */
const PAUSE_MAX_MS = 1000

/** What clients lose while data moves: how many of their commands are served in a millisecond of it, and of a pause. */
export class Loss {
  private readonly moving = { commands: 0, ms: 0 }
  private readonly pausing = { commands: 0, ms: 0 }

  note(during: 'moving' | 'pausing', commands: number, ms: number): void {
    const sum = this[during]
    sum.commands = sum.commands * MEMORY + commands
    sum.ms = sum.ms * MEMORY + ms
  }

  /** The share of time in which data may move, so that no more is lost than may be. */
  get share(): number {
    const { moving, pausing } = this
    if (moving.ms === 0 || pausing.commands === 0) return SHARE_MAX
    const lost = 1 - moving.commands / moving.ms / (pausing.commands / pausing.ms)
    return lost <= 0 ? SHARE_MAX : Math.min(SHARE_MAX, Math.max(SHARE_MIN, LOSS_MAX / lost))
  }
}

/**
 * How fast data moves [design §8 Join]: at full speed without clients, and beside clients so that these lose little. Then
 * work is done in slices, one at a time, with pauses between them. How many commands are served in slices and in pauses
 * tells what a slice costs the clients; the more it does, the longer are the pauses.
 *
 *        slice       pause      slice       pause
 *     [== 1 ms ==]...........[== 1 ms ==]...........    20 commands in a pause, 16 in a slice: a fifth is lost in
 *      16 commands 20 commands                          slices, so they may take half of the time
 */
export class Pace {
  /** Whether clients have been served a short while ago. */
  busy = false
  private readonly loss = new Loss()
  private ticker: NodeJS.Timeout | undefined
  private quietTicks = QUIET_TICKS
  private servedAtTick = 0

  private running = false
  private readonly waiting: (() => void)[] = []
  private changedAtMs = 0
  private servedAtChange = 0

  /** @param served how many commands of clients have been served since the start */
  constructor(private readonly served: () => number) {}

  start(): void {
    this.servedAtTick = this.served()
    this.ticker = setInterval(() => this.tick(), TICK_MS)
  }

  stop(): void {
    clearInterval(this.ticker)
  }

  /** How much is to be begun with at once now. */
  get piece(): Piece {
    return this.busy ? WITH_CLIENTS : ALONE
  }

  /** Does some work when it may begin, and is over when the work is. */
  async slice<T>(work: () => Promise<T>): Promise<T> {
    while (this.busy && this.running) await new Promise<void>((resolve) => this.waiting.push(resolve))
    if (!this.busy) return work()
    this.running = true
    this.change('pausing')
    try {
      return await work()
    } finally {
      this.pause(this.change('moving'))
    }
  }

  /** A slice has taken so long. */
  private pause(ms: number): void {
    const pauseMs = Math.min(PAUSE_MAX_MS, ms * (1 / this.loss.share - 1))
    setTimeout(() => {
      this.running = false
      for (const resume of this.waiting.splice(0)) resume()
    }, pauseMs)
  }

  /** Looks whether there are clients. */
  private tick(): void {
    const served = this.served()
    this.quietTicks = served - this.servedAtTick >= BUSY_COMMANDS ? 0 : this.quietTicks + 1
    this.servedAtTick = served
    this.busy = this.quietTicks < QUIET_TICKS
  }

  /** A slice or a pause is over, and has taken so many ms. */
  private change(over: 'moving' | 'pausing'): number {
    const [nowMs, served] = [performance.now(), this.served()]
    const ms = nowMs - this.changedAtMs
    // What lasted longer than any pause was the time between two migrations.
    if (ms <= PAUSE_MAX_MS) this.loss.note(over, served - this.servedAtChange, ms)
    this.changedAtMs = nowMs
    this.servedAtChange = served
    return ms
  }
}
