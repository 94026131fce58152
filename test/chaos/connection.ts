import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Node, readReply, replyEnd } from '../helpers/raw-reply.js'
import { NOT_RESP } from './checkers/honesty.js'

/** The connection ended, or was ended by us, before a reply. */
export class ConnectionLostError extends Error {
  override name = 'ConnectionLostError'
}

/** What a proxy says that may answer nothing more. */
const DISMISSAL = /^ERR the outcome of this command, and of those that were sent behind it, is unknown: /

type Hears = (node: Node) => (() => void) | undefined

interface Waiter {
  resolve(reply: Node): void
  reject(error: Error): void
}

/** A client's connection to the proxy: bytes out, replies in. What is no reply ends it. */
export class Connection {
  private received: Buffer = Buffer.alloc(0)
  private readonly waiters: Waiter[] = []
  /** The last reply was that there will be no others. */
  private isDismissed = false
  /** Why it ended, once it has. */
  lost: string | undefined

  private constructor(
    private readonly socket: Socket,
    /** What is to be done with what nobody has asked for; undefined when it is a reply. */
    private readonly hears: Hears,
  ) {
    socket.setNoDelay(true)
    socket.on('data', (bytes) => this.take(bytes))
    socket.on('error', () => {})
    socket.on('close', () => this.end(`the connection was closed${this.isDismissed ? ', as it was told' : ''}`))
  }

  static async open(port: number, hears: Hears = () => undefined): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1' })
    await once(socket, 'connect')
    return new Connection(socket, hears)
  }

  /** Sends one command or several and gives the promises of `count` replies. They reject with `ConnectionLostError`. */
  send(bytes: Buffer, count: number): Promise<Node>[] {
    const replies = Array.from({ length: count }, () => {
      return new Promise<Node>((resolve, reject) => {
        if (this.lost === undefined) this.waiters.push({ resolve, reject })
        else reject(new ConnectionLostError(this.lost))
      })
    })
    if (this.lost === undefined) this.socket.write(bytes)
    return replies
  }

  /** Ends it from our side; whoever waits for a reply is told why. */
  close(reason: string): void {
    this.end(reason)
    this.socket.destroy()
  }

  private take(bytes: Buffer): void {
    this.received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes])
    let start = 0
    try {
      for (let end = replyEnd(this.received, 0); end > 0; end = replyEnd(this.received, start)) {
        const reply = readReply(this.received.subarray(start, end))
        start = end
        const hear = this.hears(reply)
        if (hear !== undefined) {
          // In its place among the replies, whose promises are kept one by one.
          queueMicrotask(hear)
          continue
        }
        const waiter = this.waiters.shift()
        if (waiter === undefined) throw new Error(`a reply that nobody asked for: ${JSON.stringify(reply)}`)
        this.isDismissed = reply.type === '-' && 'text' in reply && DISMISSAL.test(reply.text)
        waiter.resolve(reply)
      }
    } catch (error) {
      this.close(`${NOT_RESP}${(error as Error).message}`)
      return
    }
    this.received = Buffer.from(this.received.subarray(start))
  }

  private end(reason: string): void {
    if (this.lost !== undefined) return
    this.lost = reason
    for (const waiter of this.waiters.splice(0)) waiter.reject(new ConnectionLostError(reason))
  }
}
