import { type Link, LinkLostError } from '../../backend/link.js'
import { lowerCase } from '../../base/ascii.js'
import { keyId } from '../../base/key-id.js'
import type { Logger } from '../../base/log.js'
import type { Channels } from '../../channels/channels.js'
import type { CommandRow } from '../../command/row.js'
import { routeOfWrite, settling } from '../../order/copy-first.js'
import type { Entry } from '../../order/gates.js'
import type { Order } from '../../order/order.js'
import { answer, answerLater } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Route } from '../../order/router.js'
import { error, isError, type Reply } from '../../resp/encode.js'
import { argumentOf, type Frame, ownFrame } from '../../resp/frame.js'
import type { Gathering } from '../several/gather/gathering.js'
import { CROSS_SLOT } from '../several/gather/limits.js'
import { type KeptScriptOptions, KeptScripts } from './kept-scripts.js'
import { LoadedScripts } from './loaded-scripts.js'
import { type LongScriptOptions, LongScripts } from './long-scripts.js'
import type { Wanted } from './outcome.js'
import { type Answer, answerToPublish, isPublish, publishAll } from './questions.js'
import { newRun, numkeysOf, type Run } from './run.js'
import { type Script, shaOf, wrap } from './script.js'
import { callFrame, type Hand, keysAtHand, notWrapped, SCRIPT_OUT_OF_MEMORY, type ScriptCall } from './script-call.js'
import { ScriptGather } from './script-gather.js'
import { ScriptRead } from './script-read.js'
import { ScriptWrite } from './script-write.js'
import { guessed, letTouch, tornBy } from './undeclared.js'

const NOSCRIPT = error('NOSCRIPT No matching script. Please use EVAL.')
const MAY_WRITE = error('ERR Can not execute a script with write flag using *_ro command.')
/** A server without memory takes no library of functions. */
const MISSES_MAX = 3
const NOT_EXECUTED = error(
  'ERR the script was not executed, because its server did not have it: somebody had flushed what was loaded there, or it has no memory for that; nothing was applied, send it again',
)

export type ScriptOptions = LongScriptOptions & KeptScriptOptions

/**
 * EVAL and its kind [design §7 Scripts]. A script is executed on one server, never by those that get a copy of what it did, so that
 * these are equal whatever it chooses:
 *
 *     EVALSHA ──> known? else compiled by a server, and wrapped ──> a run on the replica set of its keys
 *                                                                    │ it names another key: nothing has happened
 *                                                                    └──> a run that may touch that one as well
 */
export class Scripts {
  readonly kept: KeptScripts
  private readonly loaded = new LoadedScripts()
  readonly long: LongScripts
  /** Those that are being compiled, by their SHA1. */
  private readonly compiling = new Map<string, Promise<Script | Reply>>()

  constructor(
    private readonly order: Order,
    private readonly gathering: Gathering,
    private readonly channels: Channels,
    private readonly options: ScriptOptions,
    log: Logger,
  ) {
    this.kept = new KeptScripts(options)
    this.long = new LongScripts(() => order.links.all(), options, log)
  }

  /** For what any member answers alike: those that no script keeps busy. */
  get anyMember(): Route {
    const { router } = this.order
    return this.long.any ? router.anyIdleMember : router.anyMember
  }

  linkUp(link: Link): void {
    this.loaded.keepOnly(this.order.router.links)
    this.loaded.linkUp(link)
  }

  /** Runs a function, whose command is as that of a script. */
  execute(script: Script, frame: Frame, row: CommandRow, slot: ReplySlot, numkeys: number, deadlineMs: number): void {
    this.begin(script, frame, row, slot, numkeys, deadlineMs)
  }

  /** Has the script of a command compiled that nobody has sent yet. What fails is told when it is served. */
  async prepare(frame: Frame, row: CommandRow): Promise<void> {
    const link = this.anyMember.serving()
    if (row.script !== 'run' || link === undefined || this.kept.of(frame, row) !== undefined) return
    const script = await this.compile(argumentOf(frame, 1), link).catch(() => undefined)
    if (script !== undefined && 'wrapped' in (script as object)) this.kept.note(script as Script)
  }

  /** Whether it is certain that a command touches no other keys than those that were declared. */
  staysInside(frame: Frame, row: CommandRow): boolean {
    const runs = row.script === 'run' || row.script === 'run-kept'
    return !runs || this.kept.of(frame, row)?.staysInside === true
  }

  /** Serves a command whose row says `script`; `deadlineMs` as for `Order.park`. */
  serve(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const { kept } = this
    if (kept.isKnown || row.script === 'run' || row.script === 'end') {
      this.serveKnown(frame, row, slot, deadlineMs)
      return
    }
    const own = ownFrame(frame)
    slot.pauseClient()
    kept.keeping!.whenKnown().then(
      (failure) => {
        if (failure !== undefined) answer(slot, failure)
        // In another turn than the one in which it has passed the gates.
        else this.order.resubmit(own, row, slot, deadlineMs)
      },
      (failure: Error) => slot.fail(failure, false),
    )
  }

  private serveKnown(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    switch (row.script) {
      case 'run':
        this.evaluate(frame, row, slot, deadlineMs)
        return
      case 'run-kept':
        this.evaluateKept(frame, row, slot, deadlineMs)
        return
      case 'keep':
        this.load(frame, row, slot, deadlineMs)
        return
      case 'has':
        answer(slot, this.kept.exist(frame))
        return
      case 'end':
        answerLater(slot, this.long.kill(row.name.toUpperCase().split('|')))
        return
      default:
        answerLater(slot, this.kept.flush(frame))
    }
  }

  private evaluate(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const numkeys = numkeysOf(frame)
    if (typeof numkeys !== 'number') {
      answer(slot, numkeys)
      return
    }
    const source = argumentOf(frame, 1)
    const script = this.kept.get(shaOf(source))
    if (script !== undefined) {
      this.begin(script, frame, row, slot, numkeys, deadlineMs)
      return
    }
    const own = ownFrame(frame)
    this.compiled(own, 1, row, slot, deadlineMs, (compiled) => {
      this.kept.note(compiled)
      this.later(newRun(compiled, own, row, slot, numkeys, deadlineMs, []))
    })
  }

  private evaluateKept(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const sha = lowerCase(argumentOf(frame, 1))
    const numkeys = sha.length === 40 ? numkeysOf(frame) : 0
    const script = this.kept.get(sha)
    if (typeof numkeys !== 'number') answer(slot, numkeys)
    else if (script === undefined) answer(slot, NOSCRIPT)
    else this.begin(script, frame, row, slot, numkeys, deadlineMs)
  }

  private begin(
    script: Script,
    frame: Frame,
    row: CommandRow,
    slot: ReplySlot,
    numkeys: number,
    deadlineMs: number,
  ): void {
    const extra = this.guess(script, frame, numkeys)
    const run = newRun(script, frame, row, slot, numkeys, deadlineMs, extra)
    // At the door the gates of those keys were passed alone that stand in the command as keys.
    if (extra.length === 0) this.run(run)
    else this.later(run)
  }

  private load(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const known = this.kept.get(shaOf(argumentOf(frame, 2)))
    const keep = (script: Script) => answerLater(slot, this.kept.load(script))
    if (known !== undefined) keep(known)
    else this.compiled(ownFrame(frame), 2, row, slot, deadlineMs, keep)
  }

  /** Has a server compile the source that is argument `i`, and goes on with it; the client waits. */
  private compiled(
    frame: Frame,
    i: number,
    row: CommandRow,
    slot: ReplySlot,
    deadlineMs: number,
    goOn: (script: Script) => void,
  ): void {
    const { order } = this
    const link = this.anyMember.serving()
    if (link === undefined) {
      order.park(frame, row, slot, deadlineMs)
      return
    }
    slot.pauseClient()
    this.compile(argumentOf(frame, i), link).then(
      (script) => {
        if ('wrapped' in (script as object)) goOn(script as Script)
        else answer(slot, script as Reply)
      },
      (failure: Error) => {
        if (failure instanceof LinkLostError) order.park(frame, row, slot, deadlineMs)
        else slot.fail(failure, false)
      },
    )
  }

  /** The script, or what the server says of a source that is none. */
  private compile(source: Buffer, link: Link): Promise<Script | Reply> {
    const sha = shaOf(source)
    const before = this.compiling.get(sha)
    if (before !== undefined) return before
    const compiled = this.compileOn(link, source).finally(() => this.compiling.delete(sha))
    this.compiling.set(sha, compiled)
    return compiled
  }

  private async compileOn(link: Link, source: Buffer): Promise<Script | Reply> {
    const said = await link.call(['SCRIPT', 'LOAD', source])
    if (isError(said)) return said
    const script = wrap(source, this.options.scriptEffectsBytes)
    const whole = await link.call(['SCRIPT', 'LOAD', script.wrapped])
    return isError(whole) ? notWrapped(whole, 'scripts') : script
  }

  private run(run: Run): void {
    const { order } = this
    const { frame, row, slot, numkeys, extra, deadlineMs, script } = run
    if (row.replicate === 'none' && script.allowsOom !== undefined && !script.readsOnly) {
      answer(slot, MAY_WRITE)
      return
    }
    let hand: Hand = { numkeys, places: script.keyPlaces, extra, answers: run.answers }
    let keys = keysAtHand(frame, hand)
    let route = this.routeOf(keys)
    if (route === undefined && hand.places === undefined && script.learnt.places !== undefined) {
      hand = { ...hand, places: script.learnt.places }
      keys = keysAtHand(frame, hand)
      route = this.routeOf(keys)
    }
    if (route === undefined || run.questions.length > 0) {
      this.gather(run, hand)
      return
    }
    const ids = keys.map((key) => keyId(slot.db, key, 0, key.length))
    const readsOnly = row.replicate === 'none' || script.readsOnly || ids.length === 0
    const settled = order.uncertainty.active && ids.length > 0 ? settling(order, route, ids, !readsOnly) : undefined
    if (settled !== undefined) {
      const own = { ...run, frame: ownFrame(frame) }
      slot.pauseClient()
      const again = () => this.later(own)
      settled.then(again, again)
      return
    }
    if (!readsOnly && !route.writable()) {
      if (route.gone !== undefined) answer(slot, route.gone)
      else order.park(frame, row, slot, deadlineMs)
      return
    }
    const outOfMemory = !readsOnly && order.memory.anyFull && route.targets.some(({ full }) => full)
    if (outOfMemory && script.allowsOom === false) {
      answer(slot, SCRIPT_OUT_OF_MEMORY)
      return
    }
    // Only one that stays inside is certain to be executed before what its client sends next.
    if (!script.staysInside) slot.pauseClient()
    const own: Run = { ...run, frame: ownFrame(frame) }
    const how = { readsOnly: row.replicate === 'none', outOfMemory }
    const call: ScriptCall = {
      script,
      loaded: this.loaded,
      long: this.long,
      frame: callFrame(script, frame, hand, how),
      numkeys: numkeys + extra.length,
      ids,
      stopped: (wanted) => this.stopped(own, wanted),
      publish: (messages) => publishAll(this.channels, messages),
      notThere: () => {
        const { misses = 0 } = own
        if (slot.number < slot.newest || misses === MISSES_MAX) answer(slot, NOT_EXECUTED)
        else this.later({ ...own, misses: misses + 1 })
      },
    }
    if (readsOnly) {
      if (ScriptRead.emit(order, route, call, slot, () => this.later(own))) return
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

  /** What it will touch beside its keys, by what it did before: where that is on other servers it must be allowed, should it be wrong. */
  private guess(script: Script, frame: Frame, numkeys: number): Buffer[] {
    if (script.learnt.args.size === 0 || this.gathering.settings.crossServer === 'refuse') return []
    return guessed(script, frame, numkeys)
  }

  /** The route that all keys have; undefined when they have several. */
  private routeOf(keys: readonly Buffer[]): Route | undefined {
    const { router } = this.order
    let route: Route | undefined
    for (const key of keys) {
      const own = router.routeOfKey(key, 0, key.length)
      if (route !== undefined && own !== route) return undefined
      route = own
    }
    return route ?? this.anyMember
  }

  /** Its keys are on several servers. */
  private gather(run: Run, hand: Hand): void {
    const { script, row, slot, extra } = run
    const isTorn = run.questions.length === 0
    if (isTorn && this.gathering.settings.crossServer === 'refuse') {
      answer(slot, extra.length === 0 ? CROSS_SLOT : tornBy(extra[extra.length - 1]))
      return
    }
    const own: Run = { ...run, frame: ownFrame(run.frame), extra: [...extra] }
    const call = {
      ...own,
      loaded: this.loaded,
      long: this.long,
      readsOnly: row.replicate === 'none' || script.readsOnly,
      hand: { ...hand, extra: own.extra },
      channels: this.channels,
      questions: own.questions,
      letTouch: (key: Buffer, answers: readonly Answer[]) => letTouch({ ...own, answers }, key),
    }
    const gathered = new ScriptGather(this.order, call, this.gathering)
    if (slot.atGates === undefined) gathered.run()
    else gathered.runInside()
  }

  /** It wanted a key that it was not allowed to touch, or an answer, and nothing has happened: it runs again, and has it. */
  private stopped(run: Run, wanted: Wanted): void {
    const { script, row, slot, extra, answers } = run
    if (Buffer.isBuffer(wanted)) {
      const more: Run = { ...run, extra: [...extra] }
      const refusal = letTouch(more, wanted)
      if (refusal !== undefined) answer(slot, refusal)
      else this.later(more)
    } else if (isPublish(wanted)) {
      const readsOnly = row.replicate === 'none' || script.readsOnly
      this.later({ ...run, answers: [...answers, answerToPublish(this.channels, wanted, readsOnly)] })
    } else this.later({ ...run, questions: [wanted] })
  }

  /** Runs it in another turn than the one in which it has passed the gates of the keys that it names, or with others: it passes all. */
  private later(run: Run): void {
    const { order } = this
    const { gates } = order
    const { frame, row, slot, numkeys, extra } = run
    const go = (passed: Run) => {
      try {
        // Nobody sees the answer, but what is expected for the command is expected no more.
        if (slot.abandoned) answer(slot, order.unavailable())
        else this.run(passed)
      } catch (failure) {
        slot.fail(failure as Error, true)
        order.orderLost()
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
    const admitted = (entry: Entry) => {
      go(own)
      gates.leave(entry)
    }
    const until = run.deadlineMs === 0 ? order.waiting.deadline() : run.deadlineMs
    gates.enter(claim, gates.ticket(), until, admitted, () => answer(slot, order.stillGated()))
  }
}
