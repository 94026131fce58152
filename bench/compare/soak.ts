import { BenchRing } from '../support/bench-ring.js'
import { rssBytes } from '../support/process-figures.js'
import { runRedisBenchmark } from './redis-benchmark.js'
import type { SoakPoint } from './results-data.js'
import { fill } from './rounds.js'
import { chooseRows } from './rows.js'
import { IN_MEMORY, NODES } from './systems.js'

const PIPELINE = 64
/** Long enough that starting redis-benchmark counts for nothing, short enough to see how far it is. */
const COMMANDS_AT_ONCE = 2_000_000
const SAMPLE_EVERY_MS = 1000

/**
 * Sends so many commands through DT with three copies, and looks at its memory every second.
 *
 * @param onPoint is told each; the points between two runs of redis-benchmark are given the commands in proportion
 */
export async function soak(
  commands: number,
  signal: AbortSignal,
  onPoint: (point: SoakPoint) => void,
): Promise<SoakPoint[]> {
  const [row] = chooseRows(['mixed-p16'])
  return BenchRing.with({ nodes: NODES, replicas: 2, memberConfig: IN_MEMORY }, async (ring) => {
    await fill([row], [{ port: ring.port, flushPorts: [] }])
    const points: SoakPoint[] = []
    const beganAtMs = performance.now()
    for (let done = 0; done < commands && !signal.aborted; ) {
      const some = Math.min(COMMANDS_AT_ONCE, commands - done)
      const looks: { seconds: number; rssBytes: number }[] = []
      const look = () =>
        looks.push({ seconds: (performance.now() - beganAtMs) / 1000, rssBytes: rssBytes(ring.proxyPid) })
      const timer = setInterval(look, SAMPLE_EVERY_MS)
      try {
        const runs = row.drivers.map((driver) => {
          const requests = Math.ceil(some * driver.share)
          return runRedisBenchmark({ port: ring.port, driver, pipeline: PIPELINE, keys: row.keys, requests }, signal)
        })
        await Promise.all(runs)
      } finally {
        clearInterval(timer)
      }
      look()
      for (const [i, { seconds, rssBytes }] of looks.entries()) {
        const point = { seconds, rssBytes, commands: done + (some * (i + 1)) / looks.length }
        points.push(point)
        onPoint(point)
      }
      done += some
    }
    return points
  })
}
