import { printable } from '../base/printable.js'
import { type HotKey, KEY_BYTES, KeyCounting } from '../client/key-counting.js'
import type { Server } from '../client/server.js'
import { placeOf } from './snapshot.js'

/** Each second all that was counted before counts for less: what is shown is that of about the last ten seconds. */
const KEPT_IN_A_SECOND = 0.9
/** About so many commands are looked at in a second, however many there are. */
const LOOKS_PER_SECOND = 1000
const SHOWN = 8
/** A key that has a smaller part of all commands, and of all bytes, is not hot. */
const SHARE_MIN = 0.01
/** In less time nothing can be said, and what comes more seldom is over. */
const SECONDS_MIN = 0.5
const COMMANDS_MIN = 0.5

/** A key that clients ask for much; never more than it is, as far as samples tell. */
export interface RecentKey {
  readonly db: number
  readonly key: string
  /** Whom its commands go to; empty when nobody serves it, or it is so long that not all of it was kept. */
  readonly master: string
  /** In a second. */
  readonly commands: number
  readonly bytes: number
  /** Parts of all, of 1. */
  readonly commandsShare: number
  readonly bytesShare: number
}

/** The hot keys of the last seconds, counted as long as somebody wants to see them. */
export class RecentKeys {
  private counting: KeyCounting | undefined
  private seconds = 0
  private tickedMs = 0

  constructor(private readonly server: Server) {}

  get isOn(): boolean {
    return this.counting !== undefined
  }

  begin(): void {
    this.counting = new KeyCounting(this.sample())
    this.seconds = 0
    this.tickedMs = performance.now()
    this.server.hotKeys.begin(this.counting)
  }

  end(): void {
    if (this.counting !== undefined) this.server.hotKeys.end(this.counting)
    this.counting = undefined
  }

  /** A second has passed. */
  tick(): void {
    const { counting } = this
    if (counting === undefined) return
    this.seconds = this.counted() * KEPT_IN_A_SECOND
    this.tickedMs = performance.now()
    counting.fade(KEPT_IN_A_SECOND)
    counting.sampleOneOf(this.sample())
  }

  /** The hottest first. */
  shown(): RecentKey[] {
    const { counting } = this
    const seconds = this.counted()
    if (counting === undefined || seconds < SECONDS_MIN || counting.commands < seconds * COMMANDS_MIN) return []
    const rows = new Map<string, { db: number; key: Buffer; commands: number; bytes: number }>()
    const noted = (by: 'commands' | 'bytes') => {
      for (const hot of counting.top(by, Number.POSITIVE_INFINITY)) {
        const id = `${hot.db} ${hot.key.latin1Slice()}`
        const row = rows.get(id) ?? { db: hot.db, key: hot.key, commands: 0, bytes: 0 }
        rows.set(id, { ...row, [by]: certain(hot) })
      }
    }
    noted('commands')
    noted('bytes')
    const { current } = this.server.views
    return [...rows.values()]
      .map((row) => ({
        ...row,
        commandsShare: row.commands / counting.commands,
        bytesShare: row.bytes / counting.bytes,
      }))
      .filter((row) => heat(row) >= SHARE_MIN)
      .sort((a, b) => heat(b) - heat(a))
      .slice(0, SHOWN)
      .map(({ key, commands, bytes, ...row }): RecentKey => {
        const [master = ''] = key.length < KEY_BYTES ? placeOf(current, key).replicas : []
        return { ...row, key: printable(key), master, commands: commands / seconds, bytes: bytes / seconds }
      })
  }

  /** Of how many seconds what was counted is. */
  private counted(): number {
    return this.seconds + (performance.now() - this.tickedMs) / 1000
  }

  private sample(): number {
    return Math.max(1, Math.round(this.server.stats.rates().commands / LOOKS_PER_SECOND))
  }
}

/** What of the count is not other keys'. */
function certain({ count, error }: HotKey): number {
  return count - error
}

function heat({ commandsShare, bytesShare }: Pick<RecentKey, 'commandsShare' | 'bytesShare'>): number {
  return Math.max(commandsShare, bytesShare)
}
