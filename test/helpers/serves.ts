import { ask } from '../../src/local/ask.js'
import { until } from './until.js'

/** Waits until a proxy serves its ring: it answers what it knows itself before that. */
export async function serves(port: number): Promise<void> {
  await until(`the ring is served on port ${port}`, async () => {
    return /^dt_serving:1\r$/m.test((await ask('127.0.0.1', port, 'INFO dt')) ?? '')
  })
}
