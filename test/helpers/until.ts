import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits until `condition` holds (is not undefined, null or false) and gives its value; fails with what was waited for
 * after `patienceMs`.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  patienceMs = 90_000,
): Promise<NonNullable<T>> {
  const deadlineMs = Date.now() + patienceMs
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== null && value !== false) return value
    if (Date.now() > deadlineMs) throw new Error(`not within ${patienceMs} ms: ${what}`)
    await sleep(5)
  }
}
