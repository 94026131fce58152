import type { KeyId } from '../../base/key-id.js'
import { dbOfId, keyOfId } from '../../base/key-id.js'
import type { SomeKeys } from '../../base/some-keys.js'
import { isKnownForm } from '../../command/options.js'
import type { CommandRow } from '../../command/row.js'
import { rowNamed } from '../../command/table.js'
import type { AwaitedListener, Left } from '../../order/awaited.js'
import type { Order } from '../../order/order.js'
import { answer } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { ErrorReply } from '../../resp/encode.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import type { OneRoute } from '../one-route.js'
import type { AskedSlot } from './asked-slots.js'
import { type BlockedCommand, blockedCommandOf, isBlocked } from './blocked-command.js'
import { blockedStreamsOf, isStreams, plainForm } from './blocked-streams.js'
import { Deadlines } from './deadlines.js'
import { Heirs } from './heirs.js'
import { Inquiries } from './inquiries.js'
import { concerns, type Hands, isBeingAsked, type Line, Lines } from './lines.js'
import { Moves, type Putting } from './moves.js'
import { OwedLooks } from './owed-looks.js'
import { ownTimeoutMs } from './own-timeout.js'
import { PlannedWait } from './planned-wait.js'
import { Sending } from './sending.js'
import { ShutKeys } from './shut-keys.js'
import { type Came, type Keeper, WaitingClient } from './waiting-client.js'

const XINFO_STREAM = rowNamed('xinfo|stream')!

/**
 * Commands that wait until a key holds something [design §7 Waiting]. Those that wait stand here, in lines [lines.ts]; a server is
 * asked for what does not wait alone:
 *
 *     BLPOP k 5 ──> in line, LPOP k ──> something: the reply      nothing: it waits
 *     RPUSH k x ──> its replicas, and in the same turn, behind it, LPOP k for the first in line, as any write is sent
 *
 * So whoever comes behind the RPUSH finds the element taken, on every server. What is popped is told when all replicas have popped it.
 */
export class Blocking implements Hands, Keeper, Putting, AwaitedListener {
  readonly lines = new Lines(this)
  private readonly deadlines = new Deadlines()
  private readonly waiting = new Set<WaitingClient>()
  private readonly shutKeys: ShutKeys
  private readonly inquiries: Inquiries
  /** How many of those that wait read as one of a group. */
  private groups = 0
  private readonly owed = new OwedLooks(
    () => this.lines.all(),
    (lines) => this.tryAgain(lines),
  )
  private readonly sending: Sending
  /** [Keeper] */
  readonly heirs: Heirs

  constructor(
    private readonly oneRoute: OneRoute,
    /** Serves a command that does not wait. */
    private readonly serveKeys: (frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number) => void,
  ) {
    this.order.awaited.listener = this
    this.shutKeys = new ShutKeys(this.order)
    this.inquiries = new Inquiries(serveKeys)
    this.heirs = new Heirs(this.order.lostReads, serveKeys)
    this.sending = new Sending(oneRoute, new Moves(this.order, this.shutKeys, this), this)
  }

  get order(): Order {
    return this.oneRoute.order
  }

  /** [AwaitedListener] */
  get keys(): SomeKeys {
    return this.lines.keys
  }

  /** How many clients wait. */
  get count(): number {
    return this.waiting.size
  }

  /** Serves a command whose row says `blocking`; `deadlineMs` as for `Order.park`. */
  serve(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const { order } = this
    const command = blockedCommandOf(row, frame, slot.db)
    if (!isBlocked(command)) {
      answer(slot, command)
      return
    }
    // Each of them is made when it is asked for.
    const { keys, frame: plain } = command
    // It cannot be executed: a server says why.
    if (keys.length === 0 || !isKnownForm(command.row, plain)) {
      this.serveKeys(plain, command.row, slot, deadlineMs)
      return
    }
    if (this.waitsForOpening(frame, row, slot, deadlineMs)) return
    const route = order.router.routeOfAll(keys)
    if (slot.abandoned) {
      answer(slot, order.unavailable())
      return
    }
    if (route === undefined || (command.moves && this.isForOthers(command))) {
      this.servePlanned(new WaitingClient(command, row, frame.argc, slot, this))
      return
    }
    if (route.gone !== undefined) {
      answer(slot, route.gone)
      return
    }
    const client = new WaitingClient(command, row, frame.argc, slot, this)
    client.isBehind = this.isBehind(command)
    this.begin(client, deadlineMs)
    if (client.isBehind || !route.writable()) {
      // Who stands in line already comes first, or waits for that server as well.
      this.came(client, undefined, 'not tried')
      return
    }
    const asked = client.slotOf(undefined)
    this.oneRoute.serve(route, plain, command.row, asked, 0)
    this.isOut(client, asked)
  }

  /** [Keeper] Then it must not be asked what lies there: what is meant for others might be taken. */
  isBehind({ awaited, kind }: BlockedCommand): boolean {
    return this.owed.any && awaited.some((id) => this.owed.has(this.lines.at(id, kind)))
  }

  /** It is asked what its keys hold; if that has to wait, others may come first. */
  private isOut(client: WaitingClient, asked: AskedSlot): void {
    asked.isOut = true
    if (asked.isPutOff) this.came(client, undefined, 'not tried')
  }

  /** Serves XREAD or XREADGROUP with BLOCK. */
  serveStreams(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const command = blockedStreamsOf(row, frame, slot.db)
    if (command === undefined) {
      this.serveKeys(plainForm(row, frame), row, slot, deadlineMs)
      return
    }
    if (!isStreams(command)) {
      answer(slot, command)
      return
    }
    if (this.waitsForOpening(frame, row, slot, deadlineMs)) return
    const client = new WaitingClient(command, row, frame.argc, slot, this)
    const route = this.order.router.routeOfAll(command.keys)
    if (command.isGroup && route === undefined) {
      this.servePlanned(client)
      return
    }
    client.isBehind = this.isBehind(command)
    this.begin(client, deadlineMs)
    if (client.isBehind) {
      this.came(client, undefined, 'not tried')
      return
    }
    const asked = client.slotOf(undefined)
    client.questions = command.lasts.length
    this.serveKeys(command.frame, row, asked, 0)
    this.isOut(client, asked)
    // Right behind it, so that nothing is between what was read and the end.
    for (const id of command.lasts) {
      const ended = (buf: Buffer, start: number, end: number) =>
        this.endIsKnown(client, command.ends(id, Buffer.from(buf.subarray(start, end))))
      this.serveKeys(frameOf(['XINFO', 'STREAM', keyOfId(id).key]), XINFO_STREAM, client.slotFor(ended, 'admitted'), 0)
    }
  }

  /** Whether nothing is served yet: then it comes again. */
  private waitsForOpening(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): boolean {
    const { opening, waiting } = this.order
    if (opening.isOpen) return false
    const ownMs = performance.now() + ownTimeoutMs(row, frame, slot.db)
    this.order.park(frame, row, slot, deadlineMs === 0 ? Math.min(waiting.deadline(), ownMs) : deadlineMs)
    return true
  }

  /** The end of one of its streams is known, or will not be. */
  private endIsKnown(client: WaitingClient, failure: ErrorReply | undefined): void {
    if (client.isOver) return
    if (failure !== undefined) {
      client.answerGone(failure)
      this.came(client, undefined, 'something')
      return
    }
    client.questionAnswered()
    // What could not be read was not read from a place that was not known yet either.
    this.tryAgain(client.lines.filter((line) => this.owed.has(line)))
  }

  /** Its keys are on several servers. */
  private servePlanned(client: WaitingClient): void {
    const { frame, row } = client.command
    // Nothing is asked before it has the keys for itself; it is in line before anybody else can write to them.
    client.claim = undefined
    this.starts(client)
    if (!client.isOver) new PlannedWait(this.order, frame, row, client.plannedSlot(), client).run()
  }

  /** Other servers can be asked than before, or keys have other replicas. */
  servingChanged(): void {
    if (this.order.awaited.any) this.owed.servingChanged(this.order.router)
  }

  /** Keys may be read again that were in doubt. */
  readable(): void {
    this.owed.readable()
  }

  private tryAgain(lines: readonly Line[]): void {
    for (const line of lines) {
      this.lines.mayHold(line)
      // As long as it is being asked about it is not known what lies there.
      if (!isBeingAsked(line)) this.owed.delete(line)
    }
    this.look()
  }

  /** [AwaitedListener] */
  wrote(ids: readonly KeyId[], left: Left, most: number, isSure: boolean): void {
    for (const id of ids) {
      for (const line of this.lines.of(id)) if (concerns(line, left)) this.lines.wrote(line, most, isSure)
    }
    this.order.awaited.isReady = this.lines.isReady
  }

  /** [AwaitedListener] */
  swapped(concerns: (db: number) => boolean): void {
    for (const line of this.lines.all()) if (concerns(dbOfId(line.id))) this.lines.mayHold(line)
    this.order.awaited.isReady = this.lines.isReady
  }

  /** [AwaitedListener] */
  look(): void {
    this.lines.look()
    this.noteState()
  }

  /** [Hands] */
  fetch(waiter: WaitingClient, line: Line): boolean {
    const isSent = this.sending.send(waiter, line)
    if (!isSent) this.owed.add(line)
    return isSent
  }

  /** [Putting] */
  isPutBehind({ slot }: WaitingClient): boolean {
    const { lostReads } = this.order
    if (!lostReads.isBehind(slot)) return false
    void lostReads.passed(slot).then(() => this.readable())
    return true
  }

  /** [Hands] */
  ask(line: Line): void {
    this.owed.add(line)
    const found = (mayHold: boolean | undefined) => {
      if (mayHold !== undefined) this.owed.delete(line)
      this.lines.found(line, mayHold)
      this.look()
    }
    const failed = (failure: Error) => {
      // Asked again it would fail again: those who want to know are told so, and nobody is left for whom to ask.
      this.owed.delete(line)
      for (const waiter of [...line.waiters] as WaitingClient[]) waiter.failsInLine(failure)
      this.lines.found(line, undefined)
      this.look()
    }
    this.inquiries.mayHold(line).then(found).catch(failed)
  }

  /** [Hands] */
  shut(line: Line): void {
    // Nobody has the key: it is admitted at once; or it is to be shut already.
    this.shutKeys.shut(line.id, (isShut) => {
      if (!isShut) this.shut(line)
    })
  }

  /** [Hands] */
  open({ id }: Line): void {
    this.shutKeys.open(id)
  }

  /** [Hands] */
  isTaken({ id }: Line): boolean {
    return this.shutKeys.isTaken(id)
  }

  /** [Keeper] */
  ends(client: WaitingClient): void {
    this.forget(client)
    client.answerEnd(client.end!)
    const { claim } = client
    if (claim !== undefined && claim !== 'asking') {
      // What it was sent for has not left: that is for the next one in line.
      this.lines.wrote(claim, 1, false)
      this.lines.answered(client, claim, true)
    } else this.lines.remove(client)
    this.look()
  }

  /** [Putting] */
  notMoved(line: Line): void {
    this.lines.wrote(line, 1, false)
    this.look()
  }

  /** [Keeper, Putting] */
  came(client: WaitingClient, line: Line | undefined, came: Came): void {
    const { lines } = this
    const isOver = came === 'something' || came === 'failed'
    if (isOver) this.forget(client)
    if (came === 'not tried') this.owed.notTried(line === undefined ? client.lines : [line], client.isBehind)
    client.isBehind = false
    const { isGroup, moves } = client.command
    if (came === 'wrong type' && line !== undefined && (isGroup || moves)) {
      lines.isAskedAbout(line)
      const { inquiries } = this
      const asked = isGroup ? inquiries.tellEnd(client, line.id) : inquiries.tellWrongType(client, line.id)
      const told = (what: Came) => {
        if (what === 'something' && !isGroup) lines.wrote(line, 1, false)
        this.came(client, line, what)
      }
      asked.then(told).catch((failure: Error) => client.fails(failure, false, line))
      return
    }
    // What it was sent for may lie there still: that is for the next one in line.
    if (came === 'failed' && line !== undefined) lines.mayHold(line)
    if (line !== undefined) lines.answered(client, line, isOver)
    else if (isOver) lines.remove(client)
    else lines.isWaiting(client)
    if (client.end !== undefined && client.claim === undefined && client.lines.length > 0) this.ends(client)
    else this.look()
  }

  /** @param deadlineMs until when it might wait before it came here, if it did; else 0 */
  private begin(client: WaitingClient, deadlineMs: number): void {
    this.starts(client)
    this.isTimed(client, deadlineMs)
    this.stands(client)
  }

  /** From now on it may end, and be ended; it may have gone. */
  private starts(client: WaitingClient): void {
    const { slot, command } = client
    slot.pauseClient()
    this.waiting.add(client)
    if (command.isGroup) this.groups++
    slot.waits?.(client)
  }

  /** [Keeper] What it has waited before is a part of its time: as long as it wants to wait, or as anybody may before he is served. */
  isTimed(client: WaitingClient, deadlineMs = 0): void {
    const { timeoutMs } = client.command
    if (timeoutMs === 0) return
    const restMs = Math.max(0, timeoutMs - this.order.options.unavailableTimeoutMs)
    client.deadlineMs = deadlineMs === 0 ? performance.now() + timeoutMs : deadlineMs + restMs
    this.deadlines.add(client)
  }

  /** [Keeper] */
  stands(client: WaitingClient): void {
    const { command } = client
    this.lines.add(client, command.awaited, command.kind)
    this.owed.begins(this.order.router)
    this.noteState()
  }

  private forget(client: WaitingClient): void {
    if (this.waiting.delete(client) && client.command.isGroup) this.groups--
    this.deadlines.remove(client)
    this.owed.left(client.lines)
  }

  private noteState(): void {
    const { awaited } = this.order
    awaited.any = !this.lines.isEmpty
    awaited.ends = this.groups > 0
    awaited.isReady = this.lines.isReady
  }

  /**
   * [Keeper] Its keys are on several servers, or somebody else has the destination. Or somebody waits there: he is sent for when it is
   * known that there is something to move, for two who move in a circle would wake each other without end.
   */
  needsGates(command: BlockedCommand): boolean {
    return !this.order.router.routeOfAll(command.keys) || this.isForOthers(command)
  }

  /** Whether somebody else has the destination, or waits there. */
  private isForOthers({ ids }: BlockedCommand): boolean {
    const to = ids[ids.length - 1]
    return this.shutKeys.isTaken(to) || this.lines.isAwaited(to)
  }
}
