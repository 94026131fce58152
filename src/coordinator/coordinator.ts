import { preciseNowMs } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import type { Links } from '../backend/links.js'
import type { KeyId } from '../base/key-id.js'
import type { Logger } from '../base/log.js'
import { findKeys } from '../command/keys.js'
import { isKnownForm } from '../command/options.js'
import type { CommandRow } from '../command/row.js'
import { Absences } from '../order/absences.js'
import { Acknowledgement } from '../order/acknowledgement.js'
import { Arrivals } from '../order/arrivals.js'
import { routeOfWrite, settleFirst } from '../order/copy-first.js'
import { type CopyHint, type CopyListener, KeyCopy } from '../order/copy-key.js'
import { missableDeadline } from '../order/deadline.js'
import { DifferenceLog } from '../order/difference-log.js'
import { Doubts } from '../order/doubts.js'
import { keyIds } from '../order/key-ids.js'
import { Lanes } from '../order/lanes.js'
import { expiredLate } from '../order/late-expiry.js'
import { LostReads } from '../order/lost-reads.js'
import { isOutOfMemory, Memory, OUT_OF_MEMORY } from '../order/memory.js'
import { Opening } from '../order/opening.js'
import { Ahead, type AheadValue } from '../order/pieces/ahead.js'
import { removeLeftovers } from '../order/pieces/hidden-name.js'
import { Pieces } from '../order/pieces/pieces.js'
import { answer, notSupported, READ_OVERTAKEN, unavailable } from '../order/replies.js'
import type { ReplySlot } from '../order/reply-slot.js'
import { type Route, Router } from '../order/router.js'
import { CoordinatorStats } from '../order/stats.js'
import { Swaps } from '../order/swaps.js'
import { Uncertainty } from '../order/uncertainty.js'
import { Verdicts } from '../order/verdicts.js'
import { Waiting } from '../order/waiting.js'
import { error, type Reply } from '../resp/encode.js'
import { type Frame, ownFrame } from '../resp/frame.js'
import { mayHaveTime, toAbsolute } from '../serving/absolute.js'
import { Apply } from '../serving/apply.js'
import { serverChooses } from '../serving/effects.js'
import { Keyspace } from '../serving/keyspace/keyspace.js'
import { serveOverMembers } from '../serving/keyspace/over-members.js'
import { Walks } from '../serving/keyspace/walks.js'
import { MasterFirst } from '../serving/master-first.js'
import { PlainWrites } from '../serving/plain-writes.js'
import { Read } from '../serving/read.js'
import { split } from '../serving/several/split.js'
import { samePlacement } from '../view/placement.js'
import type { View } from '../view/view.js'
import type { ViewStore } from '../view/view-store.js'
import { refusedForm, unclearKeys, unsupported } from './refuse.js'

export interface CoordinatorOptions {
  /** How long a command waits for a server of its range, in ms. */
  readonly unavailableTimeoutMs: number
  /** No server is blocked for longer by what is copied, in ms. */
  readonly maxBlockMs: number
  /** See `Pieces`. */
  readonly isSameOnBoth?: Pieces['isSame']
  /** What is missing as long as there is no ring to serve. */
  missing(): string
  /** Whether the Sentinels were told to forget a member: then nobody waits for its server. */
  readonly wasRemoved: (name: string) => boolean
  /** A member has missed what cannot be mended key by key: it has to be filled anew. */
  distrust(name: string, reason: string): void
  /** Keys have other databases than before: who was going through them has to begin anew. */
  databasesSwapped(): void
  /** A member has no memory left, or has some again. */
  memoryChanged(link: Link): void
}

const DEFAULT_DATABASES = 16
const DATABASE_GONE = error('ERR DB index is out of range')

/**
 * Turns one command into requests to backends and one reply [design §4 (D)]: request in, reply out. All that
 * happens in one call is in one turn of the event loop, which makes the loop the sequencer: every replica of a key
 * gets the key's writes in the same order.
 */
export class Coordinator {
  readonly stats = new CoordinatorStats()
  readonly keyspace = new Keyspace(this)
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
  private readonly plainWrites = new PlainWrites(this)
  readonly memory: Memory
  /** Told of a member that, as the master of a key, stood alone against all its other replicas, which are equal. */
  onOutvoted: (member: string) => void = () => {}
  router: Router
  readonly walks = new Walks()

  private readonly keyIndexes: number[] = []
  private readonly differenceLog: DifferenceLog

  constructor(
    private readonly views: ViewStore,
    private readonly links: Links,
    log: Logger,
    readonly options: CoordinatorOptions,
  ) {
    this.differenceLog = new DifferenceLog(log)
    this.waiting = new Waiting(
      options.unavailableTimeoutMs,
      (command) => this.serve(command.frame, command.row, command.slot, command.deadlineMs),
      () => this.unavailable(),
    )
    this.opening = new Opening(this.waiting, () => options.missing())
    this.verdicts = new Verdicts(options.unavailableTimeoutMs)
    const isMarked = () => this.acknowledgement.open
    this.pieces = new Pieces(options.maxBlockMs, options.isSameOnBoth)
    this.doubts = new Doubts(this.lanes, this.pieces, () => this.router, log, isMarked, {
      doubted: (ids) => {
        this.absences.note(ids)
        this.pieces.aheads.spoil(ids)
      },
      stoppedServing: () => this.keyspace.forget(),
      serving: () => this.servingChanged(),
      readable: () => this.waiting.retrySoon(),
      distrust: (name, reason) => options.distrust(name, reason),
      outOfMemory: () => this.memory.look(),
    })
    this.router = new Router(views.current, links, options.wasRemoved)
    this.memory = new Memory(
      () => this.links.all(),
      log,
      (link) => options.memoryChanged(link),
    )
    views.onChange((view, previous) => this.viewChanged(view, previous))
  }

  /** Number of databases that all members have, of those that have said it. */
  get databases(): number {
    let least = Number.POSITIVE_INFINITY
    for (const { info } of this.router.links) if (info !== undefined) least = Math.min(least, info.databases)
    return Number.isFinite(least) ? least : DEFAULT_DATABASES
  }

  /**
   * Serves one command; the reply comes through the slot, at once or later. The arity has been checked, and `row` is
   * the subcommand's row for container commands.
   */
  submit(frame: Frame, row: CommandRow, slot: ReplySlot): void {
    this.serve(frame, row, slot, 0)
  }

  /** Serves a command that was put off, or a read again whose link broke. */
  resubmit(frame: Frame, row: CommandRow, slot: ReplySlot): void {
    this.serve(frame, row, slot, 0)
  }

  /** Serves one command whose keys all have the replica set of `route`. */
  serveRoute(route: Route, frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    if (this.uncertainty.active && settleFirst(this, route, frame, row, slot)) return
    const emitted = row.replicate === 'none' ? Read.emit(this, route, frame, row, slot) : route.writable()
    if (!emitted) {
      if (route.gone !== undefined) answer(slot, route.gone)
      else this.park(frame, row, slot, deadlineMs)
      return
    }
    if (row.replicate === 'none') return
    const { options } = row
    const isCopied =
      row.replicate === 'copy' || (options !== undefined && frame.argc > options.from && !isKnownForm(row, frame))
    if (this.memory.anyFull && this.memory.refuses(row, route, isCopied)) {
      answer(slot, OUT_OF_MEMORY)
      return
    }
    if (this.absences.any) this.absences.note(this.keyIds(row, frame, slot.db))
    const { aheads } = this.pieces
    if (aheads.any) aheads.wrote(isCopied ? undefined : row, frame, this.keyIds(row, frame, slot.db))
    const to = route.pending.length === 0 ? route : routeOfWrite(this, route, this.keyIds(row, frame, slot.db))
    if (isCopied || (row.replicate === 'master-first' && serverChooses(row, frame))) {
      MasterFirst.emit(this, to, frame, row, slot, isCopied)
    } else if (row.replicate === 'absolute' && mayHaveTime(row, frame)) {
      const nowMs = preciseNowMs() + route.natural[0].clockOffsetMs
      const absolute = toAbsolute(row, frame, nowMs)
      Apply.emit(this, to, absolute, row, slot, missableDeadline(row, absolute, preciseNowMs() + to.slowestOffsetMs))
    } else if (this.lanes.active === 0 && PlainWrites.suits(row, frame, to)) {
      this.plainWrites.emit(to, frame, row, slot)
    } else {
      Apply.emit(this, to, frame, row, slot)
    }
  }

  /** The names in lanes and doubts of all keys of a command. */
  keyIds(row: CommandRow, frame: Frame, db: number): KeyId[] {
    return keyIds(row, frame, db, this.databases)
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

  unavailable(): Reply {
    const { unavailableTimeoutMs } = this.options
    return this.opening.isOpen ? unavailable(unavailableTimeoutMs) : this.opening.tooLate(unavailableTimeoutMs)
  }

  isMember(name: string): boolean {
    return this.views.current.members.some((member) => member.name === name)
  }

  linkUp(link: Link): void {
    // A server that moved has a new link, perhaps in the same view.
    if (!this.router.links.includes(link))
      this.router = new Router(this.views.current, this.links, this.options.wasRemoved)
    removeLeftovers(link, link.info?.databases ?? 0)
    link.expirations.isHeld = (id) => this.lanes.isHeld(link, id)
    link.expiryPushes.onLate = (id, answered) => expiredLate(this, link, id, answered)
    this.memory.linkUp(link)
    this.doubts.linkUp(link)
    this.servingChanged()
  }

  /** The server of this link is another process than before: what was known about its keys does not count any more. */
  restarted(link: Link): void {
    this.doubts.forget(link.name)
    this.arrivals.restarted(link, this.router.routes)
    this.absences.restarted(link.name)
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

  linkDown(link: Link): void {
    this.pieces.aheads.linkDown(link)
    this.lanes.drop(link)
    this.keyspace.forget()
    for (const { frame, row, slot, overtaken } of this.lostReads.take()) {
      if (overtaken) answer(slot, READ_OVERTAKEN)
      else this.serve(frame, row, slot, 0)
    }
  }

  /** What was sent to this member may have been executed in another database: nobody knows what it has in any of them. */
  linkStrayed({ name }: Link, reason: string): void {
    if (this.isMember(name)) this.options.distrust(name, `it executed commands in another database: ${reason}`)
  }

  /** A backup did not answer what the master answered. */
  noteDifference(link: Link, backupReply: Buffer, otherReply: Buffer): void {
    if (isOutOfMemory(backupReply) || isOutOfMemory(otherReply)) this.memory.look()
    this.differenceLog.say(link, ++this.stats.differences, backupReply, otherReply)
  }

  close(): void {
    this.waiting.close()
    this.verdicts.close()
    this.doubts.close()
    this.memory.stop()
  }

  private serve(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    try {
      this.choose(frame, row, slot, deadlineMs)
    } catch (failure) {
      slot.fail(failure as Error, row.replicate !== 'none')
      // Nobody knows which replicas were sent the write, and what is held for it: all that is under way is in doubt.
      if (row.replicate !== 'none') for (const link of this.router.links) link.reset('a write failed inside the proxy')
    }
  }

  private choose(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    // Since its SELECT a member may have joined that has fewer; a refused SELECT would break the link for everybody.
    if (slot.db !== 0 && slot.db >= this.databases) {
      answer(slot, DATABASE_GONE)
      return
    }
    switch (row.route) {
      case 'key':
        this.serveKeys(frame, row, slot, deadlineMs)
        return
      case 'split': {
        const count = findKeys(row, frame, this.keyIndexes)
        split(this, frame, row, slot, this.keyIndexes, count, deadlineMs)
        return
      }
      case 'any':
        if (!Read.emit(this, this.router.anyMember, frame, row, slot)) this.park(frame, row, slot, deadlineMs)
        return
      case 'members':
        serveOverMembers(this, frame, row, slot)
        return
      default:
        answer(slot, unsupported(row))
    }
  }

  private serveKeys(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const { router } = this
    const { firstKey } = row
    // SORT_RO is the one command of a single key of which some forms are refused.
    if (row.keyFinder === 'range' && row.lastKey === firstKey && row.name !== 'sort_ro') {
      const route = router.routeOfKey(frame.buf, frame.argStart[firstKey], frame.argEnd[firstKey])
      this.serveRoute(route, frame, row, slot, deadlineMs)
      return
    }
    const refused = refusedForm(row, frame)
    if (refused !== undefined) {
      answer(slot, notSupported(row, refused))
      return
    }
    // MSETNX with a key that has no value fails wherever its keys are.
    const isTorn = row.name === 'msetnx' && frame.argc % 2 === 0
    const count = isTorn ? 0 : findKeys(row, frame, this.keyIndexes)
    if (count <= 0) {
      const unclear = unclearKeys(row, count, router.links)
      if (unclear !== undefined) answer(slot, unclear)
      // Without keys it cannot be executed: any member says why.
      else if (!Read.emit(this, router.anyMember, frame, row, slot)) this.park(frame, row, slot, deadlineMs)
      return
    }
    const route = router.commonRoute(frame, this.keyIndexes, count)
    if (route !== undefined) this.serveRoute(route, frame, row, slot, deadlineMs)
    else answer(slot, notSupported(row, ' for keys on different servers; give them a common {hash tag}'))
  }

  private park(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const { refusal } = this.opening
    if (refusal !== undefined) {
      answer(slot, refusal)
      return
    }
    this.stats.waits++
    const until = deadlineMs === 0 ? this.waiting.deadline() : deadlineMs
    this.waiting.park({ frame: ownFrame(frame), row, slot, deadlineMs: until })
  }

  private viewChanged(view: View, previous: View): void {
    const before = this.router.links
    if (!samePlacement(view, previous)) {
      this.acknowledgement.placementChanged(view.epoch)
      this.doubts.groups.placementChanged(before)
    }
    this.router = new Router(this.views.current, this.links, this.options.wasRemoved)
    const inDoubt = this.uncertainty.active ? undefined : this.doubts.ids()
    this.absences.viewChanged([previous, before], [view, this.router.links], inDoubt)
    this.arrivals.keepOnly(new Set(this.router.routes.flatMap(({ pending }) => pending)))
    this.doubts.viewChanged()
    this.pieces.aheads.keepOnly(({ id, source, target }) => this.router.isFilledFrom(id, source, target))
    this.pieces.failed.keepOnly((name, id) => this.router.targetsOf(id).some((link) => link.name === name))
    this.servingChanged()
  }

  /** Other members serve reads than before, or more can be written to. */
  private servingChanged(): void {
    this.keyspace.forget()
    this.waiting.retry()
  }
}
