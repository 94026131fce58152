import { othersTurn, STEPS_A_TURN } from '../base/others-turn.js'
import { bytesOf, decodeReply, elementsOf } from '../resp/decode.js'
import type { Reply } from '../resp/encode.js'
import { type RecordIn, recordsIn } from '../resp/records.js'
import { UnsettledError } from './in-step.js'

/** A value is read in pieces of about this size, however large it is. */
export const PIECE_BYTES = 1024 * 1024
export const PIECE_ELEMENTS_MAX = 1000

/** How many elements of a value of this size and length make a piece. */
export function elementsAPiece(bytes: number, elements: number): number {
  const perElement = Math.max(1, bytes / Math.max(1, elements))
  return Math.min(PIECE_ELEMENTS_MAX, Math.max(1, Math.floor(PIECE_BYTES / perElement)))
}

/** Which replicas differ from the first: collected until all others do, or nothing is left to compare. */
export class Differing {
  readonly flags: boolean[]

  constructor(count: number) {
    this.flags = new Array<boolean>(count).fill(false)
  }

  /** All others differ: there is nothing more to find out. */
  get all(): boolean {
    return this.flags.every((differs, i) => differs || i === 0)
  }

  /** Compares the replies to one command, in the order of the replicas. */
  compare(replies: readonly Buffer[]): void {
    for (let i = 1; i < replies.length; i++) if (!replies[i].equals(replies[0])) this.flags[i] = true
  }

  /** Compares what `essence` leaves of the replies. */
  compareEssence(replies: readonly Buffer[], essence: (reply: Reply) => unknown): void {
    const same = replies.every((reply) => reply.equals(replies[0]))
    if (!same) this.compare(replies.map((reply) => Buffer.from(JSON.stringify(essence(decoded(reply))))))
  }

  /**
   * The same for replies that may have very many parts, which stand in the same order on equal replicas: others have their turns in
   * between.
   *
   * @param essence what counts of a part, as it stands in the reply
   */
  async compareRecords(
    replies: readonly Buffer[],
    essence: (part: RecordIn) => readonly (Buffer | undefined)[],
  ): Promise<void> {
    for (let i = 1; i < replies.length; i++) {
      if (this.flags[i] || replies[i].equals(replies[0])) continue
      if (!(await isSame(replies[0], replies[i], essence))) this.flags[i] = true
    }
  }
}

async function isSame(
  one: Buffer,
  other: Buffer,
  essence: (part: RecordIn) => readonly (Buffer | undefined)[],
): Promise<boolean> {
  const others = recordsIn(other)
  let compared = 0
  for (const part of recordsIn(one)) {
    const { value: otherPart } = others.next()
    if (otherPart === undefined) return false
    const theirs = essence(otherPart)
    const isEqual = essence(part).every((value, i) => (value ?? NOTHING).equals(theirs[i] ?? NOTHING))
    if (!isEqual) return false
    if (++compared % STEPS_A_TURN === 0) await othersTurn()
  }
  return others.next().done === true
}

const NOTHING = Buffer.alloc(0)

export function decoded(reply: Buffer): Reply {
  return decodeReply(reply, 0, reply.length)
}

/** The number in an integer reply. */
export function integerIn(reply: Buffer): number {
  return Number(reply.latin1Slice(1, reply.length - 2))
}

/** The elements of a reply that must be an array or a set. */
export function itemsOf(reply: Reply): readonly Reply[] {
  return elementsOf(reply) ?? misshapen()
}

/** The bytes of a string in a reply. */
export function stringOf(reply: Reply | undefined): Buffer {
  return bytesOf(reply ?? null) ?? misshapen()
}

function misshapen(): never {
  throw new UnsettledError('a reply has not the shape that it should have')
}
