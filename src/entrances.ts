import type { AdminServer } from './admin/admin-server.js'
import { firstAddress } from './base/bind-addresses.js'
import { noteFailure } from './base/inner-failure.js'
import type { Logger } from './base/log.js'
import type { ListenAddress } from './client/doors.js'
import type { Listener } from './client/listener.js'
import type { Config } from './config/config.js'
import type { Peering } from './peer/peering.js'
import type { RingProxy, StartOptions } from './service.js'
import { startSuccessor } from './successor.js'

/**
 * Where clients and monitoring come in, and from when on. Who stands by lets clients in when nobody else serves; who was started to go
 * on in the place of another one leaves its sockets to that until then.
 */
export class Entrances {
  /** Where clients connect. */
  address: ListenAddress
  adminAddress: RingProxy['adminAddress']
  /** Whether it waits for another proxy to be gone. */
  standsBy: boolean

  constructor(
    private readonly listener: Listener,
    private readonly admin: AdminServer,
    private readonly peering: Peering,
    private readonly config: Config,
    private readonly options: StartOptions,
    private readonly log: Logger,
  ) {
    this.standsBy = options.standby === true
    this.address = { ...firstAddress(config.listen), tlsPort: config.tls.port }
  }

  /** The proxy starts. What cannot be listened on is told before clients are accepted, and before the one that is to be followed stops. */
  async begin(): Promise<void> {
    if (this.options.ready !== undefined) this.listener.check(this.options.sockets ?? [])
    if (!this.isFollowedThere('admin')) await this.openAdmin()
    if (!this.isFollowedThere('peers')) await this.openPeering()
    if (!this.isShut) await this.openListener()
  }

  /** No other proxy is there. */
  async vacant(): Promise<void> {
    this.standsBy = false
    this.peering.vacant()
    if (this.isFollowedThere('admin')) await this.openAdmin()
    if (this.isFollowedThere('peers')) await this.openPeering()
    if (this.isShut) await this.openListener()
  }

  /** Lets all clients go; those of fronts stay there. */
  async drain(): Promise<void> {
    await this.listener.drain()
    this.peering.part()
  }

  /** Gives the sockets to a successor. Resolves with the run of that, which waits for this proxy to stop; undefined when none does. */
  async handOver(env: NodeJS.ProcessEnv): Promise<string | undefined> {
    try {
      const run = await startSuccessor(
        [...this.listener.sockets(), ...this.admin.sockets(), ...this.peering.sockets()],
        env,
        this.log,
      )
      if (run !== undefined) this.listener.passOn()
      return run
    } catch (failure) {
      noteFailure(this.log, failure, { while: 'a successor was started' })
      return undefined
    }
  }

  /** Whether clients do not come in before the ring is this proxy's: one that reaches the owner sends them on until then. */
  private get isShut(): boolean {
    return this.options.standby === true && !isFront(this.config, this.options)
  }

  /** Whether the one that is to be followed has that socket until then. */
  private isFollowedThere(name: 'admin' | 'peers'): boolean {
    const { ready, sockets = [] } = this.options
    return ready !== undefined && sockets.some((socket) => socket.name === name)
  }

  private async openAdmin(): Promise<void> {
    this.adminAddress = await this.admin.open(this.config.admin, this.options.sockets ?? [])
  }

  private async openPeering(): Promise<void> {
    await this.peering.open(this.options.sockets ?? [])
  }

  private async openListener(): Promise<void> {
    this.address = await this.listener.open(this.options.sockets ?? [])
  }
}

/** Whether a proxy accepts clients while it stands by. One that waits for the proxy that has started it does not: that has the sockets. */
export function isFront({ peers }: Config, { standby, ready }: StartOptions): boolean {
  return standby === true && ready === undefined && peers.port !== undefined
}

/** Whether another proxy goes on by itself when this one is not seen on the servers any more: one that is told of others, or has stood by. */
export function isFollowed({ peers }: Config, { standby }: StartOptions): boolean {
  return standby === true || peers.port !== undefined
}
