import type { Socket } from 'node:net'
import { decodeReply, fieldOf, OWN_DEPTH_MAX } from '../resp/decode.js'
import { isError, type Reply } from '../resp/encode.js'
import { frameOf } from '../resp/frame.js'
import { ReplyFramer, ReplyProtocolError, type ReplySink } from '../resp/reply-framer.js'
import { onceOpen, openSocket, socketFault, type TlsTarget } from '../tls/to-servers.js'

export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly tls?: TlsTarget | undefined
  /** 3 if absent. Servers before Redis 6 speak only 2. */
  readonly protocol?: 2 | 3
}

/** The other side cannot be asked; the message says where that is, and why, for people. */
export class ConnectionError extends Error {
  override name = 'ConnectionError'

  constructor(
    where: string,
    /** Why, alone. */
    readonly reason: string,
  ) {
    super(`${where}: ${reason}`)
  }
}

export interface ConnectionLimits {
  /** For the connection and the login. */
  readonly connectMs: number
  /** For each answer after that; without it one is waited for as long as the connection lasts. */
  readonly answerMs?: number
  /** No answer may be longer. */
  readonly answerBytesMax?: number
}

const UNASKED = 'an answer that nobody asked for'

interface Waiter {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout | undefined
}

/**
 * One connection for a few questions, outside of every order: to a server that is not a member (yet), to a Sentinel, or from
 * the command line to a proxy. Whoever is there may be anybody: what is no RESP, or said without being asked, ends it, and nothing
 * is thrown but to who asked. It is not made again when it breaks.
 */
export class SingleConnection implements ReplySink {
  /** Is given what is pushed. */
  onPushed: (push: Reply) => void = () => {}
  /** Is given what comes without having been asked for (a stream of commands), and how many bytes that was; else that ends it. */
  onUnasked: ((reply: Reply, bytes: number) => void) | undefined
  /** Is told once why nothing comes any more, after it was open. */
  onClosed: (error: ConnectionError) => void = () => {}
  private readonly waiting: Waiter[] = []
  private readonly framer: ReplyFramer
  private readonly socket: Socket
  private readonly where: string
  private isOpen = false
  private failure: ConnectionError | undefined

  private constructor(
    { host, port, tls }: Endpoint,
    private readonly limits: ConnectionLimits,
  ) {
    const { answerBytesMax } = limits
    this.where = `${host}:${port}`
    this.framer = new ReplyFramer(this, answerBytesMax, answerBytesMax)
    this.socket = openSocket({ host, port, noDelay: true, keepAlive: true }, tls)
    this.socket.on('data', (chunk) => this.receive(chunk))
    this.socket.on('error', (error: NodeJS.ErrnoException) =>
      this.close(error.syscall === undefined ? socketFault(error) : (error.code ?? error.message)),
    )
    this.socket.on('close', () => this.close('it closed the connection'))
  }

  /**
   * Connects and logs in.
   *
   * @throws ConnectionError when that does not come about, in time or at all
   */
  static async open(endpoint: Endpoint, limits: ConnectionLimits): Promise<SingleConnection> {
    const connection = new SingleConnection(endpoint, limits)
    const timer = setTimeout(
      () => connection.close(`it timed out: no login within ${limits.connectMs} ms`),
      limits.connectMs,
    )
    try {
      // What is said before goes to whoever is there: he has not been verified.
      await connection.connected()
      const greeting = greetingOf(endpoint)
      const greeted = await connection.call(greeting, limits.connectMs)
      if (isError(greeted)) connection.close(greeted.message)
      else if (greeting[0] === 'HELLO' && fieldOf(greeted, 'proto') !== 3)
        connection.close('it does not answer HELLO as a Redis does')
      // Behind that answer it may have said something that nobody asked for.
      if (connection.failure !== undefined) throw connection.failure
      connection.isOpen = true
      return connection
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * The decoded reply to one command; an error reply is a value like any other.
   *
   * @param answerMs for this answer
   * @throws ConnectionError when there is none in time; the connection is closed then
   */
  call(args: readonly (string | Buffer)[], answerMs = this.limits.answerMs): Promise<Reply> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    const reply = this.answerTo(args, answerMs)
    this.tell(args)
    return reply
  }

  /**
   * The decoded replies to several commands that are sent at once.
   *
   * @throws ConnectionError
   */
  callAll(commands: readonly (readonly (string | Buffer)[])[]): Promise<Reply[]> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    const replies = commands.map((args) => this.answerTo(args, this.limits.answerMs))
    const frames = commands.map((args) => frameOf(args))
    this.socket.write(Buffer.concat(frames.map(({ buf, start, end }) => buf.subarray(start, end))))
    return Promise.all(replies)
  }

  /** Sends a command that is not answered, or by pushes alone. */
  tell(args: readonly (string | Buffer)[]): void {
    if (this.failure !== undefined) return
    const { buf, start, end } = frameOf(args)
    this.socket.write(buf.subarray(start, end))
  }

  /** Ends it, and tells who waits why. */
  close(reason = 'it is not needed any more'): void {
    if (this.failure !== undefined) return
    this.failure = new ConnectionError(this.where, reason)
    this.socket.destroy()
    for (const { reject, timer } of this.waiting.splice(0)) {
      clearTimeout(timer)
      reject(this.failure)
    }
    if (this.isOpen) this.onClosed(this.failure)
  }

  /** [ReplySink] */
  onReply(buf: Buffer, start: number, end: number): void {
    if (this.failure !== undefined) return
    const reply = decodeReply(buf, start, end, OWN_DEPTH_MAX)
    const waiter = this.waiting.shift()
    if (waiter !== undefined) {
      clearTimeout(waiter.timer)
      waiter.resolve(reply)
    } else if (this.onUnasked !== undefined) this.onUnasked(reply, end - start)
    else throw new ReplyProtocolError(UNASKED)
  }

  /** [ReplySink] */
  onPush(buf: Buffer, start: number, end: number): void {
    if (this.failure === undefined) this.onPushed(decodeReply(buf, start, end, OWN_DEPTH_MAX))
  }

  private answerTo(args: readonly (string | Buffer)[], answerMs: number | undefined): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const tooLate = () => this.close(`it timed out: no answer to ${String(args[0])} within ${answerMs} ms`)
      const timer = answerMs === undefined ? undefined : setTimeout(tooLate, answerMs)
      this.waiting.push({ resolve, reject, timer })
    })
  }

  private connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve: () => {}, reject, timer: undefined })
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
      // The answers to all that is asked later might be taken for parts of it.
      const isAsked = this.waiting.length > 0 || this.onUnasked !== undefined
      if (this.framer.replyBegun && !isAsked) throw new ReplyProtocolError(UNASKED)
    } catch (error) {
      if (!(error instanceof ReplyProtocolError)) throw error
      this.close(`it does not speak the Redis protocol: ${error.message}`)
    }
  }
}

/** What is said first: who we are, and in which protocol we speak. */
function greetingOf({ username, password, protocol = 3 }: Endpoint): string[] {
  if (protocol === 3)
    return ['HELLO', '3', ...(password === undefined ? [] : ['AUTH', username ?? 'default', password])]
  if (password === undefined) return ['PING']
  return username === undefined ? ['AUTH', password] : ['AUTH', username, password]
}
