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

const MARGIN = 0.01
const MARGIN_MIN_BYTES = 1024 * 1024
/** The growth that is reckoned with is that until the look after the next one. */
const AHEAD_MS = 2 * SOONEST_MS
/** How much of the fastest growth counts still at the next look. */
const DECAY = 0.9
/**
 * As long as a member is full it does not grow, but what made it so would come back at once: it counts for longer. Not for
 * ever, because it may have been one large value.
 */
const FULL_HALF_LIFE_MS = 10_000

export interface MemoryState {
  /** As Redis compares it with the limit: without the buffers that it does not count. */
  readonly usedBytes: number
  /** maxmemory; 0 is no limit. */
  readonly maxBytes: number
}

/**
 * Whether a member is so near its limit that it is given nothing any more that needs memory. The margin is 1 %, at least
 * 1 MB, and what the member may grow before it is asked again: beyond the limit it would refuse also what DT itself has
 * to write on it, the view's marker and the repair of keys.
 */
export function isFull({ usedBytes, maxBytes }: MemoryState, growthPerMs: number): boolean {
  if (maxBytes === 0) return false
  return usedBytes + Math.max(maxBytes * MARGIN, MARGIN_MIN_BYTES) + growthPerMs * AHEAD_MS > maxBytes
}

/** When a member is to be asked again. */
export function lookAgainMs({ usedBytes, maxBytes }: MemoryState): number {
  if (maxBytes === 0) return UNLIMITED_MS
  return Math.min(LATEST_MS, Math.max(SOONEST_MS, (maxBytes - usedBytes) / FASTEST_BYTES_PER_MS))
}

/** What a look at a member has told. */
export interface Look {
  readonly state: MemoryState
  readonly atMs: number
  /** The fastest that it grew lately, in bytes. */
  readonly growthPerMs: number
}

/** What is known of one member. */
interface Seen extends Look {
  dueMs: number
}

/** How fast a member is to be reckoned to grow. */
export function growthAfter(before: Look, { usedBytes }: MemoryState, nowMs: number, wasFull: boolean): number {
  const passedMs = nowMs - before.atMs
  // Two looks in a row would make any value a flood.
  const grown = (usedBytes - before.state.usedBytes) / Math.max(SOONEST_MS, passedMs)
  const lasting = before.growthPerMs * (wasFull ? 0.5 ** (passedMs / FULL_HALF_LIFE_MS) : DECAY)
  return Math.min(FASTEST_BYTES_PER_MS, Math.max(grown, lasting))
}

/**
 * Looks after the memory of the members [design §7 Differences]: `-OOM` of one replica would leave the others with a write
 * that it does not have, so a command that needs memory is refused before it is emitted when one of its replicas is full.
 */
export class Memory {
  /** Nearly never: nobody needs to ask further. */
  anyFull = false
  private readonly seen = new Map<Link, Seen>()
  private readonly asked = new Set<Link>()
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

  /** Whether a command is refused because one of the replicas of its keys is full. */
  refuses(row: CommandRow, route: Route): boolean {
    // A copy of a key takes memory, whatever made it necessary.
    return (row.flags.includes('denyoom') || row.replicate === 'copy') && route.targets.some(({ full }) => full)
  }

  /** It may be another process, with another limit. */
  linkUp(link: Link): void {
    this.seen.delete(link)
  }

  /** All members are asked anew: one of them has refused something, or was not there. */
  look(): void {
    for (const each of this.seen.values()) each.dueMs = 0
    this.tick()
  }

  private tick(): void {
    const links = this.links()
    for (const link of this.seen.keys()) if (!links.includes(link)) this.seen.delete(link)
    const nowMs = Date.now()
    for (const link of links) {
      if (link.ready && !this.asked.has(link) && nowMs >= (this.seen.get(link)?.dueMs ?? 0)) void this.ask(link)
    }
    this.anyFull = links.some(({ full }) => full)
  }

  private async ask(link: Link): Promise<void> {
    this.asked.add(link)
    try {
      const reply = await link.call(['INFO', 'memory'])
      const text = isError(reply) ? undefined : textOf(reply)
      if (text !== undefined) this.note(link, stateIn(parseInfo(text)))
    } catch {
      // The link broke; it is asked again when it is up.
    } finally {
      this.asked.delete(link)
    }
  }

  private note(link: Link, state: MemoryState): void {
    const nowMs = Date.now()
    const { usedBytes, maxBytes } = state
    const before = this.seen.get(link)
    const growthPerMs = before === undefined ? 0 : growthAfter(before, state, nowMs, link.full)
    const full = isFull(state, growthPerMs)
    this.seen.set(link, { state, atMs: nowMs, dueMs: nowMs + lookAgainMs(state), growthPerMs })
    if (full === link.full) return
    link.full = full
    this.anyFull = this.links().some((each) => each.full)
    const about = { member: link.name, usedBytes, maxBytes }
    if (full) this.log.warn(about, `${link.name} is out of memory: writes that need some are refused on its keys`)
    else this.log.info(about, `${link.name} has memory again`)
    this.changed(link)
  }
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
