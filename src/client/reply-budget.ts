import { places } from '../order/reply-slot.js'

/** What the replies that are on their way from one member may be, as far as it is known. One command may be answered by more. */
export const EXPECTED_BYTES_MAX = 4 * 1024 * 1024
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
/** Turns are given when so little is left on its way: many small commands together, as they cost much less so. */
const TURNS_FROM_BYTES = (EXPECTED_BYTES_MAX * 3) / 4
/** Larger ones are too rare to hold up the small ones. */
const PRIOR_BYTES_MAX = 1024 * 1024
/** How much it weighs that the next reply may be a large one although the last ones were small. */
const CAUTION = 8
/** Where large values have been seen less is expected of nobody before he is believed: a thousand small replies say so. */
export const BELIEVED_BYTES = 8 * 1024
/** How long large values are remembered, at least, unless so many commands have come since of which none had to do with one. */
const REMEMBERED_MS = 300_000
const REMEMBERED_COMMANDS = 1_000_000
const LOOK_MS = 5000
/** Replies that do not wait for the member that they are expected from may have so much in all, beside what members owe. */
const ASIDE_BYTES_MAX = 64 * 1024 * 1024
/** Where nobody has had a turn for so long at a member, as much again is asked of it, once. */
const STUCK_MS = 1000

/** Whether a client may send its next command to a server; else what it waits for: a turn at the share of a member. */
export type Verdict = 'ask' | 'take first' | Share

/** What the replies of a client were like. */
export type Kind = 'unknown' | 'small' | 'large'

/** Who wants to ask for replies that may be large. */
export interface Asker {
  /** Asks for as much as it may; if it has to wait again it says so. */
  takeTurn(): void
}

/** Of a command whose reply need not be counted. */
export const NO_SHARES: readonly Share[] = []

/**
 * Replies are asked for only as far as the members' output buffers and ours may hold them [design §5 Backpressure]: a member
 * executes all that it has read before the first large reply of it is here, and everybody else's replies come behind them.
 *
 * Each member has its own share: one that is silent keeps what it owes, and who asks others has nothing to wait for.
 *
 * How large a reply is nobody knows before it comes. Who has had large ones is expected to get such again, and who has had
 * none at all as well, until he has; the first command of a client that has nothing else under way is not held up for that. Who
 * has had small ones is believed, the more of them the more, where large values have been seen lately, and else at once.
 */
export class ReplyBudget {
  /** Replies that clients have not taken. */
  untakenBytes = 0
  /** What a reply is expected to have at least, shared by as many small ones as the client has had. */
  prior = 0
  /** That of commands that all members answer together: who waits for one of them waits for all of them anyway. */
  readonly everywhere: readonly Share[] = [new Share(this)]

  /** Whose turn it is, and where. */
  turnOf: Asker | undefined
  turnAt: Share | undefined
  private readonly shares = new Map<string, readonly [Share]>()
  private asideBytes = 0
  private stuckTimer: NodeJS.Timeout | undefined
  private largest = 0
  private largestSince = 0
  /** When it was noted last whether there are large values, and how many places had been taken when one was seen last. */
  private notedAtMs = 0
  private takenBefore = 0
  private memoryTimer: NodeJS.Timeout | undefined

  /** The share of a member, alone. */
  of(member: string): readonly [Share] {
    let share = this.shares.get(member)
    if (share === undefined) this.shares.set(member, (share = [new Share(this)]))
    return share
  }

  /**
   * Whether somebody may ask for a reply of so many bytes.
   *
   * @param shares of whom he asks
   * @param outstanding how many replies he has on their way
   * @param untaken bytes of his replies that he has not taken
   * @param kind what his replies were like
   */
  judge(
    asker: Asker,
    shares: readonly Share[],
    expected: number,
    outstanding: number,
    untaken: number,
    kind: Kind,
  ): Verdict {
    const hasNothing = outstanding === 0 && untaken === 0
    if (hasNothing && (kind === 'small' || expected <= LARGE_BYTES)) return 'ask'
    if (!hasNothing && this.isTooMuch(expected)) return 'take first'
    const isFirst = hasNothing && kind === 'unknown'
    for (const share of shares) {
      if (isFirst && (this.prior === 0 || share.awaitedBytes < 2 * EXPECTED_BYTES_MAX)) continue
      if (!share.admits(asker, expected, outstanding)) return share
    }
    return 'ask'
  }

  /** Whether clients have too much to take for another reply of so many bytes. */
  isTooMuch(expected: number): boolean {
    return this.untakenBytes + expected > UNTAKEN_BYTES_MAX
  }

  /** Whether so many bytes are now among those that do not wait for the member that was asked. */
  putAside(bytes: number): boolean {
    if (this.asideBytes + bytes > ASIDE_BYTES_MAX) return false
    this.asideBytes += bytes
    return true
  }

  /** They have come. */
  cameFromAside(bytes: number): void {
    this.asideBytes -= bytes
  }

  /** Somebody waits at a share: it is looked at whether that comes to an end. */
  watch(): void {
    this.stuckTimer ??= setInterval(() => this.passStuck(), STUCK_MS).unref()
  }

  /** There are values as large as this. */
  sawLarge(bytes: number): void {
    this.takenBefore = places.taken
    if (bytes > this.largestSince) this.largestSince = bytes
    if (bytes <= this.largest) return
    this.largest = bytes
    this.prior = CAUTION * Math.min(bytes, PRIOR_BYTES_MAX)
    if (this.memoryTimer !== undefined) return
    this.notedAtMs = performance.now()
    this.memoryTimer = setInterval(() => this.lookAtMemory(), LOOK_MS).unref()
  }

  /** Whether it is time to forget: called every few seconds. */
  lookAtMemory(): void {
    const { notedAtMs, takenBefore } = this
    if (places.taken - takenBefore > REMEMBERED_COMMANDS) this.largestSince = 0
    else if (performance.now() - notedAtMs < REMEMBERED_MS) return
    this.forgetLarge()
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

  /** Where nobody has had a turn since it was called last, as much again may be asked for. */
  passStuck(): void {
    let anybody = false
    for (const [share] of [this.everywhere, ...this.shares.values()]) if (share.passStuck()) anybody = true
    if (anybody) return
    clearInterval(this.stuckTimer)
    this.stuckTimer = undefined
  }
}

/** What one member owes to clients, and who waits until it may be asked for more. */
export class Share {
  /** What the replies that are on their way are expected to have. */
  expectedBytes = 0
  /** As much of it is not waited for any more. */
  private stuckBytes = 0
  /** In the order of their turns. */
  private readonly waiting = new Set<Asker>()
  private scheduled = false
  private hadTurns = false

  constructor(private readonly budget: ReplyBudget) {}

  /** What it owes, as far as that is waited for. */
  get awaitedBytes(): number {
    return this.expectedBytes - this.stuckBytes
  }

  /** Whether somebody may ask it for a reply of so many bytes, who has so many on their way. */
  admits(asker: Asker, expected: number, outstanding: number): boolean {
    const { turnOf, turnAt } = this.budget
    const hasTurn = turnOf === asker
    if (!hasTurn && this.waiting.size > 0) return false
    const { awaitedBytes } = this
    if (awaitedBytes === 0 || awaitedBytes + expected <= EXPECTED_BYTES_MAX) return true
    // In its turn it may have one that is larger than what is left, or else it would wait for ever; and of several members, at
    // one of which it has its turn, it would never find room with all.
    return hasTurn && outstanding === 0 && awaitedBytes < (turnAt === this ? 1 : 2) * EXPECTED_BYTES_MAX
  }

  /** A reply is on its way. */
  expect(bytes: number): void {
    this.expectedBytes += bytes
  }

  /** It has come, or is not waited for at this member any more. */
  came(bytes: number): void {
    this.expectedBytes -= bytes
    if (this.stuckBytes > this.expectedBytes) this.stuckBytes = this.expectedBytes
    if (this.waiting.size > 0 && !this.scheduled && this.awaitedBytes <= TURNS_FROM_BYTES) this.schedule()
  }

  /** It is told when it is its turn, and has to ask again. */
  wait(asker: Asker): void {
    this.waiting.add(asker)
    this.budget.watch()
  }

  /** It does not wait any more. */
  leave(asker: Asker): void {
    this.waiting.delete(asker)
  }

  /** See `ReplyBudget`; false when nobody waits. Only once, so that what a member owes that stands still is bounded. */
  passStuck(): boolean {
    const isStuck = !this.hadTurns
    this.hadTurns = false
    if (this.waiting.size === 0) return false
    if (isStuck) {
      this.stuckBytes = Math.min(this.expectedBytes, EXPECTED_BYTES_MAX)
      this.giveTurns()
    }
    return true
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
    const { budget } = this
    let count = this.waiting.size
    for (const asker of this.waiting) {
      if (count-- === 0 || !this.hasRoom) break
      this.waiting.delete(asker)
      budget.turnOf = asker
      budget.turnAt = this
      this.hadTurns = true
      asker.takeTurn()
    }
    budget.turnOf = undefined
    budget.turnAt = undefined
  }
}

/** What a client's next reply is expected to have, after one of so many bytes: what large ones had, as long as they are not rare. */
export function estimateAfter(estimate: number, bytes: number): number {
  const next = bytes >= estimate ? bytes : estimate - Math.ceil((estimate - bytes) / 4)
  return next > SMALL_BYTES ? Math.min(next, EXPECTED_BYTES_MAX) : 0
}
