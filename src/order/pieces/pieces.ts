import type { Link } from '../../backend/link.js'
import { restores } from '../../backend/server-kind.js'
import type { KeyId } from '../../base/key-id.js'
import { Aheads } from './aheads.js'
import { FailedCopies } from './failed-copies.js'
import { Leftovers } from './leftovers.js'
import { Slots } from './slots.js'

/**
 * So much memory of a value is dumped and restored within a millisecond on a slow server, also when it is in many small
 * elements, which are what takes time.
 */
const BYTES_PER_MS = 40_000
/** DUMP makes a little more of a string than its bytes. */
const BULK_SHARE = 0.9
/** So long a key counts as small that was: it is not asked for its size again with each write that copies it. */
const SIZE_MS = 1000
const SIZES_MAX = 1000
/** A part of what is large: it can grow meanwhile. */
const SMALL_SHARE = 0.1

/** What all copies of keys of a ring share: from which size on a value goes in pieces, and how many at a time. */
export class Pieces {
  readonly slots = new Slots()
  readonly failed = new FailedCopies()
  readonly aheads = new Aheads()
  /** What is left under hidden names, and what is parked. */
  readonly leftovers = new Leftovers(this.slots)
  /** Values that are being built under hidden names. */
  underWay = 0
  private readonly sizes = new Map<KeyId, { readonly bytes: number; readonly untilMs: number }>()

  constructor(
    /** No server is blocked for longer by what is copied: the setting `migration.maxBlockMs`. */
    readonly maxBlockMs: number,
    /** Whether a large value that changes on neither member is the same on both, with its deadline; see `isSameOnBoth`. */
    readonly isSame: (id: KeyId, bytes: number, one: Link, other: Link) => Promise<boolean> = async () => false,
  ) {}

  /** Whether servers have something under hidden names, or may have. */
  get areAnyHidden(): boolean {
    return this.underWay > 0 || this.leftovers.any
  }

  /** So much memory of values, one or several, may be dumped or restored at a time. */
  get wholeBytes(): number {
    return this.maxBlockMs * BYTES_PER_MS
  }

  /** Whether some server cannot take a value from another one as a whole: an older one, while a ring is upgraded. */
  mustBeTakenApart(source: Link, targets: readonly Link[]): boolean {
    const from = source.info?.kind
    return from !== undefined && targets.some(({ info }) => info !== undefined && !restores(info.kind, from))
  }

  /** Whether a value that takes so much memory has to be copied in pieces. */
  isLarge(bytes: number, targets: readonly Link[]): boolean {
    if (bytes > this.wholeBytes) return true
    return targets.some(({ info }) => info !== undefined && bytes > info.maxBulkBytes * BULK_SHARE)
  }

  /** Whether a key, see `keyId`, was small a moment ago. */
  wasSmall(id: KeyId): boolean {
    return this.smallSize(id) !== undefined
  }

  /** How many bytes such a key had; undefined when it was not small, or nobody knows. */
  smallSize(id: KeyId): number | undefined {
    const bytes = this.lastSize(id)
    return bytes !== undefined && bytes <= this.wholeBytes * SMALL_SHARE ? bytes : undefined
  }

  /** How many bytes a key had a moment ago; undefined when nobody knows. */
  lastSize(id: KeyId): number | undefined {
    if (this.sizes.size === 0) return undefined
    const noted = this.sizes.get(id)
    return noted !== undefined && performance.now() < noted.untilMs ? noted.bytes : undefined
  }

  /** It was given so many bytes more. */
  noteGrowth(id: KeyId, bytes: number): void {
    const noted = this.sizes.get(id)
    if (noted !== undefined) this.sizes.set(id, { ...noted, bytes: noted.bytes + bytes })
  }

  noteSize(id: KeyId, bytes: number): void {
    if (this.sizes.size >= SIZES_MAX) this.sizes.clear()
    this.sizes.set(id, { bytes, untilMs: performance.now() + SIZE_MS })
  }
}
