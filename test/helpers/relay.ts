import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Teardown } from './proxy.js'

/** How many more bytes may pass before the link is broken. */
interface Allowance {
  requests: number
  replies: number
}

const UNLIMITED = Number.POSITIVE_INFINITY

/**
 * Stands between the ring and one server and passes bytes on, until it is told to break the proxy's link in the middle
 * of them, or to keep them back.
 */
export class Relay {
  /** Links that were broken. */
  cuts = 0
  private readonly allowance: Allowance = { requests: UNLIMITED, replies: UNLIMITED }
  private readonly sockets = new Set<Socket>()
  /** The proxy's ends of its links. */
  private readonly links = new Set<Socket>()
  /** In what the proxy says: from there on replies are counted, of which so many bytes may pass. */
  private cutAfter: { readonly text: string; readonly bytes: number } | undefined
  /** What the proxy says is kept back from the first piece on that has this in it. */
  private stallAt: string | undefined
  private sparesSentinels = false
  private held: (() => void)[] | undefined
  private bytesPerMs = UNLIMITED
  /** Bytes of the server that have passed since `slowReplies`, one after the other. */
  passedSlowly = 0
  /** What the server has said and has not passed yet. */
  private readonly slow: { readonly bytes: number; readonly deliver: () => void }[] = []
  /** What the proxy has said since `record`. */
  private recorded: Buffer[] | undefined
  /** Nothing passes, and nobody is told: neither bytes nor the end of a connection. */
  private isBlack = false
  private isRefusing = false
  /** What was said into the hole, in order, and what was said after it on the same connections. */
  private swallowed: (() => void)[] = []

  private constructor(
    private readonly net: Server,
    private readonly target: number,
  ) {
    net.on('connection', (near) => this.join(near))
  }

  static async start(t: Teardown, target: number): Promise<Relay> {
    const net = createServer({ noDelay: true }).listen(0, '127.0.0.1')
    await once(net, 'listening')
    const relay = new Relay(net, target)
    t.teardown(() => {
      net.close()
      for (const socket of relay.sockets) socket.destroy()
    })
    return relay
  }

  get port(): number {
    return (this.net.address() as AddressInfo).port
  }

  /**
   * Breaks the link when the server has sent so many bytes more, from the moment on when it is sent something that has
   * `text` in it; the next link is whole again.
   */
  cutInReplies(bytes: number, text: string): void {
    this.cutAfter = { text, bytes }
  }

  /** Breaks the link when the server has been sent so many bytes more. */
  cutInRequests(bytes: number): void {
    this.allowance.requests = bytes
  }

  /** From now on what the proxy says is kept; gives what has come since the last time. */
  record(): Buffer {
    const recorded = Buffer.concat(this.recorded ?? [])
    this.recorded = []
    return recorded
  }

  /** Keeps back what the proxy says, and the Sentinels, from the next bytes on that have `text` in them, until `resume`. */
  stallRequests(text = ''): void {
    this.stallAt = text
    this.sparesSentinels = false
  }

  /** Keeps back what the proxy says alone. */
  stallProxy(): void {
    this.stallAt = ''
    this.sparesSentinels = true
  }

  /** What the server says passes, to everybody together, at so many bytes a ms from now on: who is told little waits behind the rest. */
  slowReplies(bytesPerMs: number): void {
    this.bytesPerMs = bytesPerMs
  }

  /** Whether something is kept back. */
  get isStalling(): boolean {
    return this.held !== undefined
  }

  /** Delivers what was kept back. */
  resume(): void {
    const held = this.held ?? []
    this.stallAt = undefined
    this.held = undefined
    for (const deliver of held) deliver()
  }

  /** What was kept back is lost: the link breaks. */
  loseHeld(): void {
    this.stallAt = undefined
    this.held = undefined
    this.cuts++
    for (const socket of this.links) socket.destroy()
  }

  /**
   * Packets are lost from now on, everybody's and without a reset: no byte passes, nobody hears that a connection has
   * ended, and new ones are not made.
   */
  blackhole(): void {
    this.isBlack = true
  }

  /** All connections are reset, and new ones too, as soon as they are made, until `heal`. */
  refuse(): void {
    this.isRefusing = true
    for (const socket of this.sockets) socket.resetAndDestroy()
  }

  /** New connections are whole again. Over those that were there nothing comes before `deliverLate`. */
  heal(): void {
    this.isBlack = false
    this.isRefusing = false
  }

  /** TCP sends again what was lost, to connections that the server still has. Gives the number of pieces. */
  deliverLate(): number {
    const pieces = this.swallowed.splice(0)
    for (const deliver of pieces) deliver()
    return pieces.length
  }

  private pace(bytes: number, deliver: () => void): void {
    if (this.bytesPerMs === UNLIMITED && this.slow.length === 0) deliver()
    else if (this.slow.push({ bytes, deliver }) === 1) this.passNext()
  }

  private passNext(): void {
    const [{ bytes, deliver }] = this.slow
    setTimeout(() => {
      deliver()
      this.slow.shift()
      this.passedSlowly += bytes
      if (this.slow.length > 0) this.passNext()
    }, bytes / this.bytesPerMs)
  }

  private join(near: Socket): void {
    if (this.isRefusing) {
      near.resetAndDestroy()
      return
    }
    if (this.isBlack) {
      this.sockets.add(near)
      near.on('error', () => {}).on('close', () => this.sockets.delete(near))
      return
    }
    const far = connect({ port: this.target, host: '127.0.0.1', noDelay: true })
    let isLink = false
    let isSentinel = false
    let hasSwallowed = false
    near.once('data', (chunk) => {
      isLink = chunk.includes('SETNAME')
      isSentinel = chunk.includes('sentinel-')
      if (isLink) this.links.add(near)
    })
    for (const socket of [near, far]) {
      this.sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.sockets.delete(socket)
        this.links.delete(near)
        near.destroy()
        // What was lost may still come, and the server does not know that nobody waits for it.
        if (!hasSwallowed && !this.isBlack) far.destroy()
      })
    }
    const pass = (from: Socket, to: Socket, what: keyof Allowance) => {
      const take = (chunk: Buffer) => {
        const { allowance } = this
        if (isLink && chunk.length > allowance[what]) {
          from.pause()
          to.write(chunk.subarray(0, allowance[what]), () => to.destroy())
          allowance[what] = UNLIMITED
          this.cuts++
          return
        }
        if (isLink) allowance[what] -= chunk.length
        if (isLink && !isSentinel && what === 'requests') this.recorded?.push(chunk)
        if (isLink && what === 'requests' && this.cutAfter !== undefined && chunk.includes(this.cutAfter.text)) {
          allowance.replies = this.cutAfter.bytes
          this.cutAfter = undefined
        }
        if (!to.write(chunk) && !from.isPaused()) {
          from.pause()
          to.once('drain', () => from.resume())
        }
      }
      from.on('data', (chunk) => {
        if (this.isBlack || hasSwallowed) {
          hasSwallowed = true
          if (what === 'requests') this.swallowed.push(() => far.write(chunk))
          return
        }
        if (what === 'replies') this.pace(chunk.length, () => take(chunk))
        else if (!isLink) take(chunk)
        else if (isSentinel && this.sparesSentinels) take(chunk)
        else if (this.held !== undefined) this.held.push(() => take(chunk))
        else if (this.stallAt !== undefined && chunk.includes(this.stallAt)) this.held = [() => take(chunk)]
        else take(chunk)
      })
    }
    pass(near, far, 'requests')
    pass(far, near, 'replies')
  }
}
