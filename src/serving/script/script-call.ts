import type { KeyId } from '../../base/key-id.js'
import { type ErrorReply, error, type Reply } from '../../resp/encode.js'
import { argumentOf, type Frame, frameOf } from '../../resp/frame.js'
import type { LoadedScripts } from './loaded-scripts.js'
import type { LongScripts } from './long-scripts.js'
import type { Said, Wanted } from './outcome.js'
import { type Answer, argumentsOf, type Messages } from './questions.js'
import type { Script } from './script.js'

export const SCRIPT_OUT_OF_MEMORY = error(
  "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'",
)

/** A script that is to run, with the keys that it may touch. */
export interface ScriptCall {
  readonly script: Script
  readonly loaded: LoadedScripts
  readonly long: LongScripts
  /** What the servers get. */
  readonly frame: Frame
  /** How many keys are named in it. */
  readonly numkeys: number
  readonly ids: readonly KeyId[]
  /** It has named another key, or asked something, and nothing has happened. */
  stopped(wanted: Wanted): void
  /** All that it did has been done, and it has published this. */
  publish(messages: Messages): void
  /** It has not been executed, because the server did not have it. */
  notThere(): void
}

/** Which keys a script may touch now, and what it is told. */
export interface Hand {
  /** How many were declared. */
  readonly numkeys: number
  /** Which of these, the first one is 0; undefined for all. */
  readonly places: ReadonlySet<number> | undefined
  /** Others. */
  readonly extra: readonly Buffer[]
  readonly answers: readonly Answer[]
}

/** The keys at hand, `command` is the client's. */
export function keysAtHand(command: Frame, { numkeys, places, extra }: Hand): Buffer[] {
  const keys: Buffer[] = []
  for (let i = 0; i < numkeys; i++) if (places === undefined || places.has(i)) keys.push(argumentOf(command, 3 + i))
  keys.push(...extra)
  return keys
}

/** `EVALSHA` of the wrapped script, see `prologue`. `command` is the client's, with its keys and arguments. */
export function callFrame(
  script: Script,
  command: Frame,
  hand: Hand,
  how: { readonly readsOnly: boolean; readonly outOfMemory: boolean },
): Frame {
  const { numkeys, extra } = hand
  const args: (Buffer | string)[] = [
    `${script.library === undefined ? 'EVALSHA' : 'FCALL'}${how.readsOnly ? '_RO' : ''}`,
    script.wrappedSha,
  ]
  args.push(String(numkeys + extra.length))
  for (let i = 3; i < 3 + numkeys; i++) args.push(argumentOf(command, i))
  args.push(...extra)
  for (let i = 3 + numkeys; i < command.argc; i++) args.push(argumentOf(command, i))
  if (!script.staysInside) {
    const answers = argumentsOf(hand.answers)
    const before = answers.length === 0 ? '' : `q${answers.length} `
    args.push(...answers, before + [extra.length, ...forbidden(hand)].join(' '))
  }
  args.push(how.outOfMemory ? 'o' : '')
  return frameOf(args)
}

/** What stands before `callFrame`'s last word, of one that does not stay inside. */
const REACH = /^(?:q(\d+) )?(\d+)( \d+)*$/

/** What the client has given behind the name, of what is given there in a call of one that does not stay inside. */
export function clientsWords(words: readonly Buffer[]): readonly (Buffer | string)[] {
  const [numkeys, ...rest] = words
  const reach = REACH.exec(rest.at(-2)?.toString('latin1', 0, 4096) ?? '')
  // It is not a call of ours.
  if (reach === null) return words
  const [, answers = '0', extra] = reach
  const declared = Number(numkeys) - Number(extra)
  return [String(declared), ...rest.slice(0, declared), ...rest.slice(Number(numkeys), -2 - Number(answers))]
}

/** The places of KEYS that are not at hand, as Lua counts. */
function forbidden({ numkeys, places }: Hand): number[] {
  const all = places === undefined ? [] : Array.from({ length: numkeys }, (_, i) => i)
  return all.filter((place) => !places!.has(place)).map((place) => place + 1)
}

/** The keys that are named in it. */
export function keysOf({ frame, numkeys }: ScriptCall): Buffer[] {
  return Array.from({ length: numkeys }, (_, i) => argumentOf(frame, 3 + i))
}

/** What a server answers to the whole of a call, before the script has begun, or when it was killed before it had written anything. */
const WITHOUT_EFFECT =
  /^-(NOSCRIPT|BUSY|OOM|MISCONF|LOADING|MASTERDOWN|NOPERM|NOAUTH|NOREPLICAS|ERR Function not found)\b|killed by user/

export function isWithoutEffect(buf: Buffer, start: number, end: number): boolean {
  return WITHOUT_EFFECT.test(buf.latin1Slice(start, end))
}

export function isNotThere(buf: Buffer, start: number): boolean {
  const said = buf.latin1Slice(start, start + 23)
  return said.startsWith('-NOSCRIPT ') || said === '-ERR Function not found'
}

/** The error with the name under which the client knows the script. */
export function errorOf(
  { sha, wrappedSha }: Pick<Script, 'sha' | 'wrappedSha'>,
  buf: Buffer,
  start: number,
  end: number,
  flags: number,
): Said {
  const line = Buffer.from(buf.latin1Slice(start, end).replaceAll(wrappedSha, sha), 'latin1')
  return { buf: line, start: 0, end: line.length, flags }
}

/** What is said of a script that a server compiles as it is, but not in its wrapped form. */
export function notWrapped(said: ErrorReply, what: string): Reply {
  // That the server is busy, or has no memory, says nothing of the script.
  if (!said.message.startsWith('ERR Error compiling script')) return said
  return error(
    `ERR this proxy runs ${what} as functions of a script of its own, and that is more than this one allows; nothing was applied: ${said.message}`,
  )
}

/** A read of a script that was lost with its connection. */
export function notAnswered(member: string): Reply {
  return error(
    `ERR the script was not answered: the connection to ${member} broke before that, and nobody else was asked, because the script may be the cause; nothing was applied, send it again if it is not`,
  )
}
