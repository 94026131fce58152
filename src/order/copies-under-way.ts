import type { Link } from '../backend/link.js'
import type { KeyId } from '../base/key-id.js'

/** A key that some members get from the one that has executed a write of it. */
export interface CopyUnderWay {
  readonly id: KeyId
  readonly source: Link
  readonly targets: readonly Link[]
}

/**
 * Copies by which a write comes to the other replicas [design §7, mode copy]: when their source turns out to lack an earlier write,
 * who gets the key from there will lack it, too.
 */
export class CopiesUnderWay {
  private readonly all = new Set<CopyUnderWay>()

  /** A copy begins, and is over when the returned function is called. */
  begin(copy: CopyUnderWay): () => void {
    this.all.add(copy)
    return () => {
      this.all.delete(copy)
    }
  }

  /** Who is getting some of these keys from this member. */
  from(source: Link, ids: readonly KeyId[]): { readonly id: KeyId; readonly target: Link }[] {
    if (this.all.size === 0) return []
    const copies = [...this.all].filter((copy) => copy.source === source && ids.includes(copy.id))
    return copies.flatMap(({ id, targets }) => targets.map((target) => ({ id, target })))
  }
}
