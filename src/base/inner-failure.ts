import { AssertionError } from './assert.js'
import type { Logger } from './log.js'

/**
 * The owner of the failure of what nobody waits for: it is noted, and the proxy goes on. But for what does not hold though it is taken
 * for granted: that is thrown on, and ends the process as what nobody has caught.
 *
 * @param about what it was about, for the log: `while` says what was done
 */
export function noteFailure(
  log: Logger,
  failure: unknown,
  about: { readonly while: string; readonly member?: string },
): void {
  if (failure instanceof AssertionError) throw failure
  log.error({ event: 'internal-error', err: failure, ...about }, 'something failed inside the proxy')
}
