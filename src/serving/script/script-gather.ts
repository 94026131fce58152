import type { Link } from '../../backend/link.js'
import { wordOf } from '../../base/ascii.js'
import type { KeyId } from '../../base/key-id.js'
import { distinct, nameOf } from '../../base/name-of.js'
import { within } from '../../base/within.js'
import type { Channels } from '../../channels/channels.js'
import { mayHavePassed } from '../../order/deadline.js'
import type { Claim, Entry } from '../../order/gates.js'
import { OUT_OF_MEMORY } from '../../order/memory.js'
import type { Order } from '../../order/order.js'
import { OUTCOME_UNKNOWN } from '../../order/replies.js'
import { decodeReply } from '../../resp/decode.js'
import { error, isError, type Reply } from '../../resp/encode.js'
import type { Frame } from '../../resp/frame.js'
import type { Source } from '../several/gather/cut.js'
import type { Needed } from '../several/gather/executor.js'
import type { Computed } from '../several/gather/gather.js'
import type { Gathering } from '../several/gather/gathering.js'
import { Over } from '../several/gather/whole-values.js'
import type { Attempt, Emitted, Outcome } from '../several/operation.js'
import type { Words } from '../several/plans.js'
import { compiledTrial } from './compiled-trial.js'
import type { LoadedScripts } from './loaded-scripts.js'
import type { LongScripts } from './long-scripts.js'
import type { Wanted } from './outcome.js'
import { notePublished, settlePublished } from './publishing.js'
import {
  type Answer,
  answerOf,
  answerToPublish,
  answerToTold,
  inItsTurn,
  isPublish,
  isTold,
  keysToBring,
  keysWanted,
  type Messages,
  type Question,
  SCAN,
  type Tell,
} from './questions.js'
import { canHave, isOwing, mayNotWrite, PATIENCE_MS } from './run.js'
import { callFrame, errorOf, type Hand, isNotThere, isWithoutEffect, keysAtHand, notAnswered } from './script-call.js'
import { ScriptTrial, type TriedRun } from './script-trial.js'
import { keepOnly, learnPlaces, learnTouched, letTouch, letTouchAll, namedBy } from './undeclared.js'

/** Who executes it for longer may have been broken by it, although it has done its work before. */
const HARDLY_BEGUN_MS = 2000
/** So many questions it may ask. */
const QUESTIONS_MAX = 100
const TOO_MANY_QUESTIONS = error(
  `ERR the script asked more than ${QUESTIONS_MAX} times which keys there are, or published to more than ${QUESTIONS_MAX} channels; what it had done was taken back, nothing was applied`,
)

/** A run, and what it may touch now. */
export interface GatheredCall extends TriedRun {
  /** Its `extra` is that of the run, to which keys are added that it names. */
  readonly hand: Hand
  readonly loaded: LoadedScripts
  readonly long: LongScripts
  readonly channels: Channels
  readonly tell: Tell
  /** All that it did has been done, and it has published this. */
  publish(messages: Messages): void
}

/**
 * The run of a script on keys of several servers [design §7 Scripts]. One of these has some of them, and gets the others as guests, under
 * their own names. There the script is only tried: whatever it does is taken back, and what it would have left is written on all
 * replicas of these keys in the ordinary way. So before the first of these is written nothing has happened, whatever breaks.
 *
 *     gates of all keys ─> DUMP of what the executor lacks ─> MULTI · its own ones aside · guests · EVALSHA · … back · EXEC
 *                                                                     │ names another key: the same with it, by the first ticket
 *                      reply, gates <─ answered by all replicas <─ RESTORE or UNLINK of each key that it has changed, in one turn
 *
 * What is large goes in pieces, see ScriptTrial.
 */
export class ScriptGather extends ScriptTrial<GatheredCall> {
  /** The keys that it reads in their places on the executor: should it not take back what it did, they are in doubt there. */
  private inPlace: readonly Source[] = []
  /** It gets nothing that is only expected. */
  private isExact = false
  /** Who is executing it. */
  private busy: Link | undefined
  private busySinceMs = 0
  private wasLost = false
  /** What it asks of all keys, and what it was told of channels, and of keys in this attempt. */
  private readonly questions: Question[]
  private readonly counts: Answer[]
  private told: readonly Answer[] = []

  constructor(order: Order, call: GatheredCall, gathering: Gathering) {
    super(order, call, gathering)
    this.isShared = mayNotWrite(call)
    this.questions = [...call.questions]
    this.counts = [...call.hand.answers]
    this.cutKeys()
  }

  /** All that it may touch now. */
  private cutKeys(): void {
    const keys = distinct(keysAtHand(this.frame, this.call.hand))
    this.cut = { sources: keys.map((key, i) => ({ key, places: [i] })), destination: undefined }
  }

  protected get allKeys(): readonly Buffer[] {
    return this.cut.sources.map(({ key }) => key)
  }

  protected override gated(): KeyId[] {
    return this.allKeys.map((key) => this.idOf(key))
  }

  /** Which keys there are does not change either, from when it asks that. */
  protected override claim(): Claim {
    const claim = super.claim()
    const { db } = this.slot
    return this.questions.length === 0 ? claim : { ...claim, isOfDatabase: (each) => each === db }
  }

  protected override onlyRead(): ReadonlySet<KeyId> {
    return new Set(this.isShared ? this.gated() : [])
  }

  protected override get keepsNames(): boolean {
    return true
  }

  protected override get written(): readonly Buffer[] {
    return this.isShared ? [] : this.allKeys
  }

  protected override mortal(sources: readonly Source[]): readonly Source[] {
    return sources
  }

  override barrier(): Reply | 'wait' | undefined {
    this.dropAway()
    const routes = this.routesOf(this.allKeys)
    for (const { gone } of routes) if (gone !== undefined) return gone
    if (this.isShared) return undefined
    if (routes.some((route) => !route.writable())) return 'wait'
    return this.call.script.allowsOom === false && this.isFull(this.allKeys) ? OUT_OF_MEMORY : undefined
  }

  /** What is only expected is not waited for. */
  private dropAway(): void {
    this.dropExpected((key) => !this.isThere(key))
  }

  /** What it was only expected to touch. */
  private get expected(): Buffer[] {
    const isNamed = namedBy(this.call)
    return this.call.extra.filter((key) => !isNamed(key))
  }

  /** It is done without these of what it was only expected to touch; false when there are none. */
  private dropExpected(isDropped: (key: Buffer) => boolean): boolean {
    const dropped = this.expected.filter(isDropped)
    if (dropped.length === 0) return false
    keepOnly(this.call.extra, (key) => !dropped.includes(key))
    this.cutKeys()
    return true
  }

  /** Others may have a key for long because they wait for a server that this one needs not. */
  protected override async entered(claim: Claim, ticket: number, deadlineMs: number): Promise<Entry | undefined> {
    const patientMs = Math.min(deadlineMs, performance.now() + PATIENCE_MS)
    if (this.expected.length === 0 || patientMs === deadlineMs) return super.entered(claim, ticket, deadlineMs)
    const entry = await super.entered(claim, ticket, patientMs)
    if (entry !== undefined) return entry
    const { gates } = this.order
    this.dropExpected((key) => !gates.isFree({ ids: [this.idOf(key)], isShared: this.isShared }))
    return super.entered(this.claim(), ticket, deadlineMs)
  }

  protected override lookAtAll(steps: readonly Words[], dbOf?: (words: Words) => number): Promise<Reply[]> {
    const asked = steps.flatMap((words) => words.filter((word) => typeof word !== 'string'))
    return this.whenHeard(super.lookAtAll(steps, dbOf), asked)
  }

  /** A server may have fallen silent that has nothing but what it was only expected to touch. */
  protected override async whenHeard<Said>(found: Promise<Said>, asked: readonly Buffer[]): Promise<Said> {
    const isAsked = (key: Buffer) => asked.includes(key)
    if (!this.expected.some(isAsked)) return found
    const soon = await within(found, PATIENCE_MS)
    if (soon !== undefined) return soon
    if (!this.dropExpected((key) => isAsked(key) && isOwing(this.routesOf([key])[0], PATIENCE_MS / 2))) return found
    found.catch(() => {}) // Nobody waits for it any more.
    throw new Over('again')
  }

  /** It has a key that the script has named, so that a silent one would have to be waited for. */
  protected override mustAsk(executor: Link): boolean {
    const { expected } = this
    const isNamedThere = (source: Source) => !expected.includes(source.key) && this.readersOf(source).includes(executor)
    return expected.length === 0 || this.cut.sources.some(isNamedThere)
  }

  /** Before it is too much, it is done without what it was only expected to touch. */
  protected override checkCopied(sizes: readonly { readonly key: Buffer; readonly bytes: number }[]): void {
    this.checkEstimate()
    const { extra } = this.call
    const isNamed = namedBy(this.call)
    if (this.copied > this.settings.gatherBytes && !this.isExact && !extra.every(isNamed)) {
      this.isExact = true
      keepOnly(extra, isNamed)
      this.cutKeys()
      throw new Over('again')
    }
    super.checkCopied(sizes)
  }

  protected override async find(): Promise<Computed> {
    const { call, order } = this
    call.script.learnt.trial ??= await compiledTrial(call.script, call.long.anyMember(order.router))
    this.dropExpected((key) => this.isHeld(key))
    if (order.lanes.active > 0) await this.whenNothingIsHeld()
    this.told = await Promise.all(this.questions.map((question) => this.answerTo(question)))
    const computed = await this.executed()
    await this.bringBack(computed.executor)
    return computed
  }

  private async executed(): Promise<Computed> {
    try {
      return await super.find()
    } finally {
      if (this.busy !== undefined) this.call.long.ended(this.busy)
      this.busy = undefined
    }
  }

  protected override isFit(link: Link, needed: readonly Needed<Link>[]): boolean {
    return link.scripts.refusal === undefined && super.isFit(link, needed)
  }

  /** The script itself, and what it makes. */
  protected override takesMemory(): boolean {
    return true
  }

  protected override executes(executor: Link, inPlace: readonly Source[]): void {
    super.executes(executor, inPlace)
    const { loaded, long, script } = this.call
    this.inPlace = inPlace
    this.busy = executor
    this.busySinceMs = performance.now()
    long.began(executor)
    const { wrapped, wrappedSha, library } = script.learnt.trial!
    loaded.load(executor, wrapped, wrappedSha, library)
  }

  protected override commandWith(names: ReadonlyMap<number, Buffer>): Frame {
    const { call } = this
    const limits = this.limitsWith([...names.values()])
    const hand = { ...call.hand, answers: [...this.counts, ...this.told], limits }
    const { rights, words, learnt } = call.script
    return callFrame({ ...learnt.trial!, rights, words }, this.frame, hand, {
      readsOnly: call.row.replicate === 'none',
      outOfMemory: !this.isShared && this.isFull(this.allKeys),
    })
  }

  /** It may be what broke it; not so one that has done its work before, and was hardly begun: that is tried elsewhere, once. */
  protected override whenLost(executor: Link): Attempt {
    const isKnown =
      this.call.script.learnt.places !== undefined && performance.now() - this.busySinceMs < HARDLY_BEGUN_MS
    if (!isKnown || this.wasLost) return { reply: notAnswered(executor.name) }
    this.wasLost = true
    return 'wait'
  }

  protected override async write({ outcome, executor }: Computed): Promise<Attempt | Emitted> {
    const { call, tried } = this
    if (!('bytes' in outcome)) return outcome
    if (tried === undefined) return this.notRun(executor, outcome.bytes, outcome.flags)
    if (tried.kind === 'failed' || (tried.kind === 'stopped' && tried.failed !== undefined)) {
      return this.notTakenBack(executor, tried.failed!)
    }
    this.noteDeadline(executor, tried.deadlineMs)
    if (tried.kind === 'stopped') return this.stopped(tried.wanted)
    const written = this.putAll(executor)
    if (!(written instanceof Promise)) return written
    // From here on it is not done again: what comes of a guess counts once.
    this.learn(tried.touched)
    settlePublished(call, tried.messages)
    const { buf, start, end, flags: said } = tried.reply
    const answered = async (): Promise<Outcome> => {
      const failed = await written
      if (failed !== undefined) return failed
      await new Promise<void>((resolve) => inItsTurn(call.slot, tried.messages, resolve))
      call.publish(tried.messages)
      return { bytes: buf.subarray(start, end), flags: said }
    }
    return tried.did === undefined ? answered() : { emitted: answered() }
  }

  /** It is done again with what it wanted. */
  private async stopped(wanted: Wanted): Promise<Attempt> {
    const { call, counts, told } = this
    if (!Buffer.isBuffer(wanted)) {
      const toBring = keysToBring(wanted)
      if (toBring !== undefined) {
        this.bringAll(toBring)
        return 'again'
      }
      const keys = keysWanted(wanted)
      if (keys !== undefined) return this.again(letTouchAll(keys, call, counts))
      if (isPublish(wanted)) {
        notePublished(call, wanted)
        counts.push(answerToPublish(call.channels, wanted, mayNotWrite(call)))
      } else if (isTold(wanted)) counts.push(await answerToTold(call.tell, wanted))
      else this.questions.push(wanted)
      return this.questions.length + counts.length > QUESTIONS_MAX ? { reply: TOO_MANY_QUESTIONS } : 'again'
    }
    const mayExpect = (key: Buffer) => !this.isExact && this.isThere(key)
    const refusal = letTouch({ ...call, answers: [...counts, ...told] }, wanted, mayExpect)
    return this.again(refusal)
  }

  private isHeld(key: Buffer): boolean {
    return this.routesOf([key])[0].natural.some((link) => this.order.lanes.isHeld(link, this.idOf(key)))
  }

  /** Whether a key can be had now. */
  private isThere(key: Buffer): boolean {
    return canHave(this.call, this.routesOf([key])[0])
  }

  private again(refusal: Reply | undefined): Attempt {
    if (refusal !== undefined) return { reply: refusal }
    this.cutKeys()
    return 'again'
  }

  /** What the whole ring says. */
  private async answerTo(question: Question): Promise<Answer> {
    const [command, cursor, ...options] = question
    if (!command.equals(SCAN)) return answerOf(question, await this.askRing(question))
    // All of it, whatever COUNT says. It never gives another cursor than 0.
    const keys = new Map<string, Buffer>()
    const isBegin = /^0+$/.test(wordOf(cursor))
    for (let at: Buffer | undefined = cursor; at !== undefined; ) {
      const reply = await this.askRing([SCAN, at, ...options])
      if (isError(reply)) return answerOf(question, reply)
      const [next, found] = reply as [Buffer, Buffer[]]
      if (isBegin) for (const key of found) keys.set(nameOf(key), key)
      at = isBegin && next.toString() !== '0' ? next : undefined
    }
    return answerOf(question, [...keys.values()])
  }

  private async askRing(words: Question): Promise<Reply> {
    const bytes = await this.ask(words as Words, 'admitted')
    return decodeReply(bytes, 0, bytes.length)
  }

  /** Which keys it touches: the next call begins with these. */
  private learn(touched: readonly number[]): void {
    const { numkeys, script } = this.call
    learnPlaces(script.learnt, touched, numkeys)
    const others = touched.filter((place) => place >= numkeys).map((place) => place - numkeys)
    learnTouched(this.call, others)
  }

  /** The server's own error, in which the script has not begun or has written nothing. */
  private notRun(executor: Link, bytes: Buffer, flags: number): Attempt {
    const { call } = this
    if (isNotThere(bytes, 0)) {
      call.loaded.missing(executor)
      return 'again'
    }
    if (!isWithoutEffect(bytes, 0, bytes.length)) return this.notTakenBack(executor, bytes.toString('utf8').trim())
    const { sha, learnt } = call.script
    const { buf } = errorOf({ sha, wrappedSha: learnt.trial!.wrappedSha }, bytes, 0, bytes.length, flags)
    return { bytes: buf, flags }
  }

  /** What the executor has itself may have been written by the script alone: it is repaired from the others. */
  private notTakenBack(executor: Link, reason: string): Attempt {
    const ids = this.inPlace.map(({ key }) => this.idOf(key))
    if (ids.length > 0) this.order.doubts.note(executor, ids)
    return { reply: error(`${OUTCOME_UNKNOWN}: ${executor.name} failed in the script: ${reason}`) }
  }

  /** A key whose deadline passes in the moment in which it is given back is gone there, and nobody says that it has expired. */
  private noteDeadline(executor: Link, deadlineMs: number): void {
    if (!mayHavePassed(deadlineMs, executor)) return
    for (const { key } of this.inPlace) executor.expirations.noteUnsure(this.idOf(key), performance.now())
  }
}
