import { distinct, nameOf } from '../../base/name-of.js'
import { isHidden } from '../../order/pieces/hidden-name.js'
import { error, type Reply } from '../../resp/encode.js'
import { argumentOf } from '../../resp/frame.js'
import { SORTED_MAX } from './prologue-sort.js'
import type { Answer } from './questions.js'
import type { Called, Run } from './run.js'
import type { Learnt } from './script.js'
import type { Guess } from './shapes.js'

/*
 * Keys that a script touches and that its client has not declared.
 */

/** How many of them it may name. */
const UNDECLARED_MAX = 100
/** An argument that was not touched so often in sequence is expected no more. */
const MISSED_MAX = 8
/** The same of those that KEYS or SCAN has told it. */
const TOLD_MAX = 1000

const OURS = error(
  'ERR the script touched a name that begins with \\0dt:pieces:, under which this proxy builds values that it copies; what it did before was taken back',
)

/**
 * Lets it touch another key that it has named, or says why not. What argument that was, or how the name is made, is remembered. Of several
 * that it was told of together it may touch all.
 *
 * @param mayExpect whether a key may be given to it that is only expected
 */
export function letTouch(run: Run, key: Buffer, mayExpect: (key: Buffer) => boolean): Reply | undefined {
  const { extra, named, answers } = run
  if (isHidden(key, 0, key.length)) return OURS
  for (const { kind, values } of answers) {
    if (kind !== 'a' && kind !== 'c') continue
    const told = (values as readonly Buffer[]).filter((each) => !extra.some((other) => other.equals(each)))
    if (!told.some((each) => each.equals(key))) continue
    if (told.length > TOLD_MAX) return tooManyTold(told.length)
    extra.push(...told)
    for (const each of told) named.add(nameOf(each))
    return undefined
  }
  const own = ownKeys(run)
  if (own.some((each) => each.equals(key))) {
    // It goes other ways than before, and may need any of them.
    const more = own.filter((each) => !named.has(nameOf(each)))
    addAll(extra, more)
    for (const each of more) named.add(nameOf(each))
    return undefined
  }
  const isNamed = namedBy(run)
  const most = UNDECLARED_MAX + told(answers) + own.filter(isNamed).length
  if (named.size >= most) return tooManyUndeclared(key)
  if (extra.length >= most) dropExpected(run)
  named.add(nameOf(key))
  expect(run, key, mayExpect)
  if (!extra.some((each) => each.equals(key))) extra.push(key)
  return undefined
}

/** Notes what key it was, and adds what is expected with that. */
function expect(
  { script, frame, numkeys, extra, guesses }: Run,
  key: Buffer,
  mayExpect: (key: Buffer) => boolean,
): void {
  let isArgument = false
  for (let i = 3 + numkeys; i < frame.argc; i++) {
    if (!argumentOf(frame, i).equals(key)) continue
    script.learnt.args.set(i - 3 - numkeys, 0)
    isArgument = true
  }
  const expected = isArgument ? [] : script.learnt.shapes.note(key, frame, numkeys, guesses)
  for (const [before, after] of expected) {
    const i = before === undefined ? -1 : extra.findIndex((each) => each.equals(before))
    const isGiven = after.equals(key) || mayExpect(after)
    if (i >= 0) extra.splice(i, 1, ...(isGiven ? [after] : []))
    else if (isGiven && extra.length < UNDECLARED_MAX) addTo(extra, after)
  }
}

/** Takes out what it has not named, as what was expected and not touched. */
function dropExpected(run: Run): void {
  const { extra, guesses } = run
  const isNamed = namedBy(run)
  learnTouched(
    run,
    [...extra.keys()].filter((i) => isNamed(extra[i])),
  )
  guesses.length = 0
  keepOnly(extra, isNamed)
}

/** Whether it has named a key itself, or was told of it. */
export function namedBy({ named }: Run): (key: Buffer) => boolean {
  return (key) => named.has(nameOf(key))
}

/** Takes out all keys but these. */
export function keepOnly(keys: Buffer[], isKept: (key: Buffer) => boolean): void {
  const kept = keys.filter(isKept)
  keys.length = 0
  keys.push(...kept)
}

/** Lets it touch the keys that patterns of SORT name, and notes that among the answers; or says why not. */
export function letTouchAll(keys: readonly Buffer[], { extra, named }: Run, answers: Answer[]): Reply | undefined {
  if (keys.some((key) => isHidden(key, 0, key.length))) return OURS
  const before = answers.reduce((sum, { kind, values }) => (kind === 'k' ? sum + values.length : sum), 0)
  if (before + keys.length > SORTED_MAX) return TOO_MANY_SORTED
  extra.push(...keys)
  for (const key of keys) named.add(nameOf(key))
  answers.push({ question: [], kind: 'k', values: keys })
  return undefined
}

/** How many keys it was told of. */
function told(answers: readonly Answer[]): number {
  return answers.reduce((sum, { values }) => sum + values.length, 0)
}

/**
 * Arguments that were keys when it ran before, and names that are made as it has made some before.
 *
 * @param isServed whether a key can be had now: a guess is not waited for
 */
export function guessed(
  { script, frame, numkeys }: Called,
  isServed: (key: Buffer) => boolean,
): { keys: Buffer[]; guesses: Guess[] } {
  const keys: Buffer[] = []
  for (const place of script.learnt.args.keys()) {
    const i = 3 + numkeys + place
    if (i >= frame.argc || keys.length >= UNDECLARED_MAX) continue
    const key = argumentOf(frame, i)
    if (isServed(key)) addTo(keys, Buffer.from(key))
  }
  const guesses = script.learnt.shapes.guess(frame, numkeys)
  for (const { key } of guesses) if (isServed(key)) addTo(keys, key)
  return { keys, guesses }
}

/** Those that its client has declared, each once. */
function ownKeys({ frame, numkeys }: Called): Buffer[] {
  return distinct(Array.from({ length: numkeys }, (_, i) => argumentOf(frame, 3 + i)))
}

/** Which of its keys a script is expected to touch: those in places where it has, and those in places of which nothing is known. */
export function placesLearnt({ places, placesSeen }: Learnt, numkeys: number): ReadonlySet<number> | undefined {
  if (places === undefined || numkeys <= placesSeen) return places
  return new Set([...places, ...Array.from({ length: numkeys - placesSeen }, (_, i) => placesSeen + i)])
}

/** It has run with so many keys, and has touched those in these places. */
export function learnPlaces(learnt: Learnt, touched: readonly number[], numkeys: number): void {
  learnt.places ??= new Set()
  learnt.placesSeen = Math.max(learnt.placesSeen, numkeys)
  for (const place of touched) if (place < numkeys) learnt.places.add(place)
}

/** It has run, and has touched these of the keys that it was given beside its own, the first one is 0: the next call begins with these. */
export function learnTouched({ script, frame, numkeys, extra, guesses }: Run, touched: readonly number[]): void {
  const { args, shapes, places } = script.learnt
  const isTouched = new Set(touched.map((place) => nameOf(extra[place])))
  // One of its own keys, which was not expected.
  for (let i = 0; places !== undefined && isTouched.size > 0 && i < numkeys; i++) {
    if (isTouched.has(nameOf(argumentOf(frame, 3 + i)))) places.add(i)
  }
  for (const [arg, before] of args) {
    const i = 3 + numkeys + arg
    const at = i < frame.argc ? extra.findIndex((each) => each.equals(argumentOf(frame, i))) : -1
    const missed = at < 0 ? before : touched.includes(at) ? 0 : before + 1
    if (missed >= MISSED_MAX) args.delete(arg)
    else args.set(arg, missed)
  }
  if (guesses.length === 0) return
  shapes.settle(guesses, (key) => isTouched.has(nameOf(key)))
}

function addTo(keys: Buffer[], key: Buffer): void {
  if (!isHidden(key, 0, key.length) && !keys.some((other) => other.equals(key))) keys.push(key)
}

function addAll(keys: Buffer[], more: readonly Buffer[]): void {
  const there = new Set(keys.map((key) => nameOf(key)))
  keys.push(...more.filter((key) => !isHidden(key, 0, key.length) && !there.has(nameOf(key))))
}

const TOO_MANY_SORTED = error(
  `ERR the patterns of SORT in the script name more than ${SORTED_MAX} keys that were not among its keys; what it had done was taken back, nothing was applied`,
)

/** It has touched a key of other servers, which is not allowed. */
export function tornBy(key: Buffer): Reply {
  return error(
    `ERR the script touched ${shown(key)}, which was not among its keys and is on other servers than these, which commands.crossServer refuses; give them a common {hash tag}; what the script had done was taken back, nothing was applied`,
  )
}

function tooManyTold(count: number): Reply {
  return error(
    `ERR the script touches keys that KEYS or SCAN has told it, which were ${count}, and ${TOLD_MAX} is the limit; what it had done was taken back, nothing was applied`,
  )
}

function tooManyUndeclared(key: Buffer): Reply {
  return error(
    `ERR the script touched more than ${UNDECLARED_MAX} keys that were not among its keys, at last ${shown(key)}; give them as keys; what it had done was taken back, nothing was applied`,
  )
}

function shown(key: Buffer): string {
  return `'${key.toString('utf8', 0, 128).replace(/[\r\n]/g, ' ')}'`
}
