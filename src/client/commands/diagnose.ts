import { type Exposed, OPEN_TO_ALL } from '../../config/exposed.js'
import { otherNameIn } from '../../membership/guard.js'
import type { Monitored } from '../../membership/sentinel-admin.js'

/** What the proxy knows of itself and has asked its servers and Sentinels. */
export interface Facts {
  /** Copies of each key that the settings ask for. */
  readonly copiesWanted: number
  /** Why nothing is served, or ''. */
  readonly notServing: string
  /** How long ago a command was refused because a server of its keys was away. */
  readonly refusedForMs: number
  /** Token ranges whose keys nobody has who is there, and who has them. */
  readonly unserved: { readonly ranges: number; readonly holders: readonly string[]; readonly epoch: number }
  readonly hasStateFile: boolean
  /** Why that cannot be written, if it cannot. */
  readonly stateFileFault: string | undefined
  /** Whether others than this machine may connect, and without a password. */
  readonly openToAll: boolean
  /** The same of the port for monitoring, or who listens on the way to it learns the token. */
  readonly monitoringExposed: Exposed | undefined
  /** Clients speak TLS, and what they say goes on to another proxy, or comes from one, without, over a network. */
  readonly peersInTheClear: boolean
  readonly members: readonly MemberFacts[]
  readonly sentinels: readonly SentinelFacts[]
}

export interface MemberFacts {
  readonly name: string
  readonly host: string
  readonly port: number
  /** Redis 7.0.15, Valkey 8.1.1; '' when it has not been connected yet. */
  readonly version: string
  /** Why it is suspect, or not in the ring; or ''. */
  readonly why: string
  /** It has, or is to get, a part of the ring: who has left may still be known. */
  readonly isMember: boolean
  /** Undefined when it did not answer, or does not tell; so below. */
  readonly maxMemory: number | undefined
  readonly usedMemory: number | undefined
  readonly isSaved: boolean | undefined
  readonly saveFailed: boolean
  /** Its clock minus ours. */
  readonly clockOffsetMs: number
}

export interface SentinelFacts {
  readonly address: string
  /** Why it cannot be asked, or ''. */
  readonly error: string
  /** What it monitors, by the names of the members. */
  readonly monitored: ReadonlyMap<string, Monitored>
}

/** Something that is wrong, or unwise. */
export interface Finding {
  /** `wrong`: keys, or the next failure, are at stake. `unwise`: it will be when something else happens. */
  readonly level: 'wrong' | 'unwise'
  readonly what: string
  readonly todo: string
}

/** Commands that were refused so lately are told of. */
export const LATELY_MS = 60_000
/** Clocks further apart make keys expire earlier or later on some servers. */
export const CLOCKS_APART_MS = 100
/** A server that is so full has little time left. */
const FULL = 0.85
const SENTINELS_WANTED = 3
/** With less an ordinary slow command counts as a death. */
const DOWN_AFTER_MS = 5000

/** What is wrong, the worst first. Pure. */
export function diagnose(facts: Facts): Finding[] {
  const found = [...ofServing(facts), ...ofMembers(facts), ...ofMemory(facts), ...ofDisks(facts), ...ofSentinels(facts)]
  return [...found.filter(({ level }) => level === 'wrong'), ...found.filter(({ level }) => level === 'unwise')]
}

function ofServing(facts: Facts): Finding[] {
  const { notServing, refusedForMs, hasStateFile, stateFileFault, openToAll, monitoringExposed, peersInTheClear } =
    facts
  const { ranges, holders, epoch } = facts.unserved
  return [
    ...when(
      ranges > 0,
      'wrong',
      `the keys of ${ranges} token ranges wait: nobody who is there has them, but ${holders.join(' or ')}`,
      `start these with their data, and remove none of the servers that are away; only if the data of all of them is lost, restart the proxy with --accept-epoch ${epoch}`,
    ),
    ...when(
      notServing === '' && refusedForMs < LATELY_MS,
      'wrong',
      `commands are refused with CLUSTERDOWN, the last one ${Math.floor(refusedForMs / 1000)} s ago: a server of their keys is away, and nobody takes its place`,
      'start the servers and the Sentinels that are named here: without most Sentinels no server can be declared down',
    ),
    ...when(
      notServing !== '',
      'wrong',
      `nothing is served: ${notServing}`,
      'bring what it waits for; the log of the proxy says more',
    ),
    ...when(
      stateFileFault !== undefined,
      'wrong',
      `the state file cannot be written: ${stateFileFault}; the next change of the ring cannot be noted there, and where the file cannot be removed either nothing is acknowledged from then on`,
      'make room on its disk, or let its directory be writable: it is tried again every 10 s',
    ),
    ...when(openToAll, 'wrong', OPEN_TO_ALL.what, OPEN_TO_ALL.todo),
    ...(monitoringExposed === undefined ? [] : [{ level: 'unwise', ...monitoringExposed } as const]),
    ...when(
      peersInTheClear,
      'unwise',
      'clients speak TLS, and between the proxies of the ring what they say is not encrypted',
      'set peers.tls and its certificate on all proxies',
    ),
    ...when(
      !hasStateFile,
      'unwise',
      'ring.stateFile is none: after a stop the proxy starts only when all servers are there as they were',
      'let it be a path that lasts',
    ),
  ]
}

function ofMembers({ members, copiesWanted, unserved }: Facts): Finding[] {
  const there = members.filter(({ why, isMember }) => why === '' && isMember)
  const versions = [...new Set(there.map(({ version }) => version))].sort()
  const hosts = new Set(members.map(({ host }) => host))
  const apart = there.filter(({ clockOffsetMs }) => Math.abs(clockOffsetMs) > CLOCKS_APART_MS)
  return [
    ...members.flatMap((member) => ofAbsence(member, members, unserved.ranges > 0)),
    ...when(
      there.length < copiesWanted,
      'wrong',
      `each key has ${there.length} of the ${copiesWanted} copies that the settings ask for: ${members.every(({ why }) => why === '') ? 'there are not more servers' : 'the others are away'}`,
      'start those that are away, or add servers (dt add)',
    ),
    ...when(
      members.length > 1 && hosts.size === 1,
      'unwise',
      `all servers are on one machine (${[...hosts].join()}): when it fails, all copies are away`,
      'put servers on other machines (dt add), then dt remove some of these',
    ),
    ...when(
      versions.length > 1,
      'unwise',
      `the servers are of different versions (${versions.join(', ')}): clients get what the oldest one has`,
      'dt plan upgrade tells in which order to make them equal',
    ),
    ...apart.flatMap(({ name, clockOffsetMs }) => {
      return when(true, 'wrong', clockText(name, clockOffsetMs), 'let NTP set the clocks of all machines')
    }),
  ]
}

export function clockText(name: string, clockOffsetMs: number): string {
  const ms = Math.round(Math.abs(clockOffsetMs))
  return `the clock of ${name} is ${ms} ms ${clockOffsetMs > 0 ? 'ahead of' : 'behind'} the proxy's: keys expire there at another time`
}

/** Why a member is not there, and what helps: one that runs and is refused is not helped by a start. */
function ofAbsence(
  { name, host, port, why }: MemberFacts,
  members: readonly MemberFacts[],
  isMissed: boolean,
): Finding[] {
  if (why === '') return []
  const other = otherNameIn(why)
  if (other !== undefined) {
    const there = members.find((member) => member.name === other)
    const isSwapped = there !== undefined && otherNameIn(there.why) === name
    // Told once for both.
    if (isSwapped && other < name) return []
    const what = isSwapped
      ? `the addresses of ${name} and ${other} are swapped: ${other} with its data is at ${host}:${port}, and ${name} at ${there.host}:${there.port}; both are refused until each is where the Sentinels look for it`
      : `${name} is looked for at ${host}:${port}, and there is ${other} with its data: it is refused under that name`
    return when(
      true,
      'wrong',
      what,
      'give each server its address back, or tell every Sentinel where they are (SENTINEL REMOVE, then SENTINEL MONITOR); remove none with dt remove: it has its data',
    )
  }
  const isRefused = why.includes('it is refused: ')
  return when(
    true,
    'wrong',
    `${name}: ${why}`,
    isRefused
      ? 'it runs, and a start of it changes nothing: mend what it is refused for, which the log tells with what to do'
      : `start it again (if it hangs, end it first)${isMissed ? ': it may be the only one that has keys which wait' : ', or take it out of the ring with dt remove'}`,
  )
}

function ofMemory({ members }: Facts): Finding[] {
  const limits = members.flatMap(({ maxMemory }) => maxMemory ?? [])
  const none = members.filter(({ maxMemory }) => maxMemory === 0).map(({ name }) => name)
  const distinct = new Set(limits)
  const each = members.flatMap(({ name, maxMemory }) =>
    maxMemory === undefined ? [] : `${name}: ${maxMemory === 0 ? 'no limit' : `${Math.round(maxMemory / 1e6)} MB`}`,
  )
  const full = members.filter(({ maxMemory = 0, usedMemory = 0 }) => maxMemory > 0 && usedMemory > FULL * maxMemory)
  return [
    ...full.flatMap(({ name, maxMemory = 0, usedMemory = 0 }) => {
      const what = `${name} has used ${Math.floor((usedMemory / maxMemory) * 100)} % of its maxmemory; when it is full writes on its keys are refused`
      return when(true, 'wrong', what, 'give it more (CONFIG SET maxmemory), or add a server')
    }),
    ...when(
      none.length > 0,
      'unwise',
      `${none.join(', ')} may take all memory of the machine (maxmemory 0): then the system ends a process`,
      'CONFIG SET maxmemory sets all of them, CONFIG REWRITE keeps it',
    ),
    ...when(
      distinct.size > 1,
      'unwise',
      `maxmemory is not the same on all servers (${each.join(', ')}), and each of them gets about the same part of the keys`,
      'let it be equal: the smallest one is full first',
    ),
  ]
}

function ofDisks({ members }: Facts): Finding[] {
  const failing = members.filter(({ saveFailed }) => saveFailed).map(({ name }) => name)
  const unsaved = members.filter(({ isSaved }) => isSaved === false).map(({ name }) => name)
  return [
    ...when(
      failing.length > 0,
      'wrong',
      `${failing.join(', ')} could not write to disk the last time`,
      'make room, or mend its permissions',
    ),
    ...when(
      members.length > 0 && unsaved.length === members.length,
      'unwise',
      'no server keeps its keys on a disk: when all of them stop at once, all keys are gone',
      'appendonly yes in the redis.conf of each server, if the keys are worth it',
    ),
    ...when(
      unsaved.length > 0 && unsaved.length < members.length,
      'unwise',
      `${unsaved.join(', ')} ${unsaved.length === 1 ? 'does' : 'do'} not keep keys on a disk, as others do: after a restart all of them are copied there anew`,
      'appendonly yes in the redis.conf of each server',
    ),
  ]
}

function ofSentinels({ sentinels, members }: Facts): Finding[] {
  const there = sentinels.filter(({ error }) => error === '')
  const silent = sentinels.filter(({ error }) => error !== '')
  const quorumOf = ({ name }: MemberFacts) => Math.max(0, ...there.map((each) => each.monitored.get(name)?.quorum ?? 0))
  const quorumTooHigh = members.filter((member) => quorumOf(member) > sentinels.length)
  const quorumMissed = members.filter((member) => {
    const quorum = quorumOf(member)
    return quorum <= sentinels.length && quorum > there.length
  })
  const alone = members.filter(({ name }) => there.some(({ monitored }) => monitored.get(name)?.quorum === 1))
  const hasty = members.filter(({ name }) => {
    return there.some(({ monitored }) => (monitored.get(name)?.downAfterMs ?? DOWN_AFTER_MS) < DOWN_AFTER_MS)
  })
  const least = Math.min(
    ...hasty.flatMap(({ name }) => there.map((s) => s.monitored.get(name)?.downAfterMs ?? Infinity)),
  )
  const unknown = members.flatMap(({ name }) => {
    const without = there.filter(({ monitored }) => !monitored.has(name)).map(({ address }) => address)
    return without.length === 0 ? [] : [`${name} is not monitored by ${without.join(', ')}`]
  })
  return [
    ...silent.flatMap(({ address, error }) => {
      return when(true, 'wrong', `the Sentinel ${address} does not answer: ${error}`, 'start it again')
    }),
    ...when(
      there.length * 2 <= sentinels.length,
      'wrong',
      `${there.length} of ${sentinels.length} Sentinels answer: that is no majority, and a server that fails may not be noticed`,
      'start the others again',
    ),
    ...quorumTooHigh.flatMap(({ name }) => {
      const what = `the quorum of ${name} is more than the ${sentinels.length} Sentinels of the settings`
      return when(
        true,
        'wrong',
        what,
        `SENTINEL SET ${name} quorum ${Math.floor(sentinels.length / 2) + 1}, on each Sentinel`,
      )
    }),
    ...when(
      quorumMissed.length > 0,
      'wrong',
      `${there.length} of ${sentinels.length} Sentinels answer, and the quorum of ${namesOf(quorumMissed)} is more: no such server can be declared down, and writes of its keys would wait for it`,
      'start the other Sentinels again',
    ),
    ...when(
      alone.length > 0 && sentinels.length > 1,
      'unwise',
      `one Sentinel alone may declare ${namesOf(alone)} down (quorum 1): one that is cut off takes servers out that others reach`,
      `SENTINEL SET, for each of them, quorum ${Math.floor(sentinels.length / 2) + 1}, on each Sentinel`,
    ),
    ...when(
      hasty.length > 0,
      'unwise',
      `${namesOf(hasty)} ${hasty.length === 1 ? 'is' : 'are'} declared down after ${least} ms without an answer: an ordinary slow command takes as long`,
      `SENTINEL SET, for each of them, down-after-milliseconds ${DOWN_AFTER_MS}, on each Sentinel`,
    ),
    ...unknown.flatMap((what) =>
      when(true, 'wrong', what, 'SENTINEL MONITOR there, or dt add again, which tells all of them'),
    ),
    ...wrongAddresses(members, there).flatMap((what) => {
      const todo = 'SENTINEL REMOVE it and SENTINEL MONITOR it anew, where its address is wrong'
      return when(true, 'wrong', what, todo)
    }),
    ...when(
      sentinels.length < SENTINELS_WANTED,
      'unwise',
      `there ${sentinels.length === 1 ? 'is one Sentinel' : `are ${sentinels.length} Sentinels`}: three or more, on different machines, survive the failure of one`,
      'start more, and name them in sentinel.addresses',
    ),
  ]
}

/** Servers whose addresses were changed, or have taken those of others, and not all Sentinels know. */
function wrongAddresses(members: readonly MemberFacts[], sentinels: readonly SentinelFacts[]): string[] {
  const apart = members.flatMap(({ name }) => {
    const where = grouped(
      sentinels.flatMap(({ address, monitored }) => {
        const said = monitored.get(name)?.address
        return said === undefined ? [] : [[said, address] as const]
      }),
    )
    if (where.length < 2) return []
    const each = where.map(([address, by]) => `${address} (${by.join(', ')})`)
    return [`the Sentinels do not agree where ${name} is: ${each.join(', or ')}`]
  })
  const shared = sentinels.flatMap(({ address: sentinel, monitored }) => {
    const ofMembers = [...monitored].filter(([name]) => members.some((member) => member.name === name))
    return grouped(ofMembers.map(([name, { address }]) => [address, name])).flatMap(([address, all]) => {
      return all.length < 2 ? [] : [`${all.join(' and ')} are one server, ${address}, for the Sentinel ${sentinel}`]
    })
  })
  return [...apart, ...shared]
}

function namesOf(members: readonly MemberFacts[]): string {
  return members.map(({ name }) => name).join(', ')
}

/** The second of each pair, by the first. */
function grouped(pairs: readonly (readonly [string, string])[]): [string, string[]][] {
  const groups = new Map<string, string[]>()
  for (const [by, each] of pairs) groups.set(by, [...(groups.get(by) ?? []), each])
  return [...groups]
}

function when(isSo: boolean, level: Finding['level'], what: string, todo: string): Finding[] {
  return isSo ? [{ level, what, todo }] : []
}
