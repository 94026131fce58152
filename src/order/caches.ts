import type { Link } from '../backend/link.js'
import type { KeyId } from '../base/key-id.js'
import type { Router } from './router.js'

/**
 * Clients have caches of their own [channels/cached-keys.ts], and are told by the answer to a write what has changed. What changes, or may
 * change, without one is said here: a key that expires, one of which nobody knows what its replicas have.
 */
export class Caches {
  /** Whether there are any: nobody needs to say anything while not. */
  get any(): boolean {
    return this.listener?.any === true
  }

  listener: CacheListener | undefined

  changed(ids: readonly KeyId[]): void {
    this.listener?.changed(ids)
  }

  /** Each replica says so, but one is enough: the present master speaks for the key. */
  expired(link: Link, id: KeyId, router: Router): void {
    if (this.any && router.targetsOf(id)[0] === link) this.changed([id])
  }

  /** Other members are masters. */
  allChanged(): void {
    this.listener?.allChanged()
  }
}

export interface CacheListener {
  readonly any: boolean
  changed(ids: readonly KeyId[]): unknown
  allChanged(): unknown
}
