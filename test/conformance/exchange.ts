import { setTimeout as sleep } from 'node:timers/promises'
import { type Arg, RawClient } from '../helpers/raw-client.js'

/**
 * How often we look whether the server has closed the connection by itself, before we conclude that it does not. The
 * proxy is in this process: however busy that is, its sockets have their turn between two looks.
 */
const LOOKS = 12
const LOOK_MS = 12

/** What a server did with the bytes of one connection. */
export interface Exchange {
  /** All that it sent, in latin1; the connection's id in replies to HELLO is 0. */
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
  for (let looks = 0; looks < LOOKS && !closed; looks++) await sleep(LOOK_MS)
  if (!closed) await answered(port)
  const closedByServer = closed
  client.end()
  const answer = (await client.rest()).toString('latin1').replace(/(\$2\r\nid\r\n):\d+/g, '$1:0')
  return { answer, closedByServer }
}

/**
 * Waits until the server has answered what it got before, however busy the machine is: DBSIZE asks all members of a ring,
 * on links that are first in, first out, and what follows it in the event loop comes after what was there before.
 */
async function answered(port: number): Promise<void> {
  const other = await RawClient.connect(port)
  for (let i = 0; i < 2; i++) await other.ask('DBSIZE')
  other.close()
  await sleep(LOOK_MS)
}
