import { LinkLostError } from '../../backend/link.js'
import { replyShape } from '../../command/table.js'
import { DatabaseChange } from '../../order/database-change.js'
import { deliver, MUST_WAIT } from '../../order/replies.js'
import { InnerSlot, type ReplySlot } from '../../order/reply-slot.js'
import { encodeReply } from '../../resp/encode.js'
import { parseRequest } from '../../resp/request-parser.js'
import { UnavailableError } from '../keyspace/keyspace.js'
import { askMembers, seesUnmarked } from '../keyspace/over-members.js'
import { mustWait, sweep } from '../keyspace/whole-databases.js'
import type { Operation, Outcome } from '../several/operation.js'
import { PlanRun } from '../several/run-plan.js'
import type { QueuedCommand } from './plan.js'
import type { Ways } from './ways.js'

/*
 * A command of a transaction that takes turns of its own, under the gates of all that the transaction needs.
 */

/** The command as an operation on keys of several servers; undefined when it is none. */
export function operationOf(
  ways: Ways,
  { frame, row, db, proto }: QueuedCommand,
  slot: ReplySlot,
  mayWrite?: () => boolean,
): Operation | undefined {
  if (row.route !== 'key') return undefined
  const own = new StepSlot(slot, db, proto, mayWrite)
  // SORT with patterns is one, also with all its keys on one server.
  if (row.plan !== undefined) return new PlanRun(ways.order, frame, row, own)
  return ways.gathering.operation(frame, row, own)
}

/**
 * Serves it; gives the encoded reply, or that a server has to be waited for, or nothing may be written any more, and nothing was.
 *
 * @param publishLater see `ReplySlot`, like `mayWrite`
 */
export async function serveStep(
  ways: Ways,
  command: QueuedCommand,
  slot: ReplySlot,
  mayWrite: () => boolean,
  publishLater: (publish: () => void) => void,
): Promise<Buffer | 'wait'> {
  const { frame, row, db, proto } = command
  const operation = operationOf(ways, command, slot, mayWrite)
  if (operation !== undefined) {
    const outcome = await operation.inside()
    if (outcome === 'wait') return 'wait'
    const reply = encoded(command, outcome, slot)
    return command.reshape === undefined ? reply : command.reshape(reply)
  }
  if (row.route === 'script' || row.route === 'function') {
    return runScript(ways, command, slot, mayWrite, publishLater)
  }
  const { order } = ways
  const args = parseRequest(frame)
  if (row.replicate !== 'none') {
    const change = new DatabaseChange(row, args, db)
    const { someGone } = order.router
    if (someGone !== undefined) return encodeReply(someGone, proto)
    if (!order.router.anyMember.writable() || mustWait(order, change)) return 'wait'
    return encodeReply(await sweep(ways.keyspace, change, slot.client), proto)
  }
  if (seesUnmarked(order, row, args, db)) return 'wait'
  try {
    return encodeReply(await askMembers(ways.keyspace, row, args, db), proto)
  } catch (failure) {
    if (failure instanceof UnavailableError) return encodeReply(order.unavailable(), proto)
    if (!(failure instanceof LinkLostError)) throw failure
    order.stats.readsResent++
    return 'wait'
  }
}

function runScript(
  { scripts, functions }: Ways,
  { frame, row, db, proto }: QueuedCommand,
  slot: ReplySlot,
  mayWrite: () => boolean,
  publishLater: (publish: () => void) => void,
): Promise<Buffer | 'wait'> {
  return new Promise((resolve, reject) => {
    const answered = (reply: Buffer) => resolve(reply.equals(MUST_WAIT) ? 'wait' : reply)
    const way = row.route === 'function' ? functions : scripts
    way.serve(frame, row, new ScriptSlot(slot, db, proto, answered, reject, mayWrite, publishLater), 0)
  })
}

function encoded({ frame, row, db, proto }: QueuedCommand, outcome: Outcome, slot: ReplySlot): Buffer {
  if ('reply' in outcome) return encodeReply(outcome.reply, proto)
  const { bytes, flags } = outcome
  const own = new StepSlot(slot, db, proto)
  deliver(own, replyShape(row, frame.argc), bytes, 0, bytes.length, flags)
  return own.reply
}

/** The place of such a command: in its database, and with the protocol of its reply. */
class StepSlot extends InnerSlot {
  reply: Buffer = MUST_WAIT

  constructor(
    protected readonly whole: ReplySlot,
    private readonly ownDb: number,
    private readonly ownProto: 2 | 3,
    readonly mayWrite: () => boolean = () => true,
  ) {
    super()
  }

  override get db(): number {
    return this.ownDb
  }

  override get proto(): 2 | 3 {
    return this.ownProto
  }

  finish(buf: Buffer, start: number, end: number): void {
    this.reply = Buffer.from(buf.subarray(start, end))
  }
}

/** That of a script, which is served by others, and goes on when its client has gone. */
class ScriptSlot extends StepSlot {
  constructor(
    whole: ReplySlot,
    db: number,
    proto: 2 | 3,
    private readonly answered: (reply: Buffer) => void,
    private readonly failed: (failure: Error) => void,
    mayWrite: () => boolean,
    readonly publishLater: (publish: () => void) => void,
  ) {
    super(whole, db, proto, mayWrite)
  }

  override get atGates(): 'admitted, now' {
    return 'admitted, now'
  }

  override get abandoned(): boolean {
    return false
  }

  override finish(buf: Buffer, start: number, end: number): void {
    super.finish(buf, start, end)
    this.answered(this.reply)
  }

  override fail(failure: Error): void {
    this.failed(failure)
  }
}
