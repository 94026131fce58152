import type { KeyId } from '../base/key-id.js'
import type { SomeKeys } from '../base/some-keys.js'

/** What a write may leave under its keys for which somebody waits, by the kind of value. */
export type Left = 'list' | 'sorted-set' | 'stream' | 'any' | 'nothing'

/** Who serves those that wait. */
export interface AwaitedListener {
  /** For which somebody waits. */
  readonly keys: SomeKeys
  /**
   * A write of these keys is about to be emitted.
   *
   * @param most how many elements it adds at most
   * @param isSure whether it adds one, unless it is refused
   */
  wrote(ids: readonly KeyId[], left: Left, most: number, isSure: boolean): void
  /** Databases are swapped, or emptied. */
  swapped(concerns: (db: number) => boolean): void
  /** What was told of has been emitted: what is emitted now is right behind it. */
  look(): void
}

const NONE: SomeKeys = new Map()

/** Clients wait for keys to hold something [serving/blocking]: whoever emits a write that may leave something there says so here. */
export class Awaited {
  /** Whether anybody waits: nobody needs to say anything while not. */
  any = false
  /** Whether somebody is to be told when his key is gone. */
  ends = false
  /** Whether something was written for which somebody waits, and has not been looked at. */
  isReady = false
  listener: AwaitedListener | undefined

  /** For which somebody waits. */
  get keys(): SomeKeys {
    return this.listener?.keys ?? NONE
  }

  wrote(ids: readonly KeyId[], left: Left, most: number, isSure: boolean): void {
    this.listener?.wrote(ids, left, most, isSure)
  }

  swapped(concerns: (db: number) => boolean): void {
    this.listener?.swapped(concerns)
  }

  /** To be called in the turn of an emission, behind it. */
  look(): void {
    if (this.isReady) this.listener?.look()
  }
}
