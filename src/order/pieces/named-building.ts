import { type Building, LAST_ELEMENTS, LATER_PAGES_MAX, type Reading, type Written } from './building.js'
import { Changes } from './changes.js'
import type { Page } from './page.js'
import { pagesOf } from './pages.js'
import { type Rereading, rereadingOf } from './rereading.js'

/**
 * A hash, set or sorted set. A page has what the source has in the moment in which it is read; what a write changes
 * afterwards is known by the names of the elements, and read again. An element that is there all the time is left out by no SCAN.
 */
export class NamedBuilding implements Building {
  readonly count: string
  private readonly changes = new Changes()
  private bytesEach = 1

  private constructor(
    private readonly type: string,
    private readonly reading: Reading,
    private readonly rereading: Rereading,
  ) {
    this.count = rereading.count
  }

  static async of(type: string, reading: Reading): Promise<NamedBuilding | undefined> {
    const rereading = await rereadingOf(type, reading.source)
    return rereading && new NamedBuilding(type, reading, rereading)
  }

  wrote(write: Written): boolean {
    const names = write.keys === 1 ? namesIn(write) : undefined
    return names !== undefined && this.changes.add(names)
  }

  async *pages(): AsyncGenerator<Page> {
    const { type, reading, changes } = this
    this.bytesEach = reading.bytes / Math.max(1, Number(await reading.source.reply(this.count)))
    yield* pagesOf(type, reading)
    for (let pages = 0; changes.size > LAST_ELEMENTS && pages < LATER_PAGES_MAX; pages++) yield await this.again()
  }

  async *rest(): AsyncGenerator<Page> {
    while (this.changes.size > 0) yield await this.again()
  }

  /** A page of what was changed. */
  private again(): Promise<Page> {
    const { reading, rereading, changes } = this
    const names = changes.take(reading.budget.elementsOf(this.bytesEach)).map((name) => Buffer.from(name, 'latin1'))
    return reading.inOrder(() => rereading.page(names))
  }
}

/** Of longer names no string is made: what they change is not remembered by them. */
const NAME_BYTES_MAX = 1024 * 1024

/** The elements that a write names; undefined when it is not known which, or they are long. */
function namesIn({ row: { elements }, frame: { buf, argc, argStart, argEnd } }: Written): string[] | undefined {
  if (elements !== 'each' && elements !== 'firsts' && elements !== 'seconds') return undefined
  const step = elements === 'each' ? 1 : 2
  const names: string[] = []
  // Words may stand before the scores; so it is counted from the end.
  const first = elements === 'seconds' ? 3 - (argc % 2) : 2
  for (let i = first; i < argc; i += step) {
    if (argEnd[i] - argStart[i] > NAME_BYTES_MAX) return undefined
    names.push(buf.latin1Slice(argStart[i], argEnd[i]))
  }
  return names
}
