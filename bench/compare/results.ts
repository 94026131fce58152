import { summarize } from '../../src/simulate/summary.js'
import type { SystemName } from './systems.js'

/** One run of one row on one system. */
export interface Sample {
  readonly round: number
  readonly row: string
  readonly system: SystemName
  readonly commands: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** CPU time of the process, user and system, for each command. */
  readonly cpuMicros: number
  readonly peakRssBytes: number
}

export const FIGURES = ['perSecond', 'p50Ms', 'p99Ms', 'cpuMicros', 'peakRssBytes'] as const
export type FigureName = (typeof FIGURES)[number]

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

type Spreads = Readonly<Record<FigureName, Spread>>

/** One row on one system over all rounds: the figures, and their ratios to others' in the same round. */
export interface Line extends Spreads {
  readonly row: string
  readonly system: SystemName
  readonly rounds: number
  readonly toTwemproxy?: Spreads
  readonly toRedis?: Spreads
}

export function spreadOf(samples: readonly number[]): Spread {
  const { median, min, max } = summarize(samples)
  return { median, min, max }
}

/** A line for each row and system of which there are samples, in the order in which they first came. */
export function linesOf(samples: readonly Sample[]): Line[] {
  const groups = new Set(samples.map(({ row, system }) => `${row} ${system}`))
  return [...groups].map((group) => {
    const own = samples.filter(({ row, system }) => `${row} ${system}` === group)
    const [{ row, system }] = own
    const [toTwemproxy, toRedis] = (['twemproxy', 'redis'] as const).map((other) =>
      other === system
        ? undefined
        : ratios(
            own,
            samples.filter((each) => each.row === row && each.system === other),
          ),
    )
    return {
      ...{ row, system, rounds: own.length, ...spreads((figure) => own.map((sample) => sample[figure])) },
      ...(toTwemproxy === undefined ? {} : { toTwemproxy }),
      ...(toRedis === undefined ? {} : { toRedis }),
    }
  })
}

/** Of the rounds in which both were measured; undefined when there are none. */
function ratios(own: readonly Sample[], others: readonly Sample[]): Spreads | undefined {
  const pairs = own.flatMap((sample) => {
    const other = others.find(({ round }) => round === sample.round)
    return other === undefined ? [] : [[sample, other] as const]
  })
  if (pairs.length === 0) return undefined
  return spreads((figure) => pairs.map(([sample, other]) => sample[figure] / other[figure]))
}

function spreads(samplesOf: (figure: FigureName) => number[]): Spreads {
  return Object.fromEntries(FIGURES.map((figure) => [figure, spreadOf(samplesOf(figure))])) as Record<
    FigureName,
    Spread
  >
}
