import { setTimeout as sleep } from 'node:timers/promises'
import { LinkLostError } from '../backend/decoded-reply.js'
import type { Link } from '../backend/link.js'
import type { KeyId } from '../base/key-id.js'
import type { Order } from '../order/order.js'
import { identifierOfId } from '../ring/identifier.js'
import { RangeSet } from '../ring/range-set.js'
import type { TokenRange } from '../ring/token-range.js'
import { partingOf } from '../view/parting.js'
import type { View } from '../view/view.js'
import type { ViewStore } from '../view/view-store.js'

/** Between two looks, while something stands in the way. */
const RETRY_MS = 100

export interface PartingsDeps {
  readonly views: ViewStore
  readonly order: Order
  /** Those who are to hold these ranges have everything that was read from those who part. */
  parted(ranges: readonly TokenRange[]): void
}

/** Ranges whose replicas part, from one view on: by where they lie and who has them. */
type Round = Map<
  string,
  { readonly range: TokenRange; readonly stays: readonly string[]; readonly parts: readonly string[] }
>

/**
 * The last step of a leave, and of every other move [design §8 Parting]. The view has put those last who are to let go of a
 * range, so that nothing is read from them any more that the others have not. What was read before was of writes that had been
 * emitted to all of them: these are waited for, and then whoever parts may go.
 *
 *     view n     dt-1 dt-2        reads go to dt-1, which has executed a write that is on its way to dt-2
 *     view n+1   dt-2 dt-3 dt-1   reads go to dt-2, behind that write; should the connection break, dt-2 gets it from dt-1
 *                                 [what is held there has gone out] [everybody has answered] [nothing is in doubt]
 *     view n+2   dt-2 dt-3
 */
export class Partings {
  private readonly rounds = new Set<Round>()
  private stopped = false
  private unsubscribe: (() => void) | undefined

  constructor(private readonly deps: PartingsDeps) {}

  start(): void {
    this.unsubscribe = this.deps.views.onChange((view) => this.viewChanged(view))
    this.viewChanged(this.deps.views.current)
  }

  stop(): void {
    this.stopped = true
    this.unsubscribe?.()
  }

  private viewChanged(view: View): void {
    const found: Round = new Map()
    for (let i = 0; i < view.ring.size; i++) {
      const set = view.setOfRange[i]
      const parting = partingOf(view, set)
      if (parting.length === 0) continue
      const range = view.ring.range(i)
      const names = set.natural.map(({ name }) => name)
      const stays = names.slice(0, names.length - parting.length)
      found.set(JSON.stringify([range.from, range.to, names]), { range, stays, parts: names.slice(stays.length) })
    }
    for (const round of this.rounds) {
      for (const key of [...round.keys()]) if (!found.delete(key)) round.delete(key)
      if (round.size === 0) this.rounds.delete(round)
    }
    if (found.size > 0) void this.see(found)
  }

  private async see(round: Round): Promise<void> {
    const { rounds, deps } = this
    rounds.add(round)
    while (!(await this.isSettled(round))) await sleep(RETRY_MS)
    if (this.stopped || !rounds.delete(round)) return
    deps.parted([...round.values()].map(({ range }) => range))
  }

  /** Whether who stays has everything that was emitted until now; also when there is nothing left to see to. */
  private async isSettled(round: Round): Promise<boolean> {
    const { order } = this.deps
    if (this.stopped || round.size === 0) return true
    const places = [...round.values()]
    const linksOf = (names: readonly string[]) => order.router.links.filter(({ name }) => names.includes(name))
    const staying = linksOf(places.flatMap(({ stays }) => stays))
    const parting = linksOf(places.flatMap(({ parts }) => parts)).filter(({ ready }) => ready)
    const ranges = new RangeSet(places.map(({ range }) => range))
    const isTheirs = (id: KeyId) => ranges.has(identifierOfId(id))
    try {
      await Promise.all(staying.map((link) => this.hasPassed(link, isTheirs)))
      // What somebody refused is known when the others have answered, too.
      await Promise.all([...staying, ...parting].map((link) => link.call(['PING'])))
    } catch (error) {
      if (!(error instanceof LinkLostError)) throw error
      return false
    }
    return !staying.some((link) => order.doubts.on(link).some(isTheirs))
  }

  /** What was held on a link when this began has been emitted. */
  private async hasPassed(link: Link, isTheirs: (id: KeyId) => boolean): Promise<void> {
    const { lanes } = this.deps.order
    // Each key for itself, so that none waits for another one.
    const held = lanes.heldOn(link).filter(isTheirs)
    await Promise.all(held.map((id) => lanes.whenPassed(link, [id])))
  }
}
