import { preciseNowMs } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import { frameOf } from '../resp/frame.js'
import { IS_ERROR } from '../resp/reply-framer.js'
import { isSoon } from './deadline.js'
import { haveFieldDeadlines, lastsOnAll } from './field-deadlines.js'
import type { Order } from './order.js'
import { VOTERS, Votes } from './votes.js'

/** What each key is asked for: whether it is there and until when, and how long it is if it is a stream. */
const QUESTIONS = ['PEXPIRETIME', 'XLEN'] as const
const NO_KEY = -2

/** What a replica has said of the keys. */
interface Said {
  text: string
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
    this.said = naturals.map(() => ({ text: '', deadlines: [], isUnknown: false }))
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
    const said = this.said[Math.trunc(tag / QUESTIONS.length)]
    const reply = buf.latin1Slice(start, end - 2)
    if ((flags & IS_ERROR) !== 0 && !Votes.isOfData(buf.subarray(start, end))) said.isUnknown = true
    said.text += `${reply} `
    if (tag % QUESTIONS.length === 0) said.deadlines.push(Number(reply.slice(1)))
    this.answered()
  }

  onLost(tag: number): void {
    this.said[Math.trunc(tag / QUESTIONS.length)].isUnknown = true
    // What is held for a link that is just breaking must have been dropped before anything goes on.
    queueMicrotask(() => this.answered())
  }

  private ask(i: number): void {
    const { order, ids } = this
    const link = this.naturals[i]
    const tags = ids.flatMap(() => QUESTIONS.map((_, question) => i * QUESTIONS.length + question))
    this.open += tags.length
    const lost = () => {
      for (const tag of tags) this.onLost(tag)
    }
    const emit = () => {
      for (const [n, tag] of tags.entries()) {
        const { db, key } = keyOfId(ids[Math.trunc(n / QUESTIONS.length)])
        link.emitFrame(frameOf([QUESTIONS[n % QUESTIONS.length], key]), db, this, tag)
      }
    }
    if (order.lanes.active === 0 || !order.lanes.isAnyHeld(link, ids)) emit()
    else order.lanes.hold(link, ids, { reads: true, emit, dropped: lost, covered: lost })()
  }

  private answered(): void {
    if (--this.open > 0) return
    const isAlone = this.findAlone()
    const lacked = isAlone && haveFieldDeadlines(this.naturals) ? this.lacked() : undefined
    if (lacked === undefined) {
      this.decide(isAlone)
      return
    }
    // What the others have is held until it is decided.
    this.open++
    lastsOnAll(this.naturals.slice(1), lacked).then(
      (lasts) => {
        this.open--
        this.decide(lasts)
      },
      // A link broke.
      () => {
        this.open--
        this.decide(false)
      },
    )
  }

  private decide(isAlone: boolean): void {
    this.isAlone = isAlone
    if (isAlone) this.order.onOutvoted(this.naturals[0].name)
    for (const then of this.waiting.splice(0)) then()
  }

  /** The keys of which the first one says something else, if they are not there for it; undefined where it is otherwise. */
  private lacked(): readonly KeyId[] | undefined {
    const [first, one] = this.said
    const differs = (k: number) => first.deadlines[k] !== one.deadlines[k]
    const areGone = this.ids.every((_, k) => !differs(k) || first.deadlines[k] === NO_KEY)
    const differing = areGone ? this.ids.filter((_, k) => differs(k)) : []
    return differing.length > 0 ? differing : undefined
  }

  private findAlone(): boolean {
    const { said } = this
    if (!this.wasCertain || !this.isCertain) return false
    const [first, one, other] = said
    if (first.text === one.text || one.text !== other.text || said.some(({ isUnknown }) => isUnknown)) return false
    // Two who lack what it has are no majority [design §8 Verify], and at a deadline clocks are apart.
    const nowMs = preciseNowMs()
    const isLacked = one.deadlines.some((deadline, k) => deadline === NO_KEY && first.deadlines[k] !== NO_KEY)
    return !isLacked && !said.some(({ deadlines }) => deadlines.some((deadline) => isPassing(deadline, nowMs)))
  }

  private get isCertain(): boolean {
    const { order, naturals, ids } = this
    const { doubts, absences } = order
    // Who has emptied a database meanwhile may have been in doubt when he answered.
    if (absences.isSweeping) return false
    return !doubts.any || !naturals.some((link) => ids.some((id) => doubts.isInDoubt(link, id)))
  }
}

function isPassing(deadlineMs: number, nowMs: number): boolean {
  return deadlineMs >= 0 && isSoon(deadlineMs, nowMs)
}
