import type { Action } from './actions.js'
import { type RunResult, runActions } from './run.js'

/** More runs are not made: what is left is short enough, or takes too long. */
const RUNS_MAX = 3000

/**
 * Leaves actions out of a run as long as the same check still finds something: half of them at once, then quarters, and so on
 * down to one [Zeller's ddmin]. What cannot happen without what was left out does not happen.
 */
export async function shrink({ settings, actions, violation }: RunResult): Promise<RunResult> {
  let left = actions
  let runs = 0
  const fails = async (some: readonly Action[]) => {
    runs++
    const result = await runActions(settings, some)
    if (result.violation?.check !== violation?.check) return false
    left = result.actions
    return true
  }
  for (let size = Math.ceil(left.length / 2); size >= 1 && runs < RUNS_MAX; ) {
    let shorter = false
    for (let from = 0; from < left.length && runs < RUNS_MAX; ) {
      if (await fails([...left.slice(0, from), ...left.slice(from + size)])) shorter = true
      else from += size
    }
    if (size === 1 && !shorter) break
    if (size > 1) size = Math.ceil(size / 2)
  }
  return runActions(settings, left, true)
}
