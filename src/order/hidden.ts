import type { Doubt } from './doubt.js'

/**
 * Whether a natural replica is not to be asked for a key: it may have missed a write of it, or another one may have missed a write
 * that this one has. One that refuses to be repaired is not waited for when it is behind it; and wherever it is when it has no memory, which may
 * last: until then nobody could read what the others have.
 *
 * @param doubts about the key on each natural replica, the master first
 * @param place the one that would be asked
 */
export function isHidden(doubts: readonly (Doubt | undefined)[], place: number): boolean {
  return doubts.some((doubt, each) => {
    if (doubt === undefined) return false
    return each === place || !doubt.refused || !(each > place || doubt.lacksMemory)
  })
}
