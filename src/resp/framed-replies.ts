/** The reply has a type that RESP2 does not know. */
export const HAS_RESP3 = 1
/** Nobody will write into the reply's buffer again: a reference to it may be kept. */
export const OWNED = 2
/** The reply is an error (an error inside an aggregate does not count). */
export const IS_ERROR = 4

/** In the place of a larger reply an error is handed over: memory is not without end, and no Buffer holds 4 GB. */
export const REPLY_MAX_BYTES = 1024 ** 3
export const TOO_LARGE_REPLY = Buffer.from(
  '-ERR the command was executed, and its reply is larger than a gigabyte: ask for less at a time\r\n',
)

/** What a server answers to a command between MULTI and EXEC. */
export const QUEUED = Buffer.from('+QUEUED\r\n')

/** Inside the reply that is handed over next, or right behind it, or by itself: the reply before it was handed over. */
export type PushPlace = 'inside' | 'behind' | 'alone'

/** Receives what a `ReplyFramer` finds. */
export interface ReplySink {
  /** A whole reply: `buf` from `start` to `end`, valid during the call (longer if `flags` has OWNED). */
  onReply(buf: Buffer, start: number, end: number, flags: number): void
  /** A whole push, valid during the call. It may come before the reply that it stood in; `place` says where it stood. */
  onPush(buf: Buffer, start: number, end: number, place: PushPlace): void
}

/** The backend's bytes are no RESP: the connection cannot be used any more. */
export class ReplyProtocolError extends Error {
  override name = 'ReplyProtocolError'
}
