import { lowerCase } from '../../base/ascii.js'
import type { CommandRow } from '../../command/row.js'
import { argumentOf, type Frame } from '../../resp/frame.js'
import { type Building, LAST_ELEMENTS, LATER_PAGES_MAX, type Reading, type Written } from './building.js'
import { lineAt } from './bulks.js'
import { Changes } from './changes.js'
import type { Page } from './page.js'
import { rangeSet, roomFor } from './pages.js'

/** What a write names is read again in blocks of so many bytes. */
const BLOCK_BYTES = 1024
const LAST_BYTES = LAST_ELEMENTS * BLOCK_BYTES

/**
 * A string is read from its beginning to its end, and what a write changes of that is known by its offsets. Of such writes none
 * makes it shorter; so what APPEND adds, and the zeroes before what is set behind the end, lie behind what was read.
 */
export class StringBuilding implements Building {
  readonly count = 'STRLEN'
  private readTo = 0
  private readLast = 0
  private isRead = false
  /** Numbers of blocks that may have been written since they were read. */
  private readonly changes = new Changes()

  constructor(private readonly reading: Reading) {}

  wrote({ row, frame, keys }: Written): boolean {
    const ranges = keys === 1 ? rangesIn(row, frame) : undefined
    return ranges?.every((range) => this.changes.add(blocksOf(range))) === true
  }

  async *pages(): AsyncGenerator<Page> {
    const { reading, changes } = this
    const length = Number(await reading.source.reply('STRLEN'))
    if (length > reading.budget.bytes) yield roomFor(length)
    for (let later = 0; later < LATER_PAGES_MAX; ) {
      yield await this.next()
      if (!this.isRead) continue
      if (changes.size > LAST_ELEMENTS) yield await this.again()
      else if (this.readLast <= LAST_BYTES) return
      later++
    }
  }

  async *rest(): AsyncGenerator<Page> {
    do yield await this.next()
    while (!this.isRead)
    while (this.changes.size > 0) yield await this.again()
  }

  private async next(): Promise<Page> {
    const { source, budget } = this.reading
    const from = this.readTo
    const most = budget.bytes
    const bytes = await source.piece('GETRANGE', String(from), String(from + most - 1))
    this.readLast = lineAt(bytes, 0).value
    this.readTo += this.readLast
    this.isRead = this.readLast < most
    return this.readLast === 0 ? [] : [rangeSet(from, bytes)]
  }

  private async again(): Promise<Page> {
    const { source, budget, inOrder } = this.reading
    const blocks = this.changes.take(Math.ceil(budget.bytes / BLOCK_BYTES))
    const offsets = blocks.map((block) => Number(block) * BLOCK_BYTES)
    const range = (from: number) => source.piece('GETRANGE', String(from), String(from + BLOCK_BYTES - 1))
    const found = await inOrder(() => Promise.all(offsets.map(range)))
    return found.flatMap((bytes, i) => (lineAt(bytes, 0).value === 0 ? [] : [rangeSet(offsets[i], bytes)]))
  }
}

/** Bytes from the first one up to the second one. */
type Range = readonly [from: number, to: number]

function* blocksOf([from, to]: Range): Generator<string> {
  for (let block = Math.floor(from / BLOCK_BYTES); block * BLOCK_BYTES < to; block++) yield String(block)
}

/** What a write may change of what was there before; undefined when that is not certain. */
function rangesIn({ elements }: CommandRow, frame: Frame): Range[] | undefined {
  if (elements === 'bytes-behind') return []
  if (elements === 'bit-fields') return fieldsIn(frame)
  if (elements !== 'bytes' && elements !== 'bit') return undefined
  const offset = wordAt(frame, 2)
  if (!/^\d{1,12}$/.test(offset)) return undefined
  const from = Number(offset)
  return [elements === 'bit' ? bitsAt(from, 1) : [from, from + argumentOf(frame, 3).length]]
}

/** BITFIELD key [GET type offset | SET type offset value | INCRBY type offset increment | OVERFLOW how] … */
function fieldsIn(frame: Frame): Range[] | undefined {
  const ranges: Range[] = []
  for (let i = 2; i < frame.argc; ) {
    const word = wordAt(frame, i)
    const count = WORDS[word]
    if (count === undefined || i + count > frame.argc) return undefined
    if (word === 'set' || word === 'incrby') {
      const type = /^[iu](\d{1,2})$/.exec(wordAt(frame, i + 1))
      const offset = /^(#?)(\d{1,12})$/.exec(wordAt(frame, i + 2))
      if (type === null || offset === null) return undefined
      const width = Number(type[1])
      ranges.push(bitsAt(Number(offset[2]) * (offset[1] === '#' ? width : 1), width))
    }
    i += count
  }
  return ranges
}

/** How many words of BITFIELD belong together. */
const WORDS: Readonly<Record<string, number | undefined>> = { get: 3, set: 4, incrby: 4, overflow: 2 }

function bitsAt(first: number, count: number): Range {
  return [Math.floor(first / 8), Math.ceil((first + count) / 8)]
}

function wordAt(frame: Frame, i: number): string {
  return lowerCase(argumentOf(frame, i))
}
