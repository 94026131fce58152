import type { KeyId } from '../../base/key-id.js'
import { nameOf } from '../../base/name-of.js'
import type { CommandRow } from '../../command/row.js'
import { type ErrorReply, error, type Reply } from '../../resp/encode.js'
import { argumentOf, type Frame, frameOf } from '../../resp/frame.js'
import type { LoadedScripts } from './loaded-scripts.js'
import type { LongScripts } from './long-scripts.js'
import type { Said, Wanted } from './outcome.js'
import { broughtBy } from './prologue-rights.js'
import { type Answer, argumentsOf, type Messages } from './questions.js'
import type { Script } from './script.js'
import type { Place } from './trains.js'

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
  /** Where it stands among what its client has sent, when others may be sent behind it before it is answered. */
  readonly place: Place | undefined
  /** It has named another key, or asked something, and nothing has happened. */
  stopped(wanted: Wanted): void
  /** All that it did has been done, and it has published this. */
  publish(messages: Messages): void
  /** It has run, touched these keys that are not the client's, the first one is 0, and published this. */
  done(touched: readonly number[], messages: Messages): void
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
  /** Of one that is only tried. */
  readonly limits?: TrialLimits
}

/** What a script that is only tried may ask of its server in one go, see `prologue-keys`. */
export interface TrialLimits {
  /** Whether it is asked what it did, and not what it leaves; of hashes that are changed as well. */
  readonly asks: 'what it leaves' | 'what it did' | 'what it did, but to hashes'
  /** So much of values may be dumped, and restored. */
  readonly wholeBytes: number
  /** The beginning of the names of what it leaves beyond that. */
  readonly parked: Buffer
  /** Keys that are gone with it. */
  readonly guests: readonly Buffer[]
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
  how: { readonly readsOnly: boolean; readonly outOfMemory: boolean; readonly place?: Place | undefined },
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
    const place = how.place?.word ?? ''
    const before = answers.length === 0 ? place : `${place}q${answers.length} `
    args.push(...answers, before + [extra.length, ...forbidden(hand)].join(' ') + limitsFor(hand, args))
  }
  const { library, rights, words } = script
  // Scripts have them in themselves.
  const brings = library !== undefined && (rights !== undefined || words !== undefined)
  const brought = brings ? broughtBy(rights, words) : ''
  args.push((how.outOfMemory ? 'o' : brought === '' ? '' : '-') + brought)
  return frameOf(args)
}

const [NO_MEMORY, MEMORY] = ['o', ''].map((word) => frameOf([word]).buf.subarray('*1\r\n'.length))

/** The same of one that stays inside, and of which nothing was learnt: what its client has said behind the name is taken as it stands. */
export function directFrame(
  { library, wrappedSha }: Script,
  command: Frame,
  { readsOnly, outOfMemory }: { readonly readsOnly: boolean; readonly outOfMemory: boolean },
): Frame {
  const verb = `${library === undefined ? 'EVALSHA' : 'FCALL'}${readsOnly ? '_RO' : ''}`
  const argc = command.argc + 1
  const head = `*${argc}\r\n$${verb.length}\r\n${verb}\r\n$${wrappedSha.length}\r\n`
  const from = command.argEnd[1]
  const last = outOfMemory ? NO_MEMORY : MEMORY
  const nameEnd = head.length + wrappedSha.length
  const behind = nameEnd + command.end - from
  const buf = Buffer.allocUnsafe(behind + last.length)
  buf.latin1Write(head + wrappedSha, 0)
  command.buf.copy(buf, nameEnd, from, command.end)
  last.copy(buf, behind)
  const argStart = new Array<number>(argc)
  const argEnd = new Array<number>(argc)
  argEnd[0] = head.indexOf(verb) + verb.length
  argStart[0] = argEnd[0] - verb.length
  argStart[1] = head.length
  argEnd[1] = nameEnd
  for (let i = 2; i < command.argc; i++) {
    argStart[i] = command.argStart[i] - from + nameEnd
    argEnd[i] = command.argEnd[i] - from + nameEnd
  }
  argEnd[argc - 1] = buf.length - 2
  argStart[argc - 1] = outOfMemory ? buf.length - 3 : buf.length - 2
  return { buf, start: 0, end: buf.length, argc, argStart, argEnd, owned: true }
}

/** What its client has sent, of a `directFrame`. */
export function clientsFrame({ sha, source }: Script, { name, script }: CommandRow, sent: Frame): Frame {
  const words = Array.from({ length: sent.argc - 3 }, (_, i) => argumentOf(sent, i + 2))
  return frameOf([name, script === 'run' ? source : sha, ...words])
}

/** What stands behind the places of keys, of one that is only tried. @param args its keys are the first ones behind their number */
function limitsFor({ limits, numkeys, extra }: Hand, args: readonly (Buffer | string)[]): string {
  if (limits === undefined) return ''
  const { asks, wholeBytes, parked, guests } = limits
  const names = new Set(guests.map((key) => nameOf(key)))
  const places = Array.from({ length: numkeys + extra.length }, (_, i) => i + 1)
  const guestPlaces = places.filter((place) => names.has(nameOf(args[2 + place] as Buffer)))
  const how = asks === 'what it leaves' ? '' : asks === 'what it did' ? 'e' : 'f'
  return `;${how}${[wholeBytes, parked.toString('latin1'), ...guestPlaces].join(' ')}`
}

/** What stands before `callFrame`'s last word, of one that does not stay inside. */
const REACH = /^(?:t\S+ \+?)?(?:q(\d+) )?(\d+)( \d+)*(;.*)?$/

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

/** What a server answers to the whole of a call, before the script has begun, or when it was killed before it had written anything. */
const WITHOUT_EFFECT =
  /^-(NOSCRIPT|BUSY|OOM|MISCONF|LOADING|MASTERDOWN|NOPERM|NOAUTH|NOREPLICAS|ERR Function not found)\b|killed by user/

export function isWithoutEffect(buf: Buffer, start: number, end: number): boolean {
  return WITHOUT_EFFECT.test(buf.latin1Slice(start, end))
}

export function isNotThere(buf: Buffer, start: number): boolean {
  const said = buf.toString('latin1', start, start + 23)
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
