import { keyOfId } from '../../base/key-id.js'
import type { LostReads } from '../../order/lost-reads.js'
import type { Line } from './lines.js'
import type { WaitingClient } from './waiting-client.js'

/**
 * Who gets what was sent for for a client that is gone by now: the first in its line for whom just the same would be sent for. On one Redis a push and the pop for who
 * waits are one step, here a round trip to all replicas lies between them, in which many a client goes. What is moved lies under the other key, and what
 * one of a group has got is his.
 */
export function heirOf(
  gone: WaitingClient,
  line: Line,
  lostReads: Pick<LostReads, 'isBehind'>,
): WaitingClient | undefined {
  const { slot, command, mayTake } = gone
  if (!slot.abandoned || !mayTake || command.moves || command.isGroup) return undefined
  const { key } = keyOfId(line.id)
  const sent = command.onKey(key)
  for (const waiter of line.waiters) {
    const heir = waiter as WaitingClient
    // Something else is on its way to it, or it is about to end.
    const isBusy = heir.claim !== undefined || heir.end !== undefined || heir.slot.abandoned
    if (isBusy || heir.isBehind || lostReads.isBehind(heir.slot)) continue
    const same = heir.command.onKey(key)
    if (heir.command.row === command.row && same.buf.subarray(0, same.end).equals(sent.buf.subarray(0, sent.end)))
      return heir
  }
  return undefined
}
