import { version } from '../base/version.js'
import { lackOf, remarkOn } from '../client/member-lack.js'
import type { Server } from '../client/server.js'
import { changesBetween, type MemberSeen, type RingSeen, reasonOf } from '../membership/ring-changes.js'
import { identifierOfKey } from '../ring/identifier.js'
import { shareMastered } from '../view/share.js'
import type { View } from '../view/view.js'
import { readinessOf } from './readiness.js'
import type { Surveys } from './surveys.js'

/** The ring as far as something that happens to it is told. */
export function ringSeen(server: Server): RingSeen<MemberSeen> {
  const { membership, migrator, views } = server
  const status = membership.status()
  const { ready, why } = readinessOf(server, status)
  const states = new Map(views.current.members.map(({ name, state }) => [name, state]))
  const members = status.masters.map(({ name, why }) => {
    return { name, state: states.get(name) ?? 'out', why: why || lackOf(server, name) }
  })
  return { ready, why, members, moves: migrator.status().length > 0 }
}

/** What has happened between the two, a sentence each. */
export function happened(before: RingSeen<MemberSeen>, now: RingSeen<MemberSeen>): string[] {
  return changesBetween(before, now, (member, was) => {
    if ((was.why === '') === (member.why === '')) return []
    const { name, state, why } = member
    return [why === '' ? `${name} is ${state}, and nothing is said against it any more` : `${name}${reasonOf(member)}`]
  })
}

/** In how many ms half of the commands were answered, and 99 % of them. */
export interface Latency {
  readonly half: number
  readonly most: number
}

/** What the page shows to everybody, but for the token ranges, which are many and seldom change. */
export type Snapshot = ReturnType<typeof snapshotOf>

/** Numbers of servers are null as long as they have not said them. */
export function snapshotOf(
  server: Server,
  { keys, loads }: Pick<Surveys, 'keys' | 'loads'>,
  latencyOf: (name: string) => Latency | null,
) {
  const { order, membership, migrator, clients, coordinator, views } = server
  const view = views.current
  const status = membership.status()
  const { sentinels, masters } = status
  return {
    version,
    ring: view.ringId,
    epoch: view.epoch,
    copies: Math.min(view.replicas + 1, view.members.length),
    uptimeSeconds: (performance.now() - server.startedAtMs) / 1000,
    ...readinessOf(server, status),
    rates: server.stats.rates(),
    clients: clients.count,
    blocked: coordinator.blocking.count,
    waiting: order.waiting.length,
    keysInDoubt: order.doubts.size,
    memoryBytes: process.memoryUsage.rss(),
    sentinels: { known: sentinels.length, reachable: sentinels.filter(({ reachable }) => reachable).length },
    members: masters.map(({ name, host, port, why }) => {
      const link = server.links.get(name)
      const load = loads.get(name)
      return {
        name,
        address: `${host}:${port}`,
        state: view.members.find((member) => member.name === name)?.state ?? 'out',
        version: link?.info?.kind.version ?? '',
        /** Part of the circle of which it is the master, of 1. */
        share: shareMastered(view, name),
        /** Keys of which it is the master; null before they were counted. */
        keys: keys.get(name) ?? null,
        /** Null before it has said so; its limit is 0 when it has none. */
        memoryBytes: load?.memoryBytes ?? null,
        memoryMaxBytes: load?.memoryMaxBytes ?? 0,
        /** Commands that it executes in a second, copies included. */
        commands: load?.commands ?? null,
        /** Commands that it was sent and has not answered. */
        outstanding: link?.outstanding ?? 0,
        /** Of the last seconds; null when nobody waited for it. */
        latencyMs: latencyOf(name),
        why: why || remarkOn(server, name),
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
