import type { Link } from '../backend/link.js'
import { dbOfId, type KeyId } from '../base/key-id.js'
import { type CopyListener, type CopyResult, KeyCopy } from './copy-key.js'
import type { Doubt } from './doubt.js'
import type { Lanes } from './lanes.js'
import type { Pieces } from './pieces/pieces.js'
import type { Router } from './router.js'
import type { Ties } from './ties.js'
import { Together } from './together.js'

/** Keys that are in doubt on one member and are repaired together. */
export type Unit = ReadonlyMap<KeyId, Doubt>

/** What became of a copy. */
export interface Told {
  readonly result: CopyResult
  readonly reason: string
}

/**
 * What is repaired with a key that is in doubt: see `Ties`. Keys that have other replicas by now are repaired for themselves, and those
 * of another database: when that is emptied nobody waits for them any more.
 */
export function unitOf(ties: Ties, doubts: Unit, router: Router, id: KeyId): Unit {
  const hasSameNatural = (each: KeyId) => router.routeOf(each).natural === router.routeOf(id).natural
  const isOpen = (each: KeyId) => doubts.get(each)?.copying === false && hasSameNatural(each)
  const isBeside = (each: KeyId) => each !== id && dbOfId(each) === dbOfId(id) && isOpen(each)
  const unit = [...(ties.of(id) ?? [])].filter(isBeside)
  return new Map([id, ...unit].map((each) => [each, doubts.get(each)!]))
}

/** Copies all of it, or nothing; `done` is told what failed when it is known of all keys, or undefined when nothing did. */
export function copyUnit(
  lanes: Lanes,
  pieces: Pieces,
  unit: Unit,
  source: Link,
  target: Link,
  done: (failure: Told | undefined) => void,
): void {
  for (const doubt of unit.values()) {
    Object.assign(doubt, { copying: true, begunAtMs: performance.now(), source })
    doubt.copies.open++
  }
  const told: Told[] = []
  const listener: CopyListener = (_target, result, reason, _bytes, id) => {
    unit.get(id)!.copies.open--
    told.push({ result, reason })
    if (told.length < unit.size) return
    done(told.find((each) => each.result === 'refused') ?? told.find((each) => each.result !== 'copied'))
  }
  const ids = [...unit.keys()]
  const together = unit.size > 1 ? new Together(unit.size) : undefined
  new KeyCopy(lanes, ids, source, [target], listener, pieces, 'unknown', undefined, together)
}
