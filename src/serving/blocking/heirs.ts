import { keyOfId } from '../../base/key-id.js'
import type { CommandRow } from '../../command/row.js'
import { rowNamed } from '../../command/table.js'
import type { LostReads } from '../../order/lost-reads.js'
import { NobodysSlot, type ReplySlot } from '../../order/reply-slot.js'
import { decodeReply } from '../../resp/decode.js'
import type { DoubleReply } from '../../resp/encode.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import type { Side } from './blocked-command.js'
import type { Line } from './lines.js'
import type { WaitingClient } from './waiting-client.js'

const LPUSH = rowNamed('lpush')!
const RPUSH = rowNamed('rpush')!
const ZADD = rowNamed('zadd')!

/**
 * What becomes of that which was popped for a client that is gone by now. On one Redis a push and the pop for who waits are one step, here a
 * round trip to all replicas lies between them, in which many a client goes.
 *
 *     popped for who is gone ──> an heir: the first in its line for whom just the same would have been sent for, and who is free
 *                           └──> nobody: it is put back where it was, as by a client; who waits for it gets it as what is pushed
 *
 * What is moved lies under the other key, and what one of a group has got is his.
 */
export class Heirs {
  constructor(
    private readonly lostReads: Pick<LostReads, 'isBehind'>,
    /** Serves a command that does not wait. */
    private readonly serveKeys: (frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number) => void,
  ) {}

  /** Who is to have what was sent for in this line. */
  of({ command }: WaitingClient, line: Line): WaitingClient | undefined {
    const { key } = keyOfId(line.id)
    const sent = command.onKey(key)
    for (const waiter of line.waiters) {
      const heir = waiter as WaitingClient
      // Something else is on its way to it, or it is about to end.
      const isBusy = heir.claim !== undefined || heir.end !== undefined || heir.slot.abandoned
      if (isBusy || heir.isBehind || this.lostReads.isBehind(heir.slot)) continue
      const same = heir.command.onKey(key)
      if (heir.command.row === command.row && same.buf.subarray(0, same.end).equals(sent.buf.subarray(0, sent.end)))
        return heir
    }
    return undefined
  }

  /** Nobody is to have it: `buf` has, from `start` up to `end`, the key and what was popped there. */
  putBack({ command, slot }: WaitingClient, buf: Buffer, start: number, end: number): void {
    const [key, popped] = decodeReply(Buffer.from(buf.subarray(start, end)), 0, end - start) as [Buffer, Popped]
    const [row, words] = pushing(command.from!, popped)
    this.serveKeys(frameOf([row.name.toUpperCase(), key, ...words]), row, new PutBackSlot(slot.db), 0)
  }
}

type Scored = readonly [member: Buffer, score: DoubleReply]
/** Elements of a list, or members of a sorted set, in the order in which they were popped. */
type Popped = readonly Buffer[] | readonly Scored[]

/** The command that puts it back: what somebody else has made of a member meanwhile stays. */
function pushing(from: Side, popped: Popped): readonly [row: CommandRow, words: readonly (Buffer | string)[]] {
  if (from === 'LEFT' || from === 'RIGHT') return [from === 'LEFT' ? LPUSH : RPUSH, [...(popped as Buffer[])].reverse()]
  return [ZADD, ['NX', ...(popped as readonly Scored[]).flatMap(([member, score]) => [score.text, member])]]
}

/** It comes before those who wait at the gates of the key, which may be shut for what was popped, and waits for a server. */
class PutBackSlot extends NobodysSlot {
  readonly atGates = 'admitted'

  finish(): void {}

  /** Who has caught it has seen to the order. */
  fail(): void {}
}
