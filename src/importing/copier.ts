import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../base/user-error.js'
import { isError, type Reply } from '../resp/encode.js'
import type { Command, Conversation } from './conversation.js'
import { KeySet } from './key-set.js'
import type { Node } from './node.js'
import { isForNow, PATIENCE_MS, PAUSE_MS } from './patience.js'
import { differenceOf, hasOtherDeadline, meaningOf } from './same-value.js'
import type { Tally } from './tally.js'
import { type Abilities, groupsOf, sizesOf, type Value, valuesOf } from './values.js'

/** What the servers of the ring know. */
export const RING_ABILITIES: Abilities = { knowsDeadlines: true, knowsSizes: true }

/** How far apart two deadlines may be that are the same, where a server does not say when a key expires but how long it still lives. */
const OLD_SLACK_MS = 1000

const NOT_UNDERSTOOD = /DUMP payload|Bad data format/

export interface CopierOptions {
  readonly replace: boolean
  /** Values that take more memory are not copied. */
  readonly largestBytes: number
}

/**
 * Puts what nodes have of keys into the ring, with their deadlines. A key that the ring has already stays there, unless this import has
 * put it there (`Node.mine`), or the operator wants it replaced. One call comes after the other, so that what was read later is
 * written later.
 */
export class Copier {
  /** Keys that were left, at least once, as the ring had them. */
  private readonly left = new KeySet()
  /** Keys that the ring did not understand when they were put there. */
  private readonly refused = new KeySet()

  constructor(
    private readonly ring: Conversation,
    /** Of all nodes, each once for all that share it. */
    private readonly owned: readonly KeySet[],
    private readonly options: CopierOptions,
    readonly tally: Tally,
  ) {}

  /** Whether what the ring has of a key is not this source's to replace. */
  isLeft({ mine }: Node, db: number, key: Buffer): boolean {
    return this.left.has(db, key) && !mine.has(db, key)
  }

  isRefused(db: number, key: Buffer): boolean {
    return this.refused.has(db, key)
  }

  /** Whether a value of that size is not copied. */
  isTooLarge(bytes: number): boolean {
    return bytes > this.options.largestBytes
  }

  /** @throws UserError when one of both sides is gone, or the ring has no room */
  async copy(node: Node, db: number, keys: readonly Buffer[]): Promise<void> {
    const { server, abilities } = node
    const sizes = await sizesOf(server, db, keys, abilities)
    const groups = groupsOf(
      keys.filter((_, i) => !this.isTooLarge(sizes[i])),
      sizes.filter((bytes) => !this.isTooLarge(bytes)),
    )
    for (const group of groups) await this.put(node, db, await valuesOf(server, db, group.keys, abilities))
  }

  private async put(node: Node, db: number, values: readonly Value[]): Promise<void> {
    let open = values.filter(({ key, dump }) => dump !== undefined || node.mine.has(db, key))
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const replies = await this.ring.ask(
        db,
        open.map((value) => this.commandFor(node, db, value)),
      )
      const there: Value[] = []
      const again: Value[] = []
      let reason = ''
      for (const [i, reply] of replies.entries()) {
        const value = open[i]
        if (!isError(reply)) this.done(node, db, value, reply)
        else if (reply.message.startsWith('BUSYKEY')) there.push(value)
        else if (isForNow(reply)) {
          again.push(value)
          reason = reply.message
        } else if (NOT_UNDERSTOOD.test(reply.message)) {
          this.refused.add(db, value.key)
          this.tally.refusal = reply.message
        } else throw new UserError(`the ring does not take what it is given: ${reply.message}`)
      }
      if (there.length > 0) await this.compare(node, db, there)
      if (again.length === 0) return
      if (performance.now() > deadline) {
        throw new UserError(`the ring has not taken ${again.length} keys for ${PATIENCE_MS / 1000} s: ${reason}`)
      }
      await sleep(PAUSE_MS)
      open = again
    }
  }

  private commandFor(node: Node, db: number, { key, dump, deadlineMs }: Value): Command {
    if (dump === undefined) return ['UNLINK', key]
    const command = ['RESTORE', key, String(deadlineMs), dump, 'ABSTTL']
    return this.mayReplace(node, db, key) ? [...command, 'REPLACE'] : command
  }

  /** What another source has put there stays: two sources with the same key are for the operator to decide. */
  private mayReplace({ mine }: Node, db: number, key: Buffer): boolean {
    if (mine.has(db, key)) return true
    return this.options.replace && !this.owned.some((other) => other.has(db, key))
  }

  private done(node: Node, db: number, { key, dump }: Value, reply: Reply): void {
    const { tally } = this
    if (dump === undefined) tally.deleted += Number(reply)
    else if (!node.mine.add(db, key)) tally.copiedAgain++
    else {
      tally.copied++
      tally.bytes += dump.length
    }
  }

  /** Keys that the ring has: with the same value they count as copied. */
  private async compare(node: Node, db: number, values: readonly Value[]): Promise<void> {
    const keys = values.map(({ key }) => key)
    const found = await this.valuesInRing(db, keys)
    for (const [i, value] of values.entries()) {
      if (await this.isSame(node, db, value, found[i])) {
        if (node.mine.add(db, value.key)) this.tally.already++
      } else this.left.add(db, value.key)
    }
  }

  /** Whether the ring has the same of a key; `value` is what its source had just now. */
  async isSame(node: Node, db: number, value: Value, found: Value): Promise<boolean> {
    const slackMs = slackOf(node)
    const difference = differenceOf(value, found, slackMs)
    if (difference !== 'value') return difference === undefined
    if (hasOtherDeadline(value, found, slackMs)) return false
    const [theirs, ours] = [await meaningOf(node.server, db, value.key), await meaningOf(this.ring, db, value.key)]
    return theirs !== undefined && theirs === ours
  }

  /** What the ring has of these keys, in their order. */
  valuesInRing(db: number, keys: readonly Buffer[]): Promise<Value[]> {
    return valuesOf(this.ring, db, keys, RING_ABILITIES)
  }
}

export function slackOf({ isOld }: Node): number {
  return isOld ? OLD_SLACK_MS : 0
}
