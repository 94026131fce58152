import { preciseNowMs } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import { frameOf } from '../resp/frame.js'
import { IS_ERROR } from '../resp/reply-framer.js'
import { isSoon } from './deadline.js'
import { hasRemovedFields, haveFieldDeadlines } from './field-deadlines.js'
import type { Order } from './order.js'
import { VOTERS, Votes } from './votes.js'

/** What each key is asked for: whether it is there and until when, and how long it is if it is a stream. */
const QUESTIONS = ['PEXPIRETIME', 'XLEN'] as const
/** Where fields of hashes expire, too: whether any has not. One of which all have is there still, on some replicas. */
const QUESTIONS_OF_FIELDS = [...QUESTIONS, 'HRANDFIELD'] as const
const NO_KEY = -2
/** How RESP3 begins it. */
const NULL = 0x5f

/** What a replica has said of the keys, of each. */
interface Said {
  readonly texts: string[]
  readonly deadlines: number[]
  /** Something cannot be compared: its link broke, or it refused to answer. */
  isUnknown: boolean
}

/**
 * A look at what the replicas of some keys have, before what one of them has takes the place of what the others have. That one may
 * have lost something without a trace, and where there are three the other two can tell [design §7 Differences]:
 *
 *     master   INCR k   [PEXPIRETIME k] [XLEN k]   XCLAIM k   DUMP k
 *     others   INCR k   [PEXPIRETIME k] [XLEN k]   k is held ········ RESTORE k, unless the master has lost something
 *
 * The questions are short and do not tell everything. But who has answered them has answered all writes of the keys that came
 * before: if the master stands alone in one of these, that is known by then, and nobody has been overwritten.
 */
export class Look implements ReplySink {
  /** The first one stands alone against two who say the same, and nothing explains that. */
  isAlone = false
  private readonly said: readonly Said[]
  private open = 0
  private readonly waiting: (() => void)[] = []
  private readonly wasCertain: boolean
  private readonly questions: readonly string[]

  /**
   * Asks, in this turn.
   *
   * @param naturals the natural replicas of the keys, the one first that is to overwrite the others
   */
  constructor(
    private readonly order: Order,
    private readonly naturals: readonly Link[],
    private readonly ids: readonly KeyId[],
  ) {
    this.questions = haveFieldDeadlines(naturals) ? QUESTIONS_OF_FIELDS : QUESTIONS
    this.said = naturals.map(() => ({ texts: [], deadlines: [], isUnknown: false }))
    this.wasCertain = this.isCertain
    // Where there are not three nobody can be outvoted.
    if (naturals.length === VOTERS) for (const i of naturals.keys()) this.ask(i)
  }

  /** Calls it when all have answered, which may be now. */
  whenAnswered(then: () => void): void {
    if (this.open === 0) then()
    else this.waiting.push(then)
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    const { questions } = this
    const said = this.said[Math.trunc(tag / questions.length)]
    const isError = (flags & IS_ERROR) !== 0
    if (isError && !Votes.isOfData(buf.subarray(start, end))) said.isUnknown = true
    const place = tag % questions.length
    if (place < QUESTIONS.length) noteAnswer(said, place, buf.latin1Slice(start, end - 2))
    else if (!isError && buf[start] === NULL) noteNothing(said)
    this.answered()
  }

  onLost(tag: number): void {
    this.said[Math.trunc(tag / this.questions.length)].isUnknown = true
    // What is held for a link that is just breaking must have been dropped before anything goes on.
    queueMicrotask(() => this.answered())
  }

  private ask(i: number): void {
    const { order, ids, questions } = this
    const link = this.naturals[i]
    const tags = ids.flatMap(() => questions.map((_, question) => i * questions.length + question))
    this.open += tags.length
    const lost = () => {
      for (const tag of tags) this.onLost(tag)
    }
    const emit = () => {
      for (const [n, tag] of tags.entries()) {
        const { db, key } = keyOfId(ids[Math.trunc(n / questions.length)])
        link.emitFrame(frameOf([questions[n % questions.length], key]), db, this, tag)
      }
    }
    if (order.lanes.active === 0 || !order.lanes.isAnyHeld(link, ids)) emit()
    else order.lanes.hold(link, ids, { reads: true, emit, dropped: lost, covered: lost })()
  }

  private answered(): void {
    if (--this.open > 0) return
    this.isAlone = this.findAlone()
    const { order, naturals } = this
    if (this.isAlone) order.lone.note(naturals[0], order.lone.inquire(this.differing, naturals))
    for (const then of this.waiting.splice(0)) then()
  }

  private findAlone(): boolean {
    const { said, naturals, differing } = this
    if (!this.wasCertain || !this.isCertain || said.some(({ isUnknown }) => isUnknown)) return false
    const [first, one, other] = said
    if (differing.length === 0 || one.texts.some((text, k) => text !== other.texts[k])) return false
    // It has removed what has expired, and the others have not.
    if (hasRemovedFields(naturals[0], differing)) return false
    // Two who lack what it has are no majority [design §8 Verify], and at a deadline clocks are apart.
    const nowMs = preciseNowMs()
    const isLacked = one.deadlines.some((deadline, k) => deadline === NO_KEY && first.deadlines[k] !== NO_KEY)
    return !isLacked && !said.some(({ deadlines }) => deadlines.some((deadline) => isPassing(deadline, nowMs)))
  }

  /** The keys of which the first one says something else. */
  private get differing(): readonly KeyId[] {
    const [first, one] = this.said
    return this.ids.filter((_, k) => first.texts[k] !== one.texts[k])
  }

  private get isCertain(): boolean {
    const { order, naturals, ids } = this
    const { doubts, absences } = order
    // Who has emptied a database meanwhile may have been in doubt when he answered.
    if (absences.isSweeping) return false
    return !doubts.any || !naturals.some((link) => ids.some((id) => doubts.isInDoubt(link, id)))
  }
}

function noteAnswer({ texts, deadlines }: Said, place: number, reply: string): void {
  if (place > 0) texts.push(`${texts.pop()} ${reply}`)
  else {
    texts.push(reply)
    deadlines.push(Number(reply.slice(1)))
  }
}

/** The key is there no more, or is a hash all of whose fields have expired: to whom asks that is the same. */
function noteNothing({ texts, deadlines }: Said): void {
  texts.splice(-1, 1, 'nothing')
  if (deadlines[deadlines.length - 1] < 0) deadlines.splice(-1, 1, NO_KEY)
}

function isPassing(deadlineMs: number, nowMs: number): boolean {
  return deadlineMs >= 0 && isSoon(deadlineMs, nowMs)
}
