import { ConnectionError, type Endpoint, SingleConnection } from '../backend/single-connection.js'
import { textOf } from '../resp/decode.js'
import { isError, MapReply, type Reply, SetReply } from '../resp/encode.js'

/** What a Sentinel says of a thousand masters has less than 2 MB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

/** A Sentinel said no: the connection is as good as before. */
export class SentinelRefusal extends Error {
  override name = 'SentinelRefusal'
}

/** What a reply is made of here: texts, numbers, null, and arrays of them; a map is a flat array, as in RESP2. */
export type Plain = string | number | null | readonly Plain[]

/** A connection to one Sentinel: its errors are thrown, and whoever asks knows which one it is. */
export class SentinelConnection {
  private constructor(private readonly connection: SingleConnection) {}

  /**
   * Connects and logs in.
   *
   * @param onMessage told what is published on channels that were subscribed to
   * @param onClosed told once when the connection ends after it was open, for whatever reason
   * @throws Error when that does not come about, in time or at all
   */
  static async open(
    endpoint: Endpoint,
    timeouts: { readonly connectMs: number; readonly answerMs: number },
    onMessage: (channel: string, message: string) => void = () => {},
    onClosed: (reason: Error) => void = () => {},
  ): Promise<SentinelConnection> {
    const limits = { ...timeouts, answerBytesMax: ANSWER_BYTES_MAX }
    const connection = await SingleConnection.open(endpoint, limits).catch(rethrow)
    connection.onPushed = (push) => {
      const [kind, channel, message] = Array.isArray(push) ? push.map(textOf) : []
      if (kind === 'message' && channel !== undefined && message !== undefined) onMessage(channel, message)
    }
    connection.onClosed = ({ reason }) => onClosed(new Error(reason))
    return new SentinelConnection(connection)
  }

  /**
   * The answer to one question.
   *
   * @throws SentinelRefusal when it is an error
   * @throws Error when there is none in time; the connection is closed then
   */
  async ask(...args: string[]): Promise<Plain> {
    const reply = await this.connection.call(args).catch(rethrow)
    if (isError(reply)) throw new SentinelRefusal(reply.message)
    return plain(reply)
  }

  /** What comes on these channels is told from now on. The confirmations are pushes; what is answered is a PING behind. */
  subscribe(channels: readonly string[]): Promise<Plain> {
    this.connection.tell(['SUBSCRIBE', ...channels])
    return this.ask('PING')
  }

  /** Ends it, and tells who waits why. */
  close(reason?: string): void {
    this.connection.close(reason)
  }
}

function rethrow(error: Error): never {
  throw error instanceof ConnectionError ? new Error(error.reason) : error
}

function plain(reply: Reply): Plain {
  if (reply === null || typeof reply === 'number') return reply
  if (reply instanceof MapReply) return reply.entries.flat().map((part) => plain(part))
  if (reply instanceof SetReply) return reply.items.map((part) => plain(part))
  if (Array.isArray(reply)) return reply.map((part) => plain(part))
  return textOf(reply) ?? null
}
