import type { JoinOptions, JoinResult } from './simulate-join.js'

const HEAD = ['N', 'K', 'K/N', 'mean', 'median', '5 %', '25 %', '75 %', '95 %', '(r+1)K/N', 'mean']
/** Where the columns of the two things that are counted begin. */
const HANDS_COLUMN = 2
const COPIES_COLUMN = 9

/** The results as a table for a terminal of 80 columns, with the meaning of its columns below. */
export function joinTable(options: JoinOptions, results: readonly JoinResult[]): string {
  const { replicas, seeds } = options
  const rows = results.map((result) => cells(result, replicas))
  const widths = HEAD.map((head, i) => {
    const space = i === 0 ? 0 : i === HANDS_COLUMN || i === COPIES_COLUMN ? 4 : 2
    return Math.max(head.length, ...rows.map((row) => row[i].length)) + space
  })
  const line = (cells: readonly string[]): string => cells.map((cell, i) => cell.padStart(widths[i])).join('')
  const beginning = (column: number): number => line(HEAD.slice(0, column)).length + 4
  const groups = `${' '.repeat(beginning(HANDS_COLUMN))}keys that change hands`.padEnd(beginning(COPIES_COLUMN))

  const lines: string[] = []
  for (const virtualNodes of options.virtualNodes) {
    const kind = virtualNodes === 1 ? '1 virtual node each (plain Chord)' : `${virtualNodes} virtual nodes each`
    const rings = seeds.length === 1 ? '1 ring' : `${seeds.length} rings`
    lines.push(`A node joins a ring of N nodes with ${kind}, ${rings}`, '')
    lines.push(`${groups}copies, r = ${replicas}`, line(HEAD))
    results.forEach((result, i) => {
      if (result.virtualNodes === virtualNodes) lines.push(line(rows[i]))
    })
    lines.push('')
  }
  lines.push(
    'Keys that change hands: their master is another node after the join. K/N is the',
    'order that Chord promises; the mean approaches K/(N+1), one part of N+1.',
    'Copies: those, on masters and backups, that a node holds after the join and did',
    'not hold before. Mean, median and percentiles are over the rings.',
    '',
  )
  return lines.join('\n')
}

function cells({ nodes, keys, ideal, keysChangingHands, copiesMoving }: JoinResult, replicas: number): string[] {
  const { mean, median, p5, p25, p75, p95 } = keysChangingHands
  // A new node gets at most one copy of each key.
  const idealCopies = Math.min(keys, (replicas + 1) * ideal)
  const whole = [median, p5, p25, p75, p95].map((value) => value.toFixed(0))
  const tenths = [ideal, mean, idealCopies, copiesMoving.mean].map((value) => value.toFixed(1))
  return [String(nodes), String(keys), ...tenths.slice(0, 2), ...whole, ...tenths.slice(2)]
}
