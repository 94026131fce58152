import type { Link } from '../../backend/link.js'
import type { Order } from '../../order/order.js'
import { isHidden } from '../../order/pieces/hidden-name.js'
import type { Serving } from '../../order/router.js'
import { BulksReply, error, isError, type Reply } from '../../resp/encode.js'
import { servedKeys } from './served-keys.js'
import { Walks } from './walks.js'

const COUNT_BATCH = 1000
/** RANDOMKEY may hit a copy that is not on its replica set; then it is asked again. */
const RANDOM_TRIES = 100

/**
 * Commands on the whole keyspace [design §7 Keyspace-wide]. Every member also holds copies of other masters' keys, so
 * a key counts where it is served.
 */
export class Keyspace {
  readonly walks = new Walks()
  /** Databases that were seen to hold every key on exactly its replica set, in the current view. */
  private readonly clean = new Set<number>()

  constructor(readonly order: Order) {}

  /** The placement of keys may have changed. */
  forget(): void {
    this.clean.clear()
  }

  /** KEYS pattern. */
  async keys(args: readonly Buffer[], db: number): Promise<Reply> {
    return this.keysOf(await this.serving(), args, db)
  }

  /** The same, asked in the turn in which it is called, of those who serve every range. */
  async keysOf(serving: Serving, args: readonly Buffer[], db: number): Promise<Reply> {
    const replies = await Promise.all(serving.links.map((link) => servedKeys(serving, link, args, db)))
    const parts: Buffer[] = []
    let count = 0
    for (const reply of replies) {
      if ('kind' in reply) return reply
      parts.push(reply.bytes)
      count += reply.count
    }
    return new BulksReply(count, parts)
  }

  /**
   * The number of keys of a database, each counted once. All DBSIZEs are emitted in one turn and every write reaches
   * its whole replica set in one turn, so their sum is that of one moment, and a database whose keys are all on
   * exactly their replica sets has sum / copies keys. Whether it is such a one is found out by counting once.
   */
  async size(db: number): Promise<number> {
    const { order } = this
    const { links, view } = order.router
    const copies = Math.min(view.replicas + 1, links.length)
    const writesBefore = order.stats.writes
    // A write that is held for the backups is on its master only, and what has a hidden name is no key.
    const equal = order.lanes.active === 0 && !order.pieces.areAnyHidden && links.every((link) => link.ready)
    const sum = equal ? await this.sumOfSizes(links, db) : undefined
    if (sum === 0) this.clean.add(db)
    if (sum !== undefined && this.clean.has(db)) return Math.round(sum / copies)
    let counted = 0
    for (const count of (await this.countServed(db)).values()) counted += count
    const quiet = order.stats.writes === writesBefore && order.router.view === view
    if (sum === counted * copies && quiet) this.clean.add(db)
    return counted
  }

  /** How many keys of a database each member serves, by walking over all of them. */
  async countServed(db: number): Promise<Map<Link, number>> {
    const counts = await this.onServing(async (link, serving) => {
      let count = 0
      let cursor = '0'
      do {
        const reply = await link.call(['SCAN', cursor, 'COUNT', String(COUNT_BATCH)], db)
        if (isError(reply)) return reply
        const [next, keys] = reply as [Buffer, Buffer[]]
        for (const key of keys) if (serving.by(link, key)) count++
        cursor = next.toString()
      } while (cursor !== '0')
      return count
    })
    const byLink = new Map<Link, number>()
    for (const { link, reply } of counts) {
      if (isError(reply)) throw new Error(reply.message)
      byLink.set(link, reply as number)
    }
    return byLink
  }

  /**
   * A key, each as likely as the other: a member by the number of its keys, then one of its keys. A key has as many
   * chances as any other, one on each of its replicas.
   */
  async randomKey(db: number): Promise<Reply> {
    const links = this.order.router.links.filter((link) => link.serving)
    const sizes = await Promise.all(links.map((link) => link.call(['DBSIZE'], db)))
    let total = 0
    for (const size of sizes) {
      if (isError(size)) return size
      total += size as number
    }
    for (let tries = 0; total > 0 && tries < RANDOM_TRIES; tries++) {
      let pick = Math.random() * total
      const at = sizes.findIndex((size) => (pick -= size as number) < 0)
      const link = links[at === -1 ? links.length - 1 : at]
      const key = await link.call(['RANDOMKEY'], db)
      if (isError(key)) return key
      if (key !== null && this.isNatural(link, key as Buffer)) return key
    }
    // Only copies in wrong places were hit, or keys expired under our hands: whoever is served first will do.
    const first = await this.onServing((link, serving) => this.firstServed(serving, link, db))
    for (const { reply } of first) if (reply !== null) return reply
    return null
  }

  /** All members have executed FLUSHALL, FLUSHDB or SWAPDB. */
  emptied(command: string, db: number): void {
    if (command === 'swapdb') this.clean.clear()
    else if (command === 'flushdb') this.clean.add(db)
    else for (let i = 0; i < this.order.databases; i++) this.clean.add(i)
  }

  private async sumOfSizes(links: readonly Link[], db: number): Promise<number> {
    let sum = 0
    for (const size of await Promise.all(links.map((link) => link.call(['DBSIZE'], db)))) {
      if (isError(size)) throw new Error(size.message)
      sum += size as number
    }
    return sum
  }

  private isNatural(link: Link, key: Buffer): boolean {
    return !isHidden(key) && this.order.router.routeOfKey(key, 0, key.length).natural.includes(link)
  }

  /** Who serves what, as soon as every range is served by somebody; UnavailableError when that does not come in time. */
  async serving(): Promise<Serving> {
    const { order } = this
    const deadlineMs = order.waiting.deadline()
    for (;;) {
      const serving = order.router.serving()
      if (serving.isWhole) return serving
      const isStopped = () => order.router.routes.some((route) => route.serving() === undefined)
      if (!(await order.waiting.change(deadlineMs, isStopped))) throw new UnavailableError()
    }
  }

  /** A key that a member serves, or null when it serves none. */
  private async firstServed(serving: Serving, link: Link, db: number): Promise<Reply> {
    let cursor = '0'
    do {
      const reply = await link.call(['SCAN', cursor, 'COUNT', String(COUNT_BATCH)], db)
      if (isError(reply)) return reply
      const [next, keys] = reply as [Buffer, Buffer[]]
      const key = keys.find((candidate) => serving.by(link, candidate))
      if (key !== undefined) return key
      cursor = next.toString()
    } while (cursor !== '0')
    return null
  }

  /** Asks all members that can be reached, when together they serve every range; waits for that if need be. */
  private async onServing<T>(
    ask: (link: Link, serving: Serving) => Promise<T>,
  ): Promise<{ readonly link: Link; readonly reply: T }[]> {
    const serving = await this.serving()
    return Promise.all(serving.links.map(async (link) => ({ link, reply: await ask(link, serving) })))
  }
}

/** A range has no reachable replica and none came back in time. */
export class UnavailableError extends Error {
  override name = 'UnavailableError'
}

/** The reply for a command on the whole keyspace that failed half-way, without any effect. */
export function keyspaceError(failure: Error): Reply {
  return error(`ERR a server could not be asked: ${failure.message}; try again`)
}
