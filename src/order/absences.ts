import type { Link } from '../backend/link.js'
import type { KeyId } from '../base/key-id.js'
import { identifierOfId } from '../ring/identifier.js'
import { RangeSet } from '../ring/range-set.js'
import type { TokenRange } from '../ring/token-range.js'
import type { View } from '../view/view.js'
import type { Arrivals } from './arrivals.js'

/** So many keys that were written while a member is away are remembered. With more it is filled anew. */
const KEYS_MAX = 100_000

/** What a member that has left had, and which of it has been written since, or may have been different before. */
interface Absence {
  /** The process that had it. */
  readonly runId: string
  readonly ranges: RangeSet
  readonly ids: Set<KeyId>
}

/**
 * Keys that are written while a member is away [design §8 Failure]. If it comes back as the same process it still has
 * everything else of what it was a natural replica of, so these keys are owed to it and nothing more: it needs not be
 * filled anew. Should it leave again before it has got them, they are owed to it still. That holds for what is
 * remembered completely; in doubt, nothing is.
 */
export class Absences {
  /** False nearly always: nobody needs to ask further. */
  any = false
  private readonly byName = new Map<string, Absence>()
  /** Members that have nothing of what the present view says: from the next one on they will not be said to. */
  private readonly restartedOnes = new Set<string>()
  /** How often databases were emptied or swapped by what was emitted. */
  sweeps = 0
  /** Commands under way that do that. */
  private sweeping = 0

  constructor(private readonly arrivals: Arrivals) {}

  /** Whether a command that empties or swaps databases has not been answered by all members. */
  get isSweeping(): boolean {
    return this.sweeping > 0
  }

  /** These keys are written, or their replicas are not sure to be equal. */
  note(ids: readonly KeyId[]): void {
    for (const [name, absence] of this.byName) {
      for (const id of ids) if (absence.ranges.has(identifierOfId(id))) absence.ids.add(id)
      if (absence.ids.size > KEYS_MAX) this.forget(name)
    }
  }

  /**
   * Whoever left is remembered, and to whoever is back is owed what it has missed.
   *
   * @param before the links of the previous view
   * @param now the links of this one
   * @param inDoubt keys of which the replicas may differ; undefined when that may be any
   */
  viewChanged(
    [previous, before]: readonly [View, readonly Link[]],
    [view, now]: readonly [View, readonly Link[]],
    inDoubt: readonly KeyId[] | undefined,
  ): void {
    for (const link of before) {
      const isLeaving = !isMember(view, link.name) && !this.restartedOnes.has(link.name)
      if (inDoubt !== undefined && isLeaving) this.begin(previous, link, inDoubt)
    }
    this.restartedOnes.clear()
    for (const link of now) {
      const absence = isMember(previous, link.name) ? undefined : this.byName.get(link.name)
      if (absence !== undefined && absence.runId === link.info?.runId) {
        this.arrivals.keep(link, absence.ranges, absence.ids)
      }
      this.forget(link.name)
      // Of ranges that it is to have no more it will miss writes.
      this.arrivals.keepWithin(link, () => rangesOf(view, link.name, 'pending'))
    }
  }

  /** The server of this member is another process, or is not trusted: it may leave by the view that says so. */
  restarted(name: string): void {
    this.forget(name)
    this.restartedOnes.add(name)
  }

  /** What this member has does not count any more. */
  forget(name: string): void {
    this.byName.delete(name)
    this.any = this.byName.size > 0
  }

  /**
   * A command that empties or swaps databases is emitted to everybody who is there: nobody who is away has what it had, nor
   * does who leaves before the returned function is called.
   */
  sweep(): () => void {
    this.byName.clear()
    this.any = false
    this.sweeps++
    this.sweeping++
    return () => {
      this.sweeping--
    }
  }

  private begin(previous: View, link: Link, inDoubt: readonly KeyId[]): void {
    // Of what it was pending for it may have kept all but some keys from the time before.
    const kept = this.arrivals.keptBy(link)
    const ranges = [...rangesOf(previous, link.name, 'natural'), ...kept]
    if (link.info === undefined || ranges.length === 0 || this.sweeping > 0) return
    this.byName.set(link.name, { runId: link.info.runId, ranges: new RangeSet(ranges), ids: new Set() })
    this.any = true
    this.note(inDoubt)
    if (kept.length > 0) this.note(this.arrivals.owed(link))
  }
}

function isMember({ members }: View, name: string): boolean {
  return members.some((member) => member.name === name)
}

function rangesOf({ ring, setOfRange }: View, name: string, as: 'natural' | 'pending'): TokenRange[] {
  return ring.ranges().filter((_, i) => setOfRange[i][as].some((member) => member.name === name))
}
