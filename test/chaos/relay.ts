import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Whose connections: the proxy's, or the Sentinels' (only they watch members). */
export type Side = 'proxy' | 'sentinel'
export type Direction = 'requests' | 'replies'

/** Whose connection it is: one side, and by the name that it gave itself, `dt:…` or `sentinel-…`, which process; of a front its run. */
export interface Peer {
  readonly side: Side | undefined
  readonly name: string
}

/** What happens to the bytes of one direction. */
export interface Flow {
  /** Nothing passes; it is delivered when that ends. */
  readonly stalled?: boolean
  /** When it is stalled so many bytes pass all the same, so that it begins in the middle of something. */
  readonly afterBytes?: number
  /** When it is stalled everything passes up to the end of the first command, of two arguments, with this name. */
  readonly behind?: string
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
 * stall or delay their bytes, to let go of a client and deliver its last bytes long after, or to swallow everything.
 */
export class Relay {
  private readonly connections = new Set<Connection>()
  private readonly cutSides = new Set<Side>()
  private readonly flows = new Map<string, Flow>()
  private readonly refused: ((peer: Peer) => boolean)[] = []
  private hole: Hole | undefined
  /** For tests of the harness: changes what the proxy sends. */
  tamper: ((bytes: Buffer) => Buffer) | undefined

  private constructor(
    private readonly net: Server,
    readonly port: number,
    private readonly targetPort: number,
  ) {
    net.on('connection', (near) => this.accept(near))
  }

  /** Listens on `port` of `host` and connects to `targetPort` of 127.0.0.1 for everyone who comes. */
  static async start(port: number, targetPort: number, host = '127.0.0.1'): Promise<Relay> {
    const net = createServer({ noDelay: true }).listen(port, host)
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

  /** Resets the connections of these peers and refuses new ones of theirs, until `heal`, or until the function that it gives is called. */
  refuse(whom: (peer: Peer) => boolean): () => void {
    this.refused.push(whom)
    for (const connection of this.connections) if (connection.side !== undefined && whom(connection)) connection.reset()
    return () => {
      const at = this.refused.indexOf(whom)
      if (at >= 0) this.refused.splice(at, 1)
    }
  }

  /** Who is connected now, as far as they have said it. */
  peers(): Peer[] {
    return [...this.connections].filter(({ side }) => side !== undefined)
  }

  /**
   * From now on the network loses what goes in these directions, without a word: neither bytes nor the ends of
   * connections arrive, and who comes anew gets no answer.
   */
  swallow(sides: readonly Side[], directions: readonly Direction[] = ['requests', 'replies']): void {
    this.hole = { sides, directions }
    for (const connection of this.connections) {
      if (connection.side !== undefined) connection.swallow(this.hole)
    }
  }

  /**
   * The network is whole again for connections to come; `lateMs` later TCP sends again what it has not delivered of
   * the old ones, also of those that their client has closed meanwhile. Resolves when that is done.
   */
  async spit(lateMs: number): Promise<void> {
    this.hole = undefined
    const old = [...this.connections].filter((connection) => connection.isSwallowed)
    for (const connection of old.filter(({ isYoung }) => isYoung)) connection.reset()
    await sleep(lateMs)
    for (const connection of old) connection.resend()
    await sleep(LATE_LINGER_MS)
  }

  /** Passes everything on again; what was held is delivered. What is swallowed ends by `spit` alone. */
  heal(): void {
    this.cutSides.clear()
    this.refused.length = 0
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
      if (this.cutSides.has(side) || this.refused.some((whom) => whom(connection))) connection.reset()
      else if (this.hole !== undefined) connection.swallow(this.hole, true)
    }
    connection.onClosed = () => this.connections.delete(connection)
    // While everything is cut nobody gets as far as to say who he is.
    if (this.cutSides.size === 2) connection.reset()
  }
}

/** What a network loses. */
interface Hole {
  readonly sides: readonly Side[]
  readonly directions: readonly Direction[]
}

/** One connection through a relay: the socket of whoever came, and the one to the server. */
class Connection {
  /** Known from the first bytes: a Sentinel introduces itself. */
  side: Side | undefined
  /** The name that it gave itself in these bytes. */
  name = ''
  /** It began while everything was swallowed: it never came about. */
  isYoung = false
  private lost: readonly Direction[] = []
  private nearGone = false
  private farGone = false
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
      this.nearGone = true
      if (!this.abandoned && !this.lost.includes('requests')) this.reset()
    })
    this.far.on('close', () => {
      this.farGone = true
      if (!this.lost.includes('replies')) this.reset()
    })
    this.far.on('end', () => {
      if (!this.lost.includes('replies')) this.replies.whenEmpty(() => near.end())
    })
    near.on('end', () => {
      if (!this.abandoned && !this.lost.includes('requests')) this.requests.whenEmpty(() => this.far.end())
    })
  }

  get isSwallowed(): boolean {
    return this.lost.length > 0
  }

  swallow({ sides, directions }: Hole, isYoung = false): void {
    if (this.side === undefined || !sides.includes(this.side)) return
    this.lost = directions
    this.isYoung = isYoung
    this.reshape()
  }

  /** What was swallowed is delivered, with the ends of the connection; a server that has closed it takes nothing. */
  resend(): void {
    if (!this.isSwallowed) return
    this.lost = []
    if (this.isYoung || this.farGone) this.reset()
    else this.reshape()
    if (this.nearGone) this.requests.whenEmpty(() => this.far.end())
  }

  /** The rules of the relay have changed. */
  reshape(): void {
    const stalled = { stalled: true }
    const holds = (direction: Direction) => this.isYoung || this.lost.includes(direction)
    this.requests.shape(this.held || holds('requests') ? stalled : this.relay.flowOf(this.side, 'requests'))
    this.replies.shape(holds('replies') ? stalled : this.relay.flowOf(this.side, 'replies'))
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
    const said = bytes.toString('latin1')
    this.name = (/(sentinel-[0-9a-f]{8}|dt:[!-~]+)/.exec(said) ?? /"run":"([0-9a-f]{40})"/.exec(said))?.[1] ?? ''
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
  /** How many bytes may pass although it is stalled. */
  private allowance = 0
  /** The command up to the end of which everything passes, although it is stalled. */
  private behind: string | undefined
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
    this.allowance = flow.afterBytes ?? 0
    this.behind = flow.behind
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
    if (this.flow.stalled === true) {
      this.passBytes()
      return
    }
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

  private passBytes(): void {
    while (this.queue.length > 0) {
      const { bytes, dueMs } = this.queue[0]
      if (this.behind !== undefined) {
        const end = endOf(this.behind, bytes)
        this.allowance = end ?? bytes.length
        if (end !== undefined) this.behind = undefined
      }
      if (this.allowance === 0) return
      const passing = bytes.subarray(0, this.allowance)
      if (passing.length === bytes.length) this.queue.shift()
      else this.queue[0] = { bytes: bytes.subarray(passing.length), dueMs }
      this.allowance -= passing.length
      this.queuedBytes -= passing.length
      if (!this.to.destroyed) this.to.write(passing)
    }
  }

  private resume(): void {
    if (this.queuedBytes <= HELD_MAX_BYTES && !this.to.writableNeedDrain) this.from.resume()
  }
}

/** Where the first command with this name and two arguments ends, if it lies whole in the bytes. */
function endOf(name: string, bytes: Buffer): number | undefined {
  const text = bytes.toString('latin1')
  const found = new RegExp(`\\r\\n${name}\\r\\n\\$(\\d+)\\r\\n`).exec(text)
  if (found === null) return undefined
  const last = /^\r\n\$\d+\r\n\d+\r\n/.exec(text.slice(found.index + found[0].length + Number(found[1])))
  return last === null ? undefined : found.index + found[0].length + Number(found[1]) + last[0].length
}
