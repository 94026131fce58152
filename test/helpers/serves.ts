import { ask } from '../../src/local/ask.js'
import { RawClient } from './raw-client.js'
import { until } from './until.js'

/** Waits until a proxy serves its ring: it answers what it knows itself before that. */
export async function serves(port: number, password?: string): Promise<void> {
  const info = () => (password === undefined ? ask('127.0.0.1', port, 'INFO dt') : askInside(port, password))
  await until(`the ring is served on port ${port}`, async () => /^dt_serving:1\r$/m.test((await info()) ?? ''))
}

/** The same behind the login; undefined when nobody answers. */
async function askInside(port: number, password: string): Promise<string | undefined> {
  const client = await RawClient.connect(port).catch(() => undefined)
  try {
    await client?.ask('AUTH', password)
    return String(await client?.ask('INFO', 'dt'))
  } catch {
    return undefined
  } finally {
    client?.close()
  }
}
