import { readFileSync, writeFileSync } from 'node:fs'

/** The unit of /proc/PID/stat, everywhere on Linux. */
const TICK_SECONDS = 0.01

/** User and system time of a process since it started [proc(5) /proc/PID/stat, fields 14 and 15]. */
export function cpuSeconds(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_SECONDS
}

/** The memory that a process has in use now. */
export function rssBytes(pid: number): number {
  return statusBytes(pid, 'VmRSS')
}

/** The most that it had in use since `resetPeakRss`, or else since it started. */
export function peakRssBytes(pid: number): number {
  return statusBytes(pid, 'VmHWM')
}

/** From now on the peak is counted anew [proc(5) /proc/PID/clear_refs]. */
export function resetPeakRss(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function statusBytes(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(new RegExp(`^${field}:\\s+([0-9]+) kB$`, 'm').exec(status)?.[1]) * 1024
}
