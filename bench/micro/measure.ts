import { type Spread, spreadOf } from '../compare/results.js'

/** One small thing that the proxy does for each command. */
export interface Micro {
  readonly name: string
  /** Does it so many times, or some more; gives how often. */
  run(times: number): number | Promise<number>
}

/** What one time costs. */
export interface MicroResult {
  readonly name: string
  readonly nanoseconds: Spread
}

/** How long one sample takes: long enough for the clock, and for the garbage that it makes. */
const SAMPLE_MS = 50

/**
 * CPU time of this process for each time: median, least and most of `samples`, after the code got warm. Pieces that
 * wait for another process cost only what they take of ours.
 */
export async function measureMicro({ name, run }: Micro, samples: number): Promise<MicroResult> {
  let times = 1
  let perTime = await nanosecondsOf(run, times)
  // Until it takes about as long as a sample; the first runs are slower than those that count.
  for (let round = 0; round < 12 && (round < 4 || perTime * times < (SAMPLE_MS / 2) * 1e6); round++) {
    times = Math.min(times * 10, Math.ceil((SAMPLE_MS * 1e6) / Math.max(perTime, 1)))
    perTime = await nanosecondsOf(run, times)
  }
  const found: number[] = []
  for (let i = 0; i < samples; i++) found.push(await nanosecondsOf(run, times))
  return { name, nanoseconds: spreadOf(found) }
}

async function nanosecondsOf(run: Micro['run'], times: number): Promise<number> {
  const before = process.cpuUsage()
  const done = await run(times)
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / done
}
