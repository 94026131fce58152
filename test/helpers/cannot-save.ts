import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProxy } from './proxy.js'
import { until } from './until.js'

/**
 * A server refuses every write with -MISCONF, until what is returned is called. A setting that makes it refuse would be
 * put right by the proxy within a second.
 */
export async function cannotSave(proxy: TestProxy, name: string): Promise<() => Promise<void>> {
  const inTheWay = join(proxy.ring.server(name).dir, 'dump.rdb')
  mkdirSync(inTheWay)
  const server = await proxy.connectTo(name)
  await server.ask('CONFIG', 'SET', 'save', '3600 1')
  const saveStatus = async (status: string) => {
    await server.ask('BGSAVE')
    await until(`the save ends: ${status}`, async () => {
      const info = String(await server.ask('INFO', 'persistence'))
      return info.includes('rdb_bgsave_in_progress:0') && info.includes(`rdb_last_bgsave_status:${status}`)
    })
  }
  await saveStatus('err')
  return async () => {
    rmdirSync(inTheWay)
    await saveStatus('ok')
  }
}
