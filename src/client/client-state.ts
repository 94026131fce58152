import { AssertionError } from '../base/assert.js'
import type { ReplySlot, Wait } from '../order/reply-slot.js'
import { QueuedFrames } from '../serving/transaction/queued-frames.js'

/**
 * The life of a client, as it decides what becomes of its next command:
 *
 *        ┌───────────MULTI──────────> transaction ──┐
 *        │ ┌──EXEC, DISCARD, RESET──────────┘       │
 *      normal ──the last reply is under way──> ending ──> closed       from everywhere: the connection is closed
 *       │││└──served, or waited too long──┐         │
 *       ││└───a command that waits─────> blocked    │
 *       │└──the last UNSUBSCRIBE, RESET──┐          │
 *       └───SUBSCRIBE in RESP2────────> subscribed ─┘
 *
 * One door leads from state to state, `Session.become`. What a client has set for itself (name, database, watched keys …) is
 * no state: see Session.
 */
export type ClientState =
  /** Commands are served as they come. */
  | { readonly kind: 'normal' }
  /** They are kept up to EXEC; aborted when one of them was refused. */
  | Transaction
  /** It speaks RESP2 and listens to channels: only commands about that are served, as all else might be taken for a message. */
  | { readonly kind: 'subscribed' }
  /** The next one waits for what this one waits for. */
  | { readonly kind: 'blocked'; readonly wait: Wait }
  /** No more are served: the connection is closed when the replies have been written. */
  | { readonly kind: 'ending' }
  /** Nothing is written any more. */
  | { readonly kind: 'closed' }

export interface Transaction {
  readonly kind: 'transaction'
  readonly queued: QueuedFrames
  readonly isAborted: boolean
  /** When EXEC is answered the connection ends: one of its commands has ended it. */
  endsClient: boolean
  /** The place of EXEC, from when its commands are served that the proxy answers itself. */
  place: ReplySlot | undefined
}

/** There is one of each of these, so that it is cheap to ask for them. */
export const NORMAL: ClientState = { kind: 'normal' }
export const SUBSCRIBED: ClientState = { kind: 'subscribed' }
export const ENDING: ClientState = { kind: 'ending' }
export const CLOSED: ClientState = { kind: 'closed' }

export function newTransaction(): Transaction {
  return { kind: 'transaction', queued: new QueuedFrames(), isAborted: false, endsClient: false, place: undefined }
}

const MOVES: Readonly<Record<ClientState['kind'], readonly ClientState['kind'][]>> = {
  normal: ['transaction', 'subscribed', 'blocked', 'ending', 'closed'],
  transaction: ['normal', 'transaction', 'ending', 'closed'],
  subscribed: ['normal', 'ending', 'closed'],
  blocked: ['normal', 'blocked', 'closed'],
  ending: ['closed'],
  closed: [],
}

/** @throws AssertionError when that is no move */
export function checkMove(from: ClientState, to: ClientState): void {
  if (!MOVES[from.kind].includes(to.kind)) {
    throw new AssertionError(`a client that is ${from.kind} does not become ${to.kind}`)
  }
}
