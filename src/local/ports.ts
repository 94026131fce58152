import { createServer } from 'node:net'

/** Whether `port` of `host` can be listened on now. */
export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}

/*
 * A port that was free a moment ago may be another one's before it is used. So each process takes its ports from a block
 * of its own, on whose first port it listens as long as it lives. The blocks lie below the range of which Linux takes the
 * ports of outgoing connections (32768 on), so that a server can be stopped and find its port free when it starts again.
 */
const FIRST_PORT = 23_000
const BLOCK_PORTS = 64
const BLOCKS = 109

let block: Promise<number> | undefined
let taken = 0

/** The number of the block that belongs to this process, of `BLOCKS` from 0 on. */
export function ownBlock(): Promise<number> {
  block ??= takeBlock()
  return block
}

async function takeBlock(): Promise<number> {
  const start = Math.floor(Math.random() * BLOCKS)
  for (let i = 0; i < BLOCKS; i++) if (await holds((start + i) % BLOCKS)) return (start + i) % BLOCKS
  throw new Error(`every ${BLOCK_PORTS}th port from ${FIRST_PORT} on is in use`)
}

function holds(number: number): Promise<boolean> {
  return new Promise((resolve) => {
    const guard = createServer((socket) => socket.destroy())
    guard.once('error', () => resolve(false))
    guard.listen(FIRST_PORT + number * BLOCK_PORTS, '127.0.0.1', () => resolve(true)).unref()
  })
}

/** `count` different free ports of 127.0.0.1, which this process has not used lately and no other one will take. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let tries = 1; ports.length < count; tries++) {
    const number = await ownBlock()
    const port = FIRST_PORT + number * BLOCK_PORTS + 1 + (taken++ % (BLOCK_PORTS - 1))
    if (!ports.includes(port) && (await isFree(port))) ports.push(port)
    // All of them are in use.
    else if (tries % BLOCK_PORTS === 0) block = takeBlock()
  }
  return ports
}
