import type { Link } from '../backend/link.js'
import type { Links } from '../backend/links.js'
import type { Logger } from '../base/log.js'
import { Channels } from '../channels/channels.js'
import { findKeys, hasBlockOption, hasOneKey, lacksValue } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import { expiredLate } from '../order/late-expiry.js'
import { Order, type OrderOptions } from '../order/order.js'
import { isHidden } from '../order/pieces/hidden-name.js'
import { answer, notSupported } from '../order/replies.js'
import type { ReplySlot } from '../order/reply-slot.js'
import { type ErrorReply, error, type Reply } from '../resp/encode.js'
import type { Frame } from '../resp/frame.js'
import { Blocking } from '../serving/blocking/blocking.js'
import { withoutWaiting } from '../serving/blocking/without-waiting.js'
import { isCertain } from '../serving/certain.js'
import { Disks } from '../serving/durability/disks.js'
import { ReplicaWaits } from '../serving/durability/replica-waits.js'
import { Functions } from '../serving/function/functions.js'
import { Keyspace } from '../serving/keyspace/keyspace.js'
import { serveOverMembers } from '../serving/keyspace/over-members.js'
import { OneRoute } from '../serving/one-route.js'
import { Read } from '../serving/read.js'
import { RingSettings } from '../serving/ring-settings.js'
import { type ScriptOptions, Scripts } from '../serving/script/scripts.js'
import { Gathering } from '../serving/several/gather/gathering.js'
import type { GatherSettings } from '../serving/several/gather/limits.js'
import { LARGE_KEYS, LargeCommand, largeCount } from '../serving/several/large/large-command.js'
import { LargeCommands } from '../serving/several/large/large-commands.js'
import { PlanRun } from '../serving/several/run-plan.js'
import { split } from '../serving/several/split.js'
import { readStreams } from '../serving/several/streams.js'
import { emitTogether } from '../serving/transaction/part.js'
import { PlainCommands } from '../serving/transaction/plain.js'
import { namesOthers, type QueuedCommand } from '../serving/transaction/plan.js'
import { type Commands, listOf } from '../serving/transaction/planned.js'
import { aborted } from '../serving/transaction/refusal.js'
import { WholeTransaction } from '../serving/transaction/sequence.js'
import { serveWatch } from '../serving/transaction/watch.js'
import type { Watched } from '../serving/transaction/watched.js'
import type { Ways } from '../serving/transaction/ways.js'
import type { ViewStore } from '../view/view-store.js'
import { refusedAsBusy } from './busy.js'
import { Gatekeeper } from './gatekeeper.js'
import { Offered } from './offered.js'
import { KEY_OF_OURS, namesOurs, refusal, unclearKeys, unsupported } from './refuse.js'

const TORN = ' for keys on different servers; give them a common {hash tag}'
const DATABASE_GONE = error('ERR DB index is out of range')

/**
 * The door: turns one command into requests to backends and one reply [design §4 (D)]. Request in, reply out: it looks at the
 * row of the command and chooses the way of serving.
 */
export class Coordinator {
  readonly order: Order
  readonly keyspace: Keyspace
  private readonly oneRoute: OneRoute
  readonly scripts: Scripts
  readonly blocking: Blocking
  readonly functions: Functions
  readonly settings: RingSettings
  readonly replicaWaits: ReplicaWaits
  /** Who listens to what: clients, and what scripts publish. */
  readonly channels = new Channels()
  readonly offered: Offered
  private readonly gatekeeper: Gatekeeper
  private readonly gathering: Gathering
  private readonly large: LargeCommands
  private readonly ways: Ways
  private readonly keyIndexes: number[] = []

  constructor(views: ViewStore, links: Links, log: Logger, options: OrderOptions & GatherSettings & ScriptOptions) {
    this.order = new Order(views, links, log, options, {
      serve: (frame, row, slot, deadlineMs) => this.serve(frame, row, slot, deadlineMs),
      servingChanged: () => {
        this.offered.changed()
        this.keyspace.forget()
        this.blocking.servingChanged()
      },
      readable: () => this.blocking.readable(),
      memoryChanged: (link) => this.functions.kept.memoryChanged(link),
    })
    this.offered = new Offered(this.order)
    this.keyspace = new Keyspace(this.order)
    this.oneRoute = new OneRoute(this.order)
    this.blocking = new Blocking(this.oneRoute, (frame, row, slot, deadlineMs) => {
      this.serveKeys(frame, row, slot, deadlineMs)
    })
    this.gathering = new Gathering(this.order, options, log)
    this.scripts = new Scripts(this.order, this.gathering, this.channels, options, log)
    this.scripts.wordsOfAll = () => this.offered.words
    this.functions = new Functions(this.order, this.scripts, log)
    this.settings = new RingSettings(this.order, this.functions.kept, log)
    this.replicaWaits = new ReplicaWaits(() => this.order.router, new Disks(options, log))
    const { order, oneRoute, keyspace, gathering, scripts, functions } = this
    this.ways = { order, oneRoute, keyspace, gathering, scripts, functions }
    scripts.runs.together = (writes, slot) => emitTogether(this.ways, writes, slot)
    this.large = new LargeCommands(
      oneRoute,
      (command, row, slot, deadlineMs) => this.serve(command, row, slot, deadlineMs),
      (slot) => answer(slot, KEY_OF_OURS),
    )
    this.gatekeeper = new Gatekeeper(this.order, (frame, row, slot, deadlineMs) => {
      this.pass(frame, row, slot, deadlineMs)
    })
  }

  /**
   * Serves one command; the reply comes through the slot, at once or later. The arity has been checked, and `row` is
   * the subcommand's row for container commands.
   */
  submit(frame: Frame, row: CommandRow, slot: ReplySlot): void {
    const large = frame.argc > LARGE_KEYS ? largeCount(frame, row) : 0
    if (large > 0) this.large.begin(frame, row, slot, large)
    else if (namesOurs(row, frame)) answer(slot, KEY_OF_OURS)
    else this.serve(frame, row, slot, 0)
  }

  /** Watches keys of the database of `slot` for a transaction that follows. */
  watch(keys: readonly Buffer[], watched: Watched, slot: ReplySlot): void {
    if (keys.some((key) => isHidden(key))) answer(slot, KEY_OF_OURS)
    else if (slot.db !== 0 && slot.db >= this.order.databases) answer(slot, DATABASE_GONE)
    else serveWatch(this.order, keys, watched, slot)
  }

  /**
   * Executes the commands of a transaction, unless a watched key has changed; `notApplied` is told when nothing was emitted. Each of
   * the commands has been let in, see `refusalInTransaction`.
   */
  transact(commands: Commands, slot: ReplySlot, watched: Watched | undefined, notApplied: () => void): void {
    const busy = this.scripts.long.any ? this.firstBusy(listOf(commands)) : undefined
    if (busy === undefined) {
      // A plain one has none that waits.
      const served = commands instanceof PlainCommands ? commands : commands.map(withoutWaiting)
      new WholeTransaction(this.ways, served, slot, watched, notApplied).run()
    } else {
      watched?.end()
      notApplied()
      answer(slot, aborted(busy.message))
    }
  }

  /** What the first of some commands is refused with that would stand behind a script that takes long. */
  private firstBusy(commands: readonly QueuedCommand[]): ErrorReply | undefined {
    for (const { frame, row, reply } of commands) {
      const busy = reply === undefined ? refusedAsBusy(this.order, frame, row) : undefined
      if (busy !== undefined) return busy
    }
    return undefined
  }

  /** Why a command for servers cannot be one of a transaction; undefined when it can. */
  refusalInTransaction(frame: Frame, row: CommandRow): Reply | undefined {
    const { router } = this.order
    if (namesOurs(row, frame)) return KEY_OF_OURS
    const busy = this.scripts.long.any ? refusedAsBusy(this.order, frame, row) : undefined
    if (busy !== undefined) return busy
    const notOffered = row.learnt || this.offered.areMixed ? this.offered.refusal(frame, row) : undefined
    if (notOffered !== undefined) return notOffered
    if (row.route === 'script' || row.route === 'function') {
      return this.isTorn(frame, row) ? this.gathering.refusal : undefined
    }
    if (row.route === 'refused') return refusal(row, frame)
    if (row.route === 'unsupported') return unsupported(row)
    if ((row.route !== 'key' && row.route !== 'blocking') || lacksValue(row, frame)) return undefined
    if (namesOthers(row, frame)) return this.gathering.refusal
    const count = findKeys(row, frame, this.keyIndexes)
    if (count <= 0) return unclearKeys(row, count, router.links)
    if (router.commonRoute(frame, this.keyIndexes, count) !== undefined) return undefined
    if (!isCertain(row, frame, router.links)) return notSupported(row, TORN)
    if (row.plan !== undefined || row.waits !== undefined || row.merge === 'streams') return undefined
    return row.gather === undefined ? notSupported(row, TORN) : this.gathering.refusal
  }

  private isTorn(frame: Frame, row: CommandRow): boolean {
    const count = findKeys(row, frame, this.keyIndexes)
    return count > 1 && this.order.router.commonRoute(frame, this.keyIndexes, count) === undefined
  }

  /** How many clients wait for what may never come. */
  get blockedCount(): number {
    return this.blocking.count + this.gatekeeper.blocked + this.replicaWaits.count
  }

  /** Nothing may be acknowledged, nor served, because another proxy may do so; or it may be again. See `Opening`. */
  cutOff(isCutOff: boolean, reason?: string): void {
    this.order.acknowledgement.cutOff(isCutOff)
    this.order.opening.cutOff(isCutOff, reason)
  }

  linkUp(link: Link): void {
    this.offered.changed()
    this.settings.linkUp(link)
    link.expiryPushes.onLate = (id, answered) => expiredLate(this.order, link, id, answered)
    this.scripts.linkUp(link)
    this.order.linkUp(link)
  }

  private serve(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    if (this.order.opening.isCutOff) {
      this.order.park(frame, row, slot, deadlineMs)
      return
    }
    const mayBeGated = this.order.gates.active !== 0 && !this.isOperation(frame, row)
    if (mayBeGated && this.gatekeeper.holdsBack(frame, row, slot, deadlineMs)) return
    this.pass(frame, row, slot, deadlineMs)
  }

  /** Whether it enters the queue of the gates itself, with what it needs there: see `serveKeys`. */
  private isOperation(frame: Frame, row: CommandRow): boolean {
    if (row.plan === undefined && row.gather === undefined && row.waits === undefined) return false
    return namesOthers(row, frame) || this.isTorn(frame, row)
  }

  /** There is no gate before it. */
  private pass(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    if (deadlineMs !== 0 && this.order.lostReads.isBehind(slot)) {
      this.passBehind(frame, row, slot, deadlineMs).catch((failure: Error) => this.failed(row, slot, failure))
      return
    }
    try {
      this.choose(frame, row, slot, deadlineMs)
      if (this.order.awaited.isReady) this.order.awaited.look()
    } catch (failure) {
      this.failed(row, slot, failure as Error)
    }
  }

  private failed({ replicate }: CommandRow, slot: ReplySlot, failure: Error): void {
    slot.fail(failure, replicate !== 'none')
    if (replicate !== 'none') this.order.orderLost()
  }

  /** Whether a script or function says of itself that it writes nothing, as far as it is known. */
  onlyReads(frame: Frame, row: CommandRow): boolean {
    return row.route === 'function' ? this.functions.onlyReads(frame, row) : this.scripts.onlyReads(frame, row)
  }

  /** It has waited, and a read that its client had sent before comes first. */
  private async passBehind(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): Promise<void> {
    await this.order.lostReads.passed(slot)
    // Nobody sees the answer, but what is expected for the command is expected no more.
    if (slot.abandoned) answer(slot, this.order.unavailable())
    else this.serve(frame, row, slot, deadlineMs)
  }

  private choose(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const { order } = this
    // Since its SELECT a member may have joined that has fewer; a refused SELECT would break the link for everybody.
    if (slot.db !== 0 && slot.db >= order.databases) {
      answer(slot, DATABASE_GONE)
      return
    }
    const busy = this.scripts.long.any ? refusedAsBusy(order, frame, row) : undefined
    if (busy !== undefined) {
      answer(slot, busy)
      return
    }
    const notOffered = row.learnt || this.offered.areMixed ? this.offered.refusal(frame, row) : undefined
    if (notOffered !== undefined) {
      answer(slot, notOffered)
      return
    }
    switch (row.route) {
      case 'key':
        this.serveKeys(frame, row, slot, deadlineMs)
        return
      case 'split': {
        if (frame instanceof LargeCommand) {
          this.large.emit(frame, slot, deadlineMs)
          return
        }
        const count = findKeys(row, frame, this.keyIndexes)
        split(this.oneRoute, frame, row, slot, this.keyIndexes, count, deadlineMs)
        return
      }
      case 'blocking':
        this.blocking.serve(frame, row, slot, deadlineMs)
        return
      case 'any':
        this.serveAnywhere(frame, row, slot, deadlineMs)
        return
      case 'members':
        serveOverMembers(this.keyspace, frame, row, slot)
        return
      case 'script':
        this.scripts.serve(frame, row, slot, deadlineMs)
        return
      case 'function':
        this.functions.serve(frame, row, slot, deadlineMs)
        return
      case 'refused':
        answer(slot, refusal(row, frame))
        return
      default:
        answer(slot, unsupported(row))
    }
  }

  private serveKeys(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const { order } = this
    const { router } = order
    const { firstKey } = row
    if (hasOneKey(row)) {
      const route = router.routeOfKey(frame.buf, frame.argStart[firstKey], frame.argEnd[firstKey])
      this.oneRoute.serve(route, frame, row, slot, deadlineMs)
      return
    }
    // Its patterns name keys anywhere on the ring. With a word that nobody knows it has no keys, as below.
    if (namesOthers(row, frame)) {
      this.gathering.serve(frame, row, slot)
      return
    }
    if (row.keyFinder === 'streams' && hasBlockOption(frame)) {
      this.blocking.serveStreams(frame, row, slot, deadlineMs)
      return
    }
    const count = lacksValue(row, frame) ? 0 : findKeys(row, frame, this.keyIndexes)
    if (count <= 0) {
      const unclear = unclearKeys(row, count, router.links)
      // Without keys it cannot be executed: some member says why.
      if (unclear === undefined) this.serveAnywhere(frame, row, slot, deadlineMs)
      else answer(slot, unclear)
      return
    }
    const route = router.commonRoute(frame, this.keyIndexes, count)
    if (route !== undefined) this.oneRoute.serve(route, frame, row, slot, deadlineMs)
    else if (!isCertain(row, frame, router.links)) answer(slot, notSupported(row, TORN))
    else if (row.plan !== undefined) new PlanRun(order, frame, row, slot).run()
    else if (row.gather !== undefined) this.gathering.serve(frame, row, slot)
    else if (row.merge === 'streams') readStreams(this.oneRoute, frame, row, slot, this.keyIndexes, count, deadlineMs)
    else answer(slot, notSupported(row, TORN))
  }

  /** All members answer it alike, or those do who refuse it. */
  private serveAnywhere(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const { order } = this
    const route = order.router.refuser(row, frame) ?? this.scripts.anyMember.now()
    if (!Read.emit(order, route, frame, row, slot)) order.park(frame, row, slot, deadlineMs)
  }
}
