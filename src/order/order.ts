import type { Link } from '../backend/link.js'
import type { Links } from '../backend/links.js'
import type { KeyId } from '../base/key-id.js'
import type { Logger } from '../base/log.js'
import type { CommandRow } from '../command/row.js'
import type { Reply } from '../resp/encode.js'
import { type Frame, ownFrame } from '../resp/frame.js'
import { samePlacement } from '../view/placement.js'
import type { View } from '../view/view.js'
import type { ViewStore } from '../view/view-store.js'
import { Absences } from './absences.js'
import { Acknowledgement } from './acknowledgement.js'
import { Arrivals } from './arrivals.js'
import { Awaited } from './awaited.js'
import { Caches } from './caches.js'
import { type CopyHint, type CopyListener, KeyCopy } from './copy-key.js'
import { DifferenceLog } from './difference-log.js'
import { Doubts } from './doubts.js'
import { LoneMembers } from './field-deadlines.js'
import { Gates } from './gates.js'
import { Gone } from './gone.js'
import { keyIds } from './key-ids.js'
import { Lanes } from './lanes.js'
import { hasWrittenSince, LostReads } from './lost-reads.js'
import { isOutOfMemory, Memory } from './memory.js'
import { Middles } from './middles.js'
import { Opening, type OpeningOptions } from './opening.js'
import { OwedSweeps } from './owed-sweeps.js'
import { Ahead, type AheadValue } from './pieces/ahead.js'
import { Pieces } from './pieces/pieces.js'
import { answer, MUST_WAIT, READ_TORN, READ_UNCERTAIN, stillGated, unavailable } from './replies.js'
import { places, type ReplySlot, type WholeRead } from './reply-slot.js'
import { type Route, Router } from './router.js'
import { OrderStats } from './stats.js'
import { Swaps } from './swaps.js'
import { Uncertainty } from './uncertainty.js'
import { Verdicts } from './verdicts.js'
import { Waiting } from './waiting.js'
import { Watches } from './watches.js'

export interface OrderOptions extends OpeningOptions {
  /** How long a command waits for a server of its range, in ms. */
  readonly unavailableTimeoutMs: number
  /** No server is blocked for longer by what is copied, in ms. */
  readonly maxBlockMs: number
  /** See `Pieces`. */
  readonly isSameOnBoth?: Pieces['isSame']
  /** Whether the Sentinels were told to forget a member: then nobody waits for its server. */
  readonly wasRemoved: (name: string) => boolean
  /** A member has missed what cannot be mended key by key: it has to be filled anew. */
  distrust(name: string, reason: string): void
  /** Keys have other databases than before: who was going through them has to begin anew. */
  databasesSwapped(): void
  /** A member has no memory left, or has some again. */
  memoryChanged(link: Link): void
}

/** Who stands above: what keeps order does not know how a command is served. */
export interface Above {
  /** A command that was put off, or a read whose link broke, is served again; `deadlineMs` as for `park`. */
  serve(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void
  /** Members serve other keys than before, or none for a while: their numbers of keys are not known any more. */
  servingChanged(): void
  /** Keys may be read again that were in doubt. */
  readable(): void
  /** A member has no memory left, or has some again. */
  memoryChanged(link: Link): void
}

/**
 * What keeps the replicas of a key equal, without knowing any way of serving [design §4]. All that happens in one call is in
 * one turn of the event loop, which makes the loop the sequencer: every replica of a key gets the key's writes in the same order.
 *
 *     ways of serving ──> router: where       lanes: behind what        doubts: who may have missed it       gates: not meanwhile
 *                         waiting: not now    acknowledgement, verdicts: when the client may be told
 *     views, links    ──> absences, arrivals: what a member has missed, or has not got yet        uncertainty: after a crash
 */
export class Order {
  readonly stats = new OrderStats()
  readonly waiting: Waiting
  readonly opening: Opening
  readonly verdicts: Verdicts
  readonly lanes = new Lanes(() => this.waiting.wake())
  readonly pieces: Pieces
  readonly arrivals = new Arrivals()
  readonly absences = new Absences(this.arrivals)
  readonly doubts: Doubts
  readonly acknowledgement = new Acknowledgement(() => this.doubts.marked())
  readonly uncertainty = new Uncertainty()
  readonly lostReads = new LostReads()
  readonly swaps = new Swaps()
  readonly owedSweeps = new OwedSweeps((name, why) => this.isMember(name) && this.options.distrust(name, why))
  readonly awaited = new Awaited()
  /** Who waits for what an operation has done comes before those whom it has kept. */
  readonly gates = new Gates(() => this.awaited.look())
  readonly middles = new Middles(() => this.waiting.wake())
  readonly caches = new Caches()
  readonly watches = new Watches(() => this.waiting.wake())
  readonly memory: Memory
  /** Told of a member that, as the master of a key, stood alone against all its other replicas, which are equal. */
  onOutvoted: (member: string) => void = () => {}
  readonly lone = new LoneMembers(this.lanes, (member) => this.onOutvoted(member))
  router: Router
  private readonly gone: Gone
  /** What had been sent when reads last began to go to other members than before, see `places`. */
  private moved = 0
  private readonly differenceLog: DifferenceLog

  constructor(
    private readonly views: ViewStore,
    readonly links: Links,
    log: Logger,
    readonly options: OrderOptions,
    private readonly above: Above,
  ) {
    this.differenceLog = new DifferenceLog(log)
    this.waiting = new Waiting(
      options.unavailableTimeoutMs,
      (command) => above.serve(command.frame, command.row, command.slot, command.deadlineMs),
      () => this.unavailable(),
    )
    this.opening = new Opening(this.waiting, options)
    this.verdicts = new Verdicts(options.unavailableTimeoutMs)
    this.pieces = new Pieces(options.maxBlockMs, options.isSameOnBoth)
    const isMarked = () => this.acknowledgement.open
    this.doubts = new Doubts(this.lanes, this.pieces, () => this.router, log, isMarked, {
      doubted: (ids, link) => {
        this.absences.note(ids)
        this.oweDoubted(ids, link)
        this.pieces.aheads.spoil(ids)
        this.watches.doubted(ids)
        if (this.caches.any) this.caches.changed(ids)
      },
      stoppedServing: () => above.servingChanged(),
      serving: () => this.servingChanged(),
      readable: () => {
        above.readable()
        this.waiting.retrySoon()
      },
      distrust: (name, reason) => options.distrust(name, reason),
      outOfMemory: () => this.memory.look(),
    })
    this.gone = new Gone(views, links, options.wasRemoved, () => this.waiting.retrySoon())
    this.router = new Router(views.current, links, this.gone)
    this.memory = new Memory(
      () => this.links.all(),
      log,
      (link) => {
        for (const each of [options, above]) each.memoryChanged(link)
      },
    )
    views.onChange((view, previous) => this.viewChanged(view, previous))
  }

  /** Number of databases that all members have, of those that have said it. */
  get databases(): number {
    return this.router.databases
  }

  /** The names in lanes and doubts of all keys of a command. */
  keyIds(row: CommandRow, frame: Frame, db: number): KeyId[] {
    return keyIds(row, frame, db, row.otherDb === undefined ? 0 : this.databases)
  }

  /**
   * A command that cannot be emitted now waits for a link or a view.
   *
   * @param deadlineMs until when, in ms of `performance.now`; 0 when it begins to wait
   * @param away the servers that it waits for, where it would take time to find them again each time that something changes
   */
  park(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number, away?: Route): void {
    const { refusal } = this.opening
    if (refusal !== undefined) {
      answer(slot, refusal)
      return
    }
    if (slot.atGates === 'admitted, now') {
      slot.finish(MUST_WAIT, 0, MUST_WAIT.length, true)
      return
    }
    this.stats.waits++
    const until = deadlineMs === 0 ? this.waiting.deadline() : deadlineMs
    const { router, opening } = this
    const isStopped =
      away &&
      (() => this.router === router && opening.refusal === undefined && away.isOutOfReach(row.replicate !== 'none'))
    this.waiting.park({ frame: ownFrame(frame), row, slot, deadlineMs: until, isStopped })
  }

  /** Serves a command that was put off, or a read again whose link broke; `deadlineMs` as for `park`. */
  resubmit(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs = 0): void {
    this.above.serve(frame, row, slot, deadlineMs)
  }

  /**
   * Copies keys of one database from one member to another in the order of their writes; `done` hears what became of each.
   * On a pending replica they count as arrived from now on.
   *
   * @param hint see `KeyCopy`
   */
  copyKeys(ids: readonly KeyId[], source: Link, target: Link, done: CopyListener, hint?: CopyHint): void {
    for (const id of ids) this.arrivals.add(target, id)
    if (this.pieces.aheads.any) this.pieces.aheads.copied(ids, target)
    if (this.watches.any) this.watches.copied(ids, target)
    const end = this.arrivals.begin(target)
    let open = ids.length
    const listener: CopyListener = (link, result, reason, bytes, id) => {
      if (result !== 'copied') {
        this.arrivals.remove(target, id)
        // What was emitted behind the copy was executed without it, and may have got into other keys.
        const reached = this.doubts.groups.reach([id])
        if (reached.length > 1) this.doubts.note(target, reached)
        // The target may have left while the copy was on its way: it has missed that, too.
        if (this.absences.any) this.absences.note([id])
      }
      if (--open === 0) end()
      done(link, result, reason, bytes, id)
    }
    new KeyCopy(this.lanes, ids, source, [target], listener, this.pieces, hint)
  }

  /**
   * Builds a large value on a pending replica that does not get its writes yet, while they go on; see `Ahead`. Undefined
   * where that cannot be: then the copy does all of it.
   */
  buildAhead(value: AheadValue): Promise<Ahead | undefined> {
    const { id, source, target } = value
    const isWanted = () =>
      value.isWanted() && this.router.isFilledFrom(id, source, target) && !this.arrivals.has(target, id)
    return Ahead.build(this.lanes, this.pieces, { ...value, isWanted })
  }

  /** What is answered to a command that has waited in vain. */
  unavailable(): Reply {
    const { unavailableTimeoutMs } = this.options
    if (!this.opening.isOpen) return this.opening.tooLate(unavailableTimeoutMs)
    return unavailable(unavailableTimeoutMs, this.router.away)
  }

  /** What is answered to a command that has waited at the gates of its keys in vain. */
  stillGated(): Reply {
    return stillGated(this.options.unavailableTimeoutMs)
  }

  isMember(name: string): boolean {
    return this.views.current.members.some((member) => member.name === name)
  }

  linkUp(link: Link): void {
    // A server that moved has a new link, perhaps in the same view.
    if (!this.router.links.includes(link)) this.router = new Router(this.views.current, this.links, this.gone)
    this.pieces.leftovers.linkUp(link)
    link.expirations.isHeld = (id) => this.lanes.isHeld(link, id)
    link.expirations.onExpired = (id) => this.caches.expired(link, id, this.router)
    link.tracking.onChanged = (key) => this.watches.changed(link, key)
    this.memory.linkUp(link)
    this.doubts.linkUp(link)
    this.servingChanged()
  }

  linkDown(link: Link): void {
    this.pieces.aheads.linkDown(link)
    this.watches.linkDown(link)
    this.lanes.drop(link)
    this.above.servingChanged()
    this.lostReads.serveAgain(this.moved)
    this.gone.linkDown(link.name)
  }

  /**
   * The link of a read broke before the answer: it is served again when all that was in flight there is known.
   *
   * @param wasHeld what its client has written behind it may have been executed long since
   */
  readLost(frame: Frame, row: CommandRow, slot: ReplySlot, wasHeld = false): void {
    this.stats.readsResent++
    const read = wholeRead(frame, row, slot)
    if (read === undefined) return
    const ids = this.keyIds(read.row, read.frame, read.slot.db)
    const again = () => this.resubmit(read.frame, read.row, read.slot)
    this.lostReads.add(read.slot, ids, again, wasHeld || read.slot !== slot)
  }

  /** The same of several reads that are one step: all are served `again`, unless their client has sent a write behind them. */
  readsLost(slot: ReplySlot, again: () => void): void {
    this.stats.readsResent++
    this.lostReads.add(slot, [], again, true)
  }

  /**
   * Serves a read again that was held, and needs not wait any more for what it was held for: its databases are emptied. Not behind
   * what its client has written since: that may have been done before they were.
   */
  readUncovered(frame: Frame, row: CommandRow, slot: ReplySlot): void {
    const read = wholeRead(frame, row, slot)
    if (read === undefined) return
    if (hasWrittenSince(read.slot)) answer(read.slot, READ_TORN)
    else this.resubmit(read.frame, read.row, read.slot)
  }

  /**
   * Serves a read again whose server has answered, and came into doubt before that: what it said may never have been, since it
   * gets what others have. Not behind what its client has sent since: that has been served.
   */
  readAgain(frame: Frame, row: CommandRow, slot: ReplySlot): void {
    this.stats.readsResent++
    const read = wholeRead(frame, row, slot)
    if (read === undefined) return
    if (read.slot.number < read.slot.newest) answer(read.slot, READ_UNCERTAIN)
    else this.resubmit(read.frame, read.row, read.slot)
  }

  /** What was sent to this member may have been executed in another database: nobody knows what it has in any of them. */
  linkStrayed({ name }: Link, reason: string): void {
    if (this.isMember(name)) this.options.distrust(name, `it executed commands in another database: ${reason}`)
  }

  /** The server of this link is another process than before: what was known about its keys does not count any more. */
  restarted(link: Link): void {
    this.doubts.forget(link.name)
    this.arrivals.restarted(link, this.router.routes)
    this.absences.restarted(link.name)
    this.owedSweeps.forget(link.name)
    this.pieces.failed.forget(link.name)
  }

  /** SWAPDB was emitted: what is known by the names of keys is known of others now. */
  databasesSwapped(one: number, other: number, links: readonly Link[]): void {
    this.swaps.add(one, other, links)
    this.doubts.groups.swapped(one, other)
    this.stats.swaps++
    this.arrivals.forgetAll()
    this.uncertainty.unsettle()
    this.options.databasesSwapped()
  }

  /** A backup did not answer what the master answered. */
  noteDifference(link: Link, backupReply: Buffer, otherReply: Buffer): void {
    if (isOutOfMemory(backupReply) || isOutOfMemory(otherReply)) this.memory.look()
    this.differenceLog.say(link, ++this.stats.differences, backupReply, otherReply)
  }

  /** Nobody knows any more what every member was sent: all that is under way is in doubt. */
  orderLost(): void {
    for (const link of this.router.links) link.reset('a write failed inside the proxy')
  }

  close(): void {
    this.waiting.close()
    this.gone.close()
    this.verdicts.close()
    this.doubts.close()
    this.memory.stop()
  }

  /** Who is getting a range from this member would not find there what it may lack: a walk may pass the key before it is repaired. */
  private oweDoubted(ids: readonly KeyId[], link: Link): void {
    if (!this.router.isMoving) return
    for (const id of ids) {
      const { natural, pending } = this.router.routeOf(id)
      if (pending.length === 0 || !natural.includes(link)) continue
      for (const each of pending) {
        if (!this.arrivals.has(each, id) && !this.arrivals.owe(each, [id])) this.doubts.note(each, [id])
      }
    }
  }

  private viewChanged(view: View, previous: View): void {
    const before = this.router.links
    const isSame = samePlacement(view, previous)
    if (!isSame) {
      this.acknowledgement.placementChanged(view.epoch)
      this.doubts.groups.placementChanged(before)
    }
    this.router = new Router(this.views.current, this.links, this.gone)
    const inDoubt = this.uncertainty.active ? undefined : this.doubts.ids()
    this.watches.viewChanged(this.router)
    if (this.caches.any && !isSame) this.caches.allChanged()
    this.absences.viewChanged([previous, before], [view, this.router.links], inDoubt)
    this.arrivals.keepOnly(new Set(this.router.routes.flatMap(({ pending }) => pending)))
    // After a crash who has left may be back, with what the others have emptied.
    for (const { name } of before) if (!this.isMember(name)) this.doubts.untilMarked([], this.owedSweeps.of(name))
    this.doubts.viewChanged()
    this.pieces.aheads.keepOnly(({ id, source, target }) => this.router.isFilledFrom(id, source, target))
    this.pieces.failed.keepOnly((name, id) => this.router.targetsOf(id).some((link) => link.name === name))
    this.servingChanged()
  }

  /** Other members serve reads than before, or more can be written to. */
  private servingChanged(): void {
    this.moved = places.taken
    this.above.servingChanged()
    this.waiting.retry()
  }
}

/** What is served again when a read has no answer: all of it where it was cut; undefined when another part has seen to that. */
function wholeRead(frame: Frame, row: CommandRow, slot: ReplySlot): WholeRead | undefined {
  return slot.giveUp === undefined ? { frame, row, slot } : slot.giveUp()
}
