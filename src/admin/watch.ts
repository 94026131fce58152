import type { ServerResponse } from 'node:http'
import { type Histogram, quantile, since } from '../client/durations.js'
import type { Server } from '../client/server.js'
import { countKeysByMaster } from '../order/key-count.js'
import { happened, rangesOf, ringSeen, snapshotOf } from './snapshot.js'

/** How often whoever watches is told, and what happens is looked for. */
const LOOK_MS = 1000
/** Keys are counted only while somebody watches, and this often: all servers are asked for that. */
const COUNT_MS = 10_000
const EVENTS_KEPT = 50
/** How long servers take is told of so many looks. */
const LOOKS_KEPT = 10
/** Others want to ask something, too. */
const WATCHERS_MAX = 50
/** A watcher that does not read is let go; the page comes back by itself. */
const UNSENT_BYTES_MAX = 1_000_000

interface Event {
  readonly at: string
  readonly text: string
}

/** Tells everybody who has the page open what there is, every second, as server-sent events. */
export class Watch {
  private readonly watchers = new Map<ServerResponse, { epoch: number }>()
  private readonly events: Event[] = []
  private keys: ReadonlyMap<string, number> = new Map()
  private lastCountMs = Number.NEGATIVE_INFINITY
  private before: ReturnType<typeof ringSeen> | undefined
  /** What each server had taken at the last looks, the oldest first. */
  private readonly took: ReadonlyMap<string, Histogram>[] = []
  private timer: NodeJS.Timeout | undefined

  constructor(private readonly server: Server) {}

  start(): void {
    this.timer = setInterval(() => this.look(), LOOK_MS)
  }

  stop(): void {
    clearInterval(this.timer)
    for (const response of this.watchers.keys()) response.end()
  }

  /** Is told at once, and from then on. False when there are too many already. */
  add(response: ServerResponse): boolean {
    if (this.watchers.size >= WATCHERS_MAX) return false
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    const watcher = { epoch: -1 }
    this.watchers.set(response, watcher)
    response.on('close', () => this.watchers.delete(response))
    this.countKeys()
    this.tell(
      response,
      watcher,
      snapshotOf(this.server, this.keys, (name) => this.latencyOf(name)),
    )
    return true
  }

  private look(): void {
    const seen = ringSeen(this.server)
    const at = new Date().toISOString()
    if (this.before !== undefined) {
      for (const text of happened(this.before, seen)) this.events.unshift({ at, text })
      this.events.length = Math.min(this.events.length, EVENTS_KEPT)
    }
    this.before = seen
    const { durations } = this.server.slowLog
    this.took.push(new Map(seen.members.map(({ name }) => [name, durations.of(name, 'server')])))
    if (this.took.length > LOOKS_KEPT) this.took.shift()
    if (this.watchers.size === 0) return
    this.countKeys()
    const now = snapshotOf(this.server, this.keys, (name) => this.latencyOf(name))
    for (const [response, watcher] of this.watchers) this.tell(response, watcher, now)
  }

  /** In how many ms half of the commands, and 99 % of them, were answered by a server a short while ago; null when there were none. */
  private latencyOf(name: string): { half: number; most: number } | null {
    const before = this.took[0]?.get(name)
    if (before === undefined) return null
    const recent = since(before, this.server.slowLog.durations.of(name, 'server'))
    const [half, most] = [0.5, 0.99].map((part) => quantile(recent, part))
    return half === undefined || most === undefined ? null : { half: half * 1000, most: most * 1000 }
  }

  private tell(response: ServerResponse, watcher: { epoch: number }, now: ReturnType<typeof snapshotOf>): void {
    if (response.writableLength > UNSENT_BYTES_MAX) response.destroy()
    else response.write(`data: ${JSON.stringify({ ...now, events: this.events, ...this.ranges(watcher) })}\n\n`)
  }

  /** The ranges, for whoever does not have them yet. */
  private ranges(watcher: { epoch: number }) {
    const view = this.server.views.current
    if (watcher.epoch === view.epoch) return {}
    watcher.epoch = view.epoch
    return { ranges: rangesOf(view) }
  }

  private countKeys(): void {
    if (performance.now() - this.lastCountMs < COUNT_MS) return
    this.lastCountMs = performance.now()
    countKeysByMaster(this.server.order.router).then(
      ({ byMaster }) => {
        this.keys = byMaster
      },
      (failure: Error) => this.server.failed(failure, { while: 'keys were counted for the page' }),
    )
  }
}
