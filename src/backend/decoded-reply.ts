import { decodeReply, OWN_DEPTH_MAX } from '../resp/decode.js'
import type { Reply } from '../resp/encode.js'
import { ReplyProtocolError } from '../resp/reply-framer.js'
import type { ReplySink } from './reply-sink.js'

/** A command of a cold path has no reply because the link is, or went, down. */
export class LinkLostError extends Error {
  override name = 'LinkLostError'
  constructor(
    readonly member: string,
    /** Whether the command may have been executed. */
    readonly emitted: boolean,
  ) {
    super(emitted ? `the connection to ${member} broke before it answered` : `there is no connection to ${member}`)
  }
}

/** What comes of commands on a link; undefined when that broke. */
export async function unlessLost<T>(coming: Promise<T>): Promise<T | undefined> {
  try {
    return await coming
  } catch (failure) {
    if (failure instanceof LinkLostError) return undefined
    throw failure
  }
}

/**
 * The decoded reply to what `emit` emits on the link of a member.
 *
 * @throws LinkLostError, or why the reply cannot be decoded
 */
export function decodedReply(member: string, emit: (sink: ReplySink) => void): Promise<Reply> {
  return new Promise((resolve, reject) => {
    emit({
      onReply: (_tag, buf, start, end) => {
        try {
          resolve(decodeReply(buf, start, end, OWN_DEPTH_MAX))
        } catch (error) {
          const isBroken = error instanceof ReplyProtocolError
          reject(isBroken ? new LinkLostError(member, true) : error)
          if (isBroken) throw new ReplyProtocolError(`a reply that cannot be decoded: ${error.message}`)
        }
      },
      onLost: () => reject(new LinkLostError(member, true)),
    })
  })
}
