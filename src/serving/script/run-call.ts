import type { KeyId } from '../../base/key-id.js'
import { answer } from '../../order/replies.js'
import { error } from '../../resp/encode.js'
import type { Frame } from '../../resp/frame.js'
import type { LoadedScripts } from './loaded-scripts.js'
import type { LongScripts } from './long-scripts.js'
import type { Wanted } from './outcome.js'
import { settlePublished } from './publishing.js'
import type { Messages } from './questions.js'
import type { Called, Run } from './run.js'
import type { Script } from './script.js'
import { clientsFrame, type ScriptCall } from './script-call.js'
import type { Place } from './trains.js'
import { learnTouched } from './undeclared.js'

/** A server without memory takes no library of functions. */
const MISSES_MAX = 3
const NOT_EXECUTED = error(
  'ERR the script was not executed, because its server did not have it: somebody had flushed what was loaded there, or it has no memory for that; nothing was applied, send it again',
)

/** Who runs it, and runs it again. */
export interface Runner {
  readonly loaded: LoadedScripts
  readonly long: LongScripts
  stopped(run: Run, wanted: Wanted): void
  publish(called: Called, messages: Messages): void
  later(run: Run): void
}

/** What comes of a run on one replica set. One object, and not a function for each case: there are thousands under way. */
export class RunCall implements ScriptCall {
  constructor(
    private readonly runner: Runner,
    private readonly run: Run,
    readonly frame: Frame,
    readonly ids: readonly KeyId[],
    readonly place: Place | undefined,
    /** What its client has sent; undefined where `frame` tells it. */
    private readonly sent: Frame | undefined,
  ) {}

  get script(): Script {
    return this.run.script
  }

  get loaded(): LoadedScripts {
    return this.runner.loaded
  }

  get long(): LongScripts {
    return this.runner.long
  }

  get numkeys(): number {
    return this.run.numkeys + this.run.extra.length
  }

  /** [ScriptCall] */
  stopped(wanted: Wanted): void {
    this.runner.stopped(this.own(), wanted)
  }

  /** [ScriptCall] */
  publish(messages: Messages): void {
    this.runner.publish(this.run, messages)
  }

  /** [ScriptCall] */
  done(touched: readonly number[], messages: Messages): void {
    const { learnt } = this.script
    learnt.runs++
    if (this.run.extra.length > 0) learnTouched(this.own(), touched)
    if (learnt.published.length > 0) settlePublished(this.own(), messages)
  }

  /** [ScriptCall] */
  notThere(): void {
    const { slot, misses = 0 } = this.run
    if (slot.number < slot.newest || misses === MISSES_MAX) answer(slot, NOT_EXECUTED)
    else this.runner.later({ ...this.own(), misses: misses + 1 })
  }

  /** The run, with a frame that stays. */
  own(): Run {
    const { run, sent, frame } = this
    return { ...run, frame: sent ?? clientsFrame(run.script, run.row, frame) }
  }
}
