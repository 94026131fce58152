import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { Membership, type MembershipDeps } from '../../src/membership/membership.js'
import { NO_REFUSALS } from '../../src/membership/refusals.js'
import { NO_SILENCE } from '../../src/membership/silence.js'
import type { Member } from '../../src/view/view.js'

/** A membership that follows real Sentinels over the plainest of links: a connection is up when it answers PING. */
export class Follower {
  /** What was published. */
  readonly published: (readonly Member[])[] = []
  readonly forgotten: string[] = []
  /** The lines of the log. */
  readonly lines: string[] = []
  readonly membership: Membership
  private readonly links = new Map<string, PingLink>()

  constructor(addresses: readonly string[], sentinel: Partial<MembershipDeps['sentinel']> = {}) {
    const log = pino({ level: 'info' }, { write: (line) => this.lines.push(JSON.parse(line).msg) })
    this.membership = new Membership({
      sentinel: {
        addresses: addresses.map((address) => {
          const [host, port] = address.split(':')
          return { host, port: Number(port) }
        }),
        masterPattern: 'dt-*',
        pollMs: 1000,
        ...sentinel,
      },
      log,
      silence: () => NO_SILENCE,
      checkPause: () => {},
      refusals: () => NO_REFUSALS,
      publish: (members) => this.published.push(members),
      forget: (name) => this.forgotten.push(name),
      noteRemoved: () => {},
      connect: ({ name, host, port }) => {
        if (this.links.has(name)) throw new Error(`${name} has a link already`)
        this.links.set(name, new PingLink(name, host, port, this.membership))
      },
      reset: () => {},
      disconnect: (name) => {
        this.links.get(name)!.close()
        this.links.delete(name)
      },
    })
  }

  /** Who is a member now: `dt-1 dt-2(suspect)`. */
  get ring(): string {
    const members = this.published.at(-1) ?? []
    return members.map(({ name, state }) => (state === 'up' ? name : `${name}(${state})`)).join(' ')
  }

  /** Every ring there was, in order. */
  get rings(): string[] {
    return this.published.map((members) => members.map(({ name }) => name).join(' '))
  }

  status(name: string) {
    return this.membership.status().masters.find((master) => master.name === name)
  }

  /** Waits until `condition` holds, and tells how long that took in ms. */
  async until(what: string, condition: () => boolean, patienceMs = 30_000): Promise<number> {
    const startMs = Date.now()
    while (!condition()) {
      if (Date.now() - startMs > patienceMs)
        throw new Error(`${what} did not happen; ${this.ring}\n${this.lines.join('\n')}`)
      await sleep(10)
    }
    return Date.now() - startMs
  }

  async stop(): Promise<void> {
    await this.membership.stop()
    for (const link of this.links.values()) link.close()
  }
}

class PingLink {
  private socket: Socket | undefined
  private timer: NodeJS.Timeout | undefined

  constructor(
    private readonly name: string,
    private readonly host: string,
    private readonly port: number,
    private readonly membership: Membership,
  ) {
    this.open()
  }

  close(): void {
    clearTimeout(this.timer)
    const { socket } = this
    this.socket = undefined
    socket?.destroy()
    // As a real link does: whoever closes it is told at once.
    this.membership.linkDown(this.name, 'closed')
  }

  private open(): void {
    let reason = 'closed by the server'
    const socket = connect({ host: this.host, port: this.port })
    this.socket = socket
    socket.on('connect', () => socket.write('PING\r\n'))
    socket.on('data', () => {
      if (this.socket === socket) this.membership.linkUp(this.name)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      reason = error.code ?? error.message
    })
    socket.on('close', () => {
      if (this.socket !== socket) return
      this.membership.linkDown(this.name, reason)
      this.timer = setTimeout(() => this.open(), 50)
    })
  }
}
