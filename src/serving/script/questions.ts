import type { Channels } from '../../channels/channels.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { error, isError, type Reply } from '../../resp/encode.js'
import { frameOf } from '../../resp/frame.js'

/*
 * What a script asks, and no one server can tell: KEYS, SCAN, DBSIZE and RANDOMKEY, because each server has some keys only, and copies
 * of others'; PUBLISH, because who listens is known to the proxy. It stops there as at a key that it may not touch, and runs again with the
 * answer. What it publishes is published when all that it did has been.
 */

/** As the script calls it: the command in small letters, and its arguments. */
export type Question = readonly Buffer[]

export interface Answer {
  readonly question: Question
  /**
   * i, s, z: an integer, a text, nothing. a, c: texts, those of KEYS and of SCAN. e: an error. n: anything, as `partsIn` has it. k: the
   * keys that patterns of SORT name, which it may touch; it is told nothing.
   */
  readonly kind: 'i' | 's' | 'z' | 'a' | 'c' | 'e' | 'n' | 'k'
  readonly values: readonly (Buffer | string)[]
}

/** Command, channel, text, and so on; or `!` and how often, why, and what: see `prologue-rights`. */
export type Messages = readonly Buffer[]

/** The command, as `Question` has it. */
export const SCAN = Buffer.from('scan')
const NUL = Buffer.of(0)
const S = 0x73
const DOLLAR = 0x24
const STAR = 0x2a
const NOT = 0x21
const NOTHING = Buffer.from('_')
const READ_ONLY = error('ERR Write commands are not allowed from read-only scripts.')

/** The keys that the script wants to touch together, where it asks nothing, see `prologue-sort`. */
export function keysWanted([command, ...keys]: Question): readonly Buffer[] | undefined {
  return command.length === 0 ? keys : undefined
}

/** What stands before keys that have to be guests, see `prologue-keys`: no command. */
export const WHOLE = 'whole'
const WHOLE_BYTES = Buffer.from(WHOLE)

/** The keys that a script which is only tried could not give back in one go, where it asks nothing. */
export function keysToBring([command, ...keys]: Question): readonly Buffer[] | undefined {
  return command.equals(WHOLE_BYTES) ? keys : undefined
}

/** What one says that was sent behind a script which was stopped: no command. */
export const LATE = 'late'
const LATE_BYTES = Buffer.from(LATE)

/** Whether a script has not begun, because one that its client had sent before was stopped. */
export function isLate(wanted: Buffer | Question): boolean {
  return !Buffer.isBuffer(wanted) && wanted[0].equals(LATE_BYTES)
}

/** So many answers are kept for it, of so many bytes: it gets all of them each time that it runs. */
const ANSWERS_MAX = 1000
const ANSWER_BYTES_MAX = 1024 * 1024
const TOO_MANY = error(
  `ERR the script asked for more than ${ANSWERS_MAX} things that its server cannot tell (INFO, COMMAND, who hears a PUBLISH …), or for more than 1 MB of them; what it had done was taken back, nothing was applied`,
)

/** What is said to a script that asks for one answer more than it may have. */
export function tooManyAnswers(answers: readonly Answer[]): Reply | undefined {
  let bytes = 0
  for (const { values } of answers) for (const value of values) bytes += value.length
  return answers.length >= ANSWERS_MAX || bytes > ANSWER_BYTES_MAX ? TOO_MANY : undefined
}

export function isPublish(question: Question): boolean {
  return question[0].includes('publish')
}

const OF_KEYS: ReadonlySet<string> = new Set(['keys', 'scan', 'dbsize', 'randomkey'])

/** Whether the proxy tells that of itself, or of all servers, whatever keys there are. */
export function isTold(question: Question): boolean {
  return !isPublish(question) && !OF_KEYS.has(question[0].toString('latin1'))
}

/** What is told; scripts get it as RESP2 has it. */
export type Tell = (name: string, words: readonly Buffer[]) => Promise<Buffer>

export async function answerToTold(tell: Tell, question: Question): Promise<Answer> {
  const name = question[0].toString('latin1')
  const words = [Buffer.from(name.replace(/\|.*/, '')), ...question.slice(1)]
  return { question, kind: 'n', values: partsIn(await tell(name, words)) }
}

/** The parts of a reply in RESP2 one after the other: a sign of what each is, and the text, or how many follow. */
function partsIn(reply: Buffer): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < reply.length; ) {
    const end = reply.indexOf('\r\n', at)
    const isBulk = reply[at] === DOLLAR
    const size = isBulk || reply[at] === STAR ? Number(reply.latin1Slice(at + 1, end)) : 0
    const bulkEnd = end + 2 + size
    if (size < 0) parts.push(NOTHING)
    else if (isBulk) parts.push(Buffer.concat([reply.subarray(at, at + 1), reply.subarray(end + 2, bulkEnd)]))
    else parts.push(Buffer.from(reply.subarray(at, end)))
    at = isBulk && size >= 0 ? bulkEnd + 2 : end + 2
  }
  return parts
}

/** To whom a message would go; a script that may not write may not publish. */
export function answerToPublish(channels: Channels, question: Question, readsOnly: boolean): Answer {
  if (readsOnly) return answerOf(question, READ_ONLY)
  const [command, channel] = question
  return answerOf(question, channels.receivers(command.equals(Buffer.from('publish')) ? 'channel' : 'shard', channel))
}

export function answerOf(question: Question, reply: Reply): Answer {
  if (isError(reply)) return { question, kind: 'e', values: [reply.message] }
  if (typeof reply === 'number') return { question, kind: 'i', values: [String(reply)] }
  if (Buffer.isBuffer(reply)) return { question, kind: 's', values: [reply] }
  if (Array.isArray(reply)) return { question, kind: question[0].equals(SCAN) ? 'c' : 'a', values: reply as Buffer[] }
  return { question, kind: 'z', values: [] }
}

/** The answers as they stand among the arguments of a script, see `prologue-keys`. */
export function argumentsOf(answers: readonly Answer[]): (Buffer | string)[] {
  return answers.flatMap(({ question, kind, values }) => {
    if (kind === 'k') return []
    const told = isPublish(question) ? question.slice(0, 2) : question
    const parts = told.flatMap((part, i) => (i === 0 ? [part] : [NUL, part]))
    if (told.length === 1) parts.push(NUL)
    return [Buffer.concat(parts), kind, String(values.length), ...values]
  })
}

/** What was refused to the user for whom a script ran, and how often. */
export interface Refused {
  readonly reason: 'command' | 'key' | 'channel'
  readonly object: Buffer
  readonly count: number
}

const REASONS: Readonly<Record<string, Refused['reason']>> = { 1: 'command', 2: 'key', 3: 'channel' }

/** What a script was refused, in order. */
export function refusedIn(messages: Messages): Refused[] {
  const refused: Refused[] = []
  for (let i = 0; i < messages.length; i += 3) {
    if (messages[i][0] !== NOT) continue
    const [count, reason] = [messages[i].latin1Slice(1), messages[i + 1].latin1Slice()]
    refused.push({ reason: REASONS[reason], object: messages[i + 2], count: Number(count) })
  }
  return refused
}

/**
 * Ends a run that has published these: not before clients with caches were told of what its client wrote before, so that who reads what
 * it publishes does not believe its cache.
 */
export function inItsTurn(slot: ReplySlot, messages: Messages, end: () => void): void {
  if (messages.length === 0 || slot.untoldBefore?.() !== true) end()
  else
    slot
      .whenFirst()
      .then(end)
      .catch((failure: Error) => slot.fail(failure, true))
}

/** Publishes what a script has published. */
export function publishAll(channels: Channels, messages: Messages): void {
  for (let i = 0; i < messages.length; i += 3) {
    if (messages[i][0] === NOT) continue
    const frame = frameOf(messages.slice(i, i + 3))
    if (messages[i][0] === S) channels.publishInShard(frame)
    else channels.publish(frame)
  }
}
