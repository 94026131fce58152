import { setTimeout as sleep } from 'node:timers/promises'
import { type Arg, RawClient } from '../helpers/raw-client.js'

/** How long a server may take to close a connection by itself, before we conclude that it does not. */
const PATIENCE_MS = 150

/** What a server did with the bytes of one connection. */
export interface Exchange {
  /** All that it sent, in latin1. */
  readonly answer: string
  /** Whether it closed the connection by itself, and not because we did. */
  readonly closedByServer: boolean
}

/** Sends the pieces one after the other, each in a packet of its own, then half-closes, and gives what came back. */
export async function exchange(port: number, pieces: readonly Arg[]): Promise<Exchange> {
  const client = await RawClient.connect(port)
  let closed = false
  client.closed.then(() => {
    closed = true
  })
  // What the server closed may refuse what we still send.
  for (const piece of pieces) {
    client.send(piece)
    if (pieces.length > 1) await sleep(1)
  }
  await Promise.race([client.closed, sleep(PATIENCE_MS)])
  const closedByServer = closed
  client.end()
  return { answer: (await client.rest()).toString('latin1'), closedByServer }
}
