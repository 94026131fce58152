import { othersTurn } from '../../base/others-turn.js'
import { fieldOf, textOf } from '../../resp/decode.js'
import type { Value } from './page.js'
import { COMMANDS_MAX } from './page-filler.js'
import { type PendingPlace, placesIn, type StreamGroups } from './stream-groups.js'
import { ABOVE_ALL, IdsInOrder, orderOf } from './stream-ids.js'

/** So many pending ids of all groups are known beforehand, or some of each. */
const KNOWN_IDS = 100_000
const LEAST_OF_A_GROUP = 20
/** XDEL may name so many that had not been read. */
const NAMED_MAX = 1_000_000

/** What is not there any more before it was read: as ends of a range. */
export interface Trimmed {
  readonly after: string
  readonly before: string
}

/**
 * Which entries may be pending that have been deleted, from the stream's beginning to its end. Of each group what is pending is read
 * once, a while before the entries are, and never looked at again:
 *
 *     entries       [1 2 4]          [5 7 8]        [9]
 *     group a   [2 3 … 7]                     [8 10 …]
 *     group b   [1 8 9]                     nothing more
 *     looked for     3                 -             10
 *
 * An entry that is not there becomes pending no more. So one that is, and was not when its group was read, has been deleted since: by
 * XDEL, which has been told of, or by a trim, which has taken all that is older, too. It is older than the first entry then, and only
 * if that was not read yet all groups are asked about what is between.
 */
export class StreamGone {
  private readonly pending = new IdsInOrder()
  /** What XDEL has named that had not been read. */
  private readonly named = new IdsInOrder()
  /** Of all groups of which more may come. */
  private places: PendingPlace[] | undefined
  private most = 0

  constructor(
    private readonly value: Value,
    private readonly groups: StreamGroups,
  ) {}

  /** XDEL may delete this one, which was not read yet. False when they are too many. */
  mayBeDeleted(id: string): boolean {
    this.named.add([id])
    return this.named.size <= NAMED_MAX
  }

  /**
   * What may be pending and is deleted, up to the id `to`, or `+`: in order and so many at a time. All of that will be as it is.
   *
   * @param there what is there of the stream behind what was read before, up to `to`
   */
  async *upTo(to: string, there: ReadonlySet<string>, trimmed: Trimmed | undefined): AsyncGenerator<string[]> {
    const end = to === '+' ? ABOVE_ALL : orderOf(to)
    await this.begin()
    await this.addNamed(end, there)
    if (trimmed !== undefined) await this.addTrimmed(trimmed)
    for (let known = ''; known !== end; ) {
      const due = this.places!.filter(({ readTo }) => readTo < end)
      for await (const ids of this.groups.pendingIds(due, '+', this.most)) this.pending.add(ids)
      this.places = this.places!.filter(({ isRead }) => !isRead)
      known = end
      for (const { readTo } of this.places) if (readTo < known) known = readTo
      while (this.pending.has(known)) {
        const gone = this.pending.take(known, COMMANDS_MAX).filter((id) => !there.has(id))
        if (gone.length > 0) yield gone
        else await othersTurn()
      }
    }
  }

  private async begin(): Promise<void> {
    if (this.places !== undefined) return
    this.places = placesIn(await this.groups.all())
    const each = Math.max(LEAST_OF_A_GROUP, Math.floor(KNOWN_IDS / Math.max(1, this.places.length)))
    this.most = Math.min(each, this.groups.mostPending)
  }

  /** Whether any of them was pending is not asked: that would be as many questions as there are groups. */
  private async addNamed(end: string, there: ReadonlySet<string>): Promise<void> {
    const named: string[] = []
    while (this.named.has(end)) {
      for (const id of this.named.take(end, COMMANDS_MAX)) if (!there.has(id)) named.push(id)
      await othersTurn()
    }
    if (named.length === 0) return
    // XDEL of what never was there notes nothing, and nothing can be deleted in its place then.
    const info = await this.value.source.reply(['XINFO', 'STREAM'])
    const deleted = orderOf(textOf(fieldOf(info, 'max-deleted-entry-id') ?? null) ?? '0-0')
    this.pending.add(named.filter((id) => orderOf(id) <= deleted))
  }

  private async addTrimmed({ after, before }: Trimmed): Promise<void> {
    for (let places = placesIn(await this.groups.all(), after); places.length > 0; ) {
      for await (const ids of this.groups.pendingIds(places, before, this.most)) this.pending.add(ids)
      places = places.filter(({ isRead }) => !isRead)
    }
  }
}
