import { parentPort, workerData } from 'node:worker_threads'
import { RawClient } from '../../test/helpers/raw-client.js'
import { type Asked, clockMs } from './asker.js'

/* The thread of an Asker. */

const client = await RawClient.connect(workerData)
const asked: Asked[] = []
let isOver = false
parentPort?.once('message', () => {
  isOver = true
})
parentPort?.postMessage('begins')
while (!isOver) {
  const atMs = clockMs()
  await client.ask('GET', 'other')
  asked.push({ atMs, tookMs: clockMs() - atMs })
}
parentPort?.postMessage(asked)
client.close()
