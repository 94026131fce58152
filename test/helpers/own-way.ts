import { join } from 'node:path'
import type { LocalRing } from '../../src/local/local-ring.js'
import { LocalServer } from '../../src/local/local-server.js'
import { freePorts } from '../../src/local/ports.js'
import { sentinelConfig } from '../../src/local/server-config.js'
import type { Teardown } from './proxy.js'
import { Relay } from './relay.js'
import { PATIENT_MS } from './sentinels.js'
import { temporaryDirectory } from './temporary-directory.js'

/** A way to the servers of a ring that one proxy has for itself, and can lose while others reach them. */
export class OwnWay {
  private constructor(
    private readonly relays: readonly Relay[],
    /** Of a Sentinel that knows the servers by this way. */
    readonly sentinels: readonly string[],
  ) {}

  static async to(t: Teardown, ring: LocalRing): Promise<OwnWay> {
    const relays = await Promise.all(ring.members.map(({ port }) => Relay.start(t, port)))
    const members = ring.members.map(({ name }, i) => ({ name, host: '127.0.0.1', port: relays[i].port }))
    const [port] = await freePorts(1)
    const dir = join(temporaryDirectory(t), 'sentinel')
    const sentinel = new LocalServer('sentinel-9', port, dir, 'sentinel', () => {})
    sentinel.configure(sentinelConfig({ dir, port }, { members, sentinels: [], quorum: 1, downAfterMs: PATIENT_MS }))
    t.teardown(() => sentinel.kill())
    await sentinel.start()
    return new OwnWay(relays, [`127.0.0.1:${port}`])
  }

  /** All connections are reset, and new ones are refused. */
  refuse(): void {
    for (const relay of this.relays) relay.refuse()
  }

  /** Nothing passes any more, and nobody is told. */
  blackhole(): void {
    for (const relay of this.relays) relay.blackhole()
  }

  heal(): void {
    for (const relay of this.relays) relay.heal()
  }
}
