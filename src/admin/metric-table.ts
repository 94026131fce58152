import type { LinkState } from '../backend/link-state.js'
import { version } from '../base/version.js'
import { type Histogram, PARTS, type Part } from '../client/durations.js'
import { clientsOfAll } from '../client/forwarding.js'
import { isReachedBy } from '../client/reached.js'
import type { Server } from '../client/server.js'
import { COMMAND_CLASSES } from '../command/command-class.js'
import type { MembershipStatus } from '../membership/membership.js'
import type { MigrationStatus } from '../migration/migrator.js'
import type { OrderStats } from '../order/stats.js'
import {
  isAmong,
  isFirstFilled,
  pendingRanges,
  shareMastered,
  shortRanges,
  unservedRanges,
  unwritableRanges,
} from '../view/share.js'
import { readinessOf } from './readiness.js'

/** A sample with its labels. There are as many as there are members, Sentinels, or codes of errors: never as many as keys or clients. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

/** The same of a histogram. */
export type Distribution = readonly [labels: Readonly<Record<string, string>>, histogram: Histogram]

/** The proxy as it is looked at once: what is asked by several metrics is asked once. */
export interface Scrape extends Server {
  readonly status: MembershipStatus
  readonly moving: readonly MigrationStatus[]
}

/** What is measured, by Prometheus's conventions: a name with its unit, and `_total` when it only grows. */
export type Metric = {
  readonly name: string
  readonly help: string
  /** Absent for one sample without labels. */
  readonly labels?: readonly string[]
} & (
  | {
      readonly kind: 'counter' | 'gauge'
      /** Asked when somebody looks, and only then. */
      readonly value: (now: Scrape) => number | readonly Sample[]
    }
  | { readonly kind: 'histogram'; readonly value: (now: Scrape) => readonly Distribution[] }
)

export function scrapeOf(server: Server): Scrape {
  return Object.assign(Object.create(server) as Server, {
    status: server.membership.status(),
    moving: server.migrator.status(),
  })
}

const LINK_STATES: readonly LinkState['kind'][] = ['connecting', 'handshaking', 'ready', 'waiting', 'closed']

const truth = (is: boolean) => (is ? 1 : 0)
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

/** What each number of `OrderStats` is called. */
const COUNTED: Readonly<Record<keyof OrderStats, readonly [name: string, help: string]>> = {
  reads: ['dt_reads', 'Reads sent to servers: of a command over several servers each part of it.'],
  writes: [
    'dt_writes',
    'Writes sent to the servers of their keys: of a command over several of these each part of it.',
  ],
  readsResent: ['dt_reads_resent', 'Reads sent again because a connection broke.'],
  readsFromBackup: ['dt_reads_from_backup', 'Reads of which the master was not asked.'],
  differences: ['dt_replication_differences', 'Writes to which a backup answered something else than the master.'],
  unequalExpiries: [
    'dt_unequal_expiries',
    'Writes at whose time the deadline of the key had passed on some servers only.',
  ],
  waits: ['dt_waits', 'Commands that had to wait for a server of their keys.'],
  plans: ['dt_split_commands', 'Commands that were split over several servers.'],
  gathers: ['dt_gathers', 'Commands for which keys of several servers were brought together.'],
  gatherBytes: ['dt_gather_bytes', 'Bytes that were brought together for them.'],
  gateWaits: ['dt_gate_waits', 'Commands that waited for another one on several servers.'],
  scriptsCopied: ['dt_scripts_copied', 'Scripts after which their keys were copied.'],
  swaps: ['dt_swaps', 'SWAPDB.'],
  outcomesUnknown: ['dt_outcomes_unknown', 'Writes of which it is not known whether they were applied.'],
}

/** What the parts of a command's time are called: see Durations. */
const PART_NAMES: Readonly<Record<Part, readonly [name: string, help: string]>> = {
  duration: ['duration', 'From its turn to its answer'],
  waiting: ['waiting', 'From its turn until it was sent to the member whose reply was waited for last'],
  server: ['server', 'From when it was sent to the member whose reply was waited for last until that was read'],
  proxy: ['proxy', 'From when the last reply was read, or from its turn, to its answer'],
}

/** All metrics of ours, in the order in which they are shown; docs/metrics.md is made from this table. */
export const METRICS: readonly Metric[] = [
  {
    ...{ name: 'dt_build_info', help: 'Always 1; the labels say what runs.', kind: 'gauge' },
    labels: ['version', 'ring'],
    value: ({ views }) => [[{ version, ring: views.current.ringId }, 1]],
  },
  gauge('dt_ready', 'Whether clients are served: 1 or 0, as /readyz says.', (server) =>
    truth(readinessOf(server, server.status).ready),
  ),
  gauge('dt_standing_by', 'Whether it waits while another proxy serves the ring: 1 or 0.', (server) =>
    truth(server.standsBy()),
  ),
  gauge(
    'dt_state_file_failing',
    'Whether the state file could not be written when that was tried last: 1 or 0.',
    (server) => truth(server.stateFileFault() !== undefined),
  ),
  ...ofProxies(),
  ...ofClients(),
  ...ofDurations(),
  ...ofTheRing(),
  ...ofMembers(),
  ...ofMigrations(),
  ...ofSentinels(),
  ...ofTheOrder(),
]

function gauge(name: string, help: string, value: (now: Scrape) => number): Metric {
  return { name, help, kind: 'gauge', value }
}

function counter(name: string, help: string, value: (now: Scrape) => number): Metric {
  return { name, help, kind: 'counter', value }
}

function ofProxies(): Metric[] {
  return [
    gauge('dt_fronts', 'Proxies that send their clients on to this one.', ({ peers }) => peers().fronts.length),
    gauge('dt_clients_of_fronts', 'Clients of these; they are among `dt_clients`.', ({ peers }) =>
      clientsOfAll(peers().fronts),
    ),
    gauge('dt_clients_sent_on', 'Clients of this proxy that are sent on to the owner of the ring.', ({ peers }) => {
      return peers().owner?.connected ?? 0
    }),
    gauge(
      'dt_owner_missed',
      'Whether this proxy is to send its clients on to the owner of the ring, and does not reach it: 1 or 0.',
      ({ peers }) => truth(peers().owner?.isReached === false),
    ),
  ]
}

function ofClients(): Metric[] {
  const clients = (server: Scrape) => server.clients.all()
  return [
    gauge('dt_clients', 'Clients that are connected.', ({ clients }) => clients.count),
    gauge('dt_clients_blocked', 'Clients in a command that waits for an element.', (s) => s.coordinator.blocking.count),
    gauge('dt_clients_subscribed', 'Clients that listen to channels.', (server) => {
      return clients(server).filter(({ session }) => session.subscriber !== undefined).length
    }),
    gauge('dt_clients_tracking', 'Clients that are told which keys of theirs change.', (s) => s.cachedKeys.clientCount),
    gauge('dt_client_input_buffer_bytes', 'Read from clients and not served yet.', (server) => {
      return sum(clients(server).map(({ framer }) => framer.bufferedBytes))
    }),
    gauge('dt_client_output_buffer_bytes', 'Replies that clients have not taken yet.', (server) => {
      return sum(clients(server).map(({ pendingBytes }) => pendingBytes))
    }),
    counter('dt_client_connections_total', 'Connections accepted.', ({ stats }) => stats.connectionsAccepted),
    counter(
      'dt_client_connections_rejected_total',
      'Connections sent away: too many.',
      (s) => s.stats.connectionsRejected,
    ),
    counter('dt_commands_total', 'Commands of clients.', ({ stats }) => stats.commands),
    counter('dt_commands_rejected_total', 'Commands that the proxy refused itself.', (s) => s.stats.rejectedCommands),
    {
      ...{ name: 'dt_error_replies_total', help: 'Error replies by their code.', kind: 'counter', labels: ['code'] },
      value: ({ stats }) => stats.errorCounts().map(([code, count]): Sample => [{ code }, count]),
    },
    {
      ...{ name: 'dt_command_errors_total', help: 'Error replies by the class of the command.', kind: 'counter' },
      labels: ['class'],
      value: ({ stats }) => COMMAND_CLASSES.map((name, i): Sample => [{ class: name }, stats.errorsByClass[i]]),
    },
    counter('dt_client_received_bytes_total', 'Bytes from clients.', ({ stats }) => stats.receivedBytes),
    counter('dt_client_sent_bytes_total', 'Bytes to clients.', ({ stats }) => stats.sentBytes),
  ]
}

function ofDurations(): Metric[] {
  return [
    ...PARTS.map((part): Metric => {
      const [name, help] = PART_NAMES[part]
      return {
        ...{ name: `dt_command_${name}_seconds`, help: `${help}, by the class of the command.`, kind: 'histogram' },
        labels: ['class'],
        value: ({ slowLog }) => {
          return COMMAND_CLASSES.map((name, i) => [{ class: name }, slowLog.durations.ofClass(i, part)])
        },
      }
    }),
    ...PARTS.map((part): Metric => {
      const [name, help] = PART_NAMES[part]
      return {
        ...{ name: `dt_member_${name}_seconds`, help: `${help}, by that member.`, kind: 'histogram' },
        labels: ['member'],
        value: ({ slowLog, status }) => {
          return status.masters.map(({ name }) => [{ member: name }, slowLog.durations.of(name, part)])
        },
      }
    }),
  ]
}

function ofTheRing(): Metric[] {
  return [
    gauge('dt_view_epoch', 'Grows with each change of the ring.', ({ views }) => views.current.epoch),
    gauge('dt_members', 'Servers that hold keys.', ({ views }) => views.current.members.length),
    gauge(
      'dt_copies_wanted',
      'Copies of each key that the settings ask for.',
      ({ views }) => views.current.replicas + 1,
    ),
    gauge('dt_ranges', 'Token ranges of the ring.', ({ views }) => views.current.ring.size),
    gauge('dt_ranges_pending', 'Token ranges of which data moves.', ({ views }) => pendingRanges(views.current)),
    gauge(
      'dt_ranges_short',
      'Token ranges with fewer whole copies, on servers that are there, than the settings ask for.',
      ({ views }) => shortRanges(views.current),
    ),
    gauge('dt_ranges_unserved', 'Token ranges of which nobody is there: their keys wait.', (server) =>
      unservedRanges(server.views.current, isReachedBy(server)),
    ),
    gauge(
      'dt_ranges_unwritable',
      'Token ranges that are read, and whose writes wait for a server.',
      (server) => unwritableRanges(server.views.current, isReachedBy(server)).count,
    ),
  ]
}

function ofMembers(): Metric[] {
  const labels = ['member']
  const of =
    (kind: 'gauge' | 'counter') =>
    (name: string, help: string, value: (now: Scrape, name: string) => number): Metric => ({
      ...{ name, help, kind, labels },
      value: (now) => now.status.masters.map(({ name }): Sample => [{ member: name }, value(now, name)]),
    })
  const each = of('gauge')
  const total = of('counter')
  return [
    {
      ...{ name: 'dt_member_state', help: '1 for the state in which the server is.', kind: 'gauge' },
      labels: ['member', 'state'],
      value: ({ status, views }) => {
        return status.masters.flatMap(({ name }) => {
          const now = views.current.members.find((member) => member.name === name)?.state ?? 'out'
          return ['up', 'suspect', 'gone', 'out'].map(
            (state): Sample => [{ member: name, state }, truth(state === now)],
          )
        })
      },
    },
    each('dt_member_share', 'Part of the circle of which it is the master, of 1.', ({ views }, name) => {
      return shareMastered(views.current, name)
    }),
    each('dt_link_up', 'Whether the connection to it can be used.', ({ links }, name) =>
      truth(links.get(name)?.ready === true),
    ),
    {
      ...{ name: 'dt_link_state', help: '1 for the state in which the connection to it is.', kind: 'gauge' },
      labels: ['member', 'state'],
      value: ({ status, links }) => {
        return status.masters.flatMap(({ name }) => {
          const now = links.get(name)?.state.kind ?? 'closed'
          return LINK_STATES.map((state): Sample => [{ member: name, state }, truth(state === now)])
        })
      },
    },
    each('dt_link_outstanding', 'Commands it was sent and has not answered.', ({ links }, name) => {
      return links.get(name)?.outstanding ?? 0
    }),
    each('dt_link_unsent_bytes', 'Bytes it has not taken yet.', ({ links }, name) => links.get(name)?.unsentBytes ?? 0),
    total('dt_link_sent_bytes_total', 'Bytes it was sent.', ({ links }, name) => links.get(name)?.sentBytes ?? 0),
    total(
      'dt_link_received_bytes_total',
      'Bytes it has sent.',
      ({ links }, name) => links.get(name)?.receivedBytes ?? 0,
    ),
    each('dt_member_clock_offset_seconds', 'Its clock minus that of the proxy.', ({ links }, name) => {
      return (links.get(name)?.clockOffsetMs ?? 0) / 1000
    }),
    {
      ...{ name: 'dt_member_quorum', help: 'Sentinels that have to agree before it is declared down.', kind: 'gauge' },
      labels,
      value: ({ status }) => status.masters.map(({ name, quorum }): Sample => [{ member: name }, quorum]),
    },
    each('dt_member_filling', 'Whether it is being filled, and does not serve yet.', ({ views }, name) => {
      return truth(isFirstFilled(views.current, name))
    }),
    each('dt_member_full', 'Whether it is out of memory.', ({ links }, name) => truth(links.get(name)?.full === true)),
  ]
}

/** Migrations of one member for one reason, of which there may be several: Prometheus takes one sample of the same labels. */
function migrationsByLabels(moving: readonly MigrationStatus[]): [labels: Sample[0], MigrationStatus[]][] {
  const groups = new Map<string, MigrationStatus[]>()
  for (const status of moving) {
    const name = `${status.member} ${status.reason}`
    groups.set(name, [...(groups.get(name) ?? []), status])
  }
  return [...groups.values()].map((group) => [{ member: group[0].member, reason: group[0].reason }, group])
}

function ofMigrations(): Metric[] {
  const each = (name: string, help: string, value: (migrations: readonly MigrationStatus[]) => number[]): Metric => ({
    ...{ name, help, kind: 'gauge', labels: ['member', 'reason'] },
    value: ({ moving }) => {
      return migrationsByLabels(moving).flatMap(([labels, all]): Sample[] => value(all).map((one) => [labels, one]))
    },
  })
  const total = (of: (status: MigrationStatus) => number) => (all: readonly MigrationStatus[]) => [sum(all.map(of))]
  return [
    each(
      'dt_migration_keys',
      'Keys that it has received.',
      total(({ keys }) => keys),
    ),
    each(
      'dt_migration_keys_expected',
      'Keys that it is to receive, about.',
      total(({ keysTotal }) => keysTotal),
    ),
    each(
      'dt_migration_bytes',
      'Bytes that it has received.',
      total(({ bytes }) => bytes),
    ),
    each('dt_migration_left_seconds', 'Time until it has all, estimated.', (all) => {
      const left = all.flatMap(({ secondsLeft }) => secondsLeft ?? [])
      return left.length === 0 ? [] : [Math.max(...left)]
    }),
    {
      ...{ name: 'dt_migration_ranges_left', help: 'Token ranges that it is to get.', kind: 'gauge' },
      labels: ['member'],
      value: ({ moving, views }) => {
        const left = (name: string) => views.current.setOfRange.filter(({ pending }) => isAmong(pending, name)).length
        return [...new Set(moving.map(({ member }) => member))].map((member): Sample => [{ member }, left(member)])
      },
    },
    {
      ...{ name: 'dt_migration_keys_refused', help: 'Keys that it did not take, 100 at most.', kind: 'gauge' },
      labels: ['member'],
      value: ({ status, order }) => {
        return status.masters.map(({ name }): Sample => [{ member: name }, order.pieces.failed.of(name).length])
      },
    },
  ]
}

function ofSentinels(): Metric[] {
  const labels = ['sentinel']
  return [
    {
      ...{ name: 'dt_sentinel_reachable', help: 'Whether it answers.', kind: 'gauge', labels },
      value: ({ status }) =>
        status.sentinels.map(({ address, reachable }) => [{ sentinel: address }, truth(reachable)]),
    },
    {
      ...{ name: 'dt_sentinel_tilt', help: 'Whether it says that it cannot trust its clock.', kind: 'gauge', labels },
      value: ({ status }) => status.sentinels.map(({ address, tilt }) => [{ sentinel: address }, truth(tilt)]),
    },
    {
      ...{
        name: 'dt_sentinel_events_total',
        help: 'What the Sentinels told of members, as they call it.',
        kind: 'counter',
      },
      labels: ['event'],
      value: ({ membership }) => [...membership.heard].map(([event, count]): Sample => [{ event }, count]),
    },
  ]
}

function ofTheOrder(): Metric[] {
  return [
    gauge(
      'dt_keys_in_doubt',
      'Keys whose copies are made equal before they are used.',
      ({ order }) => order.doubts.size,
    ),
    gauge('dt_commands_waiting', 'Commands that wait for a server of their keys.', ({ order }) => order.waiting.length),
    counter(
      'dt_copies_total',
      'Copies of keys that were made, to move data or to mend them.',
      (s) => s.order.lanes.copies,
    ),
    counter('dt_copied_bytes_total', 'Bytes of values that these had.', ({ order }) => order.lanes.copiedBytes),
    gauge('dt_gates', 'Keys for which commands wait behind one on several servers.', ({ order }) => order.gates.active),
    ...Object.entries(COUNTED).map(([field, [name, help]]) => {
      return counter(`${name}_total`, help, ({ order }) => order.stats[field as keyof OrderStats])
    }),
  ]
}
