import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import type { KeyId } from '../base/key-id.js'
import type { CommandRow } from '../command/row.js'
import { replyShape } from '../command/table.js'
import { type CopyCondition, type CopyListener, KeyCopy } from '../order/copy-key.js'
import { hasRemovedFields } from '../order/field-deadlines.js'
import { Look } from '../order/look.js'
import type { Order } from '../order/order.js'
import { deliver, isOfReplica } from '../order/replies.js'
import type { ReplySlot } from '../order/reply-slot.js'
import type { Route } from '../order/router.js'
import { Together } from '../order/together.js'
import { Votes } from '../order/votes.js'
import { decodeReply } from '../resp/decode.js'
import { isError, type Reply } from '../resp/encode.js'
import { type Frame, ownFrame } from '../resp/frame.js'
import { IS_ERROR } from '../resp/reply-framer.js'
import { ByMaster, isInDoubt, MASTER, mostCertainFirst } from './by-master.js'
import { changedNothing, type Effect, effectOf, questionBehind } from './effects.js'

/** A write of which the others get copies. */
export interface Copied {
  readonly write: MasterFirst
  /** Taken right before it. */
  readonly look: Look
}

/** For the reply of the same one to what it is asked right behind the command. */
const BEHIND = -1

/**
 * A write whose effect only its master can tell [design §7 master first, copy]. It is emitted to the master, or while the keys are
 * in doubt there to the first backup where they are not; they are held for the others until they can get the same effect:
 *
 *     master first   the command that the master's reply makes of it (SPOP → SREM of what was popped)
 *     copy           the keys as the master has them afterwards, unless it has lost something before: see `Look`
 *
 * Where the reply does not tell what was chosen, the same one is asked behind the command, with nothing between them:
 *
 *     master   [XADD k MAXLEN ~ 9 * f v] [XLEN k]
 *     others   k is held ························ [XADD k MAXLEN = 57 5-1 f v]
 */
export class MasterFirst extends ByMaster {
  private readonly frame: Frame
  protected readonly ids: readonly KeyId[]
  /** What it is asked behind the command, and what it had answered to that. */
  private readonly question: Frame | undefined
  private before: Buffer | undefined
  /** It is known what it did, or that nobody will know. */
  private isTold = false
  private effect: Effect | undefined
  /** The effect is the command. */
  private isSame = false
  private reply: Buffer | undefined
  /** How many of the targets, the first ones, are natural replicas. */
  private readonly naturals: number
  /** Who answered the effect otherwise than the master would, when it is not known which of them is right. */
  private readonly differing: { readonly tag: number; readonly reply: Buffer }[] = []
  private replyFlags = 0
  /** The others get no copies; undefined before that is decided. */
  private isInVain: boolean | undefined

  private constructor(
    order: Order,
    route: Route,
    frame: Frame,
    private readonly row: CommandRow,
    slot: ReplySlot,
    isCopied: boolean,
  ) {
    super()
    this.frame = ownFrame(frame)
    this.ids = order.keyIds(row, frame, slot.db)
    this.naturals = route.natural.length
    this.begin(order, slot, mostCertainFirst(order, route, this.ids))
    if (!isCopied && this.targets.length > 1) this.question = questionBehind(row, this.frame)
  }

  /**
   * Emits the write to the replicas of the route, which must be `writable`.
   *
   * @param isCopied the others get copies of its keys
   */
  static emit(order: Order, route: Route, frame: Frame, row: CommandRow, slot: ReplySlot, isCopied: boolean): void {
    const look = isCopied ? MasterFirst.lookBefore(order, route, order.keyIds(row, frame, slot.db)) : undefined
    const write = MasterFirst.onMaster(order, route, frame, row, slot, isCopied)
    if (look !== undefined) MasterFirst.copyAll([{ write, look }])
    else write.holdForOthers()
  }

  /** For `copyAll`: what is emitted next in this turn is to be copied from the one that executes it. */
  static lookBefore(order: Order, route: Route, ids: readonly KeyId[]): Look {
    return new Look(order, mostCertainFirst(order, route, ids).slice(0, route.natural.length), ids)
  }

  /** Emits it to the one that executes it; what the others get has to follow in the same turn. */
  static onMaster(
    order: Order,
    route: Route,
    frame: Frame,
    row: CommandRow,
    slot: ReplySlot,
    isCopied: boolean,
  ): MasterFirst {
    order.stats.writes++
    const write = new MasterFirst(order, route, frame, row, slot, isCopied)
    if (row.binds) write.group = order.doubts.begin(write.ids, route.targets)
    write.emitToMaster()
    return write
  }

  /**
   * Takes snapshots of what writes of one transaction, or a single one, have left, right behind them. What comes of the same look is
   * of one replica set: on that it is whole, or in doubt as a whole.
   */
  static copyAll(copied: readonly Copied[]): void {
    const all = new Map<Look, Map<number, MasterFirst[]>>()
    for (const { write, look } of copied) {
      let byDb = all.get(look)
      if (byDb === undefined) all.set(look, (byDb = new Map()))
      byDb.set(write.slot.db, [...(byDb.get(write.slot.db) ?? []), write])
    }
    for (const [look, byDb] of all) {
      // When a database is emptied nobody waits for its keys any more.
      for (const writes of byDb.values()) {
        const keys = writes.reduce((sum, { ids }) => sum + ids.length, 0)
        const together = keys > 1 ? new Together(keys) : undefined
        for (const write of writes) write.copyToOthers(look, together)
      }
    }
  }

  /** For a command that leaves nothing to choose: the others get the same, when the master has executed it. */
  followMaster(deadlineMs: number): void {
    this.isSame = true
    this.deadlineMs = deadlineMs
    this.holdForOthers()
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    if (tag === BEHIND) {
      if (!this.isTold) this.answeredBehind(buf, start, end, flags)
      return
    }
    if (isOfReplica(this.targets[MASTER], buf, start, flags)) {
      this.masterLost()
      return
    }
    const reply = Buffer.from(buf.subarray(start, end))
    this.replyFlags = flags
    if (this.held.length === 0) {
      // The others get what it has now, however it came to it.
      const { expirations } = this.targets[MASTER]
      if (expirations.any) for (const id of this.ids) expirations.forget(id)
      this.replied(reply)
      this.heard()
      return
    }
    const value = decodeReply(reply, 0, reply.length)
    if (this.question === undefined || changedNothing(value)) {
      this.tell(reply, value)
      return
    }
    this.before = reply
    // Of its key's expiring. What comes from now on came behind the command.
    this.noteAnswer(MASTER)
  }

  onLost(_tag: number): void {
    if (!this.isTold) this.masterLost()
  }

  /** Without that answer the one to the command is worth nothing. */
  private answeredBehind(buf: Buffer, start: number, end: number, flags: number): void {
    if ((flags & IS_ERROR) !== 0) {
      this.masterLost()
      return
    }
    const reply = this.before!
    this.tell(reply, decodeReply(reply, 0, reply.length), decodeReply(buf, start, end))
  }

  /** The one that executes it has answered: the others get what it has chosen. */
  private tell(reply: Buffer, value: Reply, left?: Reply): void {
    if (this.isOutvoted()) {
      // It has chosen from what it is not to have: it is repaired from the others, which get nothing of that.
      this.masterLost()
      return
    }
    // Should that fail, it is as if the reply were lost.
    this.effect = this.isSame ? this.sameEffect(reply, value) : effectOf(this.row, this.frame, value, left)
    this.isTold = true
    this.replied(reply)
    // Without an effect the others learn nothing of the command, and neither does anybody who compares.
    if (this.effect !== undefined && this.before === undefined) this.noteAnswer(MASTER)
    this.release()
    this.heard()
  }

  /** The reply is here, and waits for the others to have the same. */
  private replied(reply: Buffer): void {
    this.reply = reply
    if (this.row.answersValues) this.firstAnswered(reply.length)
  }

  protected override masterLost(): void {
    this.isTold = true
    super.masterLost()
  }

  protected hasReply(): boolean {
    return this.reply !== undefined
  }

  protected override compareReplies(): void {
    const expired = this.unequallyExpired(this.answered)
    const { differing, order, ids } = this
    if (expired !== undefined) {
      this.doubtOthers(MASTER, expired)
    } else if (differing.length > 1 && differing.every(({ reply }) => reply.equals(differing[0].reply))) {
      // It stands alone against the two others, which are equal: it has lost something, and gets what they have, who did
      // not do what it has answered.
      this.reply = undefined
      order.lone.note(this.targets[MASTER], order.lone.inquire(ids, this.targets.slice(0, this.naturals)))
      this.doubt(MASTER, ids, true)
    } else for (const { tag } of differing) this.doubt(tag, ids)
  }

  protected deliverReply(): void {
    const { reply, slot } = this
    deliver(slot, replyShape(this.row, this.frame.argc), reply!, 0, reply!.length, this.replyFlags)
  }

  private sameEffect(answer: Buffer, value: Reply): Effect | undefined {
    return isError(value) ? undefined : { frame: this.frame, answer }
  }

  /** Whether equal replicas answer the effect equally: one that was made of the reply is always such. */
  private get compares(): boolean {
    return !this.isSame || this.row.compare
  }

  private emitToMaster(): void {
    const { frame, slot, question } = this
    const master = this.targets[MASTER]
    this.emitByMaster(() => {
      master.emitFrame(frame, slot.db, this, MASTER)
      if (question !== undefined) master.emitFrame(question, slot.db, this, BEHIND)
    })
  }

  emitEffect(i: number, sink: ReplySink): void {
    if (this.effect === undefined) this.heard()
    else this.targets[i].emitFrame(this.effect.frame, this.slot.db, sink, i)
  }

  effectAnswered(i: number, buf: Buffer, start: number, end: number, flags: number): void {
    const { answer = this.reply! } = this.effect!
    this.noteAnswer(i)
    const isRefused = (flags & IS_ERROR) !== 0 && !Votes.isOfData(buf.subarray(start, end))
    if (isRefused || this.mayBeLate(i)) this.lost(i, this.ids)
    else if (!this.compares || answer.compare(buf, start, end) === 0) this.heard()
    else this.differs(i, Buffer.from(buf.subarray(start, end)), answer)
  }

  /**
   * A target has other data than the master: it is in doubt, at once when it is known that it has missed something. If nothing
   * explains it, of three replicas the one that stands alone is [design §7 Differences].
   */
  private differs(tag: number, reply: Buffer, expected: Buffer): void {
    const { order, targets, ids } = this
    order.noteDifference(targets[tag], reply, expected)
    // Who has emptied a database meanwhile may have been in doubt when he answered.
    const wasInDoubt = order.absences.isSweeping || targets.some((link) => isInDoubt(order, link, ids))
    const hasExpired = this.knowsExpired || hasRemovedFields(targets[MASTER], ids)
    const isExplained = hasExpired || this.doubtful.length > 0 || wasInDoubt
    if (!isExplained && tag < this.naturals && Votes.suit(this.naturals, reply, expected)) {
      this.differing.push({ tag, reply })
    } else this.doubt(tag, ids)
    this.heard()
  }

  /**
   * One snapshot a key, taken right behind the command; a target has it when it has all keys.
   *
   * @param look taken right before the command
   */
  private copyToOthers(look: Look, together: Together | undefined): void {
    const others = this.targets.slice(1)
    const open = new Map(others.map((link) => [link, this.ids.length]))
    const failed = new Set<Link>()
    if (others.length === 0) return
    const ends = new Map<KeyId, () => void>()
    const condition: CopyCondition = (decided) => {
      look.whenAnswered(() => {
        if (this.isInVain === undefined) {
          this.isInVain = this.findInVain(look)
          const { copies } = this.order.doubts
          const source = this.targets[MASTER]
          if (!this.isInVain) for (const id of this.ids) ends.set(id, copies.begin({ id, source, targets: others }))
        }
        decided(this.isInVain)
      })
    }
    for (const id of this.ids) {
      let expected = others.length
      const listener: CopyListener = (link, result) => {
        if (--expected === 0) ends.get(id)?.()
        if (result !== 'copied') failed.add(link)
        const left = open.get(link)! - 1
        open.set(link, left)
        if (left > 0) return
        if (failed.has(link) && this.isInVain !== true) this.lost(this.targets.indexOf(link), this.ids)
        else this.heard()
      }
      const { lanes, pieces } = this.order
      new KeyCopy(lanes, [id], this.targets[MASTER], others, listener, pieces, 'differs', condition, together)
    }
  }

  /**
   * Whether the others are not to get what the one has that executes it: it is not known what it did, or it did nothing, or it is not
   * to have what it did that to, or it turned out to lack what they have. In the last two cases it gets that, and nothing else
   * comes of the command.
   */
  private findInVain(look: Look): boolean {
    const { order, targets, ids, row } = this
    const master = targets[MASTER]
    const isAlone = look.isAlone || ids.some((id) => order.doubts.isVoted(master, id))
    if (!isAlone && !this.isOutvoted()) {
      return this.isTold || (!row.learnt && (this.replyFlags & IS_ERROR) !== 0)
    }
    if (this.expected === 0) {
      // Nobody else is there any more, which is known.
      order.doubts.note(master, ids, undefined, 0, isAlone)
      return true
    }
    this.reply = undefined
    this.doubt(MASTER, ids, isAlone)
    return true
  }
}
