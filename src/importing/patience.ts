import { setTimeout as sleep } from 'node:timers/promises'
import { isError, type Reply } from '../resp/encode.js'
import type { Command, Conversation } from './conversation.js'

/** What the proxy refuses for now: a server is away, or nobody knows whether it was applied. RESTORE may be said again. */
const FOR_NOW =
  /^(?:CLUSTERDOWN|TRYAGAIN|LOADING|BUSY|UNBLOCKED|MASTERDOWN) |outcome of this write is unknown|was not answered/
/** So long what is refused for now is asked again. */
export const PATIENCE_MS = 120_000
export const PAUSE_MS = 250

export function isForNow(reply: Reply): boolean {
  return isError(reply) && FOR_NOW.test(reply.message)
}

/** The replies to commands that only read, asked again while one of them is refused for now; after the patience that is a reply like others. */
export async function readPatiently(server: Conversation, db: number, commands: readonly Command[]): Promise<Reply[]> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const replies = await server.ask(db, commands)
    if (!replies.some(isForNow) || performance.now() > deadline) return replies
    await sleep(PAUSE_MS)
  }
}
