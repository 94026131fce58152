import { dbOfId, type KeyId } from '../base/key-id.js'
import { identifierOfId } from '../ring/identifier.js'
import { answer, READ_LEFT_BEHIND, READ_OVERTAKEN, READ_TORN } from './replies.js'
import type { ReplySlot } from './reply-slot.js'

interface LostRead {
  readonly slot: ReplySlot
  readonly ids: readonly KeyId[]
  /** A part of it was lost: the other parts were answered, or will be, and do not count. Or it was held, and not sent yet. */
  readonly wasCut: boolean
  /** Sends it again, whole. */
  readonly again: () => void
  overtaken: boolean
}

/**
 * The reads that were in flight on a link that breaks. They are sent again when all that was in flight on it is known:
 * a read that was followed by a write of the same client to the same key would find that write already done on the next
 * replica, as if the client had sent them the other way round, and is not sent again. Nor is one that was followed by a write to
 * a key with the same {tag}: what others do when they see that write, it would see. A read that was cut is not sent again behind any
 * write of its client, because that may have been done on a member whose link did not break; nor is one that was held, because
 * that may have been answered by all members since, and others may have moved what it left.
 */
export class LostReads {
  private reads: LostRead[] = []
  /** The number of the first read of a client that was asked again, though it had sent more behind it. */
  private readonly askedAgain = new WeakMap<object, number>()

  add(slot: ReplySlot, ids: readonly KeyId[], again: () => void, wasCut = false): void {
    this.reads.push({ slot, ids, wasCut, again, overtaken: false })
  }

  /** A write that was in flight on the same link, behind the reads that were added before. */
  noteWrite(slot: ReplySlot, ids: readonly KeyId[]): void {
    let written: readonly number[] | undefined
    for (const read of this.reads) {
      if (read.overtaken || read.slot.client !== slot.client) continue
      written ??= ids.map(identifierOfId)
      read.overtaken = read.ids.some((id) => written!.includes(identifierOfId(id)))
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

  /**
   * Serves them again that have been overtaken by nothing.
   *
   * @param moved the newest command when other members came to serve reads, see `ReplySlot.number`
   */
  serveAgain(moved: number): void {
    for (const { slot, overtaken, wasCut, again } of this.take()) {
      if (overtaken) answer(slot, READ_OVERTAKEN)
      else if (wasCut && hasWrittenSince(slot)) answer(slot, READ_TORN)
      else if (slot.number <= moved && moved < slot.newest) answer(slot, READ_LEFT_BEHIND)
      else {
        this.noteAgain(slot)
        again()
      }
    }
  }

  /**
   * Whether a command that has waited, for a server, a key or whatever it be, must not go on yet: a read that its client had sent
   * before it was lost meanwhile, is asked again, and may wait, too. It began to wait later, and would find what this command does.
   */
  isBehind({ client, number }: ReplySlot): boolean {
    const first = this.askedAgain.get(client as object)
    return first !== undefined && first < number
  }

  /** Resolves when it may go on: all that its client had sent before has been answered. */
  async passed(slot: ReplySlot): Promise<void> {
    const { client, number } = slot
    await slot.whenFirst()
    // It may be a read that is asked again itself, and have more behind it.
    if (this.isBehind(slot)) this.askedAgain.set(client as object, number)
  }

  private noteAgain({ client, number, newest }: ReplySlot): void {
    const first = this.askedAgain.get(client as object) ?? number
    if (number < newest) this.askedAgain.set(client as object, Math.min(first, number))
  }
}

/** Whether the client has sent something behind a command that may have changed something. */
export function hasWrittenSince({ number, newest, newestWrite = newest }: ReplySlot): boolean {
  return newestWrite > number
}
