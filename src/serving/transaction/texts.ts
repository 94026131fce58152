import { isUnknownOutcome, NOT_APPLIED, OUTCOME_UNKNOWN } from '../../order/replies.js'
import { type ErrorReply, error } from '../../resp/encode.js'

/*
 * What EXEC answers when not all is well, and what it is told by its commands.
 */

const TRANSACTION_UNKNOWN = 'ERR the outcome of this transaction is unknown'
const READ_AGAIN = 'read its keys before you send it again'
const ADVICE = `some of its commands may have been executed, ${READ_AGAIN}`
/** Errors that say something of the servers, or of this proxy, and not of what a key is. */
const OF_PROXY =
  /^-(?:CLUSTERDOWN|TRYAGAIN|OOM|BUSY|EXECABORT|CROSSSLOT) |^-ERR (?:the (?:read|script) was not (?:answered|executed)|the script touched|internal error of the proxy)/

/** Whether an error says that it is not known what became of a write. */
export function isUnknown(reply: Buffer): boolean {
  return (
    isUnknownOutcome(reply, 0) || reply.toString('latin1', 1, 1 + TRANSACTION_UNKNOWN.length) === TRANSACTION_UNKNOWN
  )
}

/** Whether an error is none of those with which Redis answers a command of a transaction, and goes on with the next one. */
export function isOfProxy(reply: Buffer): boolean {
  const text = reply.toString('latin1')
  return OF_PROXY.test(text) || text.includes(NOT_APPLIED) || isUnknown(reply)
}

/** The error of a command whose outcome is unknown as that of the whole. */
export function unknownOutcome(reply: Buffer): Buffer {
  if (!isUnknownOutcome(reply, 0)) return reply
  const text = reply.toString('utf8', 1 + OUTCOME_UNKNOWN.length, reply.length - 2)
  const told = text.replace('read the key before you send the write again', ADVICE)
  return Buffer.from(`-${TRANSACTION_UNKNOWN}${told}\r\n`)
}

/** The error of the whole as that of a command whose outcome is unknown. */
export function whyUnknown({ message }: ErrorReply): ErrorReply {
  return error(message.replace(TRANSACTION_UNKNOWN, OUTCOME_UNKNOWN).replace(ADVICE, READ_AGAIN))
}

/** A command that only reads has no answer, for this cause, and others write. */
export function unknownBecause(cause: string): Buffer {
  return Buffer.from(`-${TRANSACTION_UNKNOWN}: ${cause}; ${ADVICE}\r\n`)
}

/** The error of one of its commands, before which others were executed. @param number which one it is */
export function inPart(reply: Buffer, name: string, number: number): Buffer {
  const text = reply.toString('utf8', 1, reply.length - 2)
  const cause = text
    .replace(/^[A-Z]+ /, '')
    .replace(`; ${NOT_APPLIED}, try again`, '')
    .replace(`${NOT_APPLIED}, `, '')
    .replace(`; ${NOT_APPLIED}`, '')
  return Buffer.from(
    `-ERR the transaction was executed in part: the commands before '${name}', which is number ${number} of them, were executed, and this one and those behind it were not: ${cause}; ${READ_AGAIN}\r\n`,
  )
}
