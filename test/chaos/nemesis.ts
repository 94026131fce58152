import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosRing } from './chaos-ring.js'
import { FAULTS, type FaultContext, type FaultPlan, REST, type Resource } from './faults.js'
import { unrest } from './health.js'
import { nowMs } from './history.js'
import { placement } from './placement.js'
import { NotServingError } from './proxy-process.js'

/** How long after it was healed a member may still be thought to be well by the proxy although it is not. */
const NOTICE_MS = 1500
/** How long the ring may take to come to rest after the last fault. */
export const REST_PATIENCE_MS = 60_000
/** How long a fault waits for others to be over before the next one is tried. */
const ROOM_PATIENCE_MS = 10_000
/** New members at most, beside those of the beginning. */
const JOINS_MAX = 2

/** One fault as it happened. */
export interface FaultRecord {
  readonly fault: string
  readonly targets: readonly string[]
  readonly startedMs: number
  healedMs: number
  /** When the ring had come to rest for the first time after that. */
  wholeMs: number
}

/** Who the members were from some moment on, at which the ring was at rest. */
export interface Membership {
  readonly sinceMs: number
  readonly names: readonly string[]
}

/**
 * Makes things go wrong by a schedule, several at a time, and never harms more members at once than the ring promises
 * to survive: a member counts as harmed until the ring has come to rest after it was healed, because until then it may not
 * have its data again.
 */
export class Nemesis {
  readonly records: FaultRecord[] = []
  readonly memberships: Membership[] = []
  /** Planned faults that did not find their place before the time was over. */
  skipped = 0
  /** Members that are harmed now, or were and may not be whole yet. */
  private readonly harmed = new Set<string>()
  /** How many faults have each resource now. */
  private readonly busy = new Map<Resource, number>()
  private readonly running = new Set<Promise<void>>()
  private healedMs = 0
  /** When nobody was harmed for the last time. */
  private wholeMs = 0
  private stopped = false

  constructor(
    private readonly context: FaultContext,
    private readonly plans: readonly FaultPlan[],
  ) {
    this.memberships.push({ sinceMs: 0, names: [...this.ring.expected] })
  }

  private get ring(): ChaosRing {
    return this.context.ring
  }

  /** Runs the schedule until `stop`; resolves when everything is healed. */
  async run(startedMs: number): Promise<void> {
    for (const plan of this.plans) {
      while (!this.stopped && nowMs() < startedMs + plan.atMs) await sleep(50)
      const patienceMs = plan.fault === REST ? Infinity : ROOM_PATIENCE_MS
      let hasBegun = false
      for (const sinceMs = nowMs(); !this.stopped && nowMs() < sinceMs + patienceMs; await sleep(50)) {
        hasBegun = await this.begin(plan)
        if (hasBegun) break
      }
      if (!hasBegun) this.skipped++
    }
    await Promise.all(this.running)
  }

  stop(): void {
    this.stopped = true
  }

  /** What is going on, for the progress line. */
  status(): string {
    return this.records
      .filter(({ healedMs }) => healedMs === Infinity)
      .map(({ fault, targets }) => [fault, ...targets].join(' '))
      .join(', ')
  }

  /** Waits until the ring is whole. Gives what keeps it from that after a long time. */
  async rest(): Promise<string | undefined> {
    let missing: string | undefined = 'not asked'
    for (const deadlineMs = nowMs() + REST_PATIENCE_MS; missing !== undefined && nowMs() < deadlineMs; ) {
      await sleep(200)
      missing = nowMs() < this.healedMs + NOTICE_MS ? 'just healed' : await unrest(this.ring)
    }
    if (missing === undefined) await this.allWhole()
    return missing
  }

  /** Starts the fault if there is room for it now. */
  private async begin(plan: FaultPlan): Promise<boolean> {
    const { resource, needs = [] } = FAULTS[plan.fault]
    const resources: Resource[] = [resource, ...needs]
    await this.notice()
    if (this.stopped || !resources.every((one) => this.hasRoom(one, plan))) return false
    const targets = this.choose(plan)
    if (targets === undefined) return true
    for (const name of resource === 'all' ? this.ring.members.keys() : targets) this.harmed.add(name)
    for (const one of resources) this.busy.set(one, (this.busy.get(one) ?? 0) + 1)
    const record = { fault: plan.fault, targets, startedMs: nowMs(), healedMs: Infinity, wholeMs: Infinity }
    this.records.push(record)
    const task = this.perform(plan, targets).finally(() => {
      record.healedMs = nowMs()
      this.healedMs = nowMs()
      for (const one of resources) this.busy.set(one, this.busy.get(one)! - 1)
      this.running.delete(task)
    })
    this.running.add(task)
    return true
  }

  private async perform(plan: FaultPlan, targets: readonly string[]): Promise<void> {
    const over = this.ring.disturb()
    try {
      const { resource, needs = [] } = FAULTS[plan.fault]
      const isOfProxies = [resource, ...needs].some((one) => ['proxy', 'all'].includes(one))
      if (isOfProxies && this.ring.places.length > 0) await this.ring.findOwner()
      await FAULTS[plan.fault].run(this.context, plan, targets)
    } catch (error) {
      const message = `the fault '${plan.fault}' could not be brought about or healed: ${(error as Error).message}`
      this.context.complain(message, error instanceof NotServingError ? 'not serving' : 'fault')
    } finally {
      void over()
    }
  }

  /** Whoever was harmed is whole again when nothing is going on and the ring is at rest. */
  private async notice(): Promise<void> {
    if (this.wholeMs > this.healedMs || this.running.size > 0 || nowMs() < this.healedMs + NOTICE_MS) return
    if ((await unrest(this.ring)) === undefined && this.running.size === 0) await this.allWhole()
  }

  private async allWhole(): Promise<void> {
    this.wholeMs = nowMs()
    for (const record of this.records) {
      if (record.healedMs < Infinity) record.wholeMs = Math.min(record.wholeMs, this.wholeMs)
    }
    this.memberships.push({ sinceMs: this.wholeMs, names: [...this.ring.expected] })
    this.harmed.clear()
    await this.ring.dismiss()
  }

  private hasRoom(resource: Resource, { fault, count }: FaultPlan): boolean {
    const { replicas } = this.ring.options
    const isBusy = (one: Resource) => (this.busy.get(one) ?? 0) > 0
    if (isBusy('all')) return false
    switch (resource) {
      case 'members':
        return this.harmed.size + (FAULTS[fault].fillsBudget ? replicas : count) <= replicas && !this.isFilled()
      case 'all':
        return this.running.size === 0 && this.harmed.size === 0
      case 'membership':
        return !isBusy(resource) && this.isWhole()
      default:
        return !isBusy(resource)
    }
  }

  /** Whether a fault is under way, or not over yet, that takes all there is to be harmed. */
  private isFilled(): boolean {
    return (
      this.harmed.size > 0 &&
      this.records.some(({ fault, healedMs }) => {
        return FAULTS[fault].fillsBudget && (healedMs === Infinity || healedMs > this.wholeMs)
      })
    )
  }

  /** Joins and leaves come one at a time, each to a ring that knows its members. */
  private isWhole(): boolean {
    return this.harmed.size < this.ring.options.replicas
  }

  /** The members that the fault meets; undefined when it cannot happen to this ring. */
  private choose({ fault, count, dice }: FaultPlan): string[] | undefined {
    const { expected, options } = this.ring
    if (fault === 'join' && expected.size >= options.nodes + JOINS_MAX) return undefined
    // One more than the copies, so that who leaves has somebody to give to.
    if (FAULTS[fault].takesMember && expected.size <= options.replicas + 2) return undefined
    if (FAULTS[fault].meetsHolders) return this.holders(dice)
    const free = [...expected].filter((name) => !this.harmed.has(name)).sort()
    if (free.length < count) return undefined
    return Array.from({ length: count }, (_, i) => {
      return free.splice(Math.floor(dice[i % dice.length] * free.length), 1)[0]
    })
  }

  /** All holders of a key, in any order; undefined when one of them is harmed. */
  private holders(dice: readonly number[]): string[] | undefined {
    const { expected, options } = this.ring
    const holders = placement([...expected], options.replicas)(Buffer.from(`key of ${dice[0]}`))
    if (holders.length <= options.replicas || holders.some((name) => this.harmed.has(name))) return undefined
    const first = Math.floor(dice[1] * holders.length)
    return [...holders.slice(first), ...holders.slice(0, first)]
  }
}
