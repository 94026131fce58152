import type { Operation } from '../history.js'
import type { Violation } from './violation.js'

/** How the reason of an unknown outcome begins when an error reply gave it. */
export const ERROR_REPLY = 'error reply: '
/** How the reason begins when the proxy sent what is no reply. */
export const NOT_RESP = 'the proxy sent what is no reply to us: '
/** How the reason begins when a reply is not of the kind that the command has. */
export const WRONG_KIND = 'a reply that this command does not have: '
/** The reason when the proxy, which nobody had harmed, closed the connection. */
export const DROPPED = 'the proxy closed the connection without having been harmed'

/**
 * An error that says that the write may have been applied; of an MSET that was refused in part nobody says which keys were, and of a
 * script that was refused in the middle nobody knows what it had done.
 */
export const SAYS_UNKNOWN =
  /outcome\b.*\bunknown\b|other keys of this '\w+' were written|what the script had done before that was applied/

const WRONG_REPLIES = [NOT_RESP, WRONG_KIND]

/**
 * G5: an error reply to a write says whether it was not applied or its outcome is unknown, and a connection is never dropped where an
 * error reply would do. One violation for each kind of text, with its first example.
 */
export function checkHonesty(operations: readonly Operation[]): Violation[] {
  const found = new Map<string, { first: Operation; count: number; message: string }>()
  for (const operation of operations) {
    const { outcome } = operation
    if (outcome.kind !== 'unknown') continue
    const message = complaint(outcome.reason)
    if (message === undefined) continue
    const known = found.get(message)
    if (known !== undefined) known.count++
    else found.set(message, { first: operation, count: 1, message })
  }
  return [...found.values()].map(({ first, count, message }) => ({
    check: WRONG_REPLIES.some((begin) => message.startsWith(begin)) ? 'wrong reply' : 'honest errors',
    key: first.key,
    message: `${message}${count > 1 ? ` (${count} times)` : ''}`,
    witness: [first],
  }))
}

function complaint(reason: string): string | undefined {
  if ([DROPPED, NOT_RESP, WRONG_KIND].some((begin) => reason.startsWith(begin)))
    return reason.replace(/\d+/g, 'n').slice(0, 100)
  if (!reason.startsWith(ERROR_REPLY) || SAYS_UNKNOWN.test(reason)) return undefined
  const text = reason.slice(ERROR_REPLY.length).replace(/\d+/g, 'n').slice(0, 160)
  return `an error that does not say whether the write was applied: ${text}`
}
