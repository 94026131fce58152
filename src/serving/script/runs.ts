import type { Link } from '../../backend/link.js'
import { keyId } from '../../base/key-id.js'
import type { Channels } from '../../channels/channels.js'
import { routeOfWrite, settling } from '../../order/copy-first.js'
import type { Entry } from '../../order/gates.js'
import { OUT_OF_MEMORY } from '../../order/memory.js'
import type { Order } from '../../order/order.js'
import { answer } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Route } from '../../order/router.js'
import { error, type Reply } from '../../resp/encode.js'
import { ownFrame } from '../../resp/frame.js'
import type { Gathering } from '../several/gather/gathering.js'
import { LoadedScripts } from './loaded-scripts.js'
import type { LongScripts } from './long-scripts.js'
import type { Wanted } from './outcome.js'
import { expectedCounts, notePublished } from './publishing.js'
import {
  answerToPublish,
  answerToTold,
  isLate,
  isPublish,
  isTold,
  keysWanted,
  type Messages,
  publishAll,
  type Refused,
  refusedIn,
  type Tell,
  tooManyAnswers,
} from './questions.js'
import { type Called, canHave, mayNotWrite, newRun, PATIENCE_MS, type Run } from './run.js'
import { RunCall, type Runner } from './run-call.js'
import type { Script } from './script.js'
import { callFrame, directFrame, type Hand, keysAtHand } from './script-call.js'
import { ScriptGather } from './script-gather.js'
import { ScriptRead } from './script-read.js'
import type { Together } from './script-trial.js'
import { ScriptWrite } from './script-write.js'
import { type Place, Trains } from './trains.js'
import { guessed, letTouch, letTouchAll, namedBy, placesLearnt, tornBy } from './undeclared.js'

const MAY_WRITE = error('ERR Can not execute a script with write flag using *_ro command.')
/** A script that has run so often without being stopped may be followed by others before it is answered. */
const RUNS_MIN = 3

/**
 * Runs scripts and functions that are known [design §7 Scripts], as often as it takes:
 *
 *     a run on the replica set of its keys ──> it names another key, or asks something: nothing has happened
 *       ^                                                                    │
 *       └──── again, in another turn: it may touch that one as well, or has the answer
 */
export class Runs implements Runner {
  /** Tells scripts what the proxy says of itself; set before there are clients. */
  tell: Tell | undefined
  /** Emits what tried scripts did, see `TriedRun`; set with those ways of serving that are made of this one. */
  together!: Together
  /** Is told what a script of this user was refused, which ran for a `ReplySlot.client`. */
  refused: ((client: unknown, user: string, refused: readonly Refused[]) => void) | undefined
  /** [Runner] */
  readonly loaded = new LoadedScripts()
  readonly trains: Trains

  constructor(
    private readonly order: Order,
    private readonly gathering: Gathering,
    private readonly channels: Channels,
    readonly long: LongScripts,
  ) {
    this.trains = new Trains(order)
  }

  linkUp(link: Link): void {
    this.loaded.keepOnly(this.order.router.links)
    this.loaded.linkUp(link)
  }

  /** A member has it from now on: without memory it would not take a library any more. */
  load(link: Link, { wrapped, wrappedSha, library }: Script): void {
    this.loaded.load(link, wrapped, wrappedSha, library)
  }

  /** One that has passed the gates of its declared keys in this turn. */
  begin(called: Called): void {
    if (called.script.staysInside) {
      this.run(newRun(called))
      return
    }
    // What it will touch beside its keys, by what it did before: on other servers it must be allowed, should that be wrong.
    const { keys: extra, guesses } = guessed(called, (key) => this.isServed(called, key))
    const isApart = () => this.isApart(called, extra)
    const answers = expectedCounts(this.channels, called)
    if (extra.length === 0 || (this.gathering.refusal !== undefined && isApart()))
      this.run(newRun(called, [], [], answers))
    else this.later(newRun(called, extra, guesses, answers))
  }

  /** Whether a key can be had now. */
  private isServed(called: Called, key: Buffer): boolean {
    return canHave(called, this.order.router.routeOfKey(key, 0, key.length))
  }

  /** Whether these keys and those that are declared are on several servers. */
  private isApart({ frame, numkeys }: Called, extra: Buffer[]): boolean {
    return this.routeOf(keysAtHand(frame, { numkeys, places: undefined, extra, answers: [] })) === undefined
  }

  private run(run: Run): void {
    const { order } = this
    const { frame, row, slot, numkeys, extra, deadlineMs, script } = run
    const saysItMayWrite = script.allowsOom !== undefined && !script.readsOnly
    let hand: Hand = { numkeys, places: script.keyPlaces, extra, answers: run.answers }
    let keys = keysAtHand(frame, hand)
    let route = this.routeOf(keys)
    if (route === undefined && hand.places === undefined && script.learnt.places !== undefined) {
      hand = { ...hand, places: placesLearnt(script.learnt, numkeys) }
      keys = keysAtHand(frame, hand)
      route = this.routeOf(keys)
    }
    const isBehind = this.trains.isBehind(slot)
    if (isBehind && !(route !== undefined && this.mayFollow(run, route, keys.length))) {
      const own = { ...run, frame: ownFrame(frame) }
      this.trains.wait(slot, () => this.later(own))
      return
    }
    const isFull = order.memory.anyFull && (route?.targets ?? order.router.links).some(({ full }) => full)
    if (row.replicate === 'none' && saysItMayWrite) {
      answer(slot, isFull && script.allowsOom === false ? OUT_OF_MEMORY : MAY_WRITE)
      return
    }
    if (route === undefined || run.questions.length > 0) {
      this.gather(run, hand)
      return
    }
    const ids = keys.map((key) => keyId(slot.db, key, 0, key.length))
    const readsOnly = mayNotWrite(run) || ids.length === 0
    const settled = order.uncertainty.active && ids.length > 0 ? settling(order, route, ids, !readsOnly) : undefined
    if (settled !== undefined) {
      const own = { ...run, frame: ownFrame(frame) }
      slot.pauseClient()
      const again = () => this.later(own)
      settled.then(again, again)
      return
    }
    if (!readsOnly && (!route.writable() || slot.mayWrite?.() === false)) {
      if (route.gone !== undefined) answer(slot, route.gone)
      else order.park(frame, row, slot, deadlineMs)
      return
    }
    if (isFull && saysItMayWrite && script.allowsOom === false) {
      answer(slot, OUT_OF_MEMORY)
      return
    }
    const outOfMemory = !readsOnly && isFull && script.allowsOom !== true
    // Only one that stays inside is certain to be executed before what its client sends next; it hardly ever runs again.
    const isDirect = script.staysInside && extra.length === 0
    if (!script.staysInside) slot.pauseClient()
    const place = isBehind || this.mayBeFirst(run, route, keys.length) ? this.join(run, route) : undefined
    const how = { readsOnly: row.replicate === 'none', outOfMemory, place }
    const sent = isDirect ? directFrame(script, frame, how) : callFrame(script, frame, hand, how)
    const early = isDirect ? undefined : ownFrame(frame)
    const call = new RunCall(this, run, sent, ids, place, early)
    if (readsOnly) {
      if (ScriptRead.emit(order, route, call, slot, () => this.later(call.own()))) return
      if (route.gone !== undefined) answer(slot, route.gone)
      else order.park(frame, row, slot, deadlineMs)
      return
    }
    if (order.absences.any) order.absences.note(ids)
    if (order.watches.any) order.watches.wrote(ids)
    if (order.awaited.any) order.awaited.wrote(ids, 'any', Number.POSITIVE_INFINITY, false)
    if (order.pieces.aheads.any) order.pieces.aheads.spoil(ids)
    ScriptWrite.emit(order, route.pending.length === 0 ? route : routeOfWrite(order, route, ids), call, slot)
    order.awaited.look()
  }

  /** Whether it is certain to be emitted to the master of this route now, where nothing may come before it that its client has sent. */
  private mayFollow(run: Run, route: Route, keys: number): boolean {
    return this.mayBeFirst(run, route, keys) && this.trains.mayFollow(run.slot, route.targets[0])
  }

  /** Whether it may be sent before others of its client that run only when it has [trains.ts]. */
  private mayBeFirst(run: Run, route: Route, keys: number): boolean {
    const { memory, uncertainty, doubts } = this.order
    const { script, slot, questions } = run
    if (script.staysInside || script.library !== undefined || mayNotWrite(run)) return false
    if (keys === 0 || questions.length > 0 || slot.atGates !== undefined || slot.whenPassed === undefined) return false
    const isQuiet = !memory.anyFull && !uncertainty.active && !doubts.any
    return isQuiet && route.pending.length === 0 && route.writable()
  }

  private join({ script, slot }: Run, route: Route): Place | undefined {
    const { runs, published } = script.learnt
    return this.trains.join(slot, route.targets[0], runs >= RUNS_MIN && published.length === 0)
  }

  /** The route that all keys have; undefined when they have several. */
  private routeOf(keys: readonly Buffer[]): Route | undefined {
    const { router } = this.order
    return keys.length === 0 ? this.long.anyMember(router).steady() : router.routeOfAll(keys)
  }

  /** Its keys are on several servers, or it asks of all. */
  private gather(run: Run, hand: Hand): void {
    const { slot } = run
    const { gathering, loaded, long, channels, together } = this
    if (run.questions.length === 0 && gathering.refusal !== undefined) {
      const touched = run.extra.at(-1)
      answer(slot, touched === undefined ? gathering.refusal : tornBy(touched))
      return
    }
    const extra = [...run.extra]
    const learnt = { extra, named: new Set(run.named), guesses: [...run.guesses] }
    const own: Run = { ...run, frame: ownFrame(run.frame), ...learnt }
    const publish = (messages: Messages) => this.publish(own, messages)
    const call = { ...own, hand: { ...hand, extra }, loaded, long, channels, publish, together, tell: this.tell! }
    const gathered = new ScriptGather(this.order, call, gathering)
    if (slot.atGates === undefined) gathered.run()
    else gathered.runInside()
  }

  /** All that it did has been done: what it has published leaves, and what it was refused is noted. */
  publish({ row, slot }: Called, messages: Messages): void {
    const publishNow = () => {
      slot.tellWritten?.()
      publishAll(this.channels, messages)
    }
    if (slot.publishLater === undefined) publishNow()
    else slot.publishLater(publishNow)
    if (row.rights === undefined) return
    const refused = refusedIn(messages)
    if (refused.length > 0) this.refused?.(slot.client, row.rights.user, refused)
  }

  /** It wanted a key that it was not allowed to touch, or an answer, and nothing has happened: it runs again, and has it. */
  stopped(run: Run, wanted: Wanted): void {
    const { slot, answers, script } = run
    if (isLate(wanted)) {
      this.later(run)
      return
    }
    script.learnt.runs = 0
    const extra = [...run.extra]
    const named = new Set(run.named)
    const touches = (more: Run, refusal: Reply | undefined) => {
      if (refusal !== undefined) answer(slot, refusal)
      else this.later(more)
    }
    if (Buffer.isBuffer(wanted)) {
      const more: Run = { ...run, extra, named, guesses: [...run.guesses] }
      const isRefused = this.gathering.refusal !== undefined
      const mayExpect = (key: Buffer) => this.isServed(run, key) && !(isRefused && this.isApart(run, [...extra, key]))
      touches(more, letTouch(more, wanted, mayExpect))
      return
    }
    const keys = keysWanted(wanted)
    if (keys !== undefined) {
      const more = [...answers]
      const next: Run = { ...run, extra, named, answers: more }
      touches(next, letTouchAll(keys, next, more))
      return
    }
    const refusal = tooManyAnswers(answers)
    if (refusal !== undefined) answer(slot, refusal)
    else if (isPublish(wanted)) {
      notePublished(run, wanted)
      this.later({ ...run, answers: [...answers, answerToPublish(this.channels, wanted, mayNotWrite(run))] })
    } else if (isTold(wanted)) {
      answerToTold(this.tell!, wanted).then(
        (told) => this.later({ ...run, answers: [...answers, told] }),
        (failure: Error) => slot.fail(failure, false),
      )
    } else this.later({ ...run, questions: [wanted] })
  }

  private failed(slot: ReplySlot, failure: Error): void {
    slot.fail(failure, true)
    this.order.orderLost()
  }

  /** Runs it in another turn than the one in which it has passed the gates of the keys that it names, or with others: it passes all. */
  later(run: Run): void {
    const { order } = this
    const { gates } = order
    const { frame, row, slot, numkeys, extra } = run
    const go = (passed: Run) => {
      // It has waited, and a read that its client had sent before comes first.
      if (order.lostReads.isBehind(slot)) {
        const own = { ...passed, frame: ownFrame(passed.frame) }
        slot.pauseClient()
        order.lostReads
          .passed(slot)
          .then(() => this.later(own))
          .catch((failure: Error) => this.failed(slot, failure))
        return
      }
      try {
        // Nobody sees the answer, but what is expected for the command is expected no more.
        if (slot.abandoned) answer(slot, order.unavailable())
        else this.run(passed)
      } catch (failure) {
        this.failed(slot, failure as Error)
      }
    }
    if (gates.active === 0 || slot.atGates !== undefined) {
      go(run)
      return
    }
    const ids = extra.map((key) => keyId(slot.db, key, 0, key.length))
    for (let i = 3; i < 3 + numkeys; i++) ids.push(keyId(slot.db, frame.buf, frame.argStart[i], frame.argEnd[i]))
    const claim = { ids, isShared: row.replicate === 'none' }
    if (gates.isFree(claim)) {
      go(run)
      return
    }
    const own = { ...run, frame: ownFrame(frame) }
    slot.pauseClient()
    order.stats.gateWaits++
    const until = run.deadlineMs === 0 ? order.waiting.deadline() : run.deadlineMs
    // Others may have a key for long because they wait for a server that this one needs not.
    const patientMs = extra.every(namedBy(run)) ? until : Math.min(until, performance.now() + PATIENCE_MS)
    const tooLate = () => {
      if (patientMs === until) answer(slot, order.stillGated())
      else this.later({ ...own, extra: extra.filter(namedBy(run)), guesses: [], deadlineMs: until })
    }
    const admitted = (entry: Entry) => {
      go(own)
      gates.leave(entry)
    }
    gates.enter(claim, gates.ticket(), patientMs, admitted, tooLate)
  }
}
