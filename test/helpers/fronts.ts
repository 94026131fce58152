import type { ConfigInput } from '../../src/config/config.js'
import { AnotherProxy } from './another-proxy.js'
import type { startRing } from './ring.js'
import { until } from './until.js'

type Tap = Parameters<typeof startRing>[0]
type Ring = Awaited<ReturnType<typeof startRing>>

const PASSWORD = 'known to all proxies of the ring'

/** Settings with which a proxy owns the ring, or is a front. */
export const PEERS = { peers: { port: 0, password: PASSWORD } }

/** The same for a proxy that is a process. */
export const PEERS_OF_PROCESS = { DT_PEERS_PORT: '0', DT_PEERS_PASSWORD: PASSWORD }

/** Starts a front, which may not reach the owner; `started` tells what becomes of it when that is gone. */
export async function startFront(
  t: Tap,
  ring: Ring,
  config: ConfigInput = PEERS,
  unavailableTimeoutMs?: number,
): Promise<{ readonly proxy: AnotherProxy; readonly started: Promise<void> }> {
  const proxy = AnotherProxy.of(t, ring, {
    standby: true,
    config: { ...config, admin: { port: 0 } },
    ...(unavailableTimeoutMs !== undefined && { unavailableTimeoutMs }),
  })
  const { started } = await proxy.listens()
  return { proxy, started }
}

/** Resolves when a front has reached the owner so many times. */
export function reaches(proxy: AnotherProxy, times = 1): Promise<unknown> {
  return until('it reaches the owner', () => proxy.log.about(/^clients are served by the proxy at/)[times - 1])
}
