import { Random } from './random.js'

/** What a ring of a run is like. */
export interface Settings {
  readonly nodes: number
  readonly replicas: number
  readonly stateFile: boolean
  /** All databases are emptied now and then, so that there are strings alone. */
  readonly flushAll: boolean
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

/** Workloads whose keys FLUSHALL may delete. */
export const FLUSHABLE: readonly string[] = ['register', 'flushed', 'echo']

/** `5 members, 2 backups, with a state file`. */
export function describeSettings({ nodes, replicas, stateFile }: Omit<Settings, 'flushAll'>): string {
  return `${nodes} members, ${replicas} ${replicas === 1 ? 'backup' : 'backups'}, ${stateFile ? 'with a' : 'no'} state file`
}
