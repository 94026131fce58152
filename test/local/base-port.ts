import { sentinelBase } from '../../src/local/local-ring.js'
import { isFree } from '../../src/local/ports.js'

/** A base port after which a ring of `nodes` members and three Sentinels finds its ports free, for now. */
export async function freeBasePort(nodes: number): Promise<number> {
  for (;;) {
    const base = 20_000 + Math.floor(Math.random() * 2600)
    const members = Array.from({ length: nodes }, (_, i) => base + 1 + i)
    const sentinels = Array.from({ length: 3 }, (_, i) => sentinelBase(base) + 1 + i)
    const free = await Promise.all([...members, ...sentinels].map((port) => isFree(port)))
    if (free.every(Boolean)) return base
  }
}
