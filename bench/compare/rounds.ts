import { Pipeline } from '../support/pipeline.js'
import { cpuSeconds, peakRssBytes, resetPeakRss } from '../support/process-figures.js'
import { runRedisBenchmark, together } from './redis-benchmark.js'
import type { Sample } from './results.js'
import type { KeySpace, Row } from './rows.js'
import type { System } from './systems.js'

/*
 * Row after row, every system in turn: what else the machine does in these seconds meets all of them alike, and the ratio
 * of two figures of one round says more than the figures.
 */

export interface RoundsOptions {
  readonly rows: readonly Row[]
  readonly systems: readonly System[]
  readonly rounds: number
  /** How long one run of one row on one system shall take. */
  readonly seconds: number
  readonly signal: AbortSignal
  onTrial(row: Row): void
  onBegin(row: Row, system: System): void
  onSample(sample: Sample): void
  /** A round has ended. */
  onRound(round: number): void
}

/** The systems on which a row is measured: a row that only reads is not measured with one copy as well. */
export function systemsOf(row: Row, systems: readonly System[]): System[] {
  return systems.filter(({ name }) => name !== 'dt-r0' || row.oneCopy)
}

/**
 * A trial run of everything, which warms up the programs and tells how many commands fill the time, then the rounds.
 * Which system comes first goes round. Each round
 * begins with the same data.
 *
 * @throws the signal's reason when it is aborted; what was measured was given to `onSample` before
 */
export async function runRounds(options: RoundsOptions): Promise<void> {
  const { rows, systems, rounds, seconds, signal } = options
  const rates = new Map<string, number>()
  const rateKey = (row: Row, system: System) => `${row.id} ${system.name}`
  await fill(rows, systems)
  for (const row of rows) {
    options.onTrial(row)
    for (const system of systemsOf(row, systems)) {
      const { perSecond } = await measure(row, system, { commands: row.trial, round: 0, signal })
      rates.set(rateKey(row, system), perSecond)
    }
  }
  for (let round = 1; round <= rounds; round++) {
    if (round > 1) await fill(rows, systems)
    for (const row of rows) {
      const own = systemsOf(row, systems)
      for (let i = 0; i < own.length; i++) {
        const system = own[(i + round - 1) % own.length]
        options.onBegin(row, system)
        const commands = Math.ceil((rates.get(rateKey(row, system)) as number) * seconds * row.longer)
        const sample = await measure(row, system, { commands, round, signal })
        rates.set(rateKey(row, system), sample.perSecond)
        options.onSample(sample)
      }
    }
    options.onRound(round)
  }
}

async function measure(
  row: Row,
  { name: system, port, pid }: System,
  { commands, round, signal }: { commands: number; round: number; signal: AbortSignal },
): Promise<Sample> {
  const runs = row.drivers.map((driver) => {
    // redis-benchmark sends whole pipelines of each client.
    const requests = Math.max(row.pipeline * driver.clients, Math.ceil(commands * driver.share))
    return { port, driver, pipeline: row.pipeline, keys: row.keys, requests }
  })
  resetPeakRss(pid)
  const before = cpuSeconds(pid)
  const found = await Promise.all(runs.map((run) => runRedisBenchmark(run, signal)))
  const cpu = cpuSeconds(pid) - before
  const sent = runs.reduce((sum, { requests }) => sum + requests, 0)
  return {
    ...{ round, row: row.id, system, commands: sent },
    ...together(
      found,
      row.drivers.map(({ share }) => share),
    ),
    ...{ cpuMicros: (cpu / sent) * 1e6, peakRssBytes: peakRssBytes(pid) },
  }
}

/** Empties all systems and writes what the rows read, through each of them. */
export async function fill(
  rows: readonly Row[],
  systems: readonly Pick<System, 'port' | 'flushPorts'>[],
): Promise<void> {
  const spaces = new Map(rows.flatMap(({ reads }) => (reads === undefined ? [] : [[reads.prefix, reads]])))
  for (const { port, flushPorts } of systems) {
    for (const flushPort of flushPorts) await send(flushPort, [['FLUSHALL']])
    for (const space of spaces.values()) await send(port, setsOf(space))
  }
}

/** Sends commands in a pipeline, and waits for all replies. */
export async function send(port: number, commands: Iterable<readonly (Buffer | string)[]>): Promise<void> {
  const pipeline = await Pipeline.open(port)
  await pipeline.run(commands)
  pipeline.close()
}

function* setsOf({ prefix, keys, valueBytes }: KeySpace) {
  const value = Buffer.alloc(valueBytes, 'x')
  // Twelve digits, as redis-benchmark writes its numbers.
  for (let i = 0; i < keys; i++) yield ['SET', `${prefix}:${String(i).padStart(12, '0')}`, value]
}
