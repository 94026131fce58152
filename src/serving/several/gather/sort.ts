import { randomBytes } from 'node:crypto'
import type { KeyId } from '../../../base/key-id.js'
import { distinct } from '../../../base/name-of.js'
import { type SortRange, sortPatterns, unsortedRange } from '../../../command/keys.js'
import { elementsOf, textOf } from '../../../resp/decode.js'
import { isError, type Reply } from '../../../resp/encode.js'
import { argumentOf, type Frame, frameOf } from '../../../resp/frame.js'
import type { Words } from '../plans.js'
import { withArguments } from './cut.js'
import { GatherRun } from './gather.js'
import type { Guest } from './guests.js'
import { Over, sizeQuestion } from './whole-values.js'

/** So that no client has a key of such a name, behind a NUL: Redis takes no `->` there for a field, and all guests are strings. */
const MARK = Buffer.from(`\0dt:${randomBytes(12).toString('hex')}:`)
const STAR = 0x2a
const NAME_BYTES = 64
/**
 * So many questions in one turn, and fewer when the answers are large: others have theirs between them. As long as nothing is known of
 * the answers it is the first number.
 */
const FIRST_QUESTIONS = 64
const QUESTIONS_MAX = 1000

/** A pattern of BY or GET, taken apart as Redis does it [Redis sort.c lookupKeyByPattern]. */
export interface Pattern {
  /** What stands before and behind the element in the name of the key. */
  readonly before: Buffer
  readonly behind: Buffer
  /** Of a hash, or the key is a string. */
  readonly field: Buffer | undefined
  /** All that stands behind the star. */
  readonly rest: Buffer
}

/** @param text with a star before its first NUL */
export function patternOf(text: Buffer): Pattern {
  const star = text.indexOf(STAR)
  const rest = text.subarray(star + 1)
  const end = rest.indexOf(0) < 0 ? rest.length : rest.indexOf(0)
  const arrow = rest.subarray(0, end).indexOf('->')
  const hasField = arrow >= 0 && arrow + 2 < rest.length && rest[arrow + 2] !== 0
  return {
    before: text.subarray(0, star),
    behind: hasField ? rest.subarray(0, arrow) : rest,
    field: hasField ? rest.subarray(arrow + 2) : undefined,
    rest,
  }
}

/** What a pattern asks for an element. */
export function questionOf({ before, behind, field }: Pattern, element: Buffer): Words {
  const key = Buffer.concat([before, element, behind])
  return field === undefined ? ['GET', key] : ['HGET', key, field]
}

/**
 * SORT and SORT_RO with patterns, which name keys anywhere on the ring [design §7 Several keys]: what these hold is asked first, and
 * brought to the executor as strings, under names that the same pattern gives with a mark behind its star.
 *
 *     SORT k BY w_* GET h_*->f        asks GET w_1, HGET h_1 f, GET w_2 …
 *     executor   MULTI   MSET w_1<mark> 5 h_1<mark>->f x w_2<mark> 3 …   SORT k BY w_<mark>* GET …   UNLINK …   EXEC
 *
 * Which keys it needs is only known when the elements are: so it leaves the gates, and enters them again with all these keys.
 */
export class SortRun extends GatherRun {
  /** Their places in the command. */
  private readonly patterns = sortPatterns(this.frame)
  private others: readonly KeyId[] = []

  protected override gated(): KeyId[] {
    return [...super.gated(), ...this.others]
  }

  /** What the patterns name may be more than the elements. */
  protected override mayLeaveMuch(): boolean {
    return this.patterns.length > 0 || super.mayLeaveMuch()
  }

  protected override async measure(): Promise<void> {
    await this.elements()
  }

  protected override async more(): Promise<readonly Guest[]> {
    const elements = await this.elements()
    const patterns = this.patterns.map((place) => patternOf(argumentOf(this.frame, place)))
    const wanted = patterns.flatMap((pattern) => elements.map((element) => ({ pattern, element })))
    if (wanted.length === 0) return []
    const [source] = this.cut.sources
    this.copied = wanted.reduce(
      (sum, { pattern, element }) => sum + NAME_BYTES + element.length + pattern.rest.length,
      0,
    )
    this.checkCopied([{ key: source.key, bytes: this.copied }])
    const questions = wanted.map(({ pattern, element }) => questionOf(pattern, element))
    const ids = new Set(questions.map(([, key]) => this.idOf(key as Buffer)))
    const known = new Set(this.others)
    // As a step of a transaction it has all keys of the database.
    if (!this.isInside && [...ids].some((id) => !known.has(id))) {
      this.others = [...ids]
      throw new Over('again')
    }
    const values = await this.strings(questions)
    const pairs: Buffer[] = []
    for (const [i, { pattern, element }] of wanted.entries()) {
      const value = values[i]
      if (value !== undefined) pairs.push(Buffer.concat([pattern.before, element, MARK, pattern.rest]), value)
    }
    if (pairs.length === 0) return []
    return [{ names: pairs.filter((_, i) => i % 2 === 0), arrival: frameOf(['MSET', ...pairs]) }]
  }

  protected override commandWith(names: ReadonlyMap<number, Buffer>): Frame {
    const all = new Map(names)
    for (const place of this.patterns) {
      const { before, rest } = patternOf(argumentOf(this.frame, place))
      all.set(place, Buffer.concat([before, Buffer.from('*'), MARK, rest]))
    }
    return withArguments(this.frame, all)
  }

  /** What the keys hold, within the limit. Under their gates it stays what it is, however many turns it takes. */
  private async strings(questions: readonly Words[]): Promise<(Buffer | undefined)[]> {
    const values: (Buffer | undefined)[] = []
    const [source] = this.cut.sources
    let largest = 0
    let most = FIRST_QUESTIONS
    while (values.length < questions.length) {
      this.checkWanted()
      const found = await this.lookAtAll(questions.slice(values.length, values.length + most))
      const strings = found.map(stringIn)
      for (const value of strings) {
        this.copied += value?.length ?? 0
        largest = Math.max(largest, value?.length ?? 0)
      }
      this.checkCopied([{ key: source.key, bytes: this.copied }])
      values.push(...strings)
      most = Math.max(1, Math.min(QUESTIONS_MAX, Math.floor(this.order.pieces.wholeBytes / Math.max(1, largest))))
    }
    return values
  }

  /** What is sorted, each element once; where the order is known before, only what is taken of it. */
  private async elements(): Promise<Buffer[]> {
    const [{ key }] = this.cut.sources
    const [type, bytes] = await this.look([['TYPE', key], sizeQuestion(key)])
    this.copiesOne(key, Number(bytes))
    const question = QUESTIONS[textOf(type) ?? '']
    if (question === undefined) return []
    const found = await this.look(rangesOf(unsortedRange(this.frame)).map(([from, to]) => question(key, from, to)))
    const elements = found.flatMap((reply) => elementsOf(reply) ?? [])
    return distinct(elements as Buffer[])
  }
}

/** By type; of others SORT answers an error. */
const QUESTIONS: Readonly<Record<string, (key: Buffer, from: number, to: number) => Words>> = {
  list: (key, from, to) => ['LRANGE', key, String(from), String(to)],
  // In the order of the executor, and that may be another one when it is asked.
  set: (key) => ['SMEMBERS', key],
  zset: (key, from, to) => ['ZRANGE', key, String(from), String(to)],
}

/** From both ends where it may be either: whether DESC turns a list that is not sorted is the server's to say. */
function rangesOf(range: SortRange | undefined): (readonly [from: number, to: number])[] {
  if (range === undefined || range.count < 0) return [[0, -1]]
  const { offset, count, isBackward } = range
  if (count === 0) return []
  const forward = [offset, offset + count - 1] as const
  return isBackward ? [forward, [-offset - count, -offset - 1]] : [forward]
}

/** A key of another type counts as none. */
function stringIn(reply: Reply): Buffer | undefined {
  if (isError(reply) && !reply.message.startsWith('WRONGTYPE')) throw new Over({ reply })
  return Buffer.isBuffer(reply) ? reply : undefined
}
