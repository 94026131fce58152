import { setTimeout as sleep } from 'node:timers/promises'
import type { TestProxy } from './proxy.js'
import { membersOf } from './ring-state.js'
import { declareDown, forgive } from './sentinels.js'
import { until } from './until.js'

/**
 * Kills dt-2 of a ring of four, which leaves it and comes back with its data, and then dt-3, which comes back empty at once. Resolves when
 * the ring is whole again.
 */
export async function killInTurn(proxy: TestProxy): Promise<void> {
  const client = await proxy.connect()
  for (const [name, empty] of [
    ['dt-2', false],
    ['dt-3', true],
  ] as const) {
    await sleep(500)
    await proxy.ring.kill(name)
    if (!empty) {
      await declareDown(proxy.ring, name)
      await until('it has left', async () => !(await membersOf(client)).includes(name))
      await sleep(300)
      await forgive(proxy.ring, name)
    }
    await proxy.ring.restart(name, { empty })
    await until('it is a member again', async () => {
      return (
        /pending-ranges\r\n:0/.test(String(await client.ask('DT', 'VIEW'))) &&
        (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4'
      )
    })
  }
}
