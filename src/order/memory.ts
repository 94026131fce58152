import { parseInfo } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import type { Logger } from '../base/log.js'
import type { CommandRow } from '../command/row.js'
import { textOf } from '../resp/decode.js'
import { error, isError } from '../resp/encode.js'
import type { Route } from './router.js'

/** Redis's own text. Nothing was emitted, so nothing was applied anywhere. */
export const OUT_OF_MEMORY = error("OOM command not allowed when used memory > 'maxmemory'.")

/** How often a member is asked: the sooner it could be full the more often, and seldom when it has no limit yet. */
const SOONEST_MS = 100
const LATEST_MS = 1000
const UNLIMITED_MS = 10_000
/** About the fastest that a link can fill a server. */
const FASTEST_BYTES_PER_MS = 200_000
/**
 * The share of what a member has left that it is sent before it is asked again, however little time has passed. Not less
 * than a part of the margin.
 */
const BUDGET_SHARE = 0.25
const BUDGET_MIN_BYTES = 256 * 1024

/** Fewer bytes tell nothing of how a member grows by them. */
const TELLING_BYTES = 64 * 1024
/** How much of the greatest growth still counts at the next look. */
const DECAY = 0.5
/** Before anything is known: a byte for a byte. */
const UNKNOWN_GROWTH = 1

const MARGIN = 0.01
const MARGIN_MIN_BYTES = 1024 * 1024
/** A full member has memory again when this many margins are free: it does not come and go with its buffers. */
const MARGINS_AFTER_FULL = 1.5
/** With less than this much of it free a member may be beyond its limit already when a transaction comes. */
const MARGINS_FOR_BLOCKS = 0.25

export interface MemoryState {
  /** As Redis compares it with the limit: without the buffers that it does not count. */
  readonly usedBytes: number
  /** maxmemory; 0 is no limit. */
  readonly maxBytes: number
}

/**
 * Whether a member is so near its limit that it is given nothing any more that needs memory. The margin is 1 %, at least
 * 1 MB; `expectedBytes` is what the member is expected to have grown since it was asked. Beyond the limit it would refuse
 * also what DT itself has to write on it, the view's marker and the repair of keys.
 */
export function isFull({ usedBytes, maxBytes }: MemoryState, expectedBytes: number, wasFull: boolean): boolean {
  if (maxBytes === 0) return false
  return usedBytes + marginOf(maxBytes) * (wasFull ? MARGINS_AFTER_FULL : 1) + expectedBytes > maxBytes
}

/**
 * Whether a member is at its limit: beyond it a server refuses whatever is queued in a transaction, reads and what frees memory,
 * too, which it serves alone [redis-facts How writes replicate].
 */
export function refusesBlocks({ usedBytes, maxBytes }: MemoryState, expectedBytes: number): boolean {
  if (maxBytes === 0) return false
  return usedBytes + marginOf(maxBytes) * MARGINS_FOR_BLOCKS + expectedBytes > maxBytes
}

function marginOf(maxBytes: number): number {
  return Math.max(maxBytes * MARGIN, MARGIN_MIN_BYTES)
}

/**
 * How many bytes a member is expected to grow for each byte that it is sent: as it lately did at most. `before` is what was
 * expected, `grownBytes` and `sentBytes` what has happened since.
 */
export function growthAfter(before: number, grownBytes: number, sentBytes: number): number {
  if (sentBytes < TELLING_BYTES) return before
  return Math.max(grownBytes / sentBytes, before * DECAY)
}

/** How many bytes of commands a member is sent before it is asked again. */
export function budgetBytes({ usedBytes, maxBytes }: MemoryState): number {
  if (maxBytes === 0) return Number.POSITIVE_INFINITY
  return Math.max(BUDGET_MIN_BYTES, (maxBytes - usedBytes) * BUDGET_SHARE)
}

/** When a member is to be asked again. */
export function lookAgainMs({ usedBytes, maxBytes }: MemoryState): number {
  if (maxBytes === 0) return UNLIMITED_MS
  return Math.min(LATEST_MS, Math.max(SOONEST_MS, (maxBytes - usedBytes) / FASTEST_BYTES_PER_MS))
}

/** What a look at a member has told. */
interface Look {
  readonly usedBytes: number
  /** The link's, when the member was asked. */
  readonly sentBytes: number
  /** Bytes that it is expected to grow for each that it is sent. */
  readonly growth: number
  /** When it is to be asked again. */
  dueMs: number
}

/**
 * Looks after the memory of the members [design §7 Differences]: `-OOM` of one replica would leave the others with a write
 * that it does not have, so a command that needs memory is refused before it is emitted when one of its replicas is full.
 */
export class Memory {
  /** Nearly never: nobody needs to ask further. */
  anyFull = false
  private readonly looks = new Map<Link, Look>()
  private readonly asked = new Map<Link, Promise<void>>()
  private timer: NodeJS.Timeout | undefined

  constructor(
    /** The links of all members. */
    private readonly links: () => readonly Link[],
    private readonly log: Logger,
    /** A member is full now, or not any more. */
    private readonly changed: (link: Link) => void,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.tick(), SOONEST_MS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /**
   * Whether a command is refused because one of the replicas of its keys is full.
   *
   * @param isCopied a copy of a key takes memory, whatever made it necessary
   */
  refuses(row: CommandRow, route: Route, isCopied: boolean): boolean {
    return (isCopied || row.flags.includes('denyoom')) && route.targets.some(({ full }) => full)
  }

  /** It may be another process, with another limit: it is asked before it gets anything else. */
  linkUp(link: Link): void {
    this.looks.delete(link)
    link.onBudgetSpent = () => void this.ask(link)
    // It has just said so itself: nothing that needs memory is sent to it alone until it has been asked.
    link.onBlockRefused = () => {
      link.refusesBlocks = true
      this.become(link, true)
      void this.ask(link)
    }
    void this.ask(link)
  }

  /** All members are asked anew: one of them has refused something, or was not there. */
  look(): void {
    for (const look of this.looks.values()) look.dueMs = 0
    this.tick()
  }

  /** What is asked now is known when this resolves: somebody has changed the limits. */
  async lookAgain(): Promise<void> {
    const links = this.links().filter(({ ready }) => ready)
    await Promise.all(
      links.map(async (link) => {
        await this.asked.get(link)
        await this.ask(link)
      }),
    )
  }

  private tick(): void {
    const links = this.links()
    for (const link of this.looks.keys()) if (!links.includes(link)) this.looks.delete(link)
    const nowMs = performance.now()
    for (const link of links) {
      if (link.ready && nowMs >= (this.looks.get(link)?.dueMs ?? 0)) void this.ask(link)
    }
    this.anyFull = links.some(isShort)
  }

  private ask(link: Link): Promise<void> {
    const before = this.asked.get(link)
    if (before !== undefined) return before
    const asked = this.askNow(link).finally(() => this.asked.delete(link))
    this.asked.set(link, asked)
    return asked
  }

  private async askNow(link: Link): Promise<void> {
    const { sentBytes } = link
    try {
      const reply = await link.call(['INFO', 'memory'])
      const text = isError(reply) ? undefined : textOf(reply)
      if (text === undefined) return
      this.note(link, stateIn(parseInfo(text)), sentBytes)
    } catch {
      // The link broke; it is asked again when it is up.
    }
  }

  /** `sentBytes`: the link's, when the member was asked. */
  private note(link: Link, state: MemoryState, sentBytes: number): void {
    const { usedBytes } = state
    const before = this.looks.get(link)
    const growth =
      before === undefined
        ? UNKNOWN_GROWTH
        : growthAfter(before.growth, usedBytes - before.usedBytes, sentBytes - before.sentBytes)
    this.looks.set(link, { usedBytes, sentBytes, growth, dueMs: performance.now() + lookAgainMs(state) })
    link.budgetBytes = sentBytes + budgetBytes(state)
    const expectedBytes = growth * (link.sentBytes - sentBytes)
    link.refusesBlocks = refusesBlocks(state, expectedBytes)
    this.become(link, isFull(state, expectedBytes, link.full), state)
  }

  /** `state` is what it said, if it was asked. */
  private become(link: Link, full: boolean, state?: MemoryState): void {
    const before = link.full
    link.full = full
    this.anyFull = this.links().some(isShort)
    if (full === before) return
    const about = { member: link.name, ...state }
    if (full)
      this.log.warn(
        { event: 'member-full', ...about },
        `${link.name} is out of memory: writes that need some are refused on its keys`,
      )
    else this.log.info({ event: 'member-has-memory', ...about }, `${link.name} has memory again`)
    this.changed(link)
  }
}

function isShort({ full, refusesBlocks }: Link): boolean {
  return full || refusesBlocks
}

/** Whether a member's reply says that it has no memory. */
export function isOutOfMemory(reply: Buffer): boolean {
  return reply.toString('latin1', 0, 5) === '-OOM '
}

function stateIn(fields: ReadonlyMap<string, string>): MemoryState {
  const bytes = (field: string) => Number(fields.get(field) ?? 0)
  return {
    usedBytes: bytes('used_memory') - bytes('mem_not_counted_for_evict'),
    maxBytes: bytes('maxmemory'),
  }
}
