import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describeMachine } from '../support/run-bench.js'
import { comparisonFigure } from './figure.js'
import { report } from './report.js'
import type { About, ResultsData } from './results-data.js'
import { soakFigure } from './soak-summary.js'
import { findTwemproxy } from './twemproxy.js'

/** The directory of the sources, from dist/bench/compare/. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const fileNamed = (name: string) => `${ROOT}bench/${name}`

/** What was measured before. */
export function readResults(): ResultsData {
  const file = fileNamed('results.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

/** Writes results.json, and results.md and the figures, which are made of it. */
export function writeResults(found: ResultsData): void {
  const text = jsonText(found)
  writeFileSync(fileNamed('results.json'), `${text}\n`)
  // As it would be read again, so that the page is the same then.
  const data: ResultsData = JSON.parse(text)
  writeFileSync(fileNamed('results.md'), report(data))
  const { comparison, soak } = data
  const figure = comparisonFigure(comparison?.samples ?? [])
  if (figure !== undefined) writeFileSync(fileNamed('results.svg'), figure)
  if (soak !== undefined) writeFileSync(fileNamed('soak.svg'), soakFigure(soak))
}

/** A line for each sample, so that a difference can be read. */
function jsonText(data: ResultsData): string {
  const flat = /\{\n *([^{}[\]]*?)\n *\}/g
  const rounded = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value
  return JSON.stringify(data, rounded, 1).replace(flat, (_, inside: string) => `{ ${inside.replace(/\n */g, ' ')} }`)
}

/** Begins the description of a run; the function that it gives ends it. */
export function describeRun(): () => About {
  const [machine, twemproxy, commit] = [describeMachine(), findTwemproxy()?.version, commitOf(ROOT)]
  const date = new Date().toISOString()
  return () => ({ date, commit, machine, loadAtEnd: loadavg()[0], ...(twemproxy === undefined ? {} : { twemproxy }) })
}

/** `1a2b3c4`, with a word when the program was changed since. */
function commitOf(root: string): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    const changed = git('status', '--porcelain', '--', 'src') !== ''
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? ' with changes' : ''}`
  } catch {
    return 'unknown'
  }
}
