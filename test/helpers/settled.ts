import type { LocalRing } from '../../src/local/local-ring.js'
import { buildView } from '../../src/view/build-view.js'
import type { TestProxy } from './proxy.js'
import { RawClient } from './raw-client.js'
import { ringSnapshot } from './snapshot.js'
import { until } from './until.js'

/**
 * Waits until every key is on exactly the replica set that it has on a ring of all its members with two backups, and
 * equal there; gives the number of keys.
 */
export async function settled(ring: LocalRing): Promise<number> {
  const members = ring.members.map(({ name, host, port }) => ({ name, host, port, state: 'up' as const }))
  const clients: RawClient[] = []
  const seen: Pick<TestProxy, 'ring' | 'view' | 'connectTo'> = {
    ring,
    view: buildView('dt', 1, 2, 64, members),
    connectTo: async (name, proto = 2) => {
      const client = await RawClient.connect(ring.server(name).port, proto)
      clients.push(client)
      return client
    },
  }
  let faults: string[] = []
  try {
    return await until('placement', async () => {
      const found = await ringSnapshot(seen as TestProxy)
      faults = found.faults
      return faults.length === 0 ? found.keys.size : undefined
    })
  } catch {
    throw new Error(`${faults.length} faults: ${faults.slice(0, 5).join('\n')}`)
  } finally {
    for (const client of clients) client.close()
  }
}
