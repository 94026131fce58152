import { IS_ERROR, ReplyProtocolError } from '../resp/reply-framer.js'

/**
 * Who waits for the reply of a command that was emitted on a link. Exactly one of the two is called, once for every
 * emission, in the order of the emissions.
 */
export interface ReplySink {
  /** For how many ms its server may say nothing at all while it executes that, as far as one can tell; else for none. */
  readonly patienceMs?: number
  /**
   * The reply, whole, in RESP3, without pushes. `buf` from `start` to `end` is valid during the call only, unless
   * `flags` has OWNED (see resp/reply-framer). `tag` is what was given with the emission.
   */
  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void
  /**
   * The link broke before the reply: whether the command was executed is not known. `buf` from `start` to `end` are
   * the bytes of the command as emitted, valid during the call only.
   */
  onLost(tag: number, buf: Buffer, start: number, end: number): void
  /** The same for the oldest command of a server that was silent for long: it may be the one that took so long. Else `onLost`. */
  onStuck?(tag: number, buf: Buffer, start: number, end: number): void
  /**
   * The command is one of a client's, so that who listens to keyspace events is told what it does, if its member is the key's master:
   * at once, or when it was answered and `isCounted`. What the proxy does for itself nobody is told.
   */
  readonly speaks?: 'at once' | 'if it counts' | undefined
  readonly isCounted?: boolean
}

const BUSY = Buffer.from('-BUSY ')

/** Whether a server says that it executes nothing because it is busy with a script. */
export function isBusyReply(buf: Buffer, start: number): boolean {
  return buf.compare(BUSY, 0, BUSY.length, start, Math.min(start + BUSY.length, buf.length)) === 0
}

/** A server has refused a command without which the link cannot go on. */
export class CommandRefusedError extends ReplyProtocolError {
  override name = 'CommandRefusedError'
  constructor(
    readonly command: string,
    reply: string,
  ) {
    super(`${command} was refused: ${reply}`)
  }
}

/**
 * A sink for a command after whose refusal the link cannot go on: an error breaks it, every other outcome is that of
 * `sink`.
 */
export function unlessRefused(command: string, sink?: ReplySink): ReplySink {
  return {
    onReply(tag, buf, start, end, flags) {
      if ((flags & IS_ERROR) === 0) sink?.onReply(tag, buf, start, end, flags)
      else throw new CommandRefusedError(command, buf.toString('utf8', start, end).trim())
    },
    onLost: (tag, buf, start, end) => sink?.onLost(tag, buf, start, end),
  }
}
