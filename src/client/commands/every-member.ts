import type { Link } from '../../backend/link.js'
import { within } from '../../base/within.js'
import { bytesOf, integerOf, textOf } from '../../resp/decode.js'
import { type ErrorReply, error, isError, MapReply, type Reply, verbatim } from '../../resp/encode.js'
import type { Server } from '../server.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'order'>

/** How long a member may take to answer; one that is busy with something long is left out. */
const TIMEOUT_MS = 1000

const NOBODY = error('ERR no server of the ring has answered; send it again')

export interface Answer {
  readonly link: Link
  /** Undefined when it is away, or does not answer in time. */
  readonly reply: Reply | undefined
}

/** What each member of the current view answers to this. */
export function askEach({ order }: Needs, words: readonly (Buffer | string)[]): Promise<readonly Answer[]> {
  return Promise.all(order.router.links.map(async (link) => ({ link, reply: await askOne(link, words) })))
}

/** What a member answers to this; undefined when it is away, or does not answer in time. */
export async function askOne(link: Link, words: readonly (Buffer | string)[]): Promise<Reply | undefined> {
  if (!link.ready) return undefined
  return within(
    link.call(words).catch(() => undefined),
    TIMEOUT_MS,
  )
}

/** What `merge` makes of the replies of all members that are no errors; when there are none, what one refuses with. */
export async function merged(
  server: Needs,
  words: readonly (Buffer | string)[],
  merge: (replies: readonly Reply[], answers: readonly Answer[]) => Reply,
): Promise<Reply> {
  const answers = await askEach(server, words)
  const replies = goodReplies(answers)
  return replies.length === 0 ? refusalOf(answers) : merge(replies, answers)
}

/** The entries of a map by the texts of their names; none when it is no map. */
export function entriesOf(reply: Reply | undefined): [string, Reply][] {
  if (!(reply instanceof MapReply)) return []
  return reply.entries.map(([name, value]) => [textOf(name) ?? String(integerOf(name) ?? ''), value])
}

/** The replies that are no errors. */
export function goodReplies(answers: readonly Answer[]): readonly Reply[] {
  return answers.flatMap(({ reply }) => (reply === undefined || isError(reply) ? [] : [reply]))
}

/** What is answered when nobody says anything else: what one of them refuses with. */
function refusalOf(answers: readonly Answer[]): ErrorReply {
  return answers.map(({ reply }) => reply).find((reply) => reply !== undefined && isError(reply)) ?? NOBODY
}

/** Undefined when each member did something; else who has not, and why. */
export function allDid(answers: readonly Answer[], what: string): ErrorReply | undefined {
  if (answers.every(({ reply }) => reply !== undefined && isError(reply))) return refusalOf(answers)
  const faults = answers.flatMap(({ link, reply }) => {
    if (reply === undefined) return [`${link.name} has not answered`]
    return isError(reply) ? [`${link.name} says: ${reply.message}`] : []
  })
  if (faults.length === 0) return undefined
  return error(`ERR ${what} was not done by all servers, by the others it was (${faults.join('; ')}); send it again`)
}

/**
 * Texts for people, which cannot be merged: what all say alike is said once, and else what each of them says, under its name.
 * Who answers with an error has nothing to tell, as long as another one has.
 */
export function textsOf(server: Needs, words: readonly (Buffer | string)[]): Promise<Reply> {
  return merged(server, words, oneText)
}

function oneText(replies: readonly Reply[], answers: readonly Answer[]): Reply {
  const texts = new Set(replies.map((reply) => bytesOf(reply)?.toString('latin1') ?? ''))
  const areAlike = texts.size === 1 && replies.length === answers.length
  if (areAlike) return verbatim('txt', Buffer.from([...texts][0], 'latin1'))
  const parts = answers.flatMap(({ link, reply }) => {
    if (reply !== undefined && isError(reply)) return []
    const text = reply === undefined ? 'It has not answered.' : (bytesOf(reply)?.toString('latin1').trimEnd() ?? '')
    return [`# ${link.name}\n${text}\n`]
  })
  return verbatim('txt', Buffer.from(parts.join('\n'), 'latin1'))
}
