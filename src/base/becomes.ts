import { setTimeout as sleep } from 'node:timers/promises'

/** Whether a condition comes true within `timeoutMs`. */
export async function becomes(condition: () => boolean, timeoutMs: number): Promise<boolean> {
  for (const deadlineMs = performance.now() + timeoutMs; !condition(); await sleep(5)) {
    if (performance.now() > deadlineMs) return false
  }
  return true
}
