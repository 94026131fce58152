import { Random } from './random.js'

/** What a ring of a run is like. */
export interface Settings {
  readonly nodes: number
  readonly replicas: number
  readonly stateFile: boolean
  /** All databases are emptied now and then, so that there are strings alone. */
  readonly flushAll: boolean
  /** Proxies beside the one that owns the ring, which send their clients on to it; none if it is not said. */
  readonly fronts?: number
}

/** Rings of 3 to 6 members with 1 or 2 backups, with and without a state file. */
export function drawSettings(seed: number): Settings {
  const random = new Random(seed, 'settings')
  return {
    nodes: random.between(3, 6),
    replicas: random.between(1, 2),
    stateFile: random.chance(0.5),
    flushAll: random.chance(0.12),
  }
}

/** How many fronts a ring has where the seed decides: from numbers of their own, so that all else is as without them. */
export function drawFronts(seed: number): number {
  return new Random(seed, 'fronts').between(1, 2)
}

/** Workloads whose keys FLUSHALL may delete. */
export const FLUSHABLE: readonly string[] = ['register', 'flushed', 'echo']

/** `5 members, 2 backups, with a state file, 1 front`. */
export function describeSettings({ nodes, replicas, stateFile, fronts = 0 }: Omit<Settings, 'flushAll'>): string {
  const backups = `${replicas} ${replicas === 1 ? 'backup' : 'backups'}`
  const beside = fronts === 0 ? '' : `, ${fronts} ${fronts === 1 ? 'front' : 'fronts'}`
  return `${nodes} members, ${backups}, ${stateFile ? 'with a' : 'no'} state file${beside}`
}
