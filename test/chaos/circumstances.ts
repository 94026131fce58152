import type { Circumstances, Harm, Lag } from './checkers/availability.js'
import { FAULTS } from './faults.js'
import type { FaultRecord, Membership } from './nemesis.js'
import { placement } from './placement.js'
import { keysOf } from './several-keys.js'

/** What went wrong in a run, as to which keys may notice it. */
export function circumstancesOf(
  faults: readonly FaultRecord[],
  memberships: readonly Membership[],
  replicas: number,
  lags: readonly Lag[],
): Circumstances {
  const rings = memberships.map(({ sinceMs, names }) => ({ sinceMs, holdersOf: placement(names, replicas) }))
  const known = new Map<string, readonly string[]>()
  return {
    harms: faults.map(harmOf),
    lags,
    holdersOf(key, atMs) {
      const at = rings.findLastIndex(({ sinceMs }) => sinceMs <= atMs)
      const id = `${at} ${key}`
      // What stands behind # is a field of the key.
      const name = key.slice(key.indexOf('/') + 1).replace(/#.*/s, '')
      const holders = known.get(id) ?? [...new Set(keysOf(name).flatMap(rings[at].holdersOf))]
      known.set(id, holders)
      return holders
    },
  }
}

function harmOf({ fault, targets, startedMs, wholeMs }: FaultRecord): Harm {
  const { resource, needs = [], sparesOthers = resource === 'members' || resource === 'sentinels' } = FAULTS[fault]
  const spares = sparesOthers && !needs.includes('proxy')
  return { what: fault, members: spares ? targets : undefined, fromMs: startedMs, untilMs: wholeMs }
}
