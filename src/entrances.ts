import type { AdminServer } from './admin/admin-server.js'
import { firstAddress } from './base/bind-addresses.js'
import { noteFailure } from './base/inner-failure.js'
import type { Logger } from './base/log.js'
import type { ListenAddress } from './client/doors.js'
import type { Listener } from './client/listener.js'
import type { Config } from './config/config.js'
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
    if (!this.isFollowedThere) await this.openAdmin()
    if (this.options.standby !== true) await this.openListener()
  }

  /** No other proxy is there. */
  async vacant(): Promise<void> {
    this.standsBy = false
    if (this.isFollowedThere) await this.openAdmin()
    if (this.options.standby === true) await this.openListener()
  }

  /** Gives the sockets to a successor. Resolves with the run of that, which waits for this proxy to stop; undefined when none does. */
  async handOver(env: NodeJS.ProcessEnv): Promise<string | undefined> {
    try {
      const run = await startSuccessor([...this.listener.sockets(), ...this.admin.sockets()], env, this.log)
      if (run !== undefined) this.listener.passOn()
      return run
    } catch (failure) {
      noteFailure(this.log, failure, { while: 'a successor was started' })
      return undefined
    }
  }

  /** Whether the one that is to be followed answers for monitoring until then. */
  private get isFollowedThere(): boolean {
    const { ready, sockets = [] } = this.options
    return ready !== undefined && sockets.some(({ name }) => name === 'admin')
  }

  private async openAdmin(): Promise<void> {
    this.adminAddress = await this.admin.open(this.config.admin, this.options.sockets ?? [])
  }

  private async openListener(): Promise<void> {
    this.address = await this.listener.open(this.options.sockets ?? [])
  }
}
