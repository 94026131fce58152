import type { Machine } from '../support/run-bench.js'
import type { FurtherFigure } from './further.js'
import type { Sample } from './results.js'

/** When, where and of which state of the sources something was measured. */
export interface About {
  /** ISO 8601 */
  readonly date: string
  readonly commit: string
  readonly machine: Machine
  readonly loadAtEnd: number
  /** Its version, where it was there. */
  readonly twemproxy?: string
}

/** What a run of `npm run bench` has measured, whole or interrupted. */
export interface Comparison {
  readonly about: About
  readonly rounds: number
  readonly seconds: number
  readonly samples: readonly Sample[]
  readonly further: readonly FurtherFigure[]
  /** What the reader has to know besides, a sentence each. */
  readonly notes: readonly string[]
}

/** What `npm run bench -- --soak` has measured. */
export interface Soak {
  readonly about: About
  readonly commands: number
  readonly points: readonly SoakPoint[]
}

/** The proxy's memory after so many commands and seconds. */
export interface SoakPoint {
  readonly seconds: number
  readonly commands: number
  readonly rssBytes: number
}

/** bench/results.json: everything of which bench/results.md and the figures are made. */
export interface ResultsData {
  readonly comparison?: Comparison
  readonly soak?: Soak
}
