import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { replyEnd } from './raw-reply.js'

export type Arg = Buffer | string

/** How long a reply may take before the test fails with what was waited for. */
const REPLY_TIMEOUT_MS = 60_000

interface Waiter {
  readonly resolve: (reply: Buffer) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/**
 * A client that sends bytes and gives back the bytes of each reply, in either protocol. It shares no code with the
 * proxy, so that it does not share its mistakes.
 *
 *     const client = await RawClient.connect(port, 3)
 *     await client.ask('GET', 'a')              // <Buffer '_\r\n'>
 *     client.send('PING\r\nPING\r\n')           // any bytes …
 *     await client.reply()                      // … and their replies one by one
 */
export class RawClient {
  /** All bytes received so far. */
  receivedBytes = 0
  /** Resolves when the connection is closed, by whomever. */
  readonly closed: Promise<void>

  private chunks: Buffer[] = []
  private bufferedBytes = 0
  /** A reply cannot be whole before this many bytes are there. */
  private neededBytes = 1
  private readonly replies: Buffer[] = []
  private readonly waiters: Waiter[] = []
  private over = false

  private constructor(readonly socket: Socket) {
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.take(chunk))
    // What the error was does not matter to a test: what it waits for fails when the socket closes.
    socket.on('error', () => {})
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.over = true
        for (const waiter of this.waiters.splice(0)) {
          clearTimeout(waiter.timer)
          waiter.reject(new Error(`the connection was closed before a reply; received: ${this.buffered()}`))
        }
        resolve()
      })
    })
  }

  /** Connects to 127.0.0.1; RESP3 is asked for with HELLO, whose reply is swallowed. */
  static async connect(port: number, proto: 2 | 3 = 2): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    const client = new RawClient(socket)
    socket.once('end', () => socket.end())
    if (proto === 3) await client.ask('HELLO', '3')
    return client
  }

  /** The same by TLS. Rejects when the handshake fails; a server may say afterwards that it wants another certificate. */
  static async secure(port: number, options: ConnectionOptions, proto: 2 | 3 = 2): Promise<RawClient> {
    const socket = connectTls({ port, host: '127.0.0.1', ...options })
    await once(socket, 'secureConnect')
    const client = new RawClient(socket)
    socket.once('end', () => socket.end())
    if (proto === 3) await client.ask('HELLO', '3')
    return client
  }

  /** Sends bytes as they are; strings are taken as UTF-8. */
  send(bytes: Arg): void {
    this.socket.write(bytes)
  }

  /** The next reply, whole. Rejects when the connection closes first, or after a while. */
  reply(): Promise<Buffer> {
    const there = this.replies.shift()
    if (there !== undefined) return Promise.resolve(there)
    if (this.over) return Promise.reject(new Error('the connection is closed and every reply has been taken'))
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiters.splice(
          this.waiters.findIndex((waiter) => waiter.timer === timer),
          1,
        )
        reject(new Error(`no reply within ${REPLY_TIMEOUT_MS} ms; received: ${this.buffered()}`))
      }, REPLY_TIMEOUT_MS)
      this.waiters.push({ resolve, reject, timer })
    })
  }

  /** Sends one command and gives its reply. */
  ask(...args: Arg[]): Promise<Buffer> {
    this.send(command(...args))
    return this.reply()
  }

  /** Sends all commands in one write and gives their replies. */
  async pipeline(commands: readonly (readonly Arg[])[]): Promise<Buffer[]> {
    this.send(Buffer.concat(commands.map((args) => command(...args))))
    const replies: Buffer[] = []
    for (let i = 0; i < commands.length; i++) replies.push(await this.reply())
    return replies
  }

  /** Everything that comes until the server closes the connection, and was not taken by `reply` yet. */
  async rest(): Promise<Buffer> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`the connection is not closed; received: ${this.buffered()}`)),
        REPLY_TIMEOUT_MS,
      )
    })
    await Promise.race([this.closed, late]).finally(() => clearTimeout(timer))
    return Buffer.concat([...this.replies.splice(0), ...this.chunks])
  }

  /** Half-closes: nothing more is sent, replies are still read. */
  end(): void {
    this.socket.end()
  }

  /** Breaks the connection off. */
  close(): void {
    this.socket.destroy()
  }

  private take(chunk: Buffer): void {
    this.receivedBytes += chunk.length
    this.chunks.push(chunk)
    this.bufferedBytes += chunk.length
    if (this.bufferedBytes < this.neededBytes) return
    const all = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks)
    let start = 0
    let end = replyEnd(all, start)
    while (end > 0) {
      this.deliver(all.subarray(start, end))
      start = end
      end = replyEnd(all, start)
    }
    this.chunks = start === all.length ? [] : [all.subarray(start)]
    this.bufferedBytes = all.length - start
    this.neededBytes = -end - start
  }

  private deliver(reply: Buffer): void {
    const waiter = this.waiters.shift()
    if (waiter === undefined) {
      this.replies.push(reply)
      return
    }
    clearTimeout(waiter.timer)
    waiter.resolve(reply)
  }

  private buffered(): string {
    const pending = Buffer.concat([...this.replies, ...this.chunks])
    return `${JSON.stringify(pending.toString('latin1', 0, 200))} (${pending.length} bytes)`
  }
}

/** A command as an array of bulk strings; strings are taken as UTF-8. */
export function command(...args: Arg[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = Buffer.from(arg as string)
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}
