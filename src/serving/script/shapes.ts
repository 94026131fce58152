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
 * than it needs, and is stopped at the one that it does need. Numbers are expected to count up: those are ids of jobs, nearly always.
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
  readonly counter: Counter
  number: number
  /** How far the counter had been wrong when it gave this. */
  readonly offset: number
  /** It was this number, whether it was given or not. */
  isKnown: boolean
}

interface Counter {
  next: number
  /** The sum of what it was wrong by: who was given a number before that knows what it is now. */
  offset: number
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
const SHAPES_MAX = 32
const COUNTERS_MAX = 1000
const GUESSES_MAX = 16
/** Longer names are not looked at. */
const NAME_MAX = 512
/** Of what stands between and behind what it is made of. */
const TEXT_MAX = 64
const INSIDE_MIN = 3

export class Shapes {
  /** Those seen longest ago first. */
  private readonly shapes = new Map<string, Shape>()
  /** By the text before the number. */
  private readonly counters = new Map<string, Counter>()

  /**
   * The script was stopped at a key that was not at hand.
   *
   * @param guesses those with which it ran
   * @returns keys of these that are others now, because the number was wrong, each behind what it was
   */
  note(key: Buffer, frame: Frame, numkeys: number, guesses: readonly Guess[]): (readonly [Buffer, Buffer])[] {
    if (key.length > NAME_MAX) return []
    const name = key.toString('latin1')
    const found = made(name, frame, numkeys)
    if (found === undefined) return []
    const { begin, number, ...parts } = found
    const id = `${parts.base} ${parts.place} ${parts.cut} ${parts.filler} ${JSON.stringify([parts.middle, parts.tail])}`
    const shape = this.shapes.get(id) ?? { id, ...parts, seen: 0, missed: 0 }
    shape.seen++
    shape.missed = 0
    this.shapes.delete(id)
    this.shapes.set(id, shape)
    forgetOldest(this.shapes, SHAPES_MAX)
    if (number === undefined) return []
    const counter = this.counters.get(begin)
    const wrong = guesses.filter(({ counted }) => counted !== undefined && counted.counter === counter)
    if (wrong.length === 0) this.learnCounter(begin, number + 1)
    if (wrong.length === 0 || wrong[0].counted!.isKnown) return []
    const counted = wrong[0].counted!
    corrected(counted, number)
    counted.number = number
    counted.isKnown = true
    return wrong.map((guess) => {
      const before = guess.key
      guess.key = Buffer.from(begin + number + guess.shape.tail, 'latin1')
      return [before, guess.key] as const
    })
  }

  /** What it is expected to touch. Each call is given other numbers. */
  guess(frame: Frame, numkeys: number): Guess[] {
    const guesses: Guess[] = []
    const given = new Map<string, Counted | undefined>()
    for (const shape of this.shapes.values()) {
      if (shape.seen < SEEN_MIN || guesses.length >= GUESSES_MAX) continue
      const base = beginOf(shape, frame, numkeys)
      if (base === undefined) continue
      const begin = base + shape.middle
      let filler = ''
      let counted: Counted | undefined
      if (shape.filler === 'number') {
        if (!given.has(begin)) given.set(begin, this.give(begin))
        counted = given.get(begin)
        if (counted === undefined) continue
        filler = String(counted.number)
      } else if (shape.filler !== 'nothing') {
        const i = 3 + numkeys + shape.filler
        if (i >= frame.argc) continue
        filler = textOf(frame, i)
      }
      guesses.push({ key: Buffer.from(begin + filler + shape.tail, 'latin1'), shape, counted })
    }
    return guesses
  }

  /**
   * It has run.
   *
   * @param isExact whether those that it has only read are known as well
   */
  settle(guesses: readonly Guess[], isTouched: (key: Buffer) => boolean, isExact: boolean): void {
    const given = new Set<Counted>()
    for (const { key, shape, counted } of guesses) {
      const touched = isTouched(key)
      if (counted !== undefined) {
        given.add(counted)
        if (touched) counted.isKnown = true
      }
      if (touched) shape.missed = 0
      else if (isExact && ++shape.missed >= MISSED_MAX) this.shapes.delete(shape.id)
    }
    // Who comes next gets that number.
    for (const counted of given) if (!counted.isKnown) corrected(counted, counted.number + offsetOf(counted) - 1)
  }

  private give(begin: string): Counted | undefined {
    const counter = this.counters.get(begin)
    if (counter === undefined) return undefined
    const number = counter.next++
    return { counter, number, offset: counter.offset, isKnown: false }
  }

  private learnCounter(begin: string, next: number): void {
    const counter = this.counters.get(begin) ?? { next, offset: 0 }
    counter.next = Math.max(counter.next, next)
    this.counters.delete(begin)
    this.counters.set(begin, counter)
    forgetOldest(this.counters, COUNTERS_MAX)
  }
}

/** How far the counter has moved since it gave this. */
function offsetOf({ counter, offset }: Counted): number {
  return counter.offset - offset
}

/** It was another number than that which was given: so are all that were given behind it. */
function corrected(counted: Counted, number: number): void {
  const { counter } = counted
  const by = number - (counted.number + offsetOf(counted))
  counter.offset += by
  counter.next += by
}

function forgetOldest(map: Map<string, unknown>, most: number): void {
  for (const id of map.keys()) {
    if (map.size <= most) return
    map.delete(id)
  }
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
    if (at === 0 || (at > 0 && length >= INSIDE_MIN)) found = { filler: i - 3 - numkeys, word, at }
  }
  if (found.filler !== 'nothing') return found
  const number = /(?<![A-Za-z0-9])[1-9]\d{0,14}(?![A-Za-z0-9])/.exec(rest)
  return number === null ? found : { filler: 'number', word: number[0], at: number.index }
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
