import { Random } from '../chaos/random.js'
import type { RingSettings } from './simulated-proxy.js'

export interface ServerSettings {
  readonly name: string
  readonly clockOffsetMs: number
  readonly pushesFollow: boolean
}

/** Kinds of faults; which of them a run has is drawn, because what one brings about another one may hide. */
export const FAULTS = ['break', 'stop', 'cut off', 'down', 'lose', 'refuse', 'full', 'expire', 'members'] as const
/**
 * Those that a run has only when they are asked for: members come and go, and connections break right behind a new view; or
 * servers die and connections break right behind what empties databases.
 */
export const MORE_FAULTS = ['views', 'sweeps'] as const
export type Fault = (typeof FAULTS | typeof MORE_FAULTS)[number]

/** Kinds of commands, the same way. */
export const KINDS = [
  'string',
  'counter',
  'list',
  'hash',
  'set',
  'several',
  'move',
  'deadline',
  'claim',
  'all',
] as const
/** Those that a run has only when they are asked for. */
export const MORE_KINDS = ['trim', 'together', 'exec'] as const
export type Kind = (typeof KINDS | typeof MORE_KINDS)[number]

/** What a run is like, all of it drawn from its seed. */
export interface Settings extends RingSettings {
  readonly seed: number
  readonly servers: readonly ServerSettings[]
  /** So many of the servers make up the ring at first. */
  readonly members: number
  readonly clients: number
  /** Commands that a client may have outstanding. */
  readonly depth: number
  readonly tags: readonly string[]
  readonly databases: number
  readonly kinds: readonly Kind[]
  readonly faults: readonly Fault[]
  /** How often something fails, as a share of all actions. */
  readonly faultShare: number
  /** How often a client sends something. */
  readonly sendShare: number
}

/** Kinds of faults and commands that a run has, if they are not to be drawn. */
export interface Wanted {
  readonly faults?: readonly Fault[]
  readonly kinds?: readonly Kind[]
  /** Number of backups. */
  readonly replicas?: number
}

export function drawSettings(seed: number, wanted: Wanted = {}): Settings {
  const random = new Random(seed, 'settings')
  const drawn = random.between(1, 2)
  const members = random.between(drawn + 1, 4)
  const spare = random.below(3)
  const isNewer = random.below(4)
  const apartMs = random.pick([0, 0, 2, 40, 900])
  const servers = Array.from({ length: members + spare }, (_, i) => ({
    name: `dt-${i + 1}`,
    clockOffsetMs: Math.round((random.next() - 0.5) * apartMs),
    // Rings of one version, the newer or the older one, and mixed ones.
    pushesFollow: isNewer === 0 || (isNewer === 1 && random.chance(0.5)),
  }))
  return {
    seed,
    replicas: wanted.replicas ?? drawn,
    virtualNodes: random.between(1, 2),
    unavailableTimeoutMs: random.pick([200, 1000, 3000]),
    servers,
    members,
    clients: random.between(1, 4),
    depth: random.between(1, 5),
    tags: ['a', 'b', 'c', 'd'].slice(0, random.between(1, 4)),
    databases: random.chance(0.2) || wanted.faults?.includes('sweeps') ? 2 : 1,
    kinds: wanted.kinds ?? some(KINDS, random, 0.5),
    faults: wanted.faults ?? some(FAULTS, random, 0.5),
    faultShare: random.pick([0.005, 0.02, 0.05]),
    sendShare: random.pick([0.05, 0.1, 0.2]),
  }
}

/**
 * Whether members both refuse and are lost. One that refuses to be repaired is not waited for: when who has what it lacks is lost then,
 * what was read is, too [design §6]; and it may have taken a part of a repair.
 */
export function mayLackRepairs({ faults }: Settings): boolean {
  const has = (...some: readonly Fault[]) => some.some((fault) => faults.includes(fault))
  return has('refuse', 'full') && has('down', 'lose', 'members')
}

/** Some of the items, at least one. */
function some<T>(items: readonly T[], random: Random, share: number): T[] {
  const found = items.filter(() => random.chance(share))
  return found.length > 0 ? found : [random.pick(items)]
}
