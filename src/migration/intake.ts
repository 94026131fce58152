import type { Link } from '../backend/link.js'
import type { Coordinator } from '../coordinator/coordinator.js'
import { keyId } from '../coordinator/lanes.js'
import { identifierOfKey } from '../ring/identifier.js'
import { RangeSet } from '../ring/range-set.js'
import type { IntakePlan } from './plan.js'
import { accepted, databasesOf, WalkError, walkKeys } from './walk.js'
import { type Rate, Window } from './window.js'

/** Keys and bytes that are copied at a time: more makes nothing faster, and costs memory. */
const WINDOW_KEYS = 512
const WINDOW_BYTES = 32 * 1024 * 1024
/** A copy that failed is tried again so often, at this distance. */
const RETRIES = 20
const RETRY_MS = 250

/** How far an intake is; the totals are estimates from the sizes of the sources. */
export interface IntakeProgress {
  keysCopied: number
  bytesCopied: number
  keysTotal: number
  step: 'clearing' | 'copying' | 'done'
}

/**
 * Fills one pending replica [design §8 Join]: deletes what it has left of its new ranges, then copies every key of them
 * in one pass over each source. All of it goes over the links, between the clients' writes.
 */
export class Intake {
  readonly ranges: RangeSet
  readonly startedAtMs = Date.now()
  readonly progress: IntakeProgress = { keysCopied: 0, bytesCopied: 0, keysTotal: 0, step: 'clearing' }
  private cancelled = false
  private readonly window = new Window(WINDOW_KEYS, WINDOW_BYTES)

  constructor(
    private readonly coordinator: Coordinator,
    readonly plan: IntakePlan,
    private readonly link: (name: string) => Link,
    private readonly rate: Rate,
  ) {
    this.ranges = new RangeSet(plan.ranges)
  }

  /** What is under way is still done, and nothing more is begun. */
  cancel(): void {
    this.cancelled = true
  }

  /**
   * True when the member has everything, false when the intake was cancelled.
   *
   * @throws WalkError, LinkLostError when a server could not be asked: the intake has to be made again
   */
  async run(): Promise<boolean> {
    const target = this.link(this.plan.member)
    await this.clear(target)
    this.progress.step = 'copying'
    const sources = this.plan.sources.map(({ source, ranges }) => ({
      source: this.link(source),
      ranges: new RangeSet(ranges),
    }))
    await Promise.all(sources.map(({ source, ranges }) => this.estimate(source, ranges)))
    await Promise.all(sources.map(({ source, ranges }) => this.copyFrom(source, target, ranges)))
    await this.window.empty()
    this.throwFailure()
    if (!this.cancelled) this.progress.step = 'done'
    return !this.cancelled
  }

  /** Leftovers would bring back keys that were deleted meanwhile. What arrives while they are looked for is kept. */
  private async clear(target: Link): Promise<void> {
    const { arrivals } = this.coordinator
    if (this.plan.empty) {
      // In one turn: whatever came before is gone, and not taken for there.
      arrivals.forget(target)
      accepted(target, await target.call(['FLUSHALL', 'ASYNC']))
      return
    }
    arrivals.forgetAndRemember(target)
    try {
      for await (const { db, keys } of walkKeys(target)) {
        const leftovers = keys.filter(
          (key) => this.ranges.has(identifierOfKey(key, 0, key.length)) && !arrivals.has(target, idOf(db, key)),
        )
        if (leftovers.length > 0) accepted(target, await target.call(['UNLINK', ...leftovers], db))
      }
    } finally {
      arrivals.relax(target)
    }
  }

  private async estimate(source: Link, ranges: RangeSet): Promise<void> {
    let keys = 0
    for (const database of await databasesOf(source)) keys += database.keys
    // A source holds what it masters and the copies of others; it is asked for a part of what it masters.
    const copies = Math.min(this.coordinator.router.view.replicas + 1, this.coordinator.router.links.length)
    const held = (copies / Math.max(1, this.coordinator.router.links.length)) as number
    this.progress.keysTotal += Math.round(keys * Math.min(1, ranges.share / held))
  }

  private async copyFrom(source: Link, target: Link, ranges: RangeSet): Promise<void> {
    const { arrivals } = this.coordinator
    for await (const { db, keys } of walkKeys(source)) {
      if (this.cancelled) return
      const moving = keys.filter(
        (key) => ranges.has(identifierOfKey(key, 0, key.length)) && !arrivals.has(target, idOf(db, key)),
      )
      if (moving.length > 0) await this.copyBatch(source, target, db, moving)
    }
  }

  /** The sizes are asked for first, so that a few large values do not fill the memory. */
  private async copyBatch(source: Link, target: Link, db: number, keys: readonly Buffer[]): Promise<void> {
    const sizes = await Promise.all(keys.map((key) => source.call(['MEMORY', 'USAGE', key, 'SAMPLES', '1'], db)))
    for (let i = 0; i < keys.length; i++) {
      const size = sizes[i]
      // Null: the key is gone in the meantime.
      const bytes = typeof size === 'number' ? size : 0
      await this.rate.take(bytes)
      await this.window.enter(bytes)
      if (this.cancelled) {
        this.window.leave(bytes)
        return
      }
      this.copyKey(source, target, idOf(db, keys[i]), bytes, RETRIES)
    }
    this.throwFailure()
  }

  private failure: Error | undefined

  private throwFailure(): void {
    if (this.failure !== undefined) throw this.failure
  }

  private copyKey(source: Link, target: Link, id: string, size: number, retries: number): void {
    this.coordinator.copyKey(id, source, target, (_target, result, reason, bytes) => {
      if (result === 'copied' || this.cancelled || !source.ready || !target.ready || retries === 0) {
        this.window.leave(size)
        if (result === 'copied') {
          this.progress.keysCopied++
          this.progress.bytesCopied += bytes
        } else
          this.failure ??= new WalkError(
            `a key was not copied from ${source.name} to ${target.name}: ${reason || result}`,
          )
        return
      }
      setTimeout(() => {
        if (source.ready && target.ready) this.copyKey(source, target, id, size, retries - 1)
        else {
          this.window.leave(size)
          this.failure ??= new WalkError(`the connection to ${source.name} or ${target.name} broke`)
        }
      }, RETRY_MS)
    })
  }
}

function idOf(db: number, key: Buffer): string {
  return keyId(db, key, 0, key.length)
}
