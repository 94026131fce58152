import { setTimeout as sleep } from 'node:timers/promises'
import type { Link } from '../backend/link.js'
import type { Coordinator } from '../coordinator/coordinator.js'
import { keyId } from '../coordinator/lanes.js'
import { identifierOfKey } from '../ring/identifier.js'
import { RangeSet } from '../ring/range-set.js'
import { Pace } from './pace.js'
import type { IntakePlan } from './plan.js'
import { sizesOf } from './sizes.js'
import { accepted, databasesOf, WalkError, walkKeys } from './walk.js'
import { type Rate, Window } from './window.js'

/** Bytes that are copied at a time: more makes nothing faster, and costs memory. */
const WINDOW_BYTES = 32 * 1024 * 1024
/** Keys whose sizes are asked for at once. */
const BATCH_KEYS = 256
/** A copy that failed is tried again so often, at this distance. */
const RETRIES = 20
const RETRY_MS = 250
/** How often it is looked whether a member without memory has some again. */
const FULL_MS = 200

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
  private failure: Error | undefined
  private readonly pace: Pace
  private readonly window: Window

  constructor(
    private readonly coordinator: Coordinator,
    readonly plan: IntakePlan,
    private readonly link: (name: string) => Link,
    private readonly rate: Rate,
  ) {
    this.ranges = new RangeSet(plan.ranges)
    this.pace = new Pace(coordinator.stats)
    this.window = new Window(() => this.pace.windowKeys(), WINDOW_BYTES)
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
    let batch: Buffer[] = []
    let batchDb = 0
    for await (const { db, keys } of walkKeys(source)) {
      if (this.cancelled) return
      if (db !== batchDb) await this.copyBatch(source, target, batchDb, batch.splice(0))
      batchDb = db
      for (const key of keys) if (ranges.has(identifierOfKey(key, 0, key.length))) batch.push(key)
      if (batch.length < BATCH_KEYS) continue
      await this.copyBatch(source, target, db, batch)
      batch = []
    }
    await this.copyBatch(source, target, batchDb, batch)
  }

  /** The sizes are asked for first, so that a few large values do not fill the memory. */
  private async copyBatch(source: Link, target: Link, db: number, keys: readonly Buffer[]): Promise<void> {
    const sizes = await sizesOf(source, db, keys)
    const { window, rate, pace } = this
    for (let from = 0, to = 0; from < keys.length; from = to) {
      const countMax = pace.pieceKeys()
      let bytes = sizes[to++]
      while (to < keys.length && to - from < countMax && bytes + sizes[to] <= rate.pieceBytes) bytes += sizes[to++]
      const count = to - from
      // Beyond its limit it would refuse also the marker, without which nothing is acknowledged.
      while (target.full && !this.cancelled) await sleep(FULL_MS)
      await rate.take(bytes)
      await window.enter(bytes, count)
      if (this.cancelled) {
        window.leave(bytes, count)
        return
      }
      if (!source.ready || !target.ready) this.fail(`the connection to ${source.name} or ${target.name} broke`)
      this.throwFailure()
      this.copyPiece(source, target, db, keys.slice(from, to), bytes)
    }
  }

  private throwFailure(): void {
    if (this.failure !== undefined) throw this.failure
  }

  /** All of it is emitted in one turn, so that a server gets it in one write. */
  private copyPiece(source: Link, target: Link, db: number, keys: readonly Buffer[], bytes: number): void {
    const { arrivals } = this.coordinator
    const ids = keys.map((key) => keyId(db, key, 0, key.length)).filter((id) => !arrivals.has(target, id))
    let open = ids.length
    const done = () => {
      if (--open <= 0) this.window.leave(bytes, keys.length)
    }
    if (open === 0) done()
    else this.copyKeys(source, target, ids, done, RETRIES)
  }

  private copyKeys(source: Link, target: Link, ids: readonly string[], done: () => void, retries: number): void {
    this.coordinator.copyKeys(ids, source, target, (_target, result, reason, bytes, id) => {
      if (result === 'copied') {
        this.progress.keysCopied++
        this.progress.bytesCopied += bytes
        done()
      } else if (this.cancelled || retries === 0 || !source.ready || !target.ready) {
        this.fail(`a key was not copied from ${source.name} to ${target.name}: ${reason || result}`)
        done()
      } else {
        setTimeout(() => {
          // Who was cancelled may be asking a member that is to have the key no more.
          if (!this.cancelled && source.ready && target.ready) {
            this.copyKeys(source, target, [id], done, retries - 1)
            return
          }
          this.fail(`the connection to ${source.name} or ${target.name} broke`)
          done()
        }, RETRY_MS)
      }
    })
  }

  private fail(why: string): void {
    this.failure ??= new WalkError(why)
  }
}

function idOf(db: number, key: Buffer): string {
  return keyId(db, key, 0, key.length)
}
