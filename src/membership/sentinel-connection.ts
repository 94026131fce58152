import type { Socket } from 'node:net'
import { decodeReply, OWN_DEPTH_MAX, textOf } from '../resp/decode.js'
import { isError, MapReply, type Reply, SetReply } from '../resp/encode.js'
import { frameOf } from '../resp/frame.js'
import { ReplyFramer, ReplyProtocolError, type ReplySink } from '../resp/reply-framer.js'
import { onceOpen, openSocket, socketFault, type TlsTarget } from '../tls/to-servers.js'

/** What a Sentinel says of a thousand masters has less than 2 MB. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

export interface SentinelEndpoint {
  readonly host: string
  readonly port: number
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly tls?: TlsTarget | undefined
}

/** A Sentinel said no: the connection is as good as before. */
export class SentinelRefusal extends Error {
  override name = 'SentinelRefusal'
}

/** What a reply is made of here: texts, numbers, null, and arrays of them; a map is a flat array, as in RESP2. */
export type Plain = string | number | null | readonly Plain[]

interface Waiter {
  readonly resolve: (reply: Plain) => void
  readonly reject: (error: Error) => void
}

/**
 * One RESP3 connection to one Sentinel, which may be anybody: what is no RESP, more than a Sentinel has to say, or said
 * without being asked ends it, and nothing is thrown but to who asked. It is not made again when it breaks.
 */
export class SentinelConnection implements ReplySink {
  private readonly waiting: Waiter[] = []
  private readonly framer = new ReplyFramer(this, ANSWER_BYTES_MAX, ANSWER_BYTES_MAX)
  private failure: Error | undefined
  private readonly socket: Socket
  private readonly timer: NodeJS.Timeout

  /**
   * @param connectTimeoutMs for the connection and the login
   * @param answerTimeoutMs for each answer
   */
  private constructor(
    { host, port, tls }: SentinelEndpoint,
    connectTimeoutMs: number,
    private readonly answerTimeoutMs: number,
    private readonly onMessage: (channel: string, message: string) => void,
    private readonly onClosed: (reason: Error) => void,
  ) {
    this.socket = openSocket({ host, port, noDelay: true, keepAlive: true }, tls)
    this.timer = setTimeout(() => this.close('the connection timed out'), connectTimeoutMs)
    this.socket.on('data', (chunk) => this.receive(chunk))
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.close(socketFault(error)))
    this.socket.on('close', () => this.close('it closed the connection'))
  }

  /**
   * Connects and logs in.
   *
   * @param onMessage told what is published on channels that were subscribed to
   * @param onClosed told once when the connection ends after it was open, for whatever reason
   * @throws Error when that does not come about, in time or at all
   */
  static async open(
    endpoint: SentinelEndpoint,
    timeouts: { readonly connectMs: number; readonly answerMs: number },
    onMessage: (channel: string, message: string) => void = () => {},
    onClosed: (reason: Error) => void = () => {},
  ): Promise<SentinelConnection> {
    const { username, password } = endpoint
    let isOpen = false
    const closed = (reason: Error) => {
      if (isOpen) onClosed(reason)
    }
    const { connectMs, answerMs } = timeouts
    const connection = new SentinelConnection(endpoint, connectMs, answerMs, onMessage, closed)
    try {
      // What is said before goes to whoever is there: he has not been verified.
      await connection.opened()
      const auth = password === undefined ? [] : ['AUTH', username ?? 'default', password]
      const hello = await connection.ask('HELLO', '3', ...auth)
      if (!speaksResp3(hello)) throw new Error('it does not answer HELLO as a Sentinel does')
      // Behind that answer it may have said something that nobody asked for.
      if (connection.failure !== undefined) throw connection.failure
      clearTimeout(connection.timer)
      isOpen = true
      return connection
    } catch (error) {
      connection.close((error as Error).message)
      throw error
    }
  }

  /**
   * The answer to one question.
   *
   * @throws SentinelRefusal when it is an error
   * @throws Error when there is none in time; the connection is closed then
   */
  ask(...args: string[]): Promise<Plain> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    const { buf, start, end } = frameOf(args)
    this.socket.write(buf.subarray(start, end))
    return this.answer(args[0])
  }

  /** What comes on these channels is told from now on. The confirmations are pushes; what is answered is a PING behind. */
  subscribe(channels: readonly string[]): Promise<Plain> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    this.socket.write(frameOf(['SUBSCRIBE', ...channels]).buf)
    return this.ask('PING')
  }

  /** Ends it, and tells who waits why. */
  close(reason = 'it is not needed any more'): void {
    if (this.failure !== undefined) return
    this.failure = new Error(reason)
    clearTimeout(this.timer)
    this.socket.destroy()
    for (const { reject } of this.waiting.splice(0)) reject(this.failure)
    this.onClosed(this.failure)
  }

  /** [ReplySink] */
  onReply(buf: Buffer, start: number, end: number): void {
    if (this.failure !== undefined) return
    const reply = decodeReply(buf, start, end, OWN_DEPTH_MAX)
    const waiter = this.waiting.shift()
    if (waiter === undefined) throw new ReplyProtocolError('an answer that nobody asked for')
    if (isError(reply)) waiter.reject(new SentinelRefusal(reply.message))
    else waiter.resolve(plain(reply))
  }

  /** [ReplySink] */
  onPush(buf: Buffer, start: number, end: number): void {
    if (this.failure !== undefined) return
    const push = decodeReply(buf, start, end, OWN_DEPTH_MAX)
    const [kind, channel, message] = Array.isArray(push) ? push.map(textOf) : []
    if (kind === 'message' && channel !== undefined && message !== undefined) this.onMessage(channel, message)
  }

  private answer(command: string): Promise<Plain> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.close(`${command} timed out`), this.answerTimeoutMs)
      const settle =
        <T>(done: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer)
          done(value)
        }
      this.waiting.push({ resolve: settle(resolve), reject: settle(reject) })
    })
  }

  private opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve: () => {}, reject })
      onceOpen(this.socket, () => {
        this.waiting.length = 0
        resolve()
      })
    })
  }

  private receive(chunk: Buffer): void {
    if (this.failure !== undefined) return
    try {
      this.framer.feed(chunk)
    } catch (error) {
      if (!(error instanceof ReplyProtocolError)) throw error
      this.close(`it does not answer as a Sentinel does: ${error.message}`)
    }
  }
}

function speaksResp3(hello: Plain): boolean {
  return Array.isArray(hello) && hello[hello.indexOf('proto') + 1] === 3
}

function plain(reply: Reply): Plain {
  if (reply === null || typeof reply === 'number') return reply
  if (reply instanceof MapReply) return reply.entries.flat().map((part) => plain(part))
  if (reply instanceof SetReply) return reply.items.map((part) => plain(part))
  if (Array.isArray(reply)) return reply.map((part) => plain(part))
  return textOf(reply) ?? null
}
