import { version } from '../base/version.js'
import { lackOf } from '../client/member-lack.js'
import type { Server } from '../client/server.js'
import { identifierOfKey } from '../ring/identifier.js'
import { shareMastered } from '../view/share.js'
import type { View } from '../view/view.js'
import { readinessOf } from './readiness.js'

/** A server that the Sentinels know. */
export interface MemberSeen {
  readonly name: string
  readonly address: string
  readonly state: string
  readonly version: string
  /** Part of the circle of which it is the master, of 1. */
  readonly share: number
  /** Keys of which it is the master; null before they were counted. */
  readonly keys: number | null
  /** Commands that it was sent and has not answered. */
  readonly outstanding: number
  readonly why: string
}

/** What the page shows, but for the token ranges, which are many and seldom change. */
export type Snapshot = ReturnType<typeof snapshotOf>

/** What there is at this moment; `keys` by the names of their masters, as far as they were counted. */
export function snapshotOf(server: Server, keys: ReadonlyMap<string, number>) {
  const { order, membership, migrator, clients, coordinator, views } = server
  const view = views.current
  const { sentinels, masters } = membership.status()
  return {
    version,
    ring: view.ringId,
    epoch: view.epoch,
    copies: Math.min(view.replicas + 1, view.members.length),
    uptimeSeconds: (performance.now() - server.startedAtMs) / 1000,
    ...readinessOf(server),
    rates: server.stats.rates(),
    clients: clients.count,
    blocked: coordinator.blocking.count,
    waiting: order.waiting.length,
    keysInDoubt: order.doubts.size,
    memoryBytes: process.memoryUsage.rss(),
    sentinels: { known: sentinels.length, reachable: sentinels.filter(({ reachable }) => reachable).length },
    members: masters.map(({ name, host, port, why }): MemberSeen => {
      const link = server.links.get(name)
      return {
        name,
        address: `${host}:${port}`,
        state: view.members.find((member) => member.name === name)?.state ?? 'out',
        version: link?.info?.kind.version ?? '',
        share: shareMastered(view, name),
        keys: keys.get(name) ?? null,
        outstanding: link?.outstanding ?? 0,
        why: why || lackOf(server, name),
      }
    }),
    migrations: migrator.status().map(({ member, reason, keys: copied, keysTotal, bytes, secondsLeft }) => {
      return { member, reason, keys: copied, keysTotal, bytes, secondsLeft: secondsLeft ?? null }
    }),
  }
}

/** The token ranges (from, to] with who has them, the master first, and who receives them. */
export function rangesOf({ ring, setOfRange }: View) {
  return ring.ranges().map(({ from, to }, i) => {
    const { natural, pending } = setOfRange[i]
    return { from, to, replicas: natural.map(({ name }) => name), pending: pending.map(({ name }) => name) }
  })
}

/** Where a key is on the circle, and on whom. */
export function placeOf(view: View, key: Buffer) {
  const identifier = identifierOfKey(key, 0, key.length)
  const { natural, pending } = view.setOfRange[view.ring.rangeOf(identifier)] ?? { natural: [], pending: [] }
  return { identifier, replicas: natural.map(({ name }) => name), pending: pending.map(({ name }) => name) }
}

/** What has changed from one moment to the next, a sentence each. */
export function changesBetween(before: Snapshot, now: Snapshot): string[] {
  const known = new Map(before.members.map((member) => [member.name, member]))
  const there = new Set(now.members.map(({ name }) => name))
  const moves = (one: Snapshot) => one.migrations.length > 0
  return [
    ...(before.ready === now.ready ? [] : [now.ready ? 'clients are served' : `nothing is served: ${now.why}`]),
    ...now.members.flatMap(({ name, state, why }) => {
      const was = known.get(name)
      const reason = why === '' ? '' : `: ${why}`
      if (was?.state === state) {
        if ((was.why === '') === (why === '')) return []
        return [why === '' ? `${name} is ${state}, and nothing is said against it any more` : `${name}${reason}`]
      }
      return [
        was === undefined
          ? `${name} is known, and ${state}${reason}`
          : `${name} was ${was.state} and is ${state}${reason}`,
      ]
    }),
    ...before.members.filter(({ name }) => !there.has(name)).map(({ name }) => `${name} is not known any more`),
    ...(moves(before) === moves(now) ? [] : [moves(now) ? 'data begins to move' : 'no data moves any more']),
  ]
}
