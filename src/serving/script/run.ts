import type { CommandRow } from '../../command/row.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Route } from '../../order/router.js'
import { error, type Reply } from '../../resp/encode.js'
import type { Frame } from '../../resp/frame.js'
import { parseLongLong } from '../../resp/long-long.js'
import type { Answer, Question } from './questions.js'
import type { Script } from './script.js'
import type { Guess } from './shapes.js'

const NO_INTEGER = error('ERR value is not an integer or out of range')
const TOO_MANY_KEYS = error("ERR Number of keys can't be greater than number of args")
const NEGATIVE_KEYS = error("ERR Number of keys can't be negative")

/** A command that runs a script, or a function; `deadlineMs` as for `Order.park`. */
export interface Called {
  readonly script: Script
  readonly frame: Frame
  readonly row: CommandRow
  readonly slot: ReplySlot
  readonly numkeys: number
  readonly deadlineMs: number
}

/** The same with what was learnt of it on the way. */
export interface Run extends Called {
  /** Keys beside the declared ones that it may touch: it has named them, or is expected to. */
  readonly extra: Buffer[]
  /** Which of these it has named, or was told of. */
  readonly named: Set<string>
  /** How some were expected. */
  readonly guesses: Guess[]
  /** How often its server has not had it. */
  readonly misses?: number
  /** What it has asked, and was told. */
  readonly answers: readonly Answer[]
  /** What it has asked of all keys. */
  readonly questions: readonly Question[]
}

const NO_ANSWERS: readonly Answer[] = []
const NO_QUESTIONS: readonly Question[] = []

/** Nobody puts anything into these: who learns something makes others. */
const NO_KEYS: Buffer[] = []
const NO_GUESSES: Guess[] = []
const NOBODY: Set<string> = new Set()

/** One of which nothing is learnt yet. @param extra what it is expected to touch, also by `guesses`; `answers`: to what it is expected to ask */
export function newRun(
  called: Called,
  extra: Buffer[] = NO_KEYS,
  guesses: Guess[] = NO_GUESSES,
  answers: readonly Answer[] = NO_ANSWERS,
): Run {
  // One by one: to spread an object takes longer than all else that is done before a script is sent.
  const { script, frame, row, slot, numkeys, deadlineMs } = called
  return {
    script,
    frame,
    row,
    slot,
    numkeys,
    deadlineMs,
    extra,
    named: NOBODY,
    guesses,
    answers,
    questions: NO_QUESTIONS,
  }
}

/** Whether the servers see to it that it writes nothing. */
export function mayNotWrite({ row, script }: Called): boolean {
  return row.replicate === 'none' || script.readsOnly
}

/** Whether it can have a key of this route now, as far as is known: of who has not answered for a while that is not known. */
export function canHave(called: Called, route: Route): boolean {
  const isThere = mayNotWrite(called) ? route.serving() !== undefined : route.writable()
  return isThere && !isOwing(route)
}

/** A server may owe the answer that comes next for so long; and so long is waited, at most, for what a script is only expected to touch. */
export const PATIENCE_MS = 200

/** Whether a replica has not answered for so long. */
export function isOwing({ targets }: Route, ms = PATIENCE_MS): boolean {
  return targets.some(({ ready, owed }) => ready && owed.forMs >= ms)
}

/** How many of the arguments are keys, or what is wrong with that. @param noInteger what is said of what is no number */
export function numkeysOf(frame: Frame, noInteger: Reply = NO_INTEGER): number | Reply {
  const numkeys = parseLongLong(frame.buf, frame.argStart[2], frame.argEnd[2])
  if (Number.isNaN(numkeys)) return noInteger
  if (numkeys > frame.argc - 3) return TOO_MANY_KEYS
  return numkeys < 0 ? NEGATIVE_KEYS : numkeys
}
