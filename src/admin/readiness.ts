import { CLOCKS_APART_MS, clockText, LATELY_MS } from '../client/commands/diagnose.js'
import { lackOf } from '../client/member-lack.js'
import { isReachedBy } from '../client/reached.js'
import type { Server } from '../client/server.js'
import { isUnserved, unservedRanges, unwritableRanges } from '../view/share.js'

/** Whether clients should be sent here, and what is wrong anyhow. */
export interface Readiness {
  readonly ready: boolean
  /** Why not; empty when it is. */
  readonly why: string
  /** What is not as it should be although clients are served: one sentence each. */
  readonly warnings: readonly string[]
}

/** What a load balancer asks: it is ready when the ring is served, also while some of its members are away. */
export function readinessOf(server: Server, status = server.membership.status()): Readiness {
  const { order, clients, links } = server
  const { view } = order.router
  const { masters, sentinels } = status
  const { owner } = server.peers()
  if (owner?.isReached === true && !clients.isDraining) return { ready: true, why: '', warnings: [] }
  const fault = server.stateFileFault()
  const closed = order.opening.why() || (order.opening.isOpen ? '' : 'the ring is not served yet')
  const isLost = view.ring.size > 0 && view.setOfRange.every(isUnserved)
  const why = clients.isDraining ? 'the proxy stops' : closed || (isLost ? 'all servers of all keys are away' : '')
  const isReached = isReachedBy(server)
  const waiting = unservedRanges(view, isReached)
  const unwritable = unwritableRanges(view, isReached)
  const refusedForMs = server.stats.sinceUnavailableMs
  const copies = Math.min(view.replicas + 1, view.wanted.length)
  const lacking = masters.map(({ name, why }) => ({ name, why: why || lackOf(server, name) }))
  const silent = sentinels.filter(({ reachable }) => !reachable)
  const answering = sentinels.length - silent.length
  const undetectable = masters.filter(({ quorum }) => quorum > answering).map(({ name }) => name)
  const clocksApart = masters.flatMap(({ name }) => {
    const { ready, clockOffsetMs = 0 } = links.get(name) ?? {}
    return ready === true && Math.abs(clockOffsetMs) > CLOCKS_APART_MS ? [clockText(name, clockOffsetMs)] : []
  })
  return {
    ready: why === '',
    why,
    warnings: [
      ...(why === '' && waiting > 0 ? [`the keys of ${waiting} token ranges wait for members that are away`] : []),
      ...(why === '' && unwritable.count > 0
        ? [`writes on the keys of ${unwritable.count} token ranges wait for ${unwritable.waitFor.join(', ')}`]
        : []),
      ...(why === '' && refusedForMs < LATELY_MS
        ? [`commands are refused with CLUSTERDOWN, the last one ${Math.floor(refusedForMs / 1000)} s ago`]
        : []),
      ...(why === '' && copies <= view.replicas ? [`each key has ${copies} of ${view.replicas + 1} copies`] : []),
      ...lacking.filter(({ why }) => why !== '').map(({ name, why }) => `${name}: ${why}`),
      ...(fault === undefined ? [] : [`the state file cannot be written: ${fault}`]),
      ...clocksApart,
      ...(undetectable.length > 0 && answering > 0
        ? [
            `${answering} Sentinels answer, and the quorum of ${undetectable.join(', ')} is more: they cannot be declared down`,
          ]
        : []),
      ...silent.map(({ address, error }) => `the Sentinel ${address} does not answer${error ? `: ${error}` : ''}`),
    ],
  }
}
