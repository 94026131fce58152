import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { nameOf } from '../base/name-of.js'
import { integerOf } from '../resp/decode.js'
import type { Conversation } from './conversation.js'
import { type Copier, slackOf } from './copier.js'
import { KeySet } from './key-set.js'
import { type Node, scan } from './node.js'
import { readPatiently } from './patience.js'
import { type Difference, differenceOf } from './same-value.js'
import { Noted } from './tally.js'
import { groupsOf, sizesOf, type Value, valuesOf } from './values.js'

/** What differs while it changes, or expires, is looked at again so often. */
const ROUNDS = 5
const PAUSE_MS = 300

/** A key of which source and ring have something else. */
export interface Open {
  readonly node: Node
  readonly db: number
  readonly key: Buffer
  readonly kind: Difference
  /** A digest of what its source had, which may be large; undefined when that had nothing. */
  readonly digest: string | undefined
}

/** Compares every key of the sources with that of the ring, and looks whether the ring has copies of keys that a source has deleted. */
export class Verification {
  /** Keys of the sources that were compared. */
  seen = 0
  /** Keys of both sides that were looked at, and about how many there are. */
  walked = 0
  total = 0
  /** How many keys differed. */
  found = 0
  /** What differs, as far as it is remembered, and is not mended. */
  private open: Open[] = []
  /** Of these what the ring has otherwise, and keeps. */
  private readonly left: Open[] = []
  private readonly leftKeys = new KeySet()
  private readonly largeKeys = new KeySet()
  /** Differences that are not remembered. */
  more = 0
  /** What is left after the last look. */
  readonly differences: Readonly<Record<Difference, Noted>> = {
    ...{ missing: new Noted(), value: new Noted(), deadline: new Noted(), extra: new Noted() },
  }
  /** Keys that were changed between any two looks. */
  readonly changing = new Noted()
  /** Keys that the ring has with another value, and that are left. */
  readonly conflicts = new Noted()
  /** Keys that are larger than what may be copied. */
  readonly tooLarge = new Noted()
  /** Keys that the ring's servers do not understand. */
  readonly refused = new Noted()
  /** Keys that the ring has and that this import has not put there. */
  readonly others = new Noted()

  constructor(
    private readonly nodes: readonly Node[],
    private readonly ring: Conversation,
    private readonly copier: Copier,
    private readonly databases: ReadonlySet<number>,
    private readonly check: () => void,
    /** So many differing keys are remembered; then they are mended, or others are only counted. */
    private readonly openMax: number,
  ) {}

  /**
   * `mend` is given what differs, part by part; without it that is remembered, to be looked at again.
   *
   * @throws UserError
   */
  async walk(mend?: (open: readonly Open[]) => Promise<void>): Promise<void> {
    const relieve = async (most: number) => {
      if (mend !== undefined && this.open.length > most) await mend(this.open.splice(0))
    }
    const all = await Promise.all(this.nodes.map(async (node) => ({ node, databases: await node.databases() })))
    for (const { databases } of all) for (const keys of databases.values()) this.total += keys
    for (const db of this.databases) {
      const [keys] = await this.ring.ask(db, [['DBSIZE']])
      this.total += integerOf(keys) ?? 0
    }
    for (const { node, databases } of all) {
      for (const db of databases.keys()) {
        for await (const keys of node.keys(db)) {
          this.check()
          await relieve(this.openMax - keys.length)
          for (const open of await this.look(node, db, await this.comparable(node, db, keys))) this.remember(open)
          this.seen += keys.length
          this.walked += keys.length
        }
      }
    }
    for (const db of this.databases) {
      for await (const keys of scan(this.ring, db)) {
        this.check()
        await relieve(this.openMax - keys.length)
        await this.findDeleted(db, keys)
        this.walked += keys.length
      }
    }
    await relieve(0)
  }

  /** What differed is looked at again until it does not, or has not changed in between. `catchUp` copies what has changed. */
  async lookAgain(catchUp: () => Promise<void>): Promise<void> {
    await this.lookAgainAtOpen(catchUp)
    if (this.left.length === 0) return
    await catchUp()
    for (const { node, db, keys } of byPlace(this.left)) {
      for (const { kind, key } of await this.look(node, db, keys)) {
        if (this.isConflict(node, db, key, kind)) this.conflicts.add(db, key)
        else if (kind === 'extra' && !node.mine.has(db, key)) this.others.add(db, key)
        else this.note(kind, db, key)
      }
    }
  }

  private async lookAgainAtOpen(catchUp: () => Promise<void>): Promise<void> {
    let before: readonly Open[] = this.open
    for (let round = 0; round < ROUNDS && before.length > 0; round++) {
      await sleep(PAUSE_MS)
      this.check()
      await catchUp()
      const now: Open[] = []
      for (const { node, db, keys } of byPlace(before)) now.push(...(await this.look(node, db, keys)))
      if (round === ROUNDS - 1) this.judge(before, now)
      before = now
    }
  }

  private judge(before: readonly Open[], now: readonly Open[]): void {
    const named = ({ db, key }: Open) => `${db} ${nameOf(key)}`
    const earlier = new Map(before.map((open) => [named(open), open]))
    for (const open of now) {
      const { db, key, kind, digest } = open
      if (earlier.get(named(open))?.digest === digest) this.note(kind, db, key)
      else this.changing.add(db, key)
    }
  }

  private remember(open: Open): void {
    const { node, db, key, kind } = open
    // The source has deleted what was never copied.
    if (kind === 'extra' && !node.mine.has(db, key)) return
    const isConflict = this.isConflict(node, db, key, kind)
    if (isConflict && !this.leftKeys.add(db, key)) return
    const list = isConflict ? this.left : this.open
    if (!isConflict && !this.isRefused(kind, db, key)) this.found++
    if (list.length < this.openMax) {
      list.push(open)
      return
    }
    if (isConflict) this.conflicts.add(db, key)
    else {
      this.more++
      this.note(kind, db, key)
    }
  }

  private isConflict(node: Node, db: number, key: Buffer, kind: Difference): boolean {
    return (kind === 'value' || kind === 'deadline') && this.copier.isLeft(node, db, key)
  }

  private isRefused(kind: Difference, db: number, key: Buffer): boolean {
    return kind === 'missing' && this.copier.isRefused(db, key)
  }

  private note(kind: Difference, db: number, key: Buffer): void {
    if (this.isRefused(kind, db, key)) this.refused.add(db, key)
    else this.differences[kind].add(db, key)
  }

  /** Without those that are too large to be copied, which are noted. */
  private async comparable(node: Node, db: number, keys: readonly Buffer[]): Promise<Buffer[]> {
    const sizes = await sizesOf(node.server, db, keys, node.abilities)
    return keys.filter((key, i) => {
      if (!this.copier.isTooLarge(sizes[i])) return true
      if (this.largeKeys.add(db, key)) this.tooLarge.add(db, key)
      return false
    })
  }

  private async look(node: Node, db: number, keys: readonly Buffer[]): Promise<Open[]> {
    const found: Open[] = []
    const sizes = await sizesOf(node.server, db, keys, node.abilities)
    for (const group of groupsOf(keys, sizes)) {
      const theirs = await this.valuesAtSource(node, db, group.keys)
      const ours = await this.copier.valuesInRing(
        db,
        theirs.map(({ key }) => key),
      )
      for (const [i, value] of theirs.entries()) {
        if (!(await this.copier.isSame(node, db, value, ours[i]))) {
          const kind = differenceOf(value, ours[i], slackOf(node)) ?? 'value'
          found.push({ node, db, key: Buffer.from(value.key), kind, digest: digestOf(value.dump) })
        }
      }
    }
    return found
  }

  /** A key that another node of the same cluster has now is asked for there. */
  private async valuesAtSource(node: Node, db: number, keys: readonly Buffer[]): Promise<Value[]> {
    const values = await valuesOf(node.server, db, keys, node.abilities)
    if (values.length === keys.length) return values
    const there = new Set(values.map(({ key }) => key))
    let left = keys.filter((key) => !there.has(key))
    for (const other of this.nodes) {
      if (other === node || other.mine !== node.mine || left.length === 0) continue
      const more = await valuesOf(other.server, db, left, other.abilities)
      values.push(...more)
      left = left.filter((key) => !more.some((value) => value.key === key))
    }
    return values
  }

  /** Keys of the ring that this import has put there and that their source does not have any more. */
  private async findDeleted(db: number, keys: readonly Buffer[]): Promise<void> {
    for (const key of keys) {
      const isOurs = this.nodes.some(({ mine }) => mine.has(db, key))
      if (!isOurs && !this.leftKeys.has(db, key)) this.others.add(db, key)
    }
    for (const node of this.nodes) {
      const mine = keys.filter((key) => node.mine.has(db, key))
      const exist = await readPatiently(
        node.server,
        db,
        mine.map((key) => ['EXISTS', key]),
      )
      for (const [i, key] of mine.entries()) {
        if (integerOf(exist[i]) === 0)
          this.remember({ node, db, key: Buffer.from(key), kind: 'extra', digest: undefined })
      }
    }
  }
}

function digestOf(dump: Buffer | undefined): string | undefined {
  return dump === undefined ? undefined : createHash('sha1').update(dump).digest('base64')
}

/** The same keys, those together that are asked for together. */
export function byPlace(
  open: readonly Open[],
): { readonly node: Node; readonly db: number; readonly keys: Buffer[] }[] {
  const places = new Map<Node, Map<number, Buffer[]>>()
  for (const { node, db, key } of open) {
    const databases = places.get(node) ?? new Map<number, Buffer[]>()
    places.set(node, databases)
    const keys = databases.get(db)
    if (keys === undefined) databases.set(db, [key])
    else keys.push(key)
  }
  return [...places].flatMap(([node, databases]) => [...databases].map(([db, keys]) => ({ node, db, keys })))
}
