import type { Link } from '../backend/link.js'
import { LinkLostError } from '../backend/link.js'
import type { Links } from '../backend/links.js'
import { assert } from '../base/assert.js'
import { noteFailure } from '../base/inner-failure.js'
import type { Logger } from '../base/log.js'
import type { Order } from '../order/order.js'
import { describeKey, type FailedCopy } from '../order/pieces/failed-copies.js'
import type { Ring } from '../ring/ring.js'
import { rangeContains, type TokenRange } from '../ring/token-range.js'
import type { View } from '../view/view.js'
import type { ViewKeeper } from '../view/view-keeper.js'
import type { ViewStore } from '../view/view-store.js'
import { deleteDisplaced } from './displaced.js'
import { HeldUp } from './held-up.js'
import { Intake, type Received } from './intake.js'
import { Pace } from './pace.js'
import { Partings } from './partings.js'
import { displacedMembers, planIntakes } from './plan.js'
import { Speed } from './speed.js'
import { WalkError } from './walk.js'
import { Rate } from './window.js'

/** How long after a failure the next try begins. */
const RETRY_MS = 500
const PROGRESS_LOG_MS = 2000

export interface MigratorDeps {
  readonly views: ViewStore
  readonly links: Links
  readonly order: Order
  readonly log: Logger
  readonly maxBytesPerSecond: number
  /** Is told which ranges a pending replica has received whole, and of which others may let go. */
  readonly keeper: Pick<ViewKeeper, 'filled' | 'parted'>
  /** Resolves when every start finds the current view, or a later one: displaced copies may go then, and members be cleared. */
  acknowledged(): Promise<void>
}

/** One migration as it is shown. */
export interface MigrationStatus {
  readonly member: string
  readonly reason: string
  readonly sources: readonly string[]
  readonly step: string
  readonly keys: number
  readonly keysTotal: number
  readonly bytes: number
  readonly seconds: number
  /** Estimated, undefined as long as there is nothing to estimate from. */
  readonly secondsLeft: number | undefined
  /** Keys that the member did not take, and why. */
  readonly failed: readonly FailedCopy[]
}

/**
 * Moves data until nobody is pending any more: looks at every new view, starts the intakes that it asks for, ends those
 * it does not ask for any more, sees off who is to let go of a range, and deletes displaced copies. It decides nothing about
 * the ring: when an intake is complete it says so, and another view follows.
 */
export class Migrator {
  /** How fast data moves. */
  readonly speed: Speed
  private readonly running = new Set<Intake>()
  private readonly sweeping = new Set<string>()
  private readonly displaced = new Set<string>()
  private readonly heldUp = new HeldUp()
  private readonly partings: Partings
  private retryTimer: NodeJS.Timeout | undefined
  private progressTimer: NodeJS.Timeout | undefined
  private readonly rate: Rate
  private readonly pace: Pace
  private stopped = false
  private unsubscribe: (() => void) | undefined

  constructor(private readonly deps: MigratorDeps) {
    this.rate = new Rate(deps.maxBytesPerSecond)
    const { views, order, keeper } = deps
    this.partings = new Partings({ views, order, parted: (ranges) => keeper.parted(ranges) })
    const { stats } = order
    this.pace = new Pace(() => stats.reads + stats.writes)
    this.speed = new Speed(deps.maxBytesPerSecond, this.pace)
  }

  start(): void {
    this.pace.start()
    this.unsubscribe = this.deps.views.onChange((view, previous) => this.viewChanged(view, previous))
    this.partings.start()
    this.progressTimer = setInterval(() => this.logProgress(), PROGRESS_LOG_MS)
    this.reconcileSoon(0)
  }

  stop(): void {
    this.stopped = true
    this.unsubscribe?.()
    this.partings.stop()
    this.pace.stop()
    clearTimeout(this.retryTimer)
    clearInterval(this.progressTimer)
    for (const intake of this.running) intake.cancel()
  }

  /** The link of a member came up: what waited for it can begin. */
  linkUp(name: string): void {
    this.heldUp.forget(name)
    this.reconcileSoon(0)
  }

  /** The databases were swapped, so that whoever walks through one has left a part out. */
  beginAnew(): void {
    for (const intake of [...this.running]) this.end(intake)
    for (const name of this.sweeping) this.displaced.add(name)
    this.reconcileSoon(0)
  }

  /** Looks through all members for copies that are not theirs: after a stop nobody knows what was left half done. */
  sweepAll(): void {
    for (const { name } of this.deps.views.current.members) this.displaced.add(name)
    this.reconcileSoon(0)
  }

  /** Whether displaced copies are being, or still to be, deleted from a member. */
  isSweeping(name: string): boolean {
    return this.displaced.has(name) || this.sweeping.has(name)
  }

  /** The members from which displaced copies are being deleted. */
  get sweeps(): string[] {
    return [...new Set([...this.sweeping, ...this.displaced])].sort()
  }

  status(): MigrationStatus[] {
    return [...this.running].map((intake) => {
      const { plan, progress, startedAtMs } = intake
      return {
        member: plan.member,
        reason: plan.reason,
        sources: plan.sources.map(({ source }) => source),
        step: progress.step,
        keys: progress.keysCopied,
        keysTotal: Math.max(progress.keysTotal, progress.keysCopied),
        bytes: progress.bytesCopied,
        seconds: (performance.now() - startedAtMs) / 1000,
        secondsLeft: intake.secondsLeft(),
        failed: this.deps.order.pieces.failed.of(plan.member),
      }
    })
  }

  /** The members that have received everything but some keys which they did not take. */
  heldUpMembers(): { readonly member: string; readonly failed: readonly FailedCopy[] }[] {
    const { failed } = this.deps.order.pieces
    return this.heldUp.members.map((member) => ({ member, failed: failed.of(member) }))
  }

  private viewChanged(view: View, previous: View): void {
    for (const name of displacedMembers(previous, view)) this.displaced.add(name)
    for (const intake of [...this.running]) if (!this.isWanted(intake, view, previous)) this.end(intake)
    this.reconcileSoon(0)
  }

  /** Whether its member is still pending for all its ranges, and was all the time: also where they have been cut since. */
  private isWanted({ plan }: Intake, view: View, previous: View): boolean {
    const sources = new Map(
      plan.sources.flatMap(({ source, ranges }) => ranges.map((range) => [range, source] as const)),
    )
    const has = (list: readonly { readonly name: string }[], name: string) => list.some((each) => each.name === name)
    return plan.ranges.every((range) =>
      partsOf(range, view.ring).every((to) => {
        const { natural, pending } = view.setOfRange[view.ring.rangeOf(to)]
        const before = previous.setOfRange[previous.ring.rangeOf(to)]
        return has(pending, plan.member) && has(before.pending, plan.member) && has(natural, sources.get(range)!)
      }),
    )
  }

  private end(intake: Intake): void {
    intake.cancel()
    this.running.delete(intake)
    this.deps.log.info(
      { event: 'migration-cancelled', member: intake.plan.member, reason: intake.plan.reason },
      'migration: not wanted any more',
    )
  }

  private reconcileSoon(delayMs: number): void {
    if (this.stopped) return
    clearTimeout(this.retryTimer)
    this.retryTimer = setTimeout(() => void this.reconcile(), delayMs)
  }

  private async reconcile(): Promise<void> {
    const { views, links, order, acknowledged } = this.deps
    // What members have is cleared before they are filled. Until the view is noted a start may find the one before, which counts on that.
    const { epoch } = views.current
    await acknowledged()
    if (this.stopped || views.current.epoch !== epoch) return
    const canGive = (name: string) => links.get(name)?.serving === true
    const isUnderWay = (member: string, range: TokenRange) =>
      [...this.running].some((intake) => intake.plan.member === member && intake.ranges.has(range.to))
    const mayNotBegin = (member: string, range: TokenRange) =>
      isUnderWay(member, range) || this.heldUp.isWaiting(member, range)
    for (const plan of planIntakes(views.current, canGive, mayNotBegin)) {
      if (links.get(plan.member)?.ready !== true) continue
      // Emptying the member would take away what another intake has brought, or it has kept.
      const alone = ![...this.running].some((intake) => intake.plan.member === plan.member)
      const keeps = order.arrivals.keepsAny(this.link(plan.member))
      // What it holds besides that may be of no range that it is to have now.
      if (plan.empty && keeps) this.displaced.add(plan.member)
      void this.receive({ ...plan, empty: plan.empty && alone && !keeps })
    }
    // A range whose holders all have keys in doubt at the moment has no source, and nobody tells when it has one.
    if (planIntakes(views.current, () => true, isUnderWay).length > 0) this.reconcileSoon(RETRY_MS)
    for (const name of this.displaced) void this.sweep(name)
  }

  private async receive(plan: Intake['plan']): Promise<void> {
    const { order, log, keeper } = this.deps
    const about = { member: plan.member, reason: plan.reason, sources: plan.sources.map(({ source }) => source) }
    const intake = new Intake(order, plan, (name) => this.link(name), this.rate, this.pace)
    this.running.add(intake)
    log.info({ event: 'migration-begun', ...about, ranges: plan.ranges.length }, 'migration: begins')
    try {
      const received = await intake.run()
      if (!this.running.delete(intake) || received === undefined) return
      const { keysCopied, bytesCopied } = intake.progress
      const ms = Math.round(performance.now() - intake.startedAtMs)
      log.info({ event: 'migration-done', ...about, keys: keysCopied, bytes: bytesCopied, ms }, 'migration: complete')
      this.speed.note(keysCopied, bytesCopied, ms / 1000)
      if (received.partly.length > 0) this.noteFailed(plan.member, received)
      if (received.whole.length > 0) keeper.filled(plan.member, received.whole)
      else this.reconcileSoon(RETRY_MS)
    } catch (error) {
      intake.cancel()
      const isWanted = this.running.delete(intake)
      if (!isExpected(error)) noteFailure(log, error, { member: plan.member, while: 'it was filled' })
      if (!isWanted) return
      log.warn(
        { event: 'migration-interrupted', ...about, cause: (error as Error).message },
        'migration: interrupted, begins again',
      )
      this.reconcileSoon(RETRY_MS)
    } finally {
      intake.over()
    }
  }

  /** Some keys were not taken, though the member answers: it waits for them, and not for the rest. */
  private noteFailed(member: string, { partly, failed }: Received): void {
    this.heldUp.note(member, partly)
    const [{ id, why }] = failed
    const others = failed.length === 1 ? '' : ` and ${failed.length - 1} others`
    this.deps.log.warn(
      { event: 'migration-refused', member, keys: failed.length, ranges: partly.length, reason: why },
      `${member} did not take ${describeKey(id)}${others}: it does not serve their ranges before it has`,
    )
  }

  private async sweep(name: string): Promise<void> {
    const { order, links, log, acknowledged, views } = this.deps
    const link = links.get(name)
    if (!views.current.members.some((member) => member.name === name)) this.displaced.delete(name)
    else if (link?.ready === true && !this.sweeping.has(name)) {
      this.sweeping.add(name)
      this.displaced.delete(name)
      try {
        await acknowledged()
        const deleted = await deleteDisplaced(order, link, this.pace)
        if (deleted > 0)
          log.info({ event: 'displaced-deleted', member: name, keys: deleted }, 'displaced copies deleted')
      } catch (error) {
        if (!isExpected(error)) noteFailure(log, error, { member: name, while: 'displaced copies were deleted' })
        this.displaced.add(name)
        this.reconcileSoon(RETRY_MS)
      } finally {
        this.sweeping.delete(name)
        if (this.displaced.has(name)) this.reconcileSoon(RETRY_MS)
      }
    }
  }

  private link(name: string): Link {
    const link = this.deps.links.get(name)
    assert(link !== undefined, `${name} of a migration has a link`)
    return link
  }

  private logProgress(): void {
    for (const intake of this.running) intake.mark()
    for (const { member, reason, step, keys, keysTotal, bytes, secondsLeft } of this.status()) {
      const left = secondsLeft === undefined ? undefined : Math.ceil(secondsLeft)
      this.deps.log.info(
        { event: 'migration-progress', member, reason, step, keys, keysTotal, bytes, secondsLeft: left },
        'migration: under way',
      )
    }
  }
}

/** The ends of the ranges of a ring that a range lies in, or is cut into. */
function partsOf(range: TokenRange, ring: Ring): number[] {
  const ends = [range.to]
  for (let i = ring.rangeOf(range.to); ends.length <= ring.size; i = i === 0 ? ring.size - 1 : i - 1) {
    const { from } = ring.range(i)
    if (from === range.from || from === range.to || !rangeContains(range, from)) break
    ends.push(from)
  }
  return ends
}

/** A server that cannot be asked at the moment. Anything else is a defect of ours. */
function isExpected(error: unknown): error is Error {
  return error instanceof LinkLostError || error instanceof WalkError
}
