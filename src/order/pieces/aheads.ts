import type { Link } from '../../backend/link.js'
import type { KeyId } from '../../base/key-id.js'
import type { CommandRow } from '../../command/row.js'
import type { Frame } from '../../resp/frame.js'
import type { Ahead, AheadValue } from './ahead.js'

/**
 * The values that are being built ahead: whoever changes a key, or makes uncertain what it is, tells them. Such a key has a
 * pending replica, so all its writes are emitted as those of one replica set are (`OneRoute`); when it has
 * none any more, another view has spoiled what was built.
 */
export class Aheads {
  /** False nearly always: nobody needs to tell anything. */
  any = false
  private readonly all = new Set<Ahead>()
  /** Those that are being finished: no write comes any more, but what some were answered. */
  private readonly taken = new Set<Ahead>()

  add(ahead: Ahead): void {
    this.all.add(ahead)
    this.any = true
  }

  remove(ahead: Ahead): void {
    this.all.delete(ahead)
    this.taken.delete(ahead)
    this.any = this.all.size + this.taken.size > 0
  }

  /** What was built of this key, for who holds it on these members from now on. */
  take(id: KeyId, source: Link, targets: readonly Link[]): Ahead | undefined {
    if (!this.any || targets.length !== 1) return undefined
    for (const ahead of this.all) {
      const { value } = ahead
      if (value.id !== id || value.source !== source || value.target !== targets[0] || !ahead.isReady) continue
      ahead.taken()
      this.all.delete(ahead)
      this.taken.add(ahead)
      return ahead
    }
    return undefined
  }

  /**
   * A write of these keys is emitted.
   *
   * @param row undefined if it is not sure to do what the table says
   * @param inBlock it stands in a transaction
   */
  wrote(row: CommandRow | undefined, frame: Frame, ids: readonly KeyId[], inBlock = false): void {
    for (const ahead of [...this.all]) {
      if (!ids.includes(ahead.value.id)) continue
      if (row?.elements === undefined) ahead.spoil()
      else ahead.wrote({ row, frame, keys: ids.length, inBlock })
    }
  }

  /** A write of these keys was refused by this member. */
  refused(link: Link, ids: readonly KeyId[]): void {
    for (const ahead of [...this.all, ...this.taken]) {
      if (ahead.value.source === link && ids.includes(ahead.value.id)) ahead.refused()
    }
  }

  /** A copy of this key from the one member to the others has its place among the writes: `take` follows when that has come. */
  ordered(id: KeyId, source: Link, targets: readonly Link[]): void {
    for (const ahead of [...this.all]) {
      const { value } = ahead
      if (value.id === id && value.source === source && targets.includes(value.target)) ahead.ordered()
    }
  }

  /** These keys may have become something else on some member. */
  spoil(ids: readonly KeyId[]): void {
    for (const ahead of [...this.all]) if (ids.includes(ahead.value.id)) ahead.spoil()
    for (const ahead of this.taken) if (ids.includes(ahead.value.id)) ahead.refused()
  }

  /** Other members have, or get, the keys: what is sent to whom has to be as it was for what goes on. */
  keepOnly(isAsBefore: (value: AheadValue) => boolean): void {
    for (const ahead of [...this.all]) if (!isAsBefore(ahead.value)) ahead.spoil()
  }

  /** So may all keys: databases are emptied or swapped. */
  spoilAll(): void {
    for (const ahead of [...this.all]) ahead.spoil()
  }

  /** These keys are copied to a member. */
  copied(ids: readonly KeyId[], target: Link): void {
    for (const ahead of [...this.all]) {
      if (ahead.value.source === target && ids.includes(ahead.value.id)) ahead.spoil()
    }
  }

  /** The link broke. */
  linkDown(link: Link): void {
    for (const ahead of [...this.all]) {
      if (ahead.value.source === link || ahead.value.target === link) ahead.spoil()
    }
  }
}
