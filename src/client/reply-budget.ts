/** What the replies that are on their way may be in all, as far as it is known. One command may be answered by more. */
export const EXPECTED_BYTES_MAX = 16 * 1024 * 1024
/** The same of one client. */
export const CLIENT_BYTES_MAX = 4 * 1024 * 1024
/** With so much that clients do not take, only who has taken everything asks for more, and for one reply at a time. */
export const UNTAKEN_BYTES_MAX = 128 * 1024 * 1024
/** What the reply of a client is taken for that has had none. */
export const UNKNOWN_BYTES = 1024 * 1024
/** Smaller replies count as nothing: their number is limited. */
export const SMALL_BYTES = 1024
/** A value or reply of this size says that there are large ones. */
export const LARGE_BYTES = 64 * 1024
/** Larger ones are too rare to hold up the small ones. */
const PRIOR_BYTES_MAX = 1024 * 1024
/** How much it weighs that the next reply may be a large one although the last ones were small. */
const CAUTION = 8
/** How long large values are remembered, at least. */
const REMEMBERED_MS = 300_000
/** Where nobody has had a turn for so long, what is on its way is not waited for any more: a member stands still. */
const STUCK_MS = 1000

/** Whether a client may send its next command to a server; else what it waits for. */
export type Verdict = 'ask' | 'wait for a turn' | 'take first'

/** What the replies of a client were like. */
export type Kind = 'unknown' | 'small' | 'large'

/** Who wants to ask for replies that may be large. */
export interface Asker {
  /** Asks for as much as it may; if it has to wait again it says so. */
  takeTurn(): void
}

/**
 * Replies are asked for only as far as the members' output buffers and ours may hold them [design §5 Backpressure]: a member
 * executes all that it has read before the first large reply of it is here, and everybody else's replies come behind them.
 *
 * How large a reply is nobody knows before it comes. Who has had large ones is expected to get such again, and who has had
 * none at all as well, until he has; the first command of a client that has nothing else under way is not held up for that. Who
 * has had small ones is believed, the more of them the more, where large values have been seen lately, and else at once.
 */
export class ReplyBudget {
  /** What the replies that are on their way are expected to have. */
  expectedBytes = 0
  /** Replies that clients have not taken. */
  untakenBytes = 0
  /** What a reply is expected to have at least, shared by as many small ones as the client has had. */
  prior = 0

  /** As much of what is on its way is with members that stand still. */
  private stuckBytes = 0
  /** In the order of their turns. */
  private readonly waiting = new Set<Asker>()
  private turnOf: Asker | undefined
  private scheduled = false
  private hadTurns = false
  private stuckTimer: NodeJS.Timeout | undefined
  private largest = 0
  private largestSince = 0
  private memoryTimer: NodeJS.Timeout | undefined

  /**
   * Whether somebody may ask for a reply of so many bytes.
   *
   * @param outstanding how many replies he has on their way
   * @param untaken bytes of his replies that he has not taken
   * @param kind what his replies were like
   */
  judge(asker: Asker, expected: number, outstanding: number, untaken: number, kind: Kind): Verdict {
    const hasNothing = outstanding === 0 && untaken === 0
    const { awaitedBytes } = this
    if (hasNothing) {
      if (kind === 'small' || expected <= LARGE_BYTES) return 'ask'
      if (kind === 'unknown' && (this.prior === 0 || awaitedBytes < 2 * EXPECTED_BYTES_MAX)) return 'ask'
    } else if (this.isTooMuch(expected)) return 'take first'
    if (this.turnOf !== asker && this.waiting.size > 0) return 'wait for a turn'
    if (awaitedBytes === 0 || awaitedBytes + expected <= EXPECTED_BYTES_MAX) return 'ask'
    // In its turn it may have one that is larger than what is left, or else it would wait for ever.
    return this.turnOf === asker && outstanding === 0 && this.hasRoom ? 'ask' : 'wait for a turn'
  }

  /** Whether clients have too much to take for another reply of so many bytes. */
  isTooMuch(expected: number): boolean {
    return this.untakenBytes + this.expectedBytes + expected > UNTAKEN_BYTES_MAX
  }

  /** A reply is on its way. */
  expect(bytes: number): void {
    this.expectedBytes += bytes
  }

  /** It has come. */
  came(bytes: number): void {
    this.expectedBytes -= bytes
    if (this.stuckBytes > this.expectedBytes) this.stuckBytes = this.expectedBytes
    if (this.waiting.size > 0 && !this.scheduled && this.hasRoom) this.schedule()
  }

  /** It is told when it is its turn, and has to ask again. */
  wait(asker: Asker): void {
    this.waiting.add(asker)
    this.stuckTimer ??= setInterval(() => this.passStuck(), STUCK_MS).unref()
  }

  /** It does not wait any more. */
  leave(asker: Asker): void {
    this.waiting.delete(asker)
  }

  /** There are values as large as this. */
  sawLarge(bytes: number): void {
    if (bytes > this.largestSince) this.largestSince = bytes
    if (bytes <= this.largest) return
    this.largest = bytes
    this.prior = CAUTION * Math.min(bytes, PRIOR_BYTES_MAX)
    this.memoryTimer ??= setInterval(() => this.forgetLarge(), REMEMBERED_MS).unref()
  }

  /** Only what was seen since it was called last is remembered. */
  forgetLarge(): void {
    const bytes = this.largestSince
    this.largest = 0
    this.largestSince = 0
    this.prior = 0
    clearInterval(this.memoryTimer)
    this.memoryTimer = undefined
    if (bytes === 0) return
    this.sawLarge(bytes)
    this.largestSince = 0
  }

  /** If nobody has had a turn since it was called last, what is on its way counts as stuck, and others ask for as much again. */
  passStuck(): void {
    const isStuck = !this.hadTurns
    this.hadTurns = false
    if (this.waiting.size === 0) {
      clearInterval(this.stuckTimer)
      this.stuckTimer = undefined
    } else if (isStuck) {
      this.stuckBytes = this.expectedBytes
      this.giveTurns()
    }
  }

  private get awaitedBytes(): number {
    return this.expectedBytes - this.stuckBytes
  }

  private get hasRoom(): boolean {
    return this.awaitedBytes < EXPECTED_BYTES_MAX
  }

  private schedule(): void {
    this.scheduled = true
    setImmediate(this.run)
  }

  private readonly run = () => {
    this.scheduled = false
    this.giveTurns()
    // Somebody came while the others had their turns, and there is no reply to wait for.
    if (this.waiting.size > 0 && this.awaitedBytes === 0) this.schedule()
  }

  /** Who waits again afterwards is behind all others. */
  private giveTurns(): void {
    let count = this.waiting.size
    for (const asker of this.waiting) {
      if (count-- === 0 || !this.hasRoom) break
      this.waiting.delete(asker)
      this.turnOf = asker
      this.hadTurns = true
      asker.takeTurn()
    }
    this.turnOf = undefined
  }
}

/** What a client's next reply is expected to have, after one of so many bytes: what large ones had, as long as they are not rare. */
export function estimateAfter(estimate: number, bytes: number): number {
  const next = bytes >= estimate ? bytes : estimate - Math.ceil((estimate - bytes) / 4)
  return next > SMALL_BYTES ? Math.min(next, EXPECTED_BYTES_MAX) : 0
}
