import { version } from '../../base/version.js'
import type { VerifyReport } from '../../migration/verify-report.js'
import { pendingRanges } from '../../view/share.js'
import { clientsOfAll, type PeersSeen } from '../forwarding.js'
import type { Server } from '../server.js'

/** What of the server these commands touch. */
type Needs = Pick<
  Server,
  | 'config'
  | 'links'
  | 'membership'
  | 'migrator'
  | 'order'
  | 'peers'
  | 'slowLog'
  | 'stateFileFault'
  | 'stats'
  | 'verifier'
>

/** The ring and what the coordinator did, from what this process knows: it is there when no member answers. */
export function ringSection(server: Needs): string[] {
  const { order, membership, config } = server
  const { view, links } = order.router
  const { stats } = order
  const { sentinels, masters } = membership.status()
  const count = (values: readonly boolean[]) => values.filter(Boolean).length
  return [
    `dt_version:${version}`,
    `dt_serving:${order.opening.isOpen ? 1 : 0}`,
    `dt_not_serving_because:${order.opening.why().replace(/[\r\n]+/g, ' ')}`,
    `dt_state_file_failing:${server.stateFileFault() === undefined ? 0 : 1}`,
    `dt_ring:${view.ringId}`,
    `dt_epoch:${view.epoch}`,
    `dt_members:${view.members.length}`,
    `dt_members_suspect:${count(view.members.map(({ state }) => state === 'suspect'))}`,
    `dt_links_up:${count(links.map(({ ready }) => ready))}`,
    `dt_masters_known:${masters.length}`,
    `dt_replicas:${view.replicas}`,
    `dt_copies:${Math.min(view.replicas + 1, view.members.length)}`,
    `dt_virtual_nodes:${view.virtualNodes}`,
    `dt_token_ranges:${view.ring.size}`,
    `dt_pending_ranges:${pendingRanges(view)}`,
    `dt_migrations:${server.migrator.status().length}`,
    ...verifyLines(server.verifier.report),
    ...frontLines(server.peers()),
    `dt_sentinels:${sentinels.length}`,
    `dt_sentinels_reachable:${count(sentinels.map(({ reachable }) => reachable))}`,
    `dt_sentinels_tilt:${count(sentinels.map(({ tilt }) => tilt))}`,
    ...Object.entries(stats).map(([name, value]) => `dt_${snakeCase(name)}:${value}`),
    `dt_waiting:${order.waiting.length}`,
    `dt_gates:${order.gates.active}`,
    `dt_unavailable_timeout_ms:${config.limits.unavailableTimeoutMs}`,
    `dt_rejected_commands:${server.stats.rejectedCommands}`,
    `dt_memory_rss:${process.memoryUsage.rss()}`,
    ...masters.map(({ name, host, port, link, inRing, why }, i) => {
      const state = view.members.find((member) => member.name === name)?.state ?? 'out'
      const outstanding = server.links.get(name)?.outstanding ?? 0
      const { counts, sumS } = server.slowLog.durations.of(name, 'server')
      const answered = counts.reduce((sum, each) => sum + each, 0)
      const load = `outstanding=${outstanding},answered=${answered},server_usec=${Math.round(sumS * 1e6)}`
      const reason = why === '' ? '' : `,why=${why.replace(/[,\r\n]/g, ';')}`
      return `dt_member${i}:name=${name},addr=${host}:${port},in_ring=${inRing ? 1 : 0},state=${state},link=${link},${load}${reason}`
    }),
  ]
}

/** The verification that runs, or the last one. */
function verifyLines(report: VerifyReport | undefined): string[] {
  if (report === undefined) return ['dt_verify:never']
  return [
    `dt_verify:${report.state}`,
    `dt_verify_copies_seen:${report.copiesSeen}`,
    `dt_verify_copies_total:${Math.max(report.copiesTotal, report.copiesSeen)}`,
    `dt_verify_differences:${report.differences}`,
    `dt_verify_left:${report.left}`,
  ]
}

/** Who sends clients on to this proxy, and to whom it sends its own. */
function frontLines({ fronts, owner }: PeersSeen): string[] {
  return [
    `dt_fronts:${fronts.length}`,
    `dt_clients_of_fronts:${clientsOfAll(fronts)}`,
    ...(owner === undefined ? [] : [`dt_owner_reached:${owner.isReached ? 1 : 0}`]),
    ...(owner === undefined || owner.fault === ''
      ? []
      : [`dt_owner_missed_why:${owner.fault.replace(/[\r\n]/g, ' ')}`]),
  ]
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
