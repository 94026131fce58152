import { preciseNowMs } from '../../backend/handshake.js'
import { routeOfWrite, settling } from '../../order/copy-first.js'
import { missableDeadline, NO_DEADLINE } from '../../order/deadline.js'
import type { Claim, Entry } from '../../order/gates.js'
import type { Group } from '../../order/groups.js'
import type { Look } from '../../order/look.js'
import type { Order } from '../../order/order.js'
import { answer } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { nullArray, type Reply } from '../../resp/encode.js'
import { mayHaveTime } from '../absolute.js'
import { serverChooses } from '../effects.js'
import { MasterFirst } from '../master-first.js'
import { absoluteFor, noteWrite } from '../one-route.js'
import { Merge } from '../several/merge.js'
import { BlockRead } from './block-read.js'
import { executors, isTooMuch } from './full-servers.js'
import { AT_GATES, awayOf, heldUpBy, IN_STEPS, isAway, type Obstacle, type Stop } from './obstacles.js'
import { PlainPlan } from './plain.js'
import { PlainTransaction } from './plain-transaction.js'
import type { Piece, Plan, QueuedCommand, Share, WidePiece } from './plan.js'
import { type Commands, Planned } from './planned.js'
import { ABORTED_WITHOUT_MEMORY, refusalOf } from './refusal.js'
import { type ElementSlot, type Results, resultsOf } from './results.js'
import { readsUnanswered, type Unanswered } from './unanswered.js'
import type { Watched } from './watched.js'
import type { Ways } from './ways.js'
import { barrierOf, concernedByAny, emitWide } from './wide.js'

/** A write of which the other replicas get copies when everything has been emitted. */
type Copied = { readonly write: MasterFirst; readonly share: Share }

/**
 * EXEC: the commands behind MULTI, of any keys and databases. None depends on the reply of another one, so they are cut by replica
 * sets, and everything leaves in one turn, or nothing: every other command is before or behind all of it, on every server. What one
 * server gets is one transaction there (`Block`), so that it executes all of that or nothing, whatever breaks.
 *
 *     MULTI, SET a 1, INCR b, GET a, EXEC       a on dt-1 and dt-2, b on dt-2 and dt-3
 *
 *     dt-1   MULTI  SET a 1  GET a  EXEC
 *     dt-2   MULTI  SET a 1  INCR b  EXEC       each command is served as if it stood alone, in its place in the block
 *     dt-3   MULTI  INCR b  EXEC
 *
 * As long as one of its keys is held for what must come first, is in doubt and would be read, or has a replica that cannot be reached,
 * all of it waits: for servers as a command does that is parked, and for keys in the queue of the gates, so that whoever names
 * them after it comes behind it, and it does not wait for ever for a moment in which nobody has any of them.
 *
 * With watched keys [watched.ts] it leaves only in a turn in which it is known that none of them has changed.
 */
export abstract class Transaction {
  private results!: Results
  /** It waits until those who were there before it have been emitted. */
  private isPassing = false
  /** Keys of so many shares are being made equal. */
  private settling = 0
  private readonly planned: Planned
  /** When it has waited in vain, in ms of `performance.now`; 0 before it waits. */
  private deadlineMs = 0
  protected wasEmitted = false

  constructor(
    protected readonly ways: Ways,
    commands: Commands,
    protected readonly slot: ReplySlot,
    protected readonly watched: Watched | undefined,
    /** It is answered with an error, or not executed because of a watched key, and nothing was emitted. */
    protected readonly notApplied: () => void,
  ) {
    this.planned = new Planned(ways.order, commands)
  }

  protected get commands(): readonly QueuedCommand[] {
    return this.planned.list
  }

  /** It cannot leave in one turn, because of one of its commands; nothing was emitted. @param ticket its place at the gates */
  protected abstract inSteps(ticket: number): void

  /** It is a part of a transaction of which nobody may see the middle. */
  protected get isInMiddle(): boolean {
    return false
  }

  private get order(): Order {
    return this.ways.order
  }

  /** Emits it now, or as soon as that can be. */
  run(): void {
    // What its client wrote before may be held on all replicas of its key, and must be seen by what asks all members.
    const isLater = this.order.lanes.active > 0 && this.planned.asksMembers
    if (isLater || this.attempt(false) !== undefined) void this.waitAndTry()
  }

  private async waitAndTry(): Promise<void> {
    const { order, slot } = this
    const { gates, waiting, middles } = order
    slot.pauseClient()
    order.stats.waits++
    this.deadlineMs ||= waiting.deadline()
    const { deadlineMs } = this
    const ticket = gates.ticket()
    // A read that its client sent before, and whose link breaks, must not find what this does.
    await slot.whenFirst()
    let entry: Entry | undefined
    let by: Stop['by'] | undefined
    try {
      for (;;) {
        if (slot.abandoned || performance.now() >= deadlineMs) {
          this.refuse(by === 'middles' ? order.stillGated() : order.unavailable())
          return
        }
        const stop = this.attempt(entry !== undefined)
        if (stop === undefined) return
        const { stands } = stop
        by = stop.by
        if (by === 'steps') {
          this.inSteps(ticket)
          return
        }
        if (by === 'keys' && entry === undefined) {
          entry = await gates.entered(this.claim(), ticket, deadlineMs)
          if (entry !== undefined) continue
          this.refuse(order.stillGated())
          return
        }
        // Nobody waits behind one that waits for a server.
        if (by === 'server' && entry !== undefined) {
          gates.leave(entry)
          entry = undefined
        }
        // Those that are in the middle are waited for, and not those that would begin meanwhile.
        const looked = by === 'middles' ? middles.look() : undefined
        await waiting.change(deadlineMs, () => this.isNeeded && stands())
        looked?.()
      }
    } catch (failure) {
      this.watched?.end()
      slot.fail(failure as Error, true)
      order.orderLost()
    } finally {
      if (entry !== undefined) gates.leave(entry)
    }
  }

  /** Nobody has an answer for it yet. */
  private get isNeeded(): boolean {
    return !this.slot.abandoned && this.order.opening.refusal === undefined && this.watched?.isBroken !== true
  }

  /** Its keys, which others may read meanwhile if it does nothing else. */
  private claim(): Claim {
    const { shares, wide } = this.planned.now()
    const ids = [...shares.flatMap(({ ids }) => ids), ...(this.watched?.ids ?? [])]
    const isOfDatabase = concernedByAny(wide)
    const isShared = shares.every(({ how }) => how === 'read')
    return isOfDatabase === undefined ? { ids, isShared } : { ids, isShared: false, isOfDatabase }
  }

  /**
   * Tries to emit it; gives what stands against that. What fails meanwhile may have reached some servers.
   *
   * @param isAdmitted it has its place at the gates
   */
  protected attempt(isAdmitted: boolean): Stop | undefined {
    try {
      return this.attemptNow(isAdmitted)
    } catch (failure) {
      this.watched?.end()
      this.slot.fail(failure as Error, true)
      this.order.orderLost()
      return undefined
    }
  }

  private attemptNow(isAdmitted: boolean): Stop | undefined {
    const { order, watched } = this
    if (watched?.isBroken === true) {
      this.refuse(nullArray)
      return undefined
    }
    const plan = this.planned.now()
    if (plan.step !== undefined) return IN_STEPS
    const refusal = refusalOf(order, plan)
    if (refusal !== undefined) {
      this.refuse(refusal)
      return undefined
    }
    const { shares, wide } = plan
    const away = awayOf(order, shares)
    if (away !== undefined) return { by: 'server', stands: away }
    if (!isAdmitted && this.isGated(plan)) return AT_GATES
    const barrier = wide.length === 0 ? undefined : barrierOf(order, wide, this.isInMiddle)
    if (barrier !== undefined) {
      const stands = () => order.router === this.planned.router && barrierOf(order, wide, this.isInMiddle) === barrier
      return { by: barrier, stands }
    }
    const held = this.firstHeld(shares) ?? this.firstUnsettled(plan)
    if (held !== undefined) return this.waitsFor(shares, held)
    for (const share of shares) share.to = share.route
    // What is written is told only to who asks for it: of a plain share that is work.
    const owing = shares.filter((share) => share.route.pending.length > 0 && share.written.length > 0)
    for (const share of owing) share.to = routeOfWrite(order, share.route, share.written)
    // Keys that a pending replica has to get first are held now.
    const heldNow = owing.length === 0 ? undefined : this.firstHeld(shares)
    if (heldNow !== undefined) return this.waitsFor(shares, heldNow)
    if (order.memory.anyFull && isTooMuch(shares, wide, order.router.links)) {
      this.refuse(ABORTED_WITHOUT_MEMORY)
      return undefined
    }
    if (watched !== undefined) {
      const answers: Stop = { by: 'answers', stands: () => watched.isAsking && !shares.some(isAway) }
      if (watched.isAsking) return answers
      if (watched.isSuspect) {
        if (!isAdmitted) return AT_GATES
        watched.fence(() => order.waiting.wake())
        return answers
      }
      watched.end()
    }
    this.emit(plan)
    return undefined
  }

  /** What has to happen before it can be emitted; when those who have its keys have been emitted it is looked again. */
  private waitsFor(shares: readonly Share[], held: Obstacle): Stop {
    const { lanes, waiting, doubts } = this.order
    // Who is away when it begins to wait for keys would keep those who wait behind it.
    const stands = () => held() && !shares.some(isAway)
    const isReachable = ({ how, route, reader }: Share) =>
      how !== 'read' || reader !== undefined || route.natural.every(({ ready }) => ready)
    // What is not to be told of yet is waited for as a server is.
    const isUnmarked = ({ ids }: Share) => ids.some((id) => doubts.unmarked.has(id))
    if (!shares.every(isReachable) || (doubts.unmarked.any && shares.some(isUnmarked))) {
      return { by: 'server', stands: held }
    }
    if (this.isPassing) return { by: 'keys', stands }
    const before = shares.flatMap(({ route, ids }) => route.targets.map((link) => lanes.whenPassed(link, ids)))
    if (before.every((passed) => passed === undefined)) return { by: 'keys', stands }
    this.isPassing = true
    void Promise.all(before).then(() => {
      this.isPassing = false
      waiting.wake()
    })
    return { by: 'keys', stands }
  }

  /** Whether an operation that takes several turns has some of the keys for itself. */
  private isGated({ shares, wide }: Plan): boolean {
    const { gates } = this.order
    if (gates.active === 0) return false
    const isOfDatabase = concernedByAny(wide)
    if (isOfDatabase !== undefined && !gates.isFree({ ids: [], isShared: false, isOfDatabase })) return true
    const isOpen = ({ ids, written }: Share) =>
      gates.isFree({ ids: written, isShared: false }) && gates.isFree({ ids, isShared: true })
    return !shares.every(isOpen)
  }

  private refuse(reply: Reply): void {
    const { slot } = this
    this.watched?.end()
    // What was sent behind it has been served as if it were executed.
    if (!this.wasEmitted || slot.number === slot.newest) this.notApplied()
    answer(slot, reply)
  }

  /** It only reads, and one of the answers is missing. */
  private askAgain(member: string, why: Unanswered): void {
    readsUnanswered(this.order, this.slot, member, why, this.planned, () => this.again())
  }

  protected again(): void {
    // Nobody tells of its watched keys any more.
    if (this.watched !== undefined) this.refuse(nullArray)
    else void this.waitAndTry()
  }

  /** What stands against emitting one of the shares; those that only read know then whom they ask. */
  private firstHeld(shares: readonly Share[]): Obstacle | undefined {
    let first: Obstacle | undefined
    for (const share of shares) {
      const held = heldUpBy(this.order, share)
      first ??= held
    }
    return first
  }

  /** Whether keys have to be made equal first, as every key is in doubt; that is begun. */
  private firstUnsettled({ shares }: Plan): Obstacle | undefined {
    const { order } = this
    if (!order.uncertainty.active) return undefined
    const over = () => {
      if (--this.settling === 0) order.waiting.wake()
    }
    for (const { route, ids, how } of shares) {
      const settled = settling(order, route, ids, how !== 'read')
      if (settled === undefined) continue
      this.settling++
      settled.then(over, over)
    }
    return this.settling === 0 ? undefined : () => this.settling > 0
  }

  private emit(plan: Plan): void {
    const { order, slot } = this
    const { shares, wide } = plan
    const { length } = this.planned.commands
    if (length === 0) {
      answer(slot, [])
      return
    }
    const hasWrites = shares.some(({ how }) => how !== 'read') || wide.some(({ change }) => change !== undefined)
    const groups: Group[] = []
    const askAgain = hasWrites ? undefined : (member: string, why: Unanswered) => this.askAgain(member, why)
    this.wasEmitted = true
    if (plan instanceof PlainPlan) {
      PlainTransaction.emit(order, plan, slot, groups, () => resultsOf(slot, length, askAgain, groups))
      return
    }
    const commands = this.planned.list
    this.results = resultsOf(slot, length, askAgain, groups)
    for (const { to, written } of shares) {
      if (written.length > 1 && to.targets.length > 1) groups.push(order.doubts.begin(written, to.targets))
    }
    const looks = new Map<Share, Look>()
    for (const share of shares) {
      if (share.how === 'copies') looks.set(share, MasterFirst.lookBefore(order, share.to, share.written))
    }
    const links = new Set(shares.flatMap(executors))
    if (wide.length > 0) for (const link of order.router.links) links.add(link)
    // Who refuses transactions gets one command, which is served alone.
    const ends = [...links].filter(({ refusesBlocks }) => !refusesBlocks).map((link) => link.openBlock())
    const slotOf = this.slots(plan)
    const copied: Copied[] = []
    const others = [...wide]
    const emitWideBefore = (command: number) => {
      while (others.length > 0 && others[0].command < command) {
        const piece = others.shift() as WidePiece
        emitWide(this.ways.keyspace, piece, this.elementOf(piece), this.results)
      }
    }
    for (const piece of plan.pieces) {
      emitWideBefore(piece.command)
      this.emitPiece(piece, slotOf(piece), copied)
    }
    emitWideBefore(commands.length)
    for (const end of ends) end()
    MasterFirst.copyAll(copied.map(({ write, share }) => ({ write, look: looks.get(share)! })))
    order.awaited.look()
    for (const [command, { reply }] of commands.entries()) {
      const own = reply ?? plan.replies.get(command)
      if (typeof own === 'function') this.results.putLater(command, own)
      else if (own !== undefined) this.results.put(command, own)
    }
  }

  private emitPiece(piece: Piece, slot: ReplySlot, copied: Copied[]): void {
    const { order } = this
    const { share, frame, row, isWrite } = piece
    const { to, how } = share
    if (!isWrite) {
      BlockRead.emit(order, share.reader ?? share.route.natural[0], piece, slot, this.results)
      return
    }
    noteWrite(order, frame, row, slot.db, how === 'copies', true)
    if (how === 'apply') {
      this.ways.oneRoute.apply(to, frame, row, slot)
      return
    }
    const isTimed = row.replicate === 'absolute' && mayHaveTime(row, frame)
    const own = isTimed ? absoluteFor(to, frame, row) : frame
    const write = MasterFirst.onMaster(order, to, own, row, slot, how === 'copies')
    if (how === 'copies') copied.push({ write, share })
    else if (row.replicate === 'master-first' && serverChooses(row, frame, to.targets.length)) write.holdForOthers()
    else write.followMaster(isTimed ? missableDeadline(row, own, preciseNowMs() + to.slowestOffsetMs) : NO_DEADLINE)
  }

  private elementOf({ command, db }: { readonly command: number; readonly db: number }): ElementSlot {
    const { proto, reshape } = this.commands[command]
    return this.results.slotOf(command, db, proto, reshape)
  }

  /** The slot of each piece: the command's own, or that of its part. */
  private slots({ partOf, parts }: Plan): (piece: Piece) => ReplySlot {
    const merges = new Map<number, Merge>()
    return (piece) => {
      const { command, part, row } = piece
      const count = parts.get(command) ?? 1
      if (count === 1) return this.elementOf(piece)
      let merge = merges.get(command)
      if (merge === undefined) {
        const places = partOf.get(command)!
        merges.set(command, (merge = Merge.of(row, this.elementOf(piece), count, places, places.length)))
      }
      return merge.slotOf(part)
    }
  }
}
