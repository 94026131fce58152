import type { KeyId } from '../../base/key-id.js'
import { eachInTurns, othersTurn, STEPS_A_TURN } from '../../base/others-turn.js'
import { findKeys } from '../../command/keys.js'
import type { CommandRow } from '../../command/row.js'
import { replyShape, rowNamed } from '../../command/table.js'
import type { Claim, Entry } from '../../order/gates.js'
import { isAnyLost } from '../../order/loss.js'
import type { Order } from '../../order/order.js'
import { answer, deliver, MUST_WAIT, NOT_APPLIED, OUTCOME_UNKNOWN, withoutItsRead } from '../../order/replies.js'
import { InnerSlot, type ReplySlot } from '../../order/reply-slot.js'
import type { Route, Router } from '../../order/router.js'
import { bytesOf, decodeReply, elementsOf } from '../../resp/decode.js'
import { error, isError, nullArray, OK, type Reply, SimpleReply } from '../../resp/encode.js'
import { argumentOf, type Frame, frameOf, ownFrame } from '../../resp/frame.js'
import { HAS_RESP3 } from '../../resp/reply-framer.js'
import { Merge } from './merge.js'
import type { Words } from './plans.js'

/** Who has asked a server in vain asks again so often, besides when something has changed. */
const POLL_MS = 100

/** What the client is answered: a value, or what a server has answered to the command itself. */
export type Outcome = { readonly reply: Reply } | { readonly bytes: Buffer; readonly flags: number }

/** What became of an attempt: the answer, or a server has to be waited for, or it has to begin again. */
export type Attempt = Outcome | 'wait' | 'again'

/** All that it writes was emitted in this turn, as ordinary writes: others may have its keys, and only its client waits for the answer. */
export interface Emitted {
  readonly emitted: Promise<Outcome>
}

/**
 * A command on keys of several servers that takes several turns of the event loop, as one step for everybody else [design §7
 * Several keys]:
 *
 *     what its client sent before is answered ─> gates of all keys ─> attempt ─> gates ─> reply
 *                                                      ^                 │
 *                                                      └── a server is waited for, without the gates, before anything was written
 */
export abstract class Operation {
  protected readonly frame: Frame
  /** As they stand in the command. */
  protected readonly keys: readonly Buffer[]
  /** Its attempt has begun to write. */
  private writes = false
  private routed: { readonly router: Router; readonly routes: readonly Route[] } | undefined

  constructor(
    protected readonly order: Order,
    frame: Frame,
    protected readonly row: CommandRow,
    readonly slot: ReplySlot,
  ) {
    this.frame = ownFrame(frame)
    const places: number[] = []
    const count = findKeys(row, this.frame, places)
    this.keys = places.slice(0, count).map((place) => argumentOf(this.frame, place))
  }

  /** It has so many keys that others have their turn before each time that all of them are looked at. */
  protected get isLarge(): boolean {
    return this.keys.length > STEPS_A_TURN
  }

  /** Whether its keys are only read. */
  protected abstract readonly isShared: boolean
  /**
   * What stands against it before it is known what the keys hold: an answer, or a server that has to be waited for. That is asked
   * again whenever something has changed, and should cost little.
   */
  abstract barrier(): Reply | 'wait' | undefined
  /** Under the gates of its keys. Nothing was written when it has to wait, or begins again. */
  protected abstract attempt(): Promise<Attempt | Emitted>

  /** Waits for what it needs beside its keys, without the gates; gives the answer when that was in vain. */
  protected async prepared(_deadlineMs: number): Promise<Reply | undefined> {
    return undefined
  }

  /** The keys that are gated: they may become more, by the next attempt. */
  protected gated(): KeyId[] {
    return this.order.keyIds(this.row, this.frame, this.slot.db)
  }

  /** Those of them that are only read, although others are written. */
  protected onlyRead(): ReadonlySet<KeyId> | undefined {
    return undefined
  }

  /** What it needs for itself, or with others that only read. */
  protected claim(): Claim {
    return { ids: this.gated(), isShared: this.isShared, onlyRead: this.onlyRead() }
  }

  /** Waits at the gates; undefined when it was too late. */
  protected entered(claim: Claim, ticket: number, deadlineMs: number): Promise<Entry | undefined> {
    return this.order.gates.entered(claim, ticket, deadlineMs)
  }

  /** Serves it and answers its client. */
  run(): void {
    this.slot.pauseClient()
    this.answerWith(this.serve())
  }

  /** The same for a step, see `inside`: it is answered `MUST_WAIT` when it has to wait. */
  runInside(): void {
    this.answerWith(this.inside())
  }

  private answerWith(served: Promise<Outcome | 'wait'>): void {
    const { slot, row, frame, order } = this
    served.then(
      (outcome) => {
        if (outcome === 'wait') slot.finish(MUST_WAIT, 0, MUST_WAIT.length, true)
        else if ('reply' in outcome) answer(slot, outcome.reply)
        else {
          const { bytes, flags } = outcome
          deliver(slot, replyShape(row, frame.argc), bytes, 0, bytes.length, flags)
        }
      },
      (failure: Error) => {
        slot.fail(failure, !this.isShared)
        if (!this.isShared) order.orderLost()
      },
    )
  }

  /** @param ticket its place in the queue at the gates, if it has one */
  async serve(ticket = this.order.gates.ticket()): Promise<Outcome> {
    const { order, slot } = this
    const { opening, gates, waiting } = order
    // A read that its client sent before, and whose link breaks, must not find what this does.
    await slot.whenFirst()
    const refusal = await opening.whenOpen()
    if (refusal !== undefined) return { reply: refusal }
    const deadlineMs = waiting.deadline()
    for (;;) {
      if (slot.abandoned) return { reply: order.unavailable() }
      if (this.isLarge) await othersTurn()
      const late = await this.prepared(deadlineMs)
      if (late !== undefined) return { reply: late }
      const barrier = this.barrier()
      if (barrier !== undefined && barrier !== 'wait') return { reply: barrier }
      if (barrier === undefined) {
        const claim = this.claim()
        if (!gates.isFree(claim)) order.stats.gateWaits++
        const entry = await this.entered(claim, ticket, deadlineMs)
        if (entry === undefined) return { reply: order.stillGated() }
        let attempt: Attempt | Emitted
        try {
          if (this.isLarge) await othersTurn()
          attempt = await this.attempt()
        } finally {
          gates.leave(entry)
        }
        if (attempt === 'again') continue
        if (attempt !== 'wait') return answerOf(attempt)
      }
      const nowMs = performance.now()
      if (nowMs >= deadlineMs) return { reply: order.unavailable() }
      order.stats.waits++
      if (barrier === undefined) await waiting.change(Math.min(deadlineMs, nowMs + POLL_MS))
      else await waiting.change(deadlineMs, () => !slot.abandoned && this.barrier() === 'wait')
    }
  }

  /**
   * Serves it as a step of somebody who has the gates of all keys that it may need, and keeps them. It has written nothing when a
   * server has to be waited for.
   */
  async inside(): Promise<Outcome | 'wait'> {
    for (;;) {
      const barrier = this.barrier()
      if (barrier !== undefined) return barrier === 'wait' ? 'wait' : { reply: barrier }
      this.writes = false
      const came = await this.attempt()
      if (!this.writes && !this.mayWrite) return 'wait'
      if (came !== 'again') return came === 'wait' ? came : answerOf(came)
    }
  }

  /** Whether it may write: asked in the turn in which the first write of an attempt leaves. */
  protected beginsToWrite(): boolean {
    this.writes = this.mayWrite
    return this.writes
  }

  private get mayWrite(): boolean {
    return this.slot.mayWrite?.() ?? true
  }

  /** What is certain to be answered to it, if its keys stay as they are: an error for which nothing is written. */
  async foreseen(): Promise<Reply | 'wait' | undefined> {
    return undefined
  }

  /** The routes of its keys, by the view of now. */
  protected get routes(): readonly Route[] {
    const { router } = this.order
    if (this.routed?.router !== router) this.routed = { router, routes: this.routesOf(this.keys) }
    return this.routed.routes
  }

  /** The routes of some keys, by the view of now. */
  protected routesOf(keys: readonly Buffer[]): Route[] {
    return keys.map((key) => this.order.router.routeOfKey(key, 0, key.length))
  }

  /** One step, by the ordinary way of its command; resolves with a copy of the reply. */
  protected ask(
    words: Words,
    atGates: 'admitted' | 'admitted, now',
    db = this.slot.db,
    own = rowOf(words),
  ): Promise<Buffer> {
    // The errors of a step in parts name the command.
    const row = own.merge === 'ok' ? { ...own, name: this.row.name } : own
    return new Promise((resolve, reject) => {
      this.order.resubmit(frameOf(words), row, new StepSlot(this.slot, atGates, db, resolve, reject))
    })
  }

  private idsOf(steps: readonly Words[], dbOf?: (words: Words) => number): KeyId[] {
    return steps.flatMap((words) => this.order.keyIds(rowOf(words), frameOf(words), dbOf?.(words) ?? this.slot.db))
  }

  /**
   * The parts of the command, one for each of its keys, all in one turn.
   *
   * @param done the answer when all of them are done, which are writes of a single key then; else it is made of theirs
   */
  protected askInParts(parts: readonly Words[], done?: Reply): Promise<Outcome> {
    const { order, slot } = this
    const row = done === undefined ? this.row : { ...this.row, merge: 'ok' as const }
    const rowOfPart = done === undefined ? () => this.row : rowOf
    return new Promise((resolve, reject) => {
      const answered = (bytes: Buffer) => {
        const isDone = done !== undefined && bytes.equals(OK)
        resolve(isDone ? { reply: done } : { bytes, flags: HAS_RESP3 })
      }
      const whole = new StepSlot(slot, 'admitted', slot.db, answered, reject, 3)
      const merge = Merge.of(row, whole, parts.length, [...parts.keys()], parts.length)
      for (const [part, words] of parts.entries()) order.resubmit(frameOf(words), rowOfPart(words), merge.slotOf(part))
    })
  }

  /**
   * Steps that only read, before anything is written, under the gates: of very many some are asked in later turns. What becomes of the
   * attempt when they are not answered.
   */
  protected async askAll(steps: readonly Words[], dbOf?: (words: Words) => number): Promise<Reply[] | Attempt> {
    const replies = await eachInTurns(steps, (words) => this.ask(words, 'admitted, now', dbOf?.(words)))
    if (replies.some((reply) => reply.equals(MUST_WAIT))) return 'wait'
    const found = replies.map((reply) => decodeReply(reply, 0, reply.length))
    if (this.isShared) return found
    for (const each of found) {
      const reply = isError(each) ? withoutItsRead(each) : undefined
      if (reply !== undefined) return { reply }
    }
    return found
  }

  /**
   * Whether the master alone has lost what these steps have found nothing of: to be asked by who is going to overwrite values on all
   * servers with what comes of them. They do not count then.
   */
  protected async isAnyLost(
    steps: readonly Words[],
    found: readonly Reply[],
    dbOf?: (words: Words) => number,
  ): Promise<boolean> {
    // What there is has not been lost.
    const missing = steps.filter((_words, i) => isNothing(found[i]))
    return missing.length > 0 && (await isAnyLost(this.order, this.idsOf(missing, dbOf)))
  }
}

/**
 * What was written, a value or an element, is under both names now, or under the new one: the client has to look.
 *
 * @param text of the error to what was to take it away
 */
export function halfDone(what: 'value' | 'element', text: string): Reply {
  return error(
    `${OUTCOME_UNKNOWN}: the destination has the ${what}, it is not certain that the source has not: ${causeOf(text)}`,
  )
}

/**
 * Why one of several writes failed, without what its error says of the whole command: another one was written, so that this is neither
 * not applied, nor to be tried again as it is.
 *
 * @param text of the error to that write
 */
export function causeOf(text: string): string {
  return text
    .replace(`${OUTCOME_UNKNOWN}: `, '')
    .replace(`; ${NOT_APPLIED}`, '')
    .replace(/, try again$/, '')
}

function answerOf(attempt: Outcome | Emitted): Outcome | Promise<Outcome> {
  return 'emitted' in attempt ? attempt.emitted : attempt
}

/** What PEXPIRETIME answers where there is no key; where there is one without a deadline it is -1. */
const NO_KEY = -2

/** Whether a command answers so of a key that is not there; it may of others, too. */
function isNothing(reply: Reply): boolean {
  if (reply === null || reply === nullArray || reply === 0 || reply === NO_KEY) return true
  const elements = elementsOf(reply)
  if (elements !== undefined) return elements.every(isNothing)
  return reply instanceof SimpleReply ? reply.text === 'none' : bytesOf(reply)?.length === 0
}

/** The row of a step. */
export function rowOf([name, sub]: Words): CommandRow {
  const row = rowNamed(String(name).toLowerCase())!
  return row.subcommands?.get(String(sub).toLowerCase()) ?? row
}

/** The slot of a step: its client waits for the operation, and an operation that has begun goes on when its client is gone. */
class StepSlot extends InnerSlot {
  constructor(
    protected readonly whole: ReplySlot,
    private readonly gates: 'admitted' | 'admitted, now',
    private readonly ownDb: number,
    private readonly answered: (reply: Buffer) => void,
    private readonly failed: (failure: Error) => void,
    private readonly ownProto = whole.proto,
  ) {
    super()
  }

  override get proto(): 2 | 3 {
    return this.ownProto
  }

  override get db(): number {
    return this.ownDb
  }

  override get abandoned(): boolean {
    return false
  }

  override get atGates(): 'admitted' | 'admitted, now' {
    return this.gates
  }

  finish(buf: Buffer, start: number, end: number): void {
    this.answered(Buffer.from(buf.subarray(start, end)))
  }

  override fail(failure: Error): void {
    this.failed(failure)
  }

  override pauseClient(): void {}

  override async whenFirst(): Promise<void> {}
}
