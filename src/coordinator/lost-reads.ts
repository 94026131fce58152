import { dbOfId, type KeyId } from '../base/key-id.js'
import type { CommandRow } from '../command/row.js'
import type { Frame } from '../resp/frame.js'
import type { ReplySlot } from './reply-slot.js'

interface LostRead {
  readonly frame: Frame
  readonly row: CommandRow
  readonly slot: ReplySlot
  readonly ids: readonly KeyId[]
  overtaken: boolean
}

/**
 * The reads that were in flight on a link that breaks. They are sent again when all that was in flight on it is known:
 * a read that was followed by a write of the same client to the same key would find that write already done on the next
 * replica, as if the client had sent them the other way round, and is not sent again.
 */
export class LostReads {
  private reads: LostRead[] = []

  add(frame: Frame, row: CommandRow, slot: ReplySlot, ids: readonly KeyId[]): void {
    this.reads.push({ frame, row, slot, ids, overtaken: false })
  }

  /** A write that was in flight on the same link, behind the reads that were added before. */
  noteWrite(slot: ReplySlot, ids: readonly KeyId[]): void {
    for (const read of this.reads) {
      if (read.slot.client === slot.client && read.ids.some((id) => ids.includes(id))) read.overtaken = true
    }
  }

  /** The same for a command that changes all keys of some databases. */
  noteSweep(client: unknown, concerns: (db: number) => boolean): void {
    for (const read of this.reads) {
      if (read.slot.client === client && read.ids.some((id) => concerns(dbOfId(id)))) read.overtaken = true
    }
  }

  take(): LostRead[] {
    const { reads } = this
    if (reads.length > 0) this.reads = []
    return reads
  }
}
