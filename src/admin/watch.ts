import type { ServerResponse } from 'node:http'
import { type Histogram, quantile, since } from '../client/durations.js'
import type { Server } from '../client/server.js'
import { type RecentKey, RecentKeys } from './recent-keys.js'
import { type SlowShown, slowCommands } from './slow-commands.js'
import { happened, type Latency, rangesOf, ringSeen, type Snapshot, snapshotOf } from './snapshot.js'
import { Surveys } from './surveys.js'

/** How often whoever watches is told, and what happens is looked for. */
const LOOK_MS = 1000
/** How long servers take is told of so many looks. */
const LOOKS_KEPT = 10
/** Others want to ask something, too: when one more comes the first goes that does not read, or else the oldest; a page comes back by itself. */
const WATCHERS_MAX = 50
/** A watcher that does not read is let go; the page comes back by itself. */
const UNSENT_BYTES_MAX = 1_000_000

/** What somebody wants to see, and may. */
export interface Wish {
  /** Names of keys, where there are some. */
  readonly keys: boolean
  /** Hot keys, which are counted for that. */
  readonly hotKeys: boolean
}

/** What there is at one moment; what not everybody wants to see is made when the first one wants it. */
interface Now {
  readonly snapshot: Snapshot
  readonly slow: () => readonly SlowShown[]
  readonly slowWithKeys: () => readonly SlowShown[]
  readonly hot: () => readonly RecentKey[]
}

interface Watcher {
  readonly wish: Wish
  /** That of the ranges it has been told. */
  epoch: number
}

/** Notes what happens to the ring, and tells everybody who has the page open what there is, every second, as server-sent events. */
export class Watch {
  private readonly watchers = new Map<ServerResponse, Watcher>()
  private readonly surveys: Surveys
  private readonly recentKeys: RecentKeys
  private before: ReturnType<typeof ringSeen> | undefined
  /** What each server had taken at the last looks, the oldest first. */
  private readonly took: ReadonlyMap<string, Histogram>[] = []
  private timer: NodeJS.Timeout | undefined

  constructor(private readonly server: Server) {
    this.surveys = new Surveys(server)
    this.recentKeys = new RecentKeys(server)
  }

  start(): void {
    this.timer = setInterval(() => this.look(), LOOK_MS)
  }

  stop(): void {
    clearInterval(this.timer)
    for (const response of this.watchers.keys()) response.end()
  }

  /** Is told at once, and from then on. */
  add(response: ServerResponse, wish: Wish): void {
    if (this.watchers.size >= WATCHERS_MAX) this.makeRoom()
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    const watcher = { epoch: -1, wish }
    this.watchers.set(response, watcher)
    response.on('close', () => {
      this.watchers.delete(response)
      this.countHotKeys()
    })
    this.countHotKeys()
    this.surveys.look()
    this.tell(response, watcher, this.now())
  }

  /** Somebody who does not read is no watcher; that is known when the system takes nothing more for him, which may be minutes. */
  private makeRoom(): void {
    const all = [...this.watchers.keys()]
    const first = all.find(({ writableLength }) => writableLength > 0) ?? all[0]
    this.watchers.delete(first)
    first.destroy()
  }

  private look(): void {
    const seen = ringSeen(this.server)
    const at = new Date().toISOString()
    if (this.before !== undefined) {
      for (const text of happened(this.before, seen)) this.server.recentEvents.note({ at, text })
    }
    this.before = seen
    const { durations } = this.server.slowLog
    this.took.push(new Map(seen.members.map(({ name }) => [name, durations.of(name, 'server')])))
    if (this.took.length > LOOKS_KEPT) this.took.shift()
    if (this.watchers.size === 0) return
    this.surveys.look()
    const now = this.now()
    for (const [response, watcher] of this.watchers) this.tell(response, watcher, now)
    this.recentKeys.tick()
  }

  private now(): Now {
    const { server, surveys, recentKeys } = this
    return {
      snapshot: snapshotOf(server, surveys, (name) => this.latencyOf(name)),
      slow: once(() => slowCommands(server, false)),
      slowWithKeys: once(() => slowCommands(server, true)),
      hot: once(() => recentKeys.shown()),
    }
  }

  /** As long as somebody wants to see them, and no longer. */
  private countHotKeys(): void {
    const isWanted = [...this.watchers.values()].some(({ wish }) => wish.hotKeys)
    if (isWanted && !this.recentKeys.isOn) this.recentKeys.begin()
    if (!isWanted) this.recentKeys.end()
  }

  /** In how many ms half of the commands, and 99 % of them, were answered by a server a short while ago; null when there were none. */
  private latencyOf(name: string): Latency | null {
    const before = this.took[0]?.get(name)
    if (before === undefined) return null
    const recent = since(before, this.server.slowLog.durations.of(name, 'server'))
    const [half, most] = [0.5, 0.99].map((part) => quantile(recent, part))
    return half === undefined || most === undefined ? null : { half: half * 1000, most: most * 1000 }
  }

  private tell(response: ServerResponse, watcher: Watcher, now: Now): void {
    if (response.writableLength > UNSENT_BYTES_MAX) {
      response.destroy()
      return
    }
    const { keys, hotKeys } = watcher.wish
    const shown = {
      ...now.snapshot,
      events: this.server.recentEvents.all,
      mayShowKeys: keys,
      slow: keys ? now.slowWithKeys() : now.slow(),
      hot: hotKeys ? now.hot() : null,
      ...this.ranges(watcher),
    }
    response.write(`data: ${JSON.stringify(shown)}\n\n`)
  }

  /** The ranges, for whoever does not have them yet. */
  private ranges(watcher: Watcher) {
    const view = this.server.views.current
    if (watcher.epoch === view.epoch) return {}
    watcher.epoch = view.epoch
    return { ranges: rangesOf(view) }
  }
}

/** Is made when it is asked for, and not again. */
function once<T extends object>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}
