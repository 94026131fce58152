import type { Sample } from '../../bench/compare/results.js'
import type { Comparison } from '../../bench/compare/results-data.js'
import { ROWS } from '../../bench/compare/rows.js'
import { SYSTEM_NAMES, type SystemName } from '../../bench/compare/systems.js'

/** A sample in which everything that is not given is a round number. */
export function sample(system: SystemName, given: Partial<Sample>): Sample {
  return {
    ...{ round: 1, row: 'get-p1', system, commands: 1000, perSecond: 100, p50Ms: 1, p99Ms: 2, cpuMicros: 10 },
    peakRssBytes: 1e6,
    ...given,
  }
}

/** All rows on all systems, or all but some, in two rounds; DT takes half the CPU time of twemproxy. */
export function wholeComparison(without: readonly SystemName[] = []): Comparison {
  const samples = [1, 2].flatMap((round) =>
    ROWS.flatMap(({ id, oneCopy }) =>
      SYSTEM_NAMES.filter((name) => !without.includes(name) && (name !== 'dt-r0' || oneCopy)).map((name) =>
        sample(name, { round, row: id, cpuMicros: name === 'twemproxy' ? 20 : 10 }),
      ),
    ),
  )
  return { about: ABOUT, rounds: 2, seconds: 1, samples, further: [], notes: [] }
}

export const ABOUT = {
  date: '2026-01-02T03:04:05.678Z',
  commit: '1a2b3c4',
  machine: { cpus: 2, model: 'a processor', node: 'v20.3.0', redis: '7.0.15', loadAtStart: 0.1 },
  loadAtEnd: 1.5,
  twemproxy: '0.5.0',
}
