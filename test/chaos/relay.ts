import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Whose connections: the proxy's, or the Sentinels' (only they watch members). */
export type Side = 'proxy' | 'sentinel'
export type Direction = 'requests' | 'replies'

/** What happens to the bytes of one direction. */
export interface Flow {
  /** Nothing passes; it is delivered when that ends. */
  readonly stalled?: boolean
  /** Everything comes so much later. */
  readonly delayMs?: number
  readonly bytesPerSecond?: number
}

/** What the relay holds of one direction before it stops reading from the sender. */
const HELD_MAX_BYTES = 4 * 1024 * 1024
/** How long bytes that were delivered late may take to have their effect before their connection ends. */
const LATE_LINGER_MS = 500

/**
 * Stands before one server, a member or a Sentinel, and passes bytes on, until it is told to cut connections, to slow,
 * stall or delay their bytes, or to let go of a client and deliver its last bytes long after.
 */
export class Relay {
  private readonly connections = new Set<Connection>()
  private readonly cutSides = new Set<Side>()
  private readonly flows = new Map<string, Flow>()
  /** For tests of the harness: changes what the proxy sends. */
  tamper: ((bytes: Buffer) => Buffer) | undefined

  private constructor(
    private readonly net: Server,
    readonly port: number,
    private readonly targetPort: number,
  ) {
    net.on('connection', (near) => this.accept(near))
  }

  /** Listens on `port` of 127.0.0.1 and connects to `targetPort` for everyone who comes. */
  static async start(port: number, targetPort: number): Promise<Relay> {
    const net = createServer({ noDelay: true }).listen(port, '127.0.0.1')
    await once(net, 'listening')
    return new Relay(net, port, targetPort)
  }

  /** Resets the connections of `sides` and refuses new ones until `heal`. */
  cut(sides: readonly Side[]): void {
    for (const side of sides) this.cutSides.add(side)
    for (const connection of this.connections) {
      if (connection.side !== undefined && this.cutSides.has(connection.side)) connection.reset()
    }
  }

  /** Shapes the bytes of one direction of these sides' connections, also of those to come, until `heal`. */
  shape(sides: readonly Side[], direction: Direction, flow: Flow): void {
    for (const side of sides) this.flows.set(`${side} ${direction}`, flow)
    for (const connection of this.connections) connection.reshape()
  }

  /**
   * Keeps the proxy's requests back for `holdMs`, then lets the proxy see its connections break, and delivers what was
   * kept back `lateMs` after that: bytes of a connection that everybody believes dead. Resolves when all is delivered.
   */
  async deliverLate(holdMs: number, lateMs: number): Promise<void> {
    const held = [...this.connections].filter(({ side }) => side === 'proxy')
    for (const connection of held) connection.hold()
    await sleep(holdMs)
    for (const connection of held) connection.abandon()
    await sleep(lateMs)
    for (const connection of held) connection.release()
    await sleep(LATE_LINGER_MS)
    for (const connection of held) connection.reset()
  }

  /** Passes everything on again; what was held is delivered. */
  heal(): void {
    this.cutSides.clear()
    this.flows.clear()
    for (const connection of this.connections) connection.reshape()
  }

  close(): void {
    this.net.close()
    for (const connection of this.connections) connection.reset()
  }

  /** @internal */
  flowOf(side: Side | undefined, direction: Direction): Flow {
    return this.flows.get(`${side} ${direction}`) ?? {}
  }

  private accept(near: Socket): void {
    const connection = new Connection(this, near, this.targetPort)
    this.connections.add(connection)
    connection.onIdentified = (side) => {
      if (this.cutSides.has(side)) connection.reset()
    }
    connection.onClosed = () => this.connections.delete(connection)
    // While everything is cut nobody gets as far as to say who he is.
    if (this.cutSides.size === 2) connection.reset()
  }
}

/** One connection through a relay: the socket of whoever came, and the one to the server. */
class Connection {
  /** Known from the first bytes: a Sentinel introduces itself. */
  side: Side | undefined
  onIdentified: (side: Side) => void = () => {}
  onClosed: () => void = () => {}
  private readonly far: Socket
  private readonly requests: Pipe
  private readonly replies: Pipe
  private held = false
  private abandoned = false

  constructor(
    private readonly relay: Relay,
    private readonly near: Socket,
    targetPort: number,
  ) {
    this.far = connect({ port: targetPort, host: '127.0.0.1', noDelay: true })
    this.requests = new Pipe(near, this.far)
    this.replies = new Pipe(this.far, near)
    near.on('data', (bytes: Buffer) => {
      if (this.side === undefined) this.identify(bytes)
      const { tamper } = this.relay
      this.requests.take(tamper !== undefined && this.side === 'proxy' ? tamper(bytes) : bytes)
    })
    this.far.on('data', (bytes: Buffer) => this.replies.take(bytes))
    for (const socket of [near, this.far]) socket.on('error', () => {})
    near.on('close', () => {
      if (!this.abandoned) this.reset()
    })
    this.far.on('close', () => this.reset())
    this.far.on('end', () => this.replies.whenEmpty(() => near.end()))
    near.on('end', () => {
      if (!this.abandoned) this.requests.whenEmpty(() => this.far.end())
    })
  }

  /** The rules of the relay have changed. */
  reshape(): void {
    this.requests.shape(this.held ? { stalled: true } : this.relay.flowOf(this.side, 'requests'))
    this.replies.shape(this.relay.flowOf(this.side, 'replies'))
  }

  hold(): void {
    this.held = true
    this.reshape()
  }

  /** Whoever came sees the connection break; the server sees nothing. */
  abandon(): void {
    this.abandoned = true
    breakOff(this.near)
  }

  release(): void {
    this.held = false
    this.reshape()
  }

  reset(): void {
    this.requests.drop()
    this.replies.drop()
    breakOff(this.near)
    breakOff(this.far)
    this.onClosed()
  }

  private identify(bytes: Buffer): void {
    this.side = bytes.includes('sentinel-') ? 'sentinel' : 'proxy'
    this.reshape()
    this.onIdentified(this.side)
  }
}

/** With RST, if nothing is on its way out: else Node would wait for that at its exit, for ever. */
function breakOff(socket: Socket): void {
  if (socket.connecting || socket.writableLength > 0 || socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

/** One direction of a connection. */
class Pipe {
  private readonly queue: { readonly bytes: Buffer; readonly dueMs: number }[] = []
  private queuedBytes = 0
  private lastDueMs = 0
  private flow: Flow = {}
  private timer: NodeJS.Timeout | undefined
  private readonly atEmpty: (() => void)[] = []

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
  ) {
    to.on('drain', () => this.resume())
  }

  take(bytes: Buffer): void {
    const { delayMs = 0, bytesPerSecond = Number.POSITIVE_INFINITY } = this.flow
    const now = performance.now()
    const dueMs = Math.max(now + delayMs, this.lastDueMs) + (bytes.length / bytesPerSecond) * 1000
    this.lastDueMs = dueMs
    this.queue.push({ bytes, dueMs })
    this.queuedBytes += bytes.length
    if (this.queuedBytes > HELD_MAX_BYTES) this.from.pause()
    this.pass()
  }

  shape(flow: Flow): void {
    this.flow = flow
    this.pass()
  }

  whenEmpty(action: () => void): void {
    if (this.queue.length === 0) action()
    else this.atEmpty.push(action)
  }

  drop(): void {
    clearTimeout(this.timer)
    this.queue.length = 0
  }

  private pass(): void {
    clearTimeout(this.timer)
    if (this.flow.stalled === true) return
    const free = this.flow.delayMs === undefined && this.flow.bytesPerSecond === undefined
    while (this.queue.length > 0) {
      const { bytes, dueMs } = this.queue[0]
      const waitMs = dueMs - performance.now()
      if (waitMs > 0 && !free) {
        this.timer = setTimeout(() => this.pass(), waitMs)
        return
      }
      this.queue.shift()
      this.queuedBytes -= bytes.length
      if (!this.to.destroyed && !this.to.write(bytes)) this.from.pause()
    }
    this.lastDueMs = 0
    this.resume()
    for (const action of this.atEmpty.splice(0)) action()
  }

  private resume(): void {
    if (this.queuedBytes <= HELD_MAX_BYTES && !this.to.writableNeedDrain) this.from.resume()
  }
}
