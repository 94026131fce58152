import { storeName } from './loss-figure.js'
import type { LossOptions, LossResult } from './simulate-loss.js'

/** Rows in which every store loses something for certain are left out but for the first. */
const CERTAIN = 0.99995

/** The results as tables for a terminal of 80 columns, one for each number of servers, with their meaning below. */
export function lossTable(options: LossOptions, results: readonly LossResult[]): string {
  const lines = options.nodes.flatMap((nodes) =>
    tableOf(
      options,
      results.filter((result) => result.nodes === nodes),
    ),
  )
  lines.push(
    'some: probability that some key has lost all its copies when f servers, any f of',
    'them, fail at once. share: of all keys, what a loss takes on average; with some it',
    'makes the same product for every store. Copysets: different sets of servers that',
    'hold all copies of some key. Not counted for Redis Cluster: acknowledged writes',
    'that were on a failed master only, because it replicates after its answer.',
    '',
  )
  return lines.join('\n')
}

function tableOf({ replicas }: LossOptions, results: readonly LossResult[]): string[] {
  const [{ nodes }] = results
  const heads = results.map(({ virtualNodes }) => storeName(virtualNodes))
  const width = Math.max(18, ...heads.map((head) => head.length)) + 3
  const row = (first: string, cells: readonly string[]) =>
    `${first.padStart(4)}${cells.map((cell) => cell.padStart(width)).join('')}`
  const pair = (some: string, share: string) => `${some.padStart(9)}${share.padStart(9)}`
  const last = Array.from({ length: nodes + 1 }, (_, f) => f).find((f) =>
    results.every(({ probability }) => probability[f] >= CERTAIN),
  )
  const rows = Array.from({ length: (last ?? nodes) - replicas }, (_, i) => i + replicas + 1).map((f) =>
    row(
      String(f),
      results.map(({ probability, shareIfAny }) => pair(percent(probability[f]), percent(shareIfAny[f]))),
    ),
  )
  const copysets = results.map((result) => {
    return `${result.copysets.toLocaleString('en-US', { maximumFractionDigits: 0 })} copysets`
  })
  return [
    `f of N = ${nodes} servers fail at once, ${replicas + 1} copies of each key`,
    '',
    row('', heads),
    row('', copysets),
    row(
      'f',
      results.map(() => pair('some', 'share')),
    ),
    ...rows,
    '',
  ]
}

function percent(value: number | undefined): string {
  return value === undefined ? '–' : `${(value * 100).toFixed(2)} %`
}
