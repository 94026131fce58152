import { sentinelBase } from '../../src/local/local-ring.js'
import { isFree, ownBlock } from '../../src/local/ports.js'

/** So many base ports belong to each process, and so far are they apart. */
const BASES = 6
const DISTANCE = 4
let taken = 0

/**
 * A base port after which a ring of up to three members and three Sentinels finds its ports free; no other process takes
 * them.
 */
export async function freeBasePort(nodes: number): Promise<number> {
  const first = 20_000 + (await ownBlock()) * BASES * DISTANCE
  for (;;) {
    const base = first + (taken++ % BASES) * DISTANCE
    const members = Array.from({ length: nodes }, (_, i) => base + 1 + i)
    const sentinels = [1, 2, 3].map((i) => sentinelBase(base) + i)
    const free = await Promise.all([...members, ...sentinels].map((port) => isFree(port)))
    if (free.every(Boolean)) return base
  }
}
