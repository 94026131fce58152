import type { RunSink } from '../../backend/block.js'
import type { Link } from '../../backend/link.js'
import { copyBytes } from '../../base/copy-bytes.js'
import { replyShape } from '../../command/table.js'
import type { Order } from '../../order/order.js'
import { deliver } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { Elements } from '../../resp/elements.js'
import { IS_ERROR } from '../../resp/reply-framer.js'
import { Apply } from '../apply.js'
import { BlockRead } from './block-read.js'
import type { PlainShare, Stretch } from './plain.js'
import type { Piece } from './plan.js'
import type { Results } from './results.js'

/** The transaction of a run. */
export interface RunOwner {
  readonly order: Order
  /** All replicas have answered, and nothing was out of the ordinary. */
  runDone(run: PlainRun): void
  /** What a member has to say, so many bytes, has come, and may wait for others. */
  cameFrom(member: string, bytes: number): void
  /** From now on each command answers for itself. */
  results(): Results
}

/** A command that answers for itself. */
interface Command {
  readonly piece: Piece
  readonly slot: ReplySlot
  readonly sink: Apply | BlockRead
}

/** The first of them answers for all, and has the reads. */
const FIRST = 0

/**
 * A stretch of a plain transaction on its way to a replica set. While everything is as it nearly always is, bytes are compared with
 * bytes: all replicas have answered the same, there is no error among the answers, no key had expired, none is in doubt, and the view
 * is marked. When anything else happens an `Apply` (or `BlockRead`) takes over for each of the commands, and hears what was answered
 * before, as if it had sent the command. So there is one rule for what is in doubt then, and what the client is told.
 */
export class PlainRun implements RunSink {
  /** [ReplySink] */
  get speaks(): RunSink['speaks'] {
    return 'at once'
  }

  /** The answers of the first target, with `flags`. */
  reply: Buffer | undefined
  flags = 0
  /** Those of the others to the writes. */
  private written: Buffer | undefined
  /** Whose answers are known: a bit for each place, and how many. */
  private heard = 0
  private heardCount = 0
  /** When each command answers for itself: who is just being told, and up to which command. */
  private telling = -1
  private told = 0
  private readonly swapsBefore: number
  private readonly targets: readonly Link[]
  /** What has taken over. */
  private commands: readonly Command[] | undefined

  /** Emits it; on links on which a block is open, or single commands on one that refuses blocks. */
  constructor(
    private readonly owner: RunOwner,
    readonly share: PlainShare,
    readonly stretch: Stretch,
    links: readonly Link[],
  ) {
    this.swapsBefore = owner.order.swaps.count
    this.targets = stretch.writes.count === 0 && share.how !== 'read' ? links.slice(0, 1) : links
    const { db } = share.commands
    for (let place = 0; place < this.targets.length; place++) {
      const link = this.targets[place]
      const { buf, start, end, count } = place === FIRST ? stretch.all : stretch.writes
      if (link.refusesBlocks) link.emit(buf, start, end, true, db, this, place)
      else link.emitRun(buf, start, end, db, this, place, count)
    }
  }

  onReply(place: number, buf: Buffer, start: number, end: number, flags: number): void {
    this.onRun(place, buf, start, end, flags)
  }

  onRun(place: number, buf: Buffer, start: number, end: number, flags: number): void {
    const { order } = this.owner
    const { targets, share } = this
    if (place === FIRST && share.answersValues) this.owner.cameFrom(targets[FIRST].name, end - start)
    const mayEnd = share.how === 'read' || this.heardCount + 1 < targets.length || order.acknowledgement.open
    const isUsual = mayEnd && (flags & IS_ERROR) === 0 && !targets[place].expirations.any && !order.doubts.any
    if (this.commands !== undefined || !isUsual || !this.agrees(place, buf, start, end, flags)) {
      this.takeOver()
      this.tell(place, buf, start, end)
      return
    }
    this.heard |= 1 << place
    if (++this.heardCount === targets.length) this.owner.runDone(this)
  }

  onLost(place: number): void {
    this.lose(place, (read) => read.onLost())
  }

  onStuck(place: number): void {
    this.lose(place, (read) => read.onStuck())
  }

  /** Calls it for each command with its number in the transaction and its reply. */
  eachReply(each: (number: number, buf: Buffer, start: number, end: number, flags: number) => void): void {
    const { stretch, share, reply } = this
    const elements = Elements.within(reply!, 0, reply!.length)
    for (let k = stretch.from; k < stretch.to; k++) {
      elements.next()
      each(share.numbers[k], reply!, elements.start, elements.end, elements.flags)
    }
  }

  private get isMixed(): boolean {
    return this.stretch.writes !== this.stretch.all
  }

  /** Whether the answers are those of all who have answered the same commands; they are kept if they are the first. */
  private agrees(place: number, buf: Buffer, start: number, end: number, flags: number): boolean {
    this.flags |= flags
    const isReply = place === FIRST || !this.isMixed
    const kept = isReply ? this.reply : this.written
    if (kept !== undefined) return kept.length === end - start && kept.compare(buf, start, end) === 0
    const bytes = Buffer.allocUnsafe(end - start)
    copyBytes(buf, start, end, bytes, 0)
    if (isReply) this.reply = bytes
    else this.written = bytes
    if (this.agreesWithFirst()) return true
    if (isReply) this.reply = undefined
    else this.written = undefined
    return false
  }

  /** Whether the others have answered to the writes as the first one has, who was asked more. */
  private agreesWithFirst(): boolean {
    const { reply, written } = this
    if (reply === undefined || written === undefined) return true
    let at = 0
    let isSame = true
    this.eachReply((number, buf, start, end) => {
      if (!this.share.at(number).isWrite) return
      const from = at
      at += end - start
      isSame &&= at <= written.length && written.compare(buf, start, end, from, at) === 0
    })
    return isSame && at === written.length
  }

  private takeOver(): void {
    if (this.commands !== undefined) return
    const { owner, share, stretch, swapsBefore, targets } = this
    const { order } = owner
    const { db, proto } = share.commands
    const results = owner.results()
    this.commands = share.numbers.slice(stretch.from, stretch.to).map((number) => {
      const piece = share.piece(number)
      const { frame, row } = piece
      const slot = results.slotOf(number, db, proto)
      const sink = piece.isWrite
        ? Apply.sentBefore(order, share.to, row, slot, { argc: frame.argc, swapsBefore })
        : BlockRead.sentBefore(order, targets[FIRST], piece, slot, results)
      return { piece, slot, sink }
    })
    for (let place = 0; place < targets.length; place++) {
      if (!this.hasHeard(place)) continue
      const bytes = (place === FIRST ? undefined : this.written) ?? this.reply!
      this.eachOf(place, bytes, 0, bytes.length, ({ piece, slot, sink }, start, end, flags) => {
        if (sink instanceof Apply) sink.answeredBefore(place, bytes, start, end, flags)
        else deliver(slot, replyShape(piece.row, piece.frame.argc), bytes, start, end, flags)
      })
    }
  }

  /** A target has answered, and each command hears what is its own. */
  private tell(place: number, buf: Buffer, start: number, end: number): void {
    this.telling = place
    this.told = 0
    this.eachOf(place, buf, start, end, ({ sink }, from, to, flags) => sink.onReply(place, buf, from, to, flags))
    this.telling = -1
  }

  private lose(place: number, how: (read: BlockRead) => void): void {
    this.takeOver()
    if (this.hasHeard(place)) return
    // Should that have failed when it was told what a target has answered, it has lost the rest of that.
    const from = place === this.telling ? this.told : 0
    for (const { piece, sink } of this.commands!.slice(from)) {
      const { buf, start, end } = piece.frame
      if (sink instanceof Apply) sink.onLost(place, buf, start, end)
      else if (place === FIRST) how(sink)
    }
  }

  /** Calls it for each command that a target got, with its reply among those from `start` to `end`. */
  private eachOf(
    place: number,
    buf: Buffer,
    start: number,
    end: number,
    each: (command: Command, start: number, end: number, flags: number) => void,
  ): void {
    const link = this.targets[place]
    const elements = Elements.within(buf, start, end)
    try {
      for (const command of this.commands!) {
        const { frame, isWrite } = command.piece
        if (place === FIRST || isWrite) {
          elements.next()
          link.ofRun = frame.buf.subarray(frame.start, frame.end)
          each(command, elements.start, elements.end, elements.flags)
        }
        this.told++
      }
    } finally {
      link.ofRun = undefined
    }
  }

  private hasHeard(place: number): boolean {
    return ((this.heard >>> place) & 1) === 1
  }
}
