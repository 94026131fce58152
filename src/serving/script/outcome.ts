import { copyBytes } from '../../base/copy-bytes.js'
import { Elements } from '../../resp/elements.js'
import { type Frame, frameIn, frameOf } from '../../resp/frame.js'
import { HAS_RESP3, IS_ERROR, OWNED, ReplyProtocolError } from '../../resp/reply-framer.js'
import type { Left } from '../several/gather/block.js'
import { LOOP_SHA } from './loop.js'
import type { Messages, Question } from './questions.js'
import type { Script } from './script.js'

/** What came of the run of a script. */
export type Outcome =
  /** It has run, and says `reply`: from `start` to `end`, with the flags of the reply framer. */
  | {
      readonly kind: 'done'
      readonly effects: Effects
      readonly deadlineMs: number
      readonly reply: Said
      readonly messages: Messages
      /** The places of keys that it has touched and that are not the client's, the first one is 0. */
      readonly touched: readonly number[]
    }
  /** It wanted something that it has not now. What it had done before is taken back, unless that `failed`. */
  | Stopped

export interface Stopped {
  readonly kind: 'stopped'
  readonly wanted: Wanted
  /** The soonest deadline that was given back to a key. */
  readonly deadlineMs: number
  readonly failed: string | undefined
}

/** A key that it may not touch, or the answer to a question. */
export type Wanted = Buffer | Question

/** What comes of a script that was only tried. */
export type TrialOutcome =
  /** What it says, what it did, or what it would leave in keys that it changes, and the places of KEYS that it has touched. */
  | {
      readonly kind: 'done'
      readonly reply: Said
      readonly did: readonly Did[] | undefined
      readonly left: readonly LeftKey[]
      readonly touched: readonly number[]
      readonly messages: Messages
      readonly deadlineMs: number
    }
  | Stopped
  /** What it had done is not taken back, for this reason. */
  | { readonly kind: 'failed'; readonly failed: string }

/** A key that it changes, and what it would have. What is parked has one name after the other, see `prologue-keys`. */
interface LeftKey {
  readonly key: Buffer
  readonly value: Left
}

/** A command that changes this one key alone. */
export interface Did {
  readonly key: Buffer
  readonly frame: Frame
}

/** An encoded reply. */
export interface Said {
  readonly buf: Buffer
  readonly start: number
  readonly end: number
  readonly flags: number
}

/** What a script has done: commands for the others, or it is not known what. */
export type Effects =
  | { readonly kind: 'commands'; readonly frame: Buffer | undefined; readonly isLoop: boolean }
  | { readonly kind: 'unknown' }

/** What the servers got: behind its first two words their number, and so many keys. */
export interface NamedKeys {
  readonly frame: Frame
  readonly numkeys: number
}

/** What stands first, see `prologue`. */
const NOTHING_SAID = 2
const FAILED = 3
const STOPPED = 4
const NOT_TAKEN_BACK = 5
/** So many elements stand before the effects. */
const HEAD = 4

const NOWHERE: readonly number[] = []
const NO_TEXTS: readonly Buffer[] = []
const STAR = 0x2a
const COLON = 0x3a
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39
const UNDERSCORE = Buffer.from('_\r\n')
const NULL: Said = { buf: UNDERSCORE, start: 0, end: UNDERSCORE.length, flags: HAS_RESP3 | OWNED }
const CALL_OF_LOOP = frameOf(['EVALSHA', LOOP_SHA]).buf.toString('latin1').slice('*2\r\n'.length)
/** It has done nothing. */
export const NOTHING: Effects = { kind: 'commands', frame: undefined, isLoop: false }

/**
 * Reads what a wrapped script answers, see `prologue`; the bytes are kept.
 *
 * @param called the call: who executes several commands names the keys that stand there as well
 */
export function outcomeOf(script: Script, called: NamedKeys, buf: Buffer, from: number, to: number): Outcome {
  const parts = partsOf(buf, from, to)
  const kind = integerIn(buf, parts)
  if (kind === STOPPED) return stoppedIn(buf, parts)
  const deadlineMs = integerIn(buf, parts)
  const { reply, messages } = replyIn(script, kind, buf, parts)
  const touched = script.staysInside ? NOWHERE : placesIn(buf, parts)
  const count = parts.count - (script.staysInside ? HEAD : HEAD + 1)
  const effects =
    kind < 0 ? ({ kind: 'unknown' } as const) : effectsIn(buf, parts, to, count, called, script.allowsOom === true)
  const said = withWhatIsDone(script, reply, effects !== NOTHING)
  return { kind: 'done', effects, deadlineMs, reply: said, messages, touched }
}

/** The same of one that was only tried; the bytes are kept. */
export function trialOutcomeOf(script: Script, buf: Buffer): TrialOutcome {
  const parts = partsOf(buf, 0, buf.length)
  const kind = integerIn(buf, parts)
  if (kind === STOPPED) return stoppedIn(buf, parts)
  if (kind === NOT_TAKEN_BACK) return { kind: 'failed', failed: textIn(buf, parts).toString() }
  const deadlineMs = integerIn(buf, parts)
  const { reply, messages } = replyIn(script, kind, buf, parts)
  const touched = placesIn(buf, parts)
  const did = kind > 0 ? didIn(buf, parts) : undefined
  const left = kind > 0 ? [] : leftIn(buf, parts)
  const said = withWhatIsDone(script, reply, (did ?? left).length > 0)
  return { kind: 'done', reply: said, did, left, touched, messages, deadlineMs }
}

/** What stands behind the head: a key, its deadline, and a payload or a size, again and again. */
function leftIn(buf: Buffer, parts: Elements): readonly LeftKey[] {
  return Array.from({ length: (parts.count - HEAD - 1) / 3 }, () => {
    const key = textIn(buf, parts)
    const deadline = Number(textIn(buf, parts).toString('latin1'))
    parts.next()
    if (buf[parts.start] === COLON)
      return { key, value: { payload: null, deadline, parkedBytes: integerAt(buf, parts) } }
    const payload = bulkIn(buf, parts)
    return { key, value: { payload: payload.length === 0 ? null : payload, deadline, parkedBytes: undefined } }
  })
}

/** The same: a key, the number of words, and these, again and again. The commands lie one behind the other. */
function didIn(buf: Buffer, parts: Elements): readonly Did[] {
  const found: Did[] = []
  // A key and a number take more than the head of a command.
  const all = Buffer.allocUnsafe(parts.count > HEAD + 1 ? buf.length - parts.end : 0)
  let at = 0
  for (let i = HEAD + 1; i < parts.count; ) {
    const key = textIn(buf, parts)
    const argc = Number(textIn(buf, parts).latin1Slice())
    const begin = parts.end
    parts.pass(argc)
    const start = at
    at += all.latin1Write(`*${argc}\r\n`, at)
    copyBytes(buf, begin, parts.end, all, at)
    at += parts.end - begin
    found.push({ key, frame: frameIn(all, start) })
    i += 2 + argc
  }
  return found
}

function partsOf(buf: Buffer, from: number, to: number): Elements {
  const parts = new Elements(buf, from, to)
  if (parts.count < 2) throw new ReplyProtocolError('a wrapped script answers something else')
  return parts
}

function stoppedIn(buf: Buffer, parts: Elements): Stopped {
  parts.next()
  const wanted = isArray(buf, parts) ? textsIn(buf, parts) : Buffer.from(bulkIn(buf, parts))
  const deadlineMs = integerIn(buf, parts)
  const failed = parts.count > 3 ? textIn(buf, parts).toString() : undefined
  return { kind: 'stopped', wanted, deadlineMs, failed }
}

/** What it says, to its client and to others: the next two elements. */
function replyIn(script: Script, kind: number, buf: Buffer, parts: Elements): { reply: Said; messages: Messages } {
  parts.next()
  const { start, end, flags } = parts
  parts.next()
  const what = Math.abs(kind)
  const texts = isArray(buf, parts) ? textsIn(buf, parts) : NO_TEXTS
  const messages = texts.length > 1 ? texts.slice(1) : NO_TEXTS
  if (what === FAILED) return { reply: failure(script, buf, start, end, texts[0] ?? bulkIn(buf, parts)), messages }
  return { reply: what === NOTHING_SAID ? NULL : { buf, start, end, flags }, messages }
}

function isArray(buf: Buffer, { start }: Elements): boolean {
  return buf[start] === STAR
}

/** What the texts are in the array that an element is. */
function textsIn(buf: Buffer, { start, end }: Elements): Buffer[] {
  const texts = new Elements(buf, start, end)
  return Array.from({ length: texts.count }, () => Buffer.from(textIn(buf, texts)))
}

/** The error, with the client's name of the script, and where it was raised. */
function failure({ sha }: Script, buf: Buffer, start: number, end: number, where: Buffer): Said {
  const place = where.toString('latin1')
  const suffix = place === '' ? '' : ` script: ${sha}, on ${place}.`
  const message = bulkIn(buf, { start, end }).toString('latin1')
  const line = Buffer.from(`-${`${message}${suffix}`.replace(/[\r\n]/g, ' ')}\r\n`, 'latin1')
  return { buf: line, start: 0, end: line.length, flags: IS_ERROR | OWNED }
}

/**
 * What Redis says of the users that its ACL knows. Of those a client knows nothing: it is the server's word to the proxy, and
 * may come in the middle of a script.
 */
const REFUSED_TO_PROXY = /^-(?:ERR|NOPERM) The user executing the script can't /

/** Such an error, and whether anything was applied. */
function withWhatIsDone({ rights }: Script, reply: Said, isAnythingDone: boolean): Said {
  // Where the rules of the client's own user are asked in the script it is these that say so.
  if ((reply.flags & IS_ERROR) === 0 || rights !== undefined) return reply
  const text = reply.buf.latin1Slice(reply.start, reply.end - 2)
  if (!REFUSED_TO_PROXY.test(text)) return reply
  const what = isAnythingDone ? 'what the script had done before that was applied' : 'nothing was applied'
  const line = Buffer.from(
    `${text}; a server that has its keys refuses it to this proxy, by its ACL: ${what}\r\n`,
    'latin1',
  )
  return { buf: line, start: 0, end: line.length, flags: IS_ERROR | OWNED }
}

/** One command is sent as it is, unless it needs no memory, which only the loop does not ask for; of several the noted texts are the arguments of the loop, byte for byte. */
function effectsIn(
  buf: Buffer,
  parts: Elements,
  end: number,
  count: number,
  { frame, numkeys }: NamedKeys,
  allowsOom: boolean,
): Effects {
  if (count === 0) return NOTHING
  const begin = parts.end
  parts.next()
  const argc = digitsAt(buf, buf.indexOf(0x0d, parts.start) + 2)
  if (argc === count - 1 && !allowsOom) {
    return { kind: 'commands', frame: behind(`*${argc}\r\n`, 0, buf, parts.end, end), isLoop: false }
  }
  const keysFrom = frame.argEnd[1] + 2
  const keysEnd = frame.argEnd[2 + numkeys] + 2
  const head = `*${3 + numkeys + count}\r\n${CALL_OF_LOOP}`
  const effects = behind(head, keysEnd - keysFrom, buf, begin, end)
  copyBytes(frame.buf, keysFrom, keysEnd, effects, head.length)
  return { kind: 'commands', frame: effects, isLoop: true }
}

/** A text, room for so many bytes, and these bytes. */
function behind(head: string, room: number, buf: Buffer, start: number, end: number): Buffer {
  const all = Buffer.allocUnsafe(head.length + room + end - start)
  all.latin1Write(head, 0)
  copyBytes(buf, start, end, all, head.length + room)
  return all
}

/** The places that the next element names, as Lua counts. */
function placesIn(buf: Buffer, parts: Elements): readonly number[] {
  const text = textIn(buf, parts)
  return text.length === 0
    ? NOWHERE
    : text
        .toString('latin1')
        .trim()
        .split(' ')
        .map((place) => Number(place) - 1)
}

/** The integer that the next element is. */
function integerIn(buf: Buffer, parts: Elements): number {
  parts.next()
  return integerAt(buf, parts)
}

function integerAt(buf: Buffer, { start }: Elements): number {
  return buf[start + 1] === MINUS ? -digitsAt(buf, start + 2) : digitsAt(buf, start + 1)
}

/** The number whose digits begin there. */
function digitsAt(buf: Buffer, start: number): number {
  let value = 0
  for (let p = start; buf[p] >= ZERO && buf[p] <= NINE; p++) value = value * 10 + buf[p] - ZERO
  return value
}

/** The bytes of the bulk string that the next element is. */
function textIn(buf: Buffer, parts: Elements): Buffer {
  parts.next()
  return bulkIn(buf, parts)
}

/** The bytes of the bulk string that an element is. */
function bulkIn(buf: Buffer, { start, end }: { readonly start: number; readonly end: number }): Buffer {
  return buf.subarray(buf.indexOf(0x0d, start) + 2, end - 2)
}
