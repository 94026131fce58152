import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/*
 * Which process is it? A process id alone does not say: it is given to another process later. Together with the
 * moment at which the process started it does. So a pid file holds both, and what is stopped by means of a pid file is
 * the very process that the file was written for, or nothing.
 */

/** The moment at which the living process `pid` started, as a text to compare; undefined when there is none. */
export function startMark(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxMark(pid) : psMark(pid)
}

/** The start time in clock ticks since boot [proc(5) /proc/pid/stat, field 22], with the boot that it counts from. */
function linuxMark(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may hold anything, so that fields are counted from the last one: 3 is the state.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const dead = fields[0] === 'Z' || fields[0] === 'X'
    return dead ? undefined : `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}:${fields[19]}`
  } catch {
    return undefined
  }
}

function psMark(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'latin1' }).trim() || undefined
  } catch {
    return undefined
  }
}

/** Notes in `file` that it speaks of the living process `pid`. */
export function writePidFile(file: string, pid: number, flag: 'w' | 'wx' = 'w'): void {
  writeFileSync(file, `${pid} ${startMark(pid) ?? ''}\n`, { flag })
}

/** The process id that `file` was written for, if that process still lives. */
export function readPidFile(file: string): number | undefined {
  try {
    const [, pid, mark] = /^([1-9][0-9]*) (.+)\n$/.exec(readFileSync(file, 'latin1')) ?? []
    return mark !== undefined && startMark(Number(pid)) === mark ? Number(pid) : undefined
  } catch {
    return undefined
  }
}

export function removePidFile(file: string): void {
  rmSync(file, { force: true })
}

/** Ends the process `pid`, which need not be our child: asks first (also when it is paused), insists after `patienceMs`. */
export async function endProcess(pid: number, patienceMs: number): Promise<void> {
  const mark = startMark(pid)
  if (mark === undefined) return
  const lives = () => startMark(pid) === mark
  signal(pid, 'SIGTERM')
  signal(pid, 'SIGCONT')
  for (const deadline = performance.now() + patienceMs; lives() && performance.now() < deadline; ) await sleep(10)
  if (lives()) signal(pid, 'SIGKILL')
  while (lives()) await sleep(10)
}

/** Sends a signal; a process that is gone already is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
