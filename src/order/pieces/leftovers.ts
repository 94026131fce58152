import { setTimeout as sleep } from 'node:timers/promises'
import { type Link, LinkLostError } from '../../backend/link.js'
import { frameOf } from '../../resp/frame.js'
import { ask } from './asking.js'
import { HIDDEN_NAME, PARKED_NAMES } from './hidden-name.js'
import type { Slots } from './slots.js'

/** A value that waits on a server under a name of its own. */
export interface ParkedValue {
  readonly link: Link
  readonly db: number
  readonly name: Buffer
}

/** What a server has refused is tried again after this time, then after twice as long. */
const PAUSE_MS = 100
const PAUSE_MS_MAX = 10_000

const REMOVE = frameOf(['UNLINK', HIDDEN_NAME])

/**
 * Removes all that is listed, of all databases, but for the names that it is given. Where it is given none SPOP takes the whole list,
 * which counts as no miss of a key where there is none.
 */
const REMOVE_PARKED = `local kept = {}
for i = 2, #ARGV do kept[ARGV[i]] = true end
for db = 0, ARGV[1] - 1 do
  redis.call('SELECT', db)
  local names = #ARGV == 1 and redis.call('SPOP', KEYS[1], 1000000000) or redis.call('SMEMBERS', KEYS[1])
  for _, name in ipairs(names) do
    if not kept[name] then
      redis.call('UNLINK', name)
      redis.call('SREM', KEYS[1], name)
    end
  end
end`

/** Something is left on a server since it has refused to remove it. */
interface Owed {
  /** Over which connection: another one begins with that. */
  readonly connection: Link['info']
  /** It has refused since it was asked last. */
  isRefused: boolean
}

/**
 * Removes what has a hidden name on a server and is not wanted any more. The server may refuse that for a time (-BUSY, -MISCONF,
 * -NOREPLICAS …), as it may refuse any write: then all that is left there is looked for, again and again until it is gone, but for what
 * is parked for somebody at that moment, and not while something is being built there.
 *
 *     a copy or gather ends     UNLINK …                      ── refused ──> a pause ──> UNLINK hidden, all that is listed
 *     the link is up            UNLINK hidden, all listed     ── refused ──┘  └────────────────── refused ──────────────┘
 */
export class Leftovers {
  /** All that is parked, until it has been removed. */
  readonly parked = new Set<ParkedValue>()
  private readonly owed = new Map<Link, Owed>()
  /** Removals that are not answered. */
  private open = 0

  constructor(private readonly slots: Slots) {}

  /** Whether something is parked, or may be left. */
  get any(): boolean {
    return this.parked.size > 0 || this.open > 0 || this.owed.size > 0
  }

  /** Removes whatever was left on a server: the first that is emitted on a link. */
  linkUp(link: Link): void {
    this.owed.delete(link)
    void this.removed(link, this.sweep(link, []))
  }

  /** Whatever is built on a member in this database, or in any, is not wanted any more. Only while the link is ready. */
  removeBuilt(link: Link, db?: number): void {
    void this.removed(link, db === undefined ? allBuilt(link) : ask(link, REMOVE, db))
  }

  /** These values are not wanted any more, all of them of one link, which is ready, and of one database. */
  removeParked(link: Link, db: number, values: readonly ParkedValue[]): void {
    const names = values.map(({ name }) => name)
    const inOrder = async () => {
      try {
        await ask(link, frameOf(['UNLINK', ...names]), db)
        // Not before: what is not listed is not found again.
        await ask(link, frameOf(['SREM', PARKED_NAMES, ...names]), db)
      } finally {
        // Before it is owed: what is looked for then is not kept.
        for (const value of values) this.parked.delete(value)
      }
    }
    void this.removed(link, inOrder())
  }

  /** All that is left in any database, but for these names. */
  private async sweep(link: Link, kept: readonly Buffer[]): Promise<void> {
    const databases = link.info?.databases ?? 0
    if (databases === 0) return
    const built = allBuilt(link)
    const listed = ask(link, frameOf(['EVAL', REMOVE_PARKED, '1', PARKED_NAMES, String(databases), ...kept]), 0)
    await Promise.all([built, listed])
  }

  private async removed(link: Link, removing: Promise<unknown>): Promise<void> {
    this.open++
    try {
      await removing
    } catch (failure) {
      if (!(failure instanceof LinkLostError)) this.owe(link)
    } finally {
      this.open--
    }
  }

  private owe(link: Link): void {
    const { info } = link
    const owed = this.owed.get(link)
    if (owed !== undefined && owed.connection === info) {
      owed.isRefused = true
      return
    }
    const first = { connection: info, isRefused: true }
    this.owed.set(link, first)
    void this.sweepLater(link, first)
  }

  private async sweepLater(link: Link, owed: Owed): Promise<void> {
    // Neither is anything read from it then, nor built on it, also by who stands still.
    const place = [link, link]
    for (let pauseMs = PAUSE_MS; owed.isRefused; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      await sleep(pauseMs, undefined, { ref: false })
      // For the turn in which it is emitted: what is built there later comes behind it.
      await this.slots.enter(place)
      owed.isRefused = false
      const isSame = link.ready && link.info === owed.connection
      const kept = [...this.parked].filter((value) => value.link === link).map(({ name }) => name)
      const removing = isSame ? this.sweep(link, kept) : undefined
      this.slots.leave(place)
      if (removing !== undefined) await this.removed(link, removing)
    }
    if (this.owed.get(link) === owed) this.owed.delete(link)
  }
}

/** What may be being built on a member, in whatever database. */
function allBuilt(link: Link): Promise<unknown> {
  return Promise.all(Array.from({ length: link.info?.databases ?? 0 }, (_, db) => ask(link, REMOVE, db)))
}
