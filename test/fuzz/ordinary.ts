import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { command } from '../helpers/raw-client.js'
import { ReplyCounter } from './reply-counter.js'

/** How many pipelines each client sends in a second, and for what part of the time their process keeps a processor busy besides. */
export interface Pace {
  readonly perSecond: number
  readonly busy: number
}

const DEPTH_MAX = 8
/** Without replies a client goes on for so many commands. As who attacks it does not wait for each. */
const UNANSWERED_MAX = 100
const TICK_MS = 1
/** For so long a client keeps a connection, about as long as a session lasts: to connect and to shake hands costs the proxy, too. */
const CONNECTION_MS = 80

/**
 * As many clients as attack at a time, on the same doors, that mean no harm: pipelines of commands that servers answer and, as most of what attacks is
 * answered, that the proxy answers itself.
 * Each connects anew again and again, as some programs do for each request that they serve.
 * They are what attacks are held against: they take the proxy, and the machine, as much time.
 */
export class OrdinaryClients {
  pace: Pace = { perSecond: 50, busy: 0 }
  private isOver = false
  private readonly clients: readonly { readonly end: () => void; readonly send: () => void }[]
  private readonly timer: NodeJS.Timeout
  private lastMs = performance.now()
  /** Pipelines that each has to send by now. */
  private due = 0

  /** One of four comes by TLS. `failed` is told of one that is closed, or of a reply that is none. */
  constructor(
    port: number,
    tlsPort: number,
    count: number,
    private readonly failed: (failure: Error) => void,
  ) {
    this.clients = Array.from({ length: count }, (_, number) => this.client(port, tlsPort, number))
    this.timer = setInterval(() => this.tick(), TICK_MS)
  }

  end(): void {
    this.isOver = true
    clearInterval(this.timer)
    for (const { end } of this.clients) end()
  }

  private fails(failure: Error): void {
    if (!this.isOver) this.failed(failure)
  }

  private tick(): void {
    const nowMs = performance.now()
    this.due += ((nowMs - this.lastMs) / 1000) * this.pace.perSecond
    spin((nowMs - this.lastMs) * this.pace.busy)
    this.lastMs = nowMs
    for (; this.due >= 1; this.due--) for (const { send } of this.clients) send()
  }

  private client(port: number, tlsPort: number, number: number): { end: () => void; send: () => void } {
    const commands = Array.from({ length: 10 * DEPTH_MAX }, (_, i) => commandOf(number, i))
    let connection = this.connection(port, tlsPort, number % 4 === 3)
    let turn = number
    const send = () => {
      const { socket, counter, sinceMs, sent } = connection
      const left = sent - counter.replies
      if (left === 0 && performance.now() - sinceMs > CONNECTION_MS) {
        connection.isOver = true
        socket.end()
        connection = this.connection(port, tlsPort, number % 4 === 3)
      } else if (left < UNANSWERED_MAX) {
        const depth = 1 + (turn % DEPTH_MAX)
        const from = (turn++ * 3) % (commands.length - DEPTH_MAX)
        socket.write(Buffer.concat(commands.slice(from, from + depth)))
        connection.sent += depth
      }
    }
    return { end: () => connection.socket.destroy(), send }
  }

  private connection(port: number, tlsPort: number, isSecure: boolean) {
    const where = { host: '127.0.0.1', port: isSecure ? tlsPort : port, noDelay: true }
    const socket: Socket = isSecure ? connectTls({ ...where, rejectUnauthorized: false }) : connect(where)
    const connection = { socket, counter: new ReplyCounter(), sinceMs: performance.now(), sent: 0, isOver: false }
    socket.on('error', () => {}) // That it is closed is what counts.
    socket.once('close', () => {
      if (!connection.isOver) this.fails(new Error('it was closed'))
    })
    socket.on('data', (chunk: Buffer) => {
      try {
        connection.counter.take(chunk)
      } catch (failure) {
        this.fails(failure as Error)
      }
    })
    return connection
  }
}

function commandOf(number: number, i: number): Buffer {
  const key = `ordinary:${number}:${i}`
  const value = 'x'.repeat(100)
  const own = [['PING'], ['ECHO', key], ['ECHO', value], ['TIME']]
  const kinds = [['SET', key, value], ...own, ['GET', key], ...own, ['INCR', `${key}:count`], ...own]
  return command(...kinds[i % kinds.length])
}

function spin(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}
