import { type Link, LinkLostError } from '../../backend/link.js'
import { lowerCase } from '../../base/ascii.js'
import type { Logger } from '../../base/log.js'
import type { Channels } from '../../channels/channels.js'
import type { CommandRow } from '../../command/row.js'
import { askAny } from '../../order/ask-any.js'
import type { Order } from '../../order/order.js'
import { answer, answerLater } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { AnyMember } from '../../order/router.js'
import { error, isError, type Reply } from '../../resp/encode.js'
import { argumentOf, type Frame, ownFrame } from '../../resp/frame.js'
import type { Gathering } from '../several/gather/gathering.js'
import { type KeptScriptOptions, KeptScripts } from './kept-scripts.js'
import { type LongScriptOptions, LongScripts } from './long-scripts.js'
import { newRun, numkeysOf } from './run.js'
import { Runs } from './runs.js'
import { formUnder, type Script, saysItOnlyReads, shaOf, tooLong, wrap } from './script.js'
import { notWrapped } from './script-call.js'

/** As Valkey has it. */
const NOT_SHOWN = error('NOSCRIPT No matching script.')
const NOSCRIPT = error('NOSCRIPT No matching script. Please use EVAL.')

export type ScriptOptions = LongScriptOptions & KeptScriptOptions

/**
 * EVAL and its kind [design §7 Scripts]. A script is executed on one server, never by those that get a copy of what it did, so that
 * these are equal whatever it chooses:
 *
 *     EVALSHA ──> known? else compiled by a server, and wrapped ──> runs, until it has all that it touches [runs.ts]
 */
export class Scripts {
  readonly kept: KeptScripts
  readonly long: LongScripts
  /** Of scripts, and of functions. */
  readonly runs: Runs
  /** The words that all members understand, see `prologue-words`: undefined while they are of one kind. Set by whoever knows the members. */
  wordsOfAll: () => string | undefined = () => undefined
  /** Those that are being compiled, by their SHA1. */
  private readonly compiling = new Map<string, Promise<Script | Reply>>()

  constructor(
    private readonly order: Order,
    gathering: Gathering,
    channels: Channels,
    private readonly options: ScriptOptions,
    log: Logger,
  ) {
    this.kept = new KeptScripts(options)
    this.long = new LongScripts(() => order.links.all(), options, log)
    this.runs = new Runs(order, gathering, channels, this.long)
  }

  /** For what any member answers alike: those that no script keeps busy. */
  get anyMember(): AnyMember {
    return this.long.anyMember(this.order.router)
  }

  linkUp(link: Link): void {
    this.runs.linkUp(link)
  }

  /** Has the script of a command compiled that nobody has sent yet. What fails is told when it is served. */
  async prepare(frame: Frame, row: CommandRow): Promise<void> {
    if (row.script !== 'run' || tooLong(argumentOf(frame, 1), 'scripts') !== undefined) return
    if (this.kept.of(frame, row) !== undefined) return
    const script = await this.compile(argumentOf(frame, 1))?.catch(() => undefined)
    if (script !== undefined && 'wrapped' in (script as object)) this.kept.note(script as Script)
  }

  /** Whether it is certain that a command touches no other keys than those that were declared. */
  staysInside(frame: Frame, row: CommandRow): boolean {
    const runs = row.script === 'run' || row.script === 'run-kept'
    return !runs || this.kept.of(frame, row)?.staysInside === true
  }

  /** Whether the script of a command says of itself that it writes nothing; false of one that is not known. */
  onlyReads(frame: Frame, row: CommandRow): boolean {
    if (row.script === 'run') return saysItOnlyReads(argumentOf(frame, 1))
    return row.script === 'run-kept' && this.kept.of(frame, row)?.readsOnly === true
  }

  /** Whether a command of a client that is paused for scripts may be sent behind them. */
  mayFollow(client: unknown, frame: Frame, row: CommandRow): boolean {
    const runs = (row.script === 'run' || row.script === 'run-kept') && row.replicate !== 'none'
    if (!runs || !this.runs.trains.isOpen(client) || this.order.gates.active > 0 || this.long.any) return false
    const script = this.kept.isKnown ? this.kept.of(frame, row) : undefined
    return script !== undefined && !script.staysInside && !script.readsOnly
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
      case 'show':
        answer(slot, this.kept.get(lowerCase(argumentOf(frame, 2)))?.source ?? NOT_SHOWN)
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
    const refusal = tooLong(source, 'scripts')
    if (refusal !== undefined) {
      answer(slot, refusal)
      return
    }
    const script = this.kept.get(shaOf(source))
    if (script !== undefined) {
      this.runs.begin({ script: this.formFor(script, row), frame, row, slot, numkeys, deadlineMs })
      return
    }
    const own = ownFrame(frame)
    this.compiled(own, 1, row, slot, deadlineMs, (compiled) => {
      this.kept.note(compiled)
      this.runs.later(newRun({ script: this.formFor(compiled, row), frame: own, row, slot, numkeys, deadlineMs }))
    })
  }

  private evaluateKept(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const { buf, argStart, argEnd } = frame
    const isSha = argEnd[1] - argStart[1] === 40
    const numkeys = isSha ? numkeysOf(frame) : 0
    const sha = isSha ? buf.latin1Slice(argStart[1], argEnd[1]) : ''
    const script = this.kept.get(sha) ?? this.kept.get(sha.toLowerCase())
    if (typeof numkeys !== 'number') answer(slot, numkeys)
    else if (script === undefined) answer(slot, NOSCRIPT)
    else this.runs.begin({ script: this.formFor(script, row), frame, row, slot, numkeys, deadlineMs })
  }

  private formFor(script: Script, { rights }: CommandRow): Script {
    return formUnder(script, { rights, words: this.wordsOfAll() }, this.options.scriptEffectsBytes)
  }

  private load(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const refusal = tooLong(argumentOf(frame, 2), 'scripts')
    if (refusal !== undefined) {
      answer(slot, refusal)
      return
    }
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
    const compiled = this.compile(argumentOf(frame, i))
    if (compiled === undefined) {
      order.park(frame, row, slot, deadlineMs)
      return
    }
    slot.pauseClient()
    compiled.then(
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

  /** The script, or what a server says of a source that is none; undefined when no server can be asked. */
  private compile(source: Buffer): Promise<Script | Reply> | undefined {
    const sha = shaOf(source)
    const before = this.compiling.get(sha)
    if (before !== undefined) return before
    const said = askAny(this.anyMember, (link) => this.compileOn(link, source))
    const compiled = said?.finally(() => this.compiling.delete(sha))
    if (compiled !== undefined) this.compiling.set(sha, compiled)
    return compiled
  }

  private async compileOn(link: Link, source: Buffer): Promise<Script | Reply> {
    const said = await link.call(['SCRIPT', 'LOAD', source])
    if (isError(said)) return said
    const script = wrap(source, this.options.scriptEffectsBytes)
    const whole = await link.call(['SCRIPT', 'LOAD', script.wrapped])
    return isError(whole) ? notWrapped(whole, 'scripts') : script
  }
}
