import type { Socket } from 'node:net'
import { decodeReply, OWN_DEPTH_MAX } from '../resp/decode.js'
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

/** The server cannot be asked; the message says why, for people. */
export class ConnectionError extends Error {
  override name = 'ConnectionError'
}

interface Waiter {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

/**
 * One RESP3 connection for a few questions, outside of every order: to a server that is not a member (yet), or from the
 * command line to a proxy. It is not made again when it breaks.
 */
export class SingleConnection implements ReplySink {
  /** Is given what comes without having been asked for (a stream of commands), and how many bytes that was. */
  onUnasked: (reply: Reply, bytes: number) => void = () => {}
  /** Is told once why nothing comes any more. */
  onFailure: (error: ConnectionError) => void = () => {}
  private readonly waiting: Waiter[] = []
  private readonly framer = new ReplyFramer(this)
  private failure: ConnectionError | undefined

  private constructor(
    private readonly socket: Socket,
    private readonly where: string,
  ) {
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.receive(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.fail(error.syscall === undefined ? socketFault(error) : (error.code ?? error.message)),
    )
    socket.on('close', () => this.fail('the connection was closed'))
  }

  /**
   * Connects and logs in.
   *
   * @param timeoutMs for all of that
   * @throws ConnectionError
   */
  static async open(endpoint: Endpoint, timeoutMs: number): Promise<SingleConnection> {
    const { host, port, tls } = endpoint
    const socket = openSocket({ host, port }, tls)
    const connection = new SingleConnection(socket, `${host}:${port}`)
    const timer = setTimeout(() => connection.fail(`no answer within ${timeoutMs} ms`), timeoutMs)
    try {
      // What is said before goes to whoever is there: he has not been verified.
      await connection.opened(socket)
      const greeting = await connection.call(greetingOf(endpoint))
      if (isError(greeting)) connection.fail(greeting.message)
      if (connection.failure !== undefined) throw connection.failure
      return connection
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * The decoded reply to one command; an error reply is a value like any other.
   *
   * @throws ConnectionError
   */
  call(args: readonly (string | Buffer)[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) {
        reject(this.failure)
        return
      }
      this.waiting.push({ resolve, reject })
      const { buf, start, end } = frameOf(args)
      this.socket.write(buf.subarray(start, end))
    })
  }

  /**
   * The decoded replies to several commands that are sent at once.
   *
   * @throws ConnectionError
   */
  callAll(commands: readonly (readonly (string | Buffer)[])[]): Promise<Reply[]> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    const replies = commands.map(() => new Promise<Reply>((resolve, reject) => this.waiting.push({ resolve, reject })))
    const frames = commands.map((args) => frameOf(args))
    this.socket.write(Buffer.concat(frames.map(({ buf, start, end }) => buf.subarray(start, end))))
    return Promise.all(replies)
  }

  /** Sends a command that is not answered. */
  tell(args: readonly string[]): void {
    const { buf, start, end } = frameOf(args)
    this.socket.write(buf.subarray(start, end))
  }

  close(): void {
    this.fail('it was closed')
  }

  /** [ReplySink] */
  onReply(buf: Buffer, start: number, end: number): void {
    const reply = decodeReply(buf, start, end, OWN_DEPTH_MAX)
    const waiter = this.waiting.shift()
    if (waiter === undefined) this.onUnasked(reply, end - start)
    else waiter.resolve(reply)
  }

  /** [ReplySink] */
  onPush(): void {}

  private opened(socket: Socket): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve: () => {}, reject })
      onceOpen(socket, () => {
        this.waiting.length = 0
        resolve()
      })
    })
  }

  private receive(chunk: Buffer): void {
    try {
      this.framer.feed(chunk)
    } catch (error) {
      if (!(error instanceof ReplyProtocolError)) throw error
      this.fail('it does not speak the Redis protocol')
    }
  }

  private fail(reason: string): void {
    if (this.failure !== undefined) return
    this.failure = new ConnectionError(`${this.where}: ${reason}`)
    this.socket.destroy()
    for (const { reject } of this.waiting.splice(0)) reject(this.failure)
    this.onFailure(this.failure)
  }
}

/** What is said first: who we are, and in which protocol we speak. */
function greetingOf({ username, password, protocol = 3 }: Endpoint): string[] {
  if (protocol === 3)
    return ['HELLO', '3', ...(password === undefined ? [] : ['AUTH', username ?? 'default', password])]
  if (password === undefined) return ['PING']
  return username === undefined ? ['AUTH', password] : ['AUTH', username, password]
}
