import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { UserError } from '../../src/base/user-error.js'
import type { Driver } from './rows.js'

/** What redis-benchmark found. */
export interface Found {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Run {
  readonly port: number
  readonly driver: Driver
  readonly pipeline: number
  readonly keys: number
  readonly requests: number
  /** By TLS, with these options. */
  readonly tls?: readonly string[]
}

/** The arguments of redis-benchmark for one run. A long value does not fit among them and goes to its input. */
export function benchmarkArguments({ port, driver, pipeline, keys, requests, tls }: Run): string[] {
  const numbers = { '-p': port, '-c': driver.clients, '-n': requests, '-r': keys, '-P': pipeline }
  const input = driver.valueBytes === undefined ? [] : ['-x']
  return [
    ...Object.entries(numbers).flatMap(([name, value]) => [name, String(value)]),
    '--csv',
    ...input,
    ...(tls === undefined ? [] : ['--tls', ...tls]),
  ].concat(driver.command)
}

/**
 * Reads what redis-benchmark prints with --csv.
 *
 * @throws Error when there are error replies, which are answered faster than anything, or no result
 */
export function parseCsv(output: string): Found {
  const error = /^Error.*/m.exec(output)
  if (error) throw new Error(`redis-benchmark got an error reply: ${error[0]}`)
  const [head, line] = output
    .split('\n')
    .filter((line) => line.startsWith('"'))
    .map((line) => line.slice(1, -1).split('","'))
  const field = (name: string) => Number(line?.[head.indexOf(name)])
  const found = {
    ...{ perSecond: field('rps'), p50Ms: field('p50_latency_ms'), p99Ms: field('p99_latency_ms') },
  }
  if (!Object.values(found).every(Number.isFinite)) throw new Error(`redis-benchmark found nothing: ${output}`)
  return found
}

/** @throws the signal's reason when it is aborted, which ends the program */
export async function runRedisBenchmark(run: Run, signal: AbortSignal): Promise<Found> {
  signal.throwIfAborted()
  const child = spawn('redis-benchmark', benchmarkArguments(run), { stdio: ['pipe', 'pipe', 'pipe'] })
  const stop = () => child.kill('SIGKILL')
  signal.addEventListener('abort', stop)
  process.once('exit', stop)
  try {
    child.stdin.on('error', () => {})
    child.stdin.end('x'.repeat(run.driver.valueBytes ?? 0))
    const ended = once(child, 'close') as Promise<[code: number | null]>
    const [output, complaints, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
    signal.throwIfAborted()
    if (code !== 0) throw new UserError(`redis-benchmark failed: ${output}${complaints}`)
    return parseCsv(output)
  } finally {
    signal.removeEventListener('abort', stop)
    process.removeListener('exit', stop)
  }
}

/** What several programs at the same time found, as if they were one: each counts as much as it did. */
export function together(found: readonly Found[], shares: readonly number[]): Found {
  const weighted = (of: (each: Found) => number) => found.reduce((sum, each, i) => sum + of(each) * shares[i], 0)
  return {
    perSecond: found.reduce((sum, { perSecond }) => sum + perSecond, 0),
    p50Ms: weighted(({ p50Ms }) => p50Ms),
    p99Ms: Math.max(...found.map(({ p99Ms }) => p99Ms)),
  }
}
