import { argumentOf, type Frame } from '../../resp/frame.js'

/*
 * How a script makes the names of keys that its client has not declared, as far as that is seen from outside:
 *
 *     KEYS          bull:mail:wait   bull:mail:17      it was stopped at
 *     key:tail                       [bull:mail:17]    bull:mail:17:lock        a whole key, and what stands behind it
 *     head+number   [bull:mail:]wait                   bull:mail:18             the beginning of a key, and a number
 *     head+arg      [bull:mail:]wait                   bull:mail:<ARGV[2]>      the beginning of a key, and an argument
 *
 * A name that it has made twice in one way is expected at the next call. That is a guess: when it is wrong the script may touch one key more
 * than it needs, and is stopped at the one that it does need. Numbers are expected to count up: those are ids of jobs, nearly always. There may be
 * several that do, each by itself: of the job that is next, and of the one that is to be forgotten. Once a number is known, so are all names that
 * had such a number: it is stopped once for each, not for each name.
 */

/** A guess, and what it was made by. */
export interface Guess {
  /** Another one, once it is known which number it should have been. */
  key: Buffer
  readonly shape: Shape
  /** The text before the number, and the number, if there is one. */
  readonly counted: Counted | undefined
}

interface Counted {
  readonly begin: string
  readonly series: Series
  number: number
  /** How far the series had been wrong when it gave this. */
  readonly offset: number
  /** It was this number, whether it was given or not. */
  isKnown: boolean
  /** It was given, and was another one. */
  wasWrong: boolean
  /** It was not given. */
  readonly isFound: boolean
}

/** Numbers that count up behind one text. */
interface Series {
  next: number
  /** The sum of what it was wrong by: who was given a number before that knows what it is now. */
  offset: number
  /** So many in sequence were not what it had given, or were not needed. From some on it gives none, but goes on to look. */
  wrong: number
  /** So many in sequence were what it would have given. */
  right: number
  /** What had its numbers, and how often in sequence it had not. */
  readonly shapes: Map<Shape, number>
}

interface Shape {
  readonly id: string
  /** Of KEYS, or of ARGV. */
  readonly base: 'key' | 'arg'
  readonly place: number
  /** Behind the beginning that is taken of it, so many signs follow that are neither letters nor digits; -1 when all of it is taken. */
  readonly cut: number
  /** What stands behind that. */
  readonly middle: string
  /** What follows: the place in ARGV, or a number. */
  readonly filler: number | 'number' | 'nothing'
  readonly tail: string
  seen: number
  /** So many guesses in sequence were not touched. */
  missed: number
}

/** So often it is seen before it is expected. */
const SEEN_MIN = 2
const MISSED_MAX = 8
const WRONG_MAX = 6
const SHAPES_MAX = 32
/** Behind one text. */
const SERIES_MAX = 3
const BEGINS_MAX = 1000
const GUESSES_MAX = 32
/** A number that is farther from one that was right before is of another series. */
const NEAR = 32
/** Longer names are not looked at. */
const NAME_MAX = 512
/** Of what stands between and behind what it is made of. */
const TEXT_MAX = 64
const INSIDE_MIN = 3

/** A key that is expected, and in the place of which, if it is. */
export type Expected = readonly [before: Buffer | undefined, key: Buffer]

export class Shapes {
  /** Those seen longest ago first. */
  private readonly shapes = new Map<string, Shape>()
  /** By the text before the number. */
  private readonly series = new Map<string, Series[]>()

  /**
   * The script was stopped at a key that was not at hand.
   *
   * @param guesses those with which it ran; what is expected now is added
   * @returns what is expected now beside the key
   */
  note(key: Buffer, frame: Frame, numkeys: number, guesses: Guess[]): readonly Expected[] {
    if (key.length > NAME_MAX) return []
    const found = made(key.toString('latin1'), frame, numkeys)
    if (found === undefined) return []
    const { begin, number, ...parts } = found
    const id = `${parts.base} ${parts.place} ${parts.cut} ${parts.filler} ${JSON.stringify([parts.middle, parts.tail])}`
    const shape = this.shapes.get(id) ?? { id, ...parts, seen: 0, missed: 0 }
    shape.seen++
    shape.missed = 0
    this.shapes.delete(id)
    this.shapes.set(id, shape)
    this.forget(forgetOldest(this.shapes, SHAPES_MAX))
    if (number === undefined) return []
    const given = givenIn(guesses, begin)
    const same = given.find((counted) => counted.number === number)
    if (same !== undefined) {
      same.isKnown = true
      noteIn(same.series, shape)
      return []
    }
    const wrong = nearest(given, number)
    if (wrong !== undefined) return correctedIn(guesses, wrong, number)
    const series = this.seriesOf(begin, number, new Set(given.map((counted) => counted.series)), frame, numkeys)
    noteIn(series, shape)
    const counted = { begin, series, number, offset: series.offset, isKnown: true, wasWrong: false, isFound: true }
    const before = guesses.length
    addGuesses(guesses, counted, this.numbered(begin, frame, numkeys))
    return guesses.slice(before).map((guess) => [undefined, guess.key])
  }

  /** What it is expected to touch. Each call is given other numbers. */
  guess(frame: Frame, numkeys: number): Guess[] {
    const guesses: Guess[] = []
    const begins = new Set<string>()
    for (const shape of this.shapes.values()) {
      if (shape.seen < SEEN_MIN || guesses.length >= GUESSES_MAX) continue
      const base = beginOf(shape, frame, numkeys)
      if (base === undefined) continue
      const begin = base + shape.middle
      if (shape.filler === 'number') {
        if (begins.has(begin)) continue
        begins.add(begin)
        for (const series of this.series.get(begin) ?? [])
          if (series.wrong < WRONG_MAX) addGuesses(guesses, next(begin, series))
        continue
      }
      const i = shape.filler === 'nothing' ? -1 : 3 + numkeys + shape.filler
      if (i >= frame.argc) continue
      const filler = i < 0 ? '' : textOf(frame, i)
      guesses.push({ key: Buffer.from(begin + filler + shape.tail, 'latin1'), shape, counted: undefined })
    }
    return guesses
  }

  /** It has run, and has touched these. */
  settle(guesses: readonly Guess[], isTouched: (key: Buffer) => boolean): void {
    const given = new Set<Counted>()
    const touched = guesses.filter(({ key }) => isTouched(key))
    for (const { counted } of touched) if (counted !== undefined) counted.isKnown = true
    for (const guess of guesses) {
      const { shape, counted } = guess
      const isMissed = !touched.includes(guess)
      if (counted === undefined) {
        shape.missed = isMissed ? shape.missed + 1 : 0
        if (shape.missed >= MISSED_MAX) this.shapes.delete(shape.id)
        continue
      }
      given.add(counted)
      const { series, isKnown } = counted
      if (isKnown && !isMissed && this.shapes.get(shape.id) === shape) noteIn(series, shape)
      else if (isKnown && isMissed) missedIn(series.shapes, shape)
    }
    for (const counted of given) {
      const { series, isKnown, wasWrong, isFound } = counted
      if (isFound) continue
      const isRight = isKnown && !wasWrong
      series.wrong = isRight ? 0 : series.wrong + 1
      series.right = isRight ? series.right + 1 : 0
      // Who comes next gets that number.
      if (!isKnown) corrected(counted, counted.number + offsetOf(counted) - 1)
    }
  }

  /** These are not known any more, wherever they had numbers. */
  private forget(gone: readonly Shape[]): void {
    if (gone.length === 0) return
    for (const all of this.series.values()) for (const { shapes } of all) for (const shape of gone) shapes.delete(shape)
  }

  /** All names that have a number behind this text, of whichever series. */
  private numbered(begin: string, frame: Frame, numkeys: number): readonly Shape[] {
    const isBehind = (shape: Shape) => `${beginOf(shape, frame, numkeys)}${shape.middle}` === begin
    return [...this.shapes.values()].filter((shape) => shape.filler === 'number' && isBehind(shape))
  }

  /** That to which a number belongs which none has given; `given` are those that have given another one. */
  private seriesOf(begin: string, number: number, given: ReadonlySet<Series>, frame: Frame, numkeys: number): Series {
    const all = this.series.get(begin) ?? []
    this.series.delete(begin)
    this.series.set(begin, all)
    forgetOldest(this.series, BEGINS_MAX)
    const others = all.filter((series) => !given.has(series))
    const known = others.find(({ next }) => next === number || next === number + 1)
    if (known !== undefined) {
      if (known.next === number) known.right++
      known.next = number + 1
      if (known.right >= SEEN_MIN) known.wrong = 0
      return known
    }
    if (all.length < SERIES_MAX) {
      const shapes = new Map(this.numbered(begin, frame, numkeys).map((shape) => [shape, 0]))
      const series = { next: number + 1, offset: 0, wrong: 0, right: 0, shapes }
      all.push(series)
      return series
    }
    // The one that is wrong most often goes on from here.
    const [worst] = [...(others.length > 0 ? others : all)].sort((x, y) => y.wrong - x.wrong)
    worst.offset += number + 1 - worst.next
    worst.next = number + 1
    worst.right = 0
    return worst
  }
}

/** What a call was given behind this text. */
function givenIn(guesses: readonly Guess[], begin: string): Counted[] {
  const given = new Set<Counted>()
  for (const { counted } of guesses) if (counted?.begin === begin) given.add(counted)
  return [...given]
}

/** Of what was given that which must have been this number. */
function nearest(given: readonly Counted[], number: number): Counted | undefined {
  let best: Counted | undefined
  for (const counted of given) {
    const distance = Math.abs(counted.number - number)
    if (counted.isKnown || (counted.series.right > 0 && distance > NEAR)) continue
    if (best === undefined || distance < Math.abs(best.number - number)) best = counted
  }
  return best
}

/** One more is given. */
function next(begin: string, series: Series): Counted {
  return {
    begin,
    series,
    number: series.next++,
    offset: series.offset,
    isKnown: false,
    wasWrong: false,
    isFound: false,
  }
}

function addGuesses(guesses: Guess[], counted: Counted, shapes: Iterable<Shape> = counted.series.shapes.keys()): void {
  for (const shape of shapes) {
    if (shape.seen < SEEN_MIN) continue
    if (guesses.length >= GUESSES_MAX) return
    guesses.push({ key: keyOf(counted, shape), shape, counted })
  }
}

function keyOf({ begin, number }: Counted, { tail }: Shape): Buffer {
  return Buffer.from(begin + number + tail, 'latin1')
}

/** It was another number than that which was given: so are those of its guesses. */
function correctedIn(guesses: readonly Guess[], counted: Counted, number: number): readonly Expected[] {
  corrected(counted, number)
  counted.number = number
  counted.isKnown = true
  counted.wasWrong = true
  return guesses
    .filter((guess) => guess.counted === counted)
    .map((guess) => {
      const before = guess.key
      guess.key = keyOf(counted, guess.shape)
      return [before, guess.key] as const
    })
}

/** It has numbers of this series; of too many shapes that have, the one that had none for longest is left out. */
function noteIn({ shapes }: Series, shape: Shape): void {
  shapes.delete(shape)
  shapes.set(shape, 0)
  forgetOldest(shapes, SHAPES_MAX)
}

/** One that is forgotten meanwhile stays so. */
function missedIn(shapes: Map<Shape, number>, shape: Shape): void {
  if (!shapes.has(shape)) return
  const missed = shapes.get(shape)! + 1
  if (missed >= MISSED_MAX) shapes.delete(shape)
  else shapes.set(shape, missed)
}

/** How far the series has moved since it gave this. */
function offsetOf({ series, offset }: Counted): number {
  return series.offset - offset
}

/** It was another number than that which was given: so are all that were given behind it. */
function corrected(counted: Counted, number: number): void {
  const { series } = counted
  const by = number - (counted.number + offsetOf(counted))
  series.offset += by
  series.next += by
}

/** What is there beyond so many, the oldest first. */
function forgetOldest<K, V>(map: Map<K, V>, most: number): V[] {
  const gone: V[] = []
  for (const [id, value] of map) {
    if (map.size <= most) break
    map.delete(id)
    gone.push(value)
  }
  return gone
}

type Made = Omit<Shape, 'id' | 'seen' | 'missed'> & { readonly begin: string; readonly number: number | undefined }

/** How the name is made of what the client has given; the longest beginning counts. */
function made(name: string, frame: Frame, numkeys: number): Made | undefined {
  let best: Pick<Made, 'base' | 'place' | 'cut' | 'begin'> | undefined
  for (let i = 3; i < frame.argc; i++) {
    if (frame.argEnd[i] - frame.argStart[i] > NAME_MAX) continue
    const base = i < 3 + numkeys ? 'key' : 'arg'
    const text = textOf(frame, i)
    const begin = beginIn(name, text, base === 'key')
    if (begin.length === 0 || begin.length <= (best?.begin.length ?? 0)) continue
    const cut = begin.length === text.length ? -1 : signsIn(text.slice(begin.length))
    best = { base, place: base === 'key' ? i - 3 : i - 3 - numkeys, cut, begin }
  }
  if (best === undefined) return undefined
  const rest = name.slice(best.begin.length)
  const { filler, word, at } = fillerIn(rest, frame, numkeys)
  const [middle, tail] = [rest.slice(0, at), rest.slice(at + word.length)]
  if (middle.length + tail.length > TEXT_MAX) return undefined
  const number = filler === 'number' ? Number(word) : undefined
  return { ...best, middle, filler, tail, number, begin: best.begin + middle }
}

/** The argument that stands in the rest of a name, the longest one, or a number. A short one stands at its beginning only. */
function fillerIn(rest: string, frame: Frame, numkeys: number): { filler: Shape['filler']; word: string; at: number } {
  let found: ReturnType<typeof fillerIn> = { filler: 'nothing', word: '', at: 0 }
  for (let i = 3 + numkeys; i < frame.argc; i++) {
    const length = frame.argEnd[i] - frame.argStart[i]
    if (length <= found.word.length || length > rest.length) continue
    const word = textOf(frame, i)
    const at = rest.indexOf(word)
    if (cutsNumber(rest, at - 1) || cutsNumber(rest, at + length - 1)) continue
    if (at === 0 || (at > 0 && length >= INSIDE_MIN)) found = { filler: i - 3 - numkeys, word, at }
  }
  if (found.filler !== 'nothing') return found
  const number = /(?<![A-Za-z0-9])[1-9]\d{0,14}(?![A-Za-z0-9])/.exec(rest)
  return number === null ? found : { filler: 'number', word: number[0], at: number.index }
}

/** Whether a number goes on from this place to the next one: some of its digits are no argument. */
function cutsNumber(text: string, i: number): boolean {
  return i >= 0 && /^\d\d$/.test(text.slice(i, i + 2))
}

/** All of a text where the name goes on behind it with another word, else what they have in common up to a sign. @param isKey a part may be taken */
function beginIn(name: string, text: string, isKey: boolean): string {
  let common = 0
  while (common < text.length && text[common] === name[common]) common++
  if (common === text.length && common < name.length && (isSign(text[common - 1]) || isSign(name[common]))) return text
  if (!isKey) return ''
  while (common > 0 && !isSign(text[common - 1])) common--
  return text.slice(0, common)
}

function beginOf({ base, place, cut }: Shape, frame: Frame, numkeys: number): string | undefined {
  const i = base === 'key' ? 3 + place : 3 + numkeys + place
  if (i >= (base === 'key' ? 3 + numkeys : frame.argc)) return undefined
  if (frame.argEnd[i] - frame.argStart[i] > NAME_MAX) return undefined
  const text = textOf(frame, i)
  if (cut < 0) return text
  let end = text.length
  for (let left = cut; end > 0; end--) if (isSign(text[end - 1]) && left-- === 0) break
  return end === 0 ? undefined : text.slice(0, end)
}

function signsIn(text: string): number {
  let count = 0
  for (const char of text) if (isSign(char)) count++
  return count
}

function isSign(char: string | undefined): boolean {
  return char !== undefined && !/[A-Za-z0-9]/.test(char)
}

function textOf(frame: Frame, i: number): string {
  return argumentOf(frame, i).toString('latin1')
}
