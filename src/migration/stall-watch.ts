import type { Link } from '../backend/link.js'
import type { Links } from '../backend/links.js'
import type { Logger } from '../base/log.js'
import { isKeptBusy } from '../order/pieces/kept-busy.js'
import type { ViewKeeper } from '../view/view-keeper.js'
import type { ViewStore } from '../view/view-store.js'
import { joiningMembers } from './plan.js'

const TICK_MS = 100
/** A tick that comes so late says nothing about others: we were stopped ourselves. */
const LATE_MS = 300
/**
 * So long a pending replica may keep the writes of its ranges waiting [design §8 Membership]; and for as many times longer than
 * what it is given may block it, for it is never let go because it is busy with that. (What makes room for a large string takes
 * longer: that is known by itself.)
 */
const STALL_MS = 500
const STALL_BLOCKS = 10

/**
 * Watches joining members: one that does not answer, or is not connected, holds up every write to the ranges that it is to
 * get, and nobody would miss it.
 */
export class StallWatch {
  private readonly stallMs: number
  private timer: NodeJS.Timeout | undefined
  private lastTickMs = 0
  /** When each was first seen to be stuck where it is, and what it had received by then. */
  private readonly stuck = new Map<string, { readonly sinceMs: number; readonly receivedMs: number }>()

  constructor(
    /** The links of the members that hold nothing yet and are being filled. */
    private readonly joining: () => readonly Link[],
    private readonly stalled: (link: Link) => void,
    /** What is copied blocks a server for no longer than about this. */
    maxBlockMs: number,
  ) {
    this.stallMs = Math.max(STALL_MS, STALL_BLOCKS * maxBlockMs)
  }

  start(): void {
    this.lastTickMs = performance.now()
    this.timer = setInterval(() => this.tick(performance.now()), TICK_MS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private tick(nowMs: number): void {
    const late = nowMs - this.lastTickMs > LATE_MS
    this.lastTickMs = nowMs
    const links = this.joining()
    for (const name of [...this.stuck.keys()])
      if (late || !links.some((link) => link.name === name)) this.stuck.delete(name)
    for (const link of links) {
      const before = this.stuck.get(link.name)
      const answers = link.ready && (link.outstanding === 0 || link.lastReceivedMs !== before?.receivedMs)
      if (before === undefined || answers) {
        this.stuck.set(link.name, { sinceMs: nowMs, receivedMs: link.lastReceivedMs })
      } else if (nowMs - before.sinceMs >= this.stallMs && !isKeptBusy(link, nowMs)) {
        this.stuck.delete(link.name)
        this.stalled(link)
      }
    }
  }
}

/** Lets those that are being filled go, as long as they do not keep up. */
export function watchStalls(
  views: ViewStore,
  links: Links,
  keeper: ViewKeeper,
  log: Logger,
  maxBlockMs: number,
): StallWatch {
  return new StallWatch(
    () => joiningMembers(views.current).flatMap((name) => links.get(name) ?? []),
    (link) => {
      const { name } = link
      // One that is dead is no slow one: who reads of that would look for a disk or a network.
      if (link.ready) {
        log.warn(
          { event: 'member-too-slow', member: name },
          `${name} does not keep up while it is filled: let go until it is connected anew`,
        )
      } else {
        log.warn(
          { event: 'filling-interrupted', member: name },
          `${name} is not connected while it is filled: it is let go until it is`,
        )
      }
      keeper.suspend(name)
      link.reset('it did not answer while it was filled')
    },
    maxBlockMs,
  )
}
