import { changesBetween, reasonOf } from '../membership/ring-changes.js'
import type { Fields } from './answers.js'
import { migrationLines } from './show.js'
import { columnsOf, count, duration, indented, type Output, percent, right, size, styled, table } from './terminal.js'

/** What was seen of a running proxy at one moment. */
export interface Sample {
  readonly atMs: number
  /** How long the proxy took to answer a PING. */
  readonly pingMs: number
  /** The fields of INFO. */
  readonly info: Readonly<Record<string, string>>
  readonly nodes: readonly Fields[]
  readonly migrations: readonly Fields[]
}

/** What there was of each in a second between two samples; undefined before there are two, or when it began anew. */
export interface Rates {
  readonly commands: number | undefined
  readonly reads: number | undefined
  readonly writes: number | undefined
  readonly errors: number | undefined
  readonly bytesIn: number | undefined
  readonly bytesOut: number | undefined
  /** By the names of the servers. */
  readonly members: Readonly<Record<string, MemberRates>>
}

/** What a server was waited for. */
export interface MemberRates {
  /** Commands in a second. */
  readonly commands: number | undefined
  /** How long each took there, on average, in ms. */
  readonly ms: number | undefined
}

const COUNTERS: Readonly<Record<Exclude<keyof Rates, 'members'>, string>> = {
  commands: 'total_commands_processed',
  reads: 'dt_reads',
  writes: 'dt_writes',
  errors: 'total_error_replies',
  bytesIn: 'total_net_input_bytes',
  bytesOut: 'total_net_output_bytes',
}

const EVENTS_MAX = 5

/** From the counters of both; a counter that has become less was reset, or is that of another run. */
export function ratesBetween(before: Sample | undefined, now: Sample): Rates {
  const rate = (field: string) => {
    if (before === undefined || before.info.run_id !== now.info.run_id) return undefined
    const grown = Number(now.info[field]) - Number(before.info[field])
    const seconds = (now.atMs - before.atMs) / 1000
    return grown >= 0 && seconds > 0 ? grown / seconds : undefined
  }
  const of = Object.entries(COUNTERS).map(([name, field]) => [name, rate(field)])
  const members = before?.info.run_id === now.info.run_id ? memberRates(before, now) : {}
  return { ...Object.fromEntries(of), members } as unknown as Rates
}

function memberRates(before: Sample, now: Sample): Rates['members'] {
  const [old, seconds] = [membersIn(before.info), (now.atMs - before.atMs) / 1000]
  return Object.fromEntries(
    [...membersIn(now.info)].map(([name, fields]) => {
      const grown = (field: string) => Number(fields.get(field)) - Number(old.get(name)?.get(field))
      const [answered, usec] = [grown('answered'), grown('server_usec')]
      const commands = answered >= 0 && seconds > 0 ? answered / seconds : undefined
      return [name, { commands, ms: answered > 0 ? usec / answered / 1000 : undefined }]
    }),
  )
}

/** The fields of INFO that tell of the servers, by their names. */
function membersIn(info: Sample['info']): Map<string, ReadonlyMap<string, string>> {
  return new Map(
    Object.entries(info).flatMap(([field, text]) => {
      if (!/^dt_member\d+$/.test(field)) return []
      const fields = new Map(text.split(',').map((pair) => pair.split('=', 2) as [string, string]))
      return [[fields.get('name') ?? '', fields]]
    }),
  )
}

/** What has changed from one sample to the next, a sentence each. */
export function eventsBetween(before: Sample | undefined, now: Sample): string[] {
  if (before === undefined) return []
  if (before.info.run_id !== now.info.run_id) return ['another run of the proxy answers']
  return changesBetween(ringSeen(before), ringSeen(now), (member, was) => {
    return member.link === was.link ? [] : [`the connection to ${member.name} is ${member.link}${reasonOf(member)}`]
  })
}

function ringSeen({ info, nodes, migrations }: Sample) {
  return {
    ready: info.dt_serving === '1',
    why: info.dt_not_serving_because,
    members: nodes.map(({ name, state, link, why }) => {
      return { name: String(name), state: String(state), link: String(link), why: String(why) }
    }),
    moves: migrations.length > 0,
  }
}

/** The whole picture, a line each, for 80 columns: what is said against servers stands below them, in lines of its own. `events` are the latest ones, the last one last. */
export function topScreen(out: Output, now: Sample, rates: Rates, events: readonly string[]): string[] {
  const { info, nodes, migrations } = now
  const each = (rate: number | undefined) => (rate === undefined ? '-' : `${count(rate)}/s`)
  const bytes = (rate: number | undefined) => (rate === undefined ? '-' : `${size(rate)}/s`)
  const trouble = (text: string, value: string) =>
    value === '0' ? `${text} 0` : styled(out, 'yellow', `${text} ${value}`)
  const served =
    info.dt_serving === '1'
      ? styled(out, 'green', 'serving')
      : styled(out, 'red', `not serving: ${info.dt_not_serving_because}`)
  const sentinels = `${info.dt_sentinels_reachable} of ${info.dt_sentinels} Sentinels`
  const lines = [
    `${styled(out, 'bold', `Diminished Triad ${info.dt_version}`)}  ring ${info.dt_ring}  epoch ${info.dt_epoch}  ${served}`,
    `up ${duration(Number(info.uptime_in_seconds))}  ping ${now.pingMs.toFixed(1)} ms  ${sentinels}  memory ${size(Number(info.dt_memory_rss))}`,
    '',
    `commands ${each(rates.commands)}  reads ${each(rates.reads)}  writes ${each(rates.writes)}  errors ${each(rates.errors)}`,
    `in ${bytes(rates.bytesIn)}  out ${bytes(rates.bytesOut)}  clients ${count(Number(info.connected_clients))}  blocked ${count(Number(info.blocked_clients))}`,
    [
      trouble('waiting', info.dt_waiting),
      trouble('differences', info.dt_differences),
      trouble('outcomes unknown', info.dt_outcomes_unknown),
      trouble('ranges moving', info.dt_pending_ranges),
    ].join('  '),
    '',
  ]
  lines.push(...(nodes.length === 0 ? ['No server is known.'] : nodeLines(out, nodes, info, rates)))
  for (const { name, why } of nodes) {
    if (why !== '') lines.push(...indented(`${name}: ${why}`, 2, columnsOf(out)))
  }
  if (migrations.length > 0) lines.push('', ...migrationLines(migrations, columnsOf(out)))
  if (events.length > 0) lines.push('', ...events.slice(-EVENTS_MAX))
  return lines
}

function nodeLines(out: Output, nodes: readonly Fields[], info: Sample['info'], { members }: Rates): string[] {
  const told = membersIn(info)
  const rows = nodes.map((node) => {
    const name = String(node.name)
    const { commands, ms } = members[name] ?? {}
    return [
      ...[name, String(node.state), String(node.link), String(node.version), percent(Number(node.share))],
      ...[count(Number(node['keys-mastered'])), told.get(name)?.get('outstanding') ?? ''],
      ...[commands === undefined ? '-' : count(commands), ms === undefined ? '-' : ms.toFixed(2)],
    ]
  })
  const colour = { up: 'green', suspect: 'yellow' } as const
  const columns = [{ head: 'name' }, { head: 'state' }, { head: 'link' }, { head: 'version' }]
  const text = table(
    out,
    [...columns, ...['share', 'keys', 'sent', 'done/s', 'ms'].map(right)],
    rows,
    (cell, column, row) => {
      if (column !== 1) return cell
      return styled(out, colour[rows[row][1] as keyof typeof colour] ?? 'red', cell)
    },
  )
  return text.trimEnd().split('\n')
}
