import type { Link } from '../../backend/link.js'
import { within } from '../../base/within.js'
import { bytesOf } from '../../resp/decode.js'
import { type ErrorReply, error, isError, type Reply, verbatim } from '../../resp/encode.js'
import type { Server } from '../server.js'

/** How long a member may take to answer; one that is busy with something long is left out. */
const TIMEOUT_MS = 1000

const NOBODY = error('ERR no server of the ring has answered; send it again')

export interface Answer {
  readonly link: Link
  /** Undefined when it is away, or does not answer in time. */
  readonly reply: Reply | undefined
}

/** What each member of the current view answers to this. */
export function askEach({ order }: Server, words: readonly (Buffer | string)[]): Promise<readonly Answer[]> {
  return Promise.all(
    order.router.links.map(async (link) => {
      if (!link.ready) return { link, reply: undefined }
      const reply = await within(
        link.call(words).catch(() => undefined),
        TIMEOUT_MS,
      )
      return { link, reply }
    }),
  )
}

/** The replies that are no errors. */
export function goodReplies(answers: readonly Answer[]): readonly Reply[] {
  return answers.flatMap(({ reply }) => (reply === undefined || isError(reply) ? [] : [reply]))
}

/** What is answered when nobody says anything else: what one of them refuses with. */
export function refusalOf(answers: readonly Answer[]): ErrorReply {
  return answers.map(({ reply }) => reply).find((reply) => reply !== undefined && isError(reply)) ?? NOBODY
}

/** That each member did something: OK, or who has not, and why. */
export function allDid(answers: readonly Answer[], what: string): ErrorReply | undefined {
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
export async function textsOf(server: Server, words: readonly (Buffer | string)[]): Promise<Reply> {
  const answers = await askEach(server, words)
  const good = goodReplies(answers)
  if (good.length === 0) return refusalOf(answers)
  const texts = new Set(good.map((reply) => bytesOf(reply)?.toString('latin1') ?? ''))
  const areAlike = texts.size === 1 && good.length === answers.length
  if (areAlike) return verbatim('txt', Buffer.from([...texts][0], 'latin1'))
  const parts = answers.flatMap(({ link, reply }) => {
    if (reply !== undefined && isError(reply)) return []
    const text = reply === undefined ? 'It has not answered.' : (bytesOf(reply)?.toString('latin1').trimEnd() ?? '')
    return [`# ${link.name}\n${text}\n`]
  })
  return verbatim('txt', Buffer.from(parts.join('\n'), 'latin1'))
}
