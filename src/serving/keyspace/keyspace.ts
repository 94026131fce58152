import type { Link } from '../../backend/link.js'
import { ALL_DATABASES, type DatabaseChange } from '../../order/database-change.js'
import type { Order } from '../../order/order.js'
import { isHidden } from '../../order/pieces/hidden-name.js'
import type { Serving } from '../../order/router.js'
import { BulksReply, error, isError, type Reply } from '../../resp/encode.js'
import { servedKeys } from './served-keys.js'
import { Walks } from './walks.js'

const COUNT_BATCH = 1000
/** RANDOMKEY may hit a copy that is not on its replica set; then it is asked again. */
const RANDOM_TRIES = 100
/** So often all keys are walked over until their number is that of one moment. */
const WALKS_MAX = 3

/**
 * Commands on the whole keyspace [design §7 Keyspace-wide]. Every member also holds copies of other masters' keys, so
 * a key counts where it is served.
 */
export class Keyspace {
  readonly walks = new Walks()
  /** Databases that were seen to hold every key on exactly its replica set, in the current view. */
  private clean = new Set<number>()

  constructor(readonly order: Order) {}

  /** The placement of keys may have changed. */
  forget(): void {
    // Anew: who is just counting sees that what he finds is of before.
    this.clean = new Set()
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
   * The number of keys of a database, each counted once: the sum over all members, of one moment, where every key is known to be on
   * exactly its replica set. Whether it is so is found out by counting once, or some times, if a server came back meanwhile. While keys
   * move, or a server is away, all are counted, which takes many turns.
   *
   * @param outside resolves when nobody is in the middle of a transaction, in the turn in which all can be asked
   */
  async size(db: number, outside: () => Promise<void> = async () => {}): Promise<number> {
    for (let walks = 1; ; walks++) {
      const size = (await this.knownSize(db)) ?? (await this.counted(db, outside))
      if (this.clean.has(db) || !this.isEqual || walks === WALKS_MAX) return size
    }
  }

  /** By walking over all of them; what can be known from then on is noted. */
  private async counted(db: number, outside: () => Promise<void>): Promise<number> {
    const { order } = this
    const { router, stats } = order
    const { clean } = this
    const writesBefore = stats.writes
    const sum = this.isEqual ? await this.sumOfSizes(router.links, db) : undefined
    const isSame = () => this.clean === clean && order.router === router
    if (sum === 0 && isSame()) {
      this.clean.add(db)
      return 0
    }
    const walked = await this.walked(db)
    let counted = 0
    let strays = 0
    for (const each of walked.values()) {
      counted += each.served
      strays += each.strays
    }
    if (sum === undefined || strays > 0 || walked.size < router.links.length || !isSame()) return counted
    // Who writes meanwhile writes to whole replica sets, so strays do not come, and each write may change the number by one.
    const writes = stats.writes - writesBefore
    if (writes > 0 && (order.doubts.any || order.uncertainty.active)) return counted
    if (Math.abs(sum - counted * this.copies) > writes * this.copies) return counted
    this.clean.add(db)
    await outside()
    return (await this.knownSize(db)) ?? counted
  }

  /**
   * All DBSIZEs are emitted in one turn and every write reaches its whole replica set in one turn, so their sum is that of one moment.
   *
   * @returns undefined where not every key is known to be on exactly its replica set
   */
  private knownSize(db: number): Promise<number> | undefined {
    if (!this.clean.has(db) || !this.isEqual) return undefined
    const { copies } = this
    return this.sumOfSizes(this.order.router.links, db).then((sum) => Math.round(sum / copies))
  }

  /** How many replicas each key has. */
  private get copies(): number {
    const { links, view } = this.order.router
    return Math.min(view.replicas + 1, links.length)
  }

  /** Nothing moves; and a write that is held for the backups is on its master only, and what has a hidden name is no key. */
  private get isEqual(): boolean {
    const { lanes, pieces, router } = this.order
    return !router.isMoving && lanes.active === 0 && !pieces.areAnyHidden && router.links.every((link) => link.ready)
  }

  /** How many keys of a database each member serves, and has though they belong to others, by walking over all of them. */
  private async walked(db: number): Promise<Map<Link, { readonly served: number; readonly strays: number }>> {
    const counts = await this.onServing(async (link, serving) => {
      let served = 0
      let strays = 0
      let cursor = '0'
      do {
        const reply = await link.call(['SCAN', cursor, 'COUNT', String(COUNT_BATCH)], db)
        if (isError(reply)) throw new Error(reply.message)
        const [next, keys] = reply as [Buffer, Buffer[]]
        for (const key of keys) {
          if (serving.by(link, key)) served++
          else if (!this.isNatural(link, key)) strays++
        }
        cursor = next.toString()
      } while (cursor !== '0')
      return { served, strays }
    })
    return new Map(counts.map(({ link, reply }) => [link, reply]))
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

  /** All members have executed it. */
  changed({ emptied }: DatabaseChange): void {
    if (emptied === undefined) this.forget()
    else if (emptied !== ALL_DATABASES) this.clean.add(emptied)
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
      if (order.router.someGone !== undefined) throw new UnavailableError()
      const isStopped = () =>
        order.router.someGone === undefined && order.router.routes.some((route) => route.serving() === undefined)
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
