import { wordOf } from '../../base/ascii.js'
import { argumentOf } from '../../resp/frame.js'
import { type Building, LAST_ELEMENTS, LATER_PAGES_MAX, type Reading, type Written } from './building.js'
import { Changes } from './changes.js'
import type { Page } from './page.js'
import { COMMANDS_MAX } from './page-filler.js'
import { compareIds } from './stream-ids.js'
import { StreamPages } from './stream-pages.js'

/** Each of them is asked for by a command of its own. */
const IDS_MAX = 1000

/**
 * A stream is read from its first entry to its last one. What is added meanwhile has larger ids than all that was there, and
 * is read later; XSETID, which alone could change that, spoils it. What XDEL deletes is known by its ids:
 * none of them comes back, so these are looked for again. Trims take the oldest entries: where the stream begins is asked in the
 * end. So it is with its groups, with what is pending in them, and with its counters.
 *
 *     writes    ───XADD 8──XDEL 3──────XREADGROUP──XADD 9, MAXLEN ~──────┐ T
 *     source    [1 2 3]   [4 … 8]  [3?]  ····························· hold [9] [groups?] [pending?] [first? 2]
 *     target       [1 2 3]  [4 … 8]  [XDEL 3]  ······················· hold [9] [groups, claims] [XTRIM MINID 2]
 *
 * An entry that was deleted while it is pending has to be there until that is claimed. It can become pending no more after it
 * was deleted. So what is deleted and not pending when its page is read, or when it is looked for again, needs not be there.
 */
export class StreamBuilding implements Building {
  readonly count = 'XLEN'
  private readonly stream: StreamPages
  /** Ids that XDEL named. */
  private readonly changes = new Changes()

  constructor(private readonly reading: Reading) {
    this.stream = new StreamPages(reading)
  }

  wrote({ row, frame, keys }: Written): boolean {
    if (row.elements === 'beside') return this.stream.wrote([])
    if (row.elements !== 'ids' || keys !== 1) return false
    const ids: string[] = []
    for (let i = 2; i < frame.argc; i++) {
      const id = idIn(wordOf(argumentOf(frame, i)))
      if (id === undefined) return false
      ids.push(id)
    }
    return this.stream.wrote(ids) && this.changes.add(ids)
  }

  async *pages(): AsyncGenerator<Page> {
    const { stream, changes } = this
    for (let later = 0; later < LATER_PAGES_MAX; ) {
      yield* stream.entries(false)
      if (!stream.isRead) continue
      if (changes.size > this.leftMax) yield* this.deleted()
      else if (stream.readLast <= LAST_ELEMENTS) return
      later++
    }
  }

  async *rest(): AsyncGenerator<Page> {
    const { stream, changes } = this
    do yield* stream.entries(true)
    while (!stream.isRead)
    while (changes.size > 0) {
      const ids = this.some()
      const there = await stream.thoseThere(ids)
      stream.deleteLater(ids.filter((id) => !there.has(id)))
    }
    yield* stream.rest()
  }

  /** So many ids that XDEL named may be left. Whether any of them is pending all groups are asked: that often for so many ids at least. */
  private get leftMax(): number {
    return Math.max(LAST_ELEMENTS, this.stream.pendingGroups)
  }

  /** Deletes some of what XDEL named. What is older than the first entry goes when the stream is trimmed. */
  private async *deleted(): AsyncGenerator<Page> {
    const { stream, reading } = this
    const ids = this.some()
    const [first, there] = await reading.inOrder(() => Promise.all([stream.first(), stream.thoseThere(ids)]))
    if (first === undefined) return
    const gone = ids.filter((id) => !there.has(id) && compareIds(id, first) > 0)
    const pending = await stream.thosePending(gone)
    stream.deleteLater(pending)
    const others = gone.filter((id) => !pending.has(id))
    for (let i = 0; i < others.length; i += COMMANDS_MAX) yield stream.deletion(others.slice(i, i + COMMANDS_MAX))
  }

  private some(): string[] {
    return this.changes.take(Math.max(this.stream.pendingGroups, Math.min(IDS_MAX, this.reading.budget.elementsOf(1))))
  }
}

/** An id as XRANGE shows it; undefined for what is written in another way. */
function idIn(text: string): string | undefined {
  const parts = /^(\d{1,20})(?:-(\d{1,20}))?$/.exec(text)
  return parts === null ? undefined : `${BigInt(parts[1])}-${BigInt(parts[2] ?? 0)}`
}
