import { connect } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import type { Reading } from './steady-reader.js'

/* The thread of a SteadyReader. */

const { port, commands, restEveryBytes, restMs } = workerData as Reading
let bytes = 0
let sinceRest = 0
const socket = connect({ port, host: '127.0.0.1' })
socket.on('data', (chunk) => {
  bytes += chunk.length
  sinceRest += chunk.length
  parentPort!.postMessage(bytes)
  if (sinceRest < restEveryBytes) return
  sinceRest = 0
  socket.pause()
  setTimeout(() => socket.resume(), restMs)
})
socket.on('error', () => {})
socket.on('close', () => parentPort!.postMessage('closed'))
socket.write(commands)
parentPort!.once('message', () => socket.destroy())
