import type { LatencyMonitor } from '../latency-monitor.js'

const ADVICE: Readonly<Record<string, string>> = {
  command:
    'DT SLOWLOG GET shows which commands these were, and how much of it each waited, its server took, and the proxy.',
  'fast-command':
    'Commands that are fast by themselves waited for others: DT SLOWLOG GET shows where, DT HOTKEYS which keys are asked for most.',
  'event-loop':
    'The proxy itself did not run: its machine or container lacks processor time, or one command made a very large reply.',
}

/** What LATENCY DOCTOR says of what the proxy has seen. */
export function adviceOf({ events }: Pick<LatencyMonitor, 'events'>): string {
  if (events.size === 0) return 'Nothing took as long as latency-monitor-threshold.\n'
  const lines = [...events].map(([name, { samples, mostMs }], i) => {
    const times = samples.map(([, ms]) => ms)
    const average = times.reduce((sum, ms) => sum + ms, 0) / times.length
    const deviation = times.reduce((sum, ms) => sum + Math.abs(ms - average), 0) / times.length
    const period = (samples[samples.length - 1][0] - samples[0][0]) / samples.length
    const figures = `average ${average.toFixed(0)} ms, mean deviation ${deviation.toFixed(0)} ms, one in ${period.toFixed(2)} s`
    return `${i + 1}. ${name}: in ${samples.length} seconds (${figures}). The longest ever took ${mostMs} ms.\n`
  })
  const advices = [...events.keys()].map((name) => `- ${ADVICE[name]}\n`)
  return `${lines.join('')}\n${advices.join('')}`
}
