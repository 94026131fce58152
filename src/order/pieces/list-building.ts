import { wordOf } from '../../base/ascii.js'
import type { Elements as CommandElements } from '../../command/row.js'
import { argumentOf, type Frame, frameOf, ownFrame } from '../../resp/frame.js'
import { type Building, LAST_ELEMENTS, LATER_PAGES_MAX, type Reading, SpoiledError, type Written } from './building.js'
import { type Elements, elementsAt, reversed } from './bulks.js'
import { HIDDEN_NAME } from './hidden-name.js'
import type { Page } from './page.js'
import { command } from './pages.js'

type End = 'left' | 'right'

/** What changes nothing but the ends of a list. */
const AT_ENDS: ReadonlySet<CommandElements | undefined> = new Set([
  ...(['pushed-left', 'pushed-right', 'pushed-left-if-any', 'pushed-right-if-any'] as const),
  ...(['popped-left', 'popped-right', 'popped-first', 'moved', 'moved-right-left', 'trimmed'] as const),
])

/**
 * A list, of which elements come and go at both ends. Its elements have places, which stay as they are: those that are there in the beginning
 * are 0, 1, 2 …; what is pushed on the left gets -1, -2 …, and each end knows how far it reaches. Which writes there are is told, and
 * the length that they find is known; so it is known what each of them does to the ends, and LRANGE can be asked for places.
 *
 *     source   −2 [−1  0  1  2 … 70] 71 72        from `low` up to `high`
 *     hidden      [ ·  0  1  2 … 70]              from `builtLow` up to `builtHigh`
 *     still the same  [0  1  2 … 70]              from `sameLow` up to `sameHigh`: −1 was popped since it was read, and pushed anew
 *
 * A place gets another element only when it was outside the list in between. So what was read of it is still the same where no end of
 * the list has been since; that is one interval, as an end leaves only what lies at an end. The hidden list is cut back to it
 * before it grows again, on the right by RPUSH and on the left by LPUSH. When the key is held, the interval is made to reach from end to end.
 *
 * All depends on every write's being executed: one that the source refuses, or that may be refused with others of its transaction,
 * spoils it, and with every page the length is compared. LSET, LINSERT and LREM, which change what lies between, spoil it.
 */
export class ListBuilding implements Building {
  readonly count = 'LLEN'
  readonly isExact = true
  /** What is written while they are counted: what it does is known when it is known how many there are. */
  private early: (() => boolean)[] | undefined
  private isBegun = false
  private low = 0
  private high = 0
  private builtLow = 0
  private builtHigh = 0
  private sameLow = 0
  private sameHigh = 0
  /** How many were read last. */
  private readLast = 0

  constructor(private readonly reading: Reading) {}

  wrote({ row, frame, keys, inBlock }: Written): boolean {
    const { elements } = row
    if (!AT_ENDS.has(elements) || inBlock) return false
    if (!this.isBegun) return true
    if (this.early === undefined) return this.changed(elements, frame, keys)
    const own = ownFrame(frame)
    this.early.push(() => this.changed(elements, own, keys))
    return true
  }

  async *pages(): AsyncGenerator<Page> {
    await this.begin()
    for (let later = 0; this.left > LAST_ELEMENTS && later < LATER_PAGES_MAX; ) {
      if (this.left <= this.readLast) later++
      yield await this.next()
    }
  }

  async *rest(): AsyncGenerator<Page> {
    do yield await this.next()
    while (this.left > 0)
  }

  /** How many elements are still to be read. */
  private get left(): number {
    const { onLeft, onRight } = this.open
    return onLeft + onRight
  }

  /** How many of them at each end; on the right where nothing is the same any more. */
  private get open(): { onLeft: number; onRight: number } {
    const { low, high, sameLow, sameHigh } = this
    return sameLow < sameHigh ? { onLeft: sameLow - low, onRight: high - sameHigh } : { onLeft: 0, onRight: high - low }
  }

  private async begin(): Promise<void> {
    const { source, inOrder } = this.reading
    // From the turn on in which this is asked for.
    const asked = inOrder(() => source.reply('LLEN'))
    const early: (() => boolean)[] = []
    this.early = early
    this.isBegun = true
    const length = Number(await asked)
    if (length === 0) throw new SpoiledError('the list is empty')
    this.high = length
    this.early = undefined
    if (!early.every((happens) => happens())) throw new SpoiledError('it is not known what a write has done')
  }

  /** Cuts the hidden list back, and reads a page at the end where more is left. */
  private async next(): Promise<Page> {
    const fitting = await this.fitting()
    const { low, high } = this
    const page: Page[number][] = this.cutBack()
    const { onLeft, onRight } = this.open
    const end: End = onRight >= onLeft ? 'right' : 'left'
    // What was looked at is what is read, but where ends of the list have been here in between.
    const count = Math.min(Math.max(onLeft, onRight), fitting)
    this.readLast = count
    if (count === 0) return page
    const first = end === 'right' ? this.sameHigh : this.sameLow - count
    if (end === 'right') this.sameHigh = this.builtHigh = first + count
    else this.sameLow = this.builtLow = first
    const elements = await this.read(first - low, count, high - low)
    page.push(end === 'right' ? command('RPUSH', elements) : command('LPUSH', reversed(elements)))
    return page
  }

  /** How many elements are a page, at the end where more is left. */
  private fitting(): Promise<number> {
    const { source, inOrder } = this.reading
    const { onLeft, onRight } = this.open
    const [place, step] =
      onRight >= onLeft ? ([this.high - this.low - onRight, 1] as const) : ([onLeft - 1, -1] as const)
    return inOrder(() => source.fitting(place, step))
  }

  private async read(from: number, count: number, expected: number): Promise<Elements> {
    const { source, inOrder } = this.reading
    const [length, bytes] = await inOrder(() =>
      Promise.all([source.reply('LLEN'), source.piece('LRANGE', String(from), String(from + count - 1))]),
    )
    const elements = elementsAt(bytes)
    if (length !== expected || elements.count !== count) throw new SpoiledError('the list has another length')
    return elements
  }

  private cutBack(): Page[number][] {
    const { low, sameLow, sameHigh, builtLow, builtHigh } = this
    if (sameLow >= sameHigh) {
      this.builtLow = this.builtHigh = this.sameLow = this.sameHigh = low
      return [frameOf(['UNLINK', HIDDEN_NAME])]
    }
    this.builtLow = sameLow
    this.builtHigh = sameHigh
    const [onLeft, onRight] = [sameLow - builtLow, builtHigh - sameHigh]
    return onLeft + onRight === 0 ? [] : [frameOf(['LTRIM', HIDDEN_NAME, String(onLeft), String(-1 - onRight)])]
  }

  /** What a write does to the ends. False when that is not known. */
  private changed(how: CommandElements | undefined, frame: Frame, keys: number): boolean {
    switch (how) {
      case 'popped-first':
        return this.poppedFromFirst(frame)
      case 'moved':
        return this.moved(endAt(frame, 3), endAt(frame, 4), frame)
      case 'moved-right-left':
        return this.moved('right', 'left', frame)
      default:
        return keys === 1 && this.changedAt(how, frame)
    }
  }

  /** The same of a write of this list alone. */
  private changedAt(how: CommandElements | undefined, frame: Frame): boolean {
    switch (how) {
      case 'pushed-left-if-any':
        return this.low === this.high || this.push('left', frame.argc - 2)
      case 'pushed-right-if-any':
        return this.low === this.high || this.push('right', frame.argc - 2)
      case 'pushed-left':
        return this.push('left', frame.argc - 2)
      case 'pushed-right':
        return this.push('right', frame.argc - 2)
      case 'popped-left':
        return this.popped('left', frame)
      case 'popped-right':
        return this.popped('right', frame)
      case 'trimmed':
        return this.trim(textAt(frame, 2), textAt(frame, 3))
      default:
        return false
    }
  }

  private popped(end: End, frame: Frame): boolean {
    const count = frame.argc === 2 ? '1' : textAt(frame, 2)
    return /^\d{1,12}$/.test(count) && this.pop(end, Number(count))
  }

  /** LMPOP numkeys key … LEFT|RIGHT [COUNT n]: only what is first is sure to be popped from. */
  private poppedFromFirst(frame: Frame): boolean {
    const at = 2 + Number(textAt(frame, 1))
    const end = at < frame.argc ? endAt(frame, at) : undefined
    const count = at + 2 < frame.argc ? textAt(frame, at + 2) : '1'
    if (end === undefined || !/^\d{1,12}$/.test(count)) return false
    return argumentOf(frame, 2).equals(this.reading.source.key) && this.pop(end, Number(count))
  }

  /** LMOVE source destination LEFT|RIGHT LEFT|RIGHT, and RPOPLPUSH: nobody knows whether there is something in another list. */
  private moved(from: End | undefined, to: End | undefined, frame: Frame): boolean {
    const { key } = this.reading.source
    const isOurs = (i: number) => argumentOf(frame, i).equals(key)
    if (!isOurs(1) || from === undefined || to === undefined) return false
    if (!isOurs(2)) return this.pop(from, 1)
    return this.low === this.high || (this.pop(from, 1) && this.push(to, 1))
  }

  private push(end: End, count: number): boolean {
    if (end === 'left') this.low -= count
    else this.high += count
    return true
  }

  private pop(end: End, count: number): boolean {
    const some = Math.min(count, this.high - this.low)
    if (end === 'left') this.low += some
    else this.high -= some
    return this.reached()
  }

  private trim(start: string, stop: string): boolean {
    if (![start, stop].every((word) => /^-?\d{1,12}$/.test(word))) return false
    const { low, high } = this
    const length = high - low
    const place = (word: string) => (word[0] === '-' ? length + Number(word) : Number(word))
    const first = Math.max(0, place(start))
    const behind = Math.min(length - 1, place(stop)) + 1
    this.low = low + Math.min(first, length)
    this.high = Math.max(this.low, low + behind)
    return this.reached()
  }

  /** An end of the list has come here: what lies outside is not the same any more. */
  private reached(): true {
    this.sameLow = Math.max(this.sameLow, this.low)
    this.sameHigh = Math.min(this.sameHigh, this.high)
    return true
  }
}

function textAt(frame: Frame, i: number): string {
  return wordOf(argumentOf(frame, i))
}

function endAt(frame: Frame, i: number): End | undefined {
  const word = textAt(frame, i).toLowerCase()
  return word === 'left' || word === 'right' ? word : undefined
}
