import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Kills the processes whose working directory is `directory` or below it, and gives their number: the servers of a test
 * that was itself killed because it hung. Linux only; elsewhere there is no /proc, and they stay.
 */
export function killThoseIn(directory) {
  const prefix = join(directory, '/')
  const pids = processIds().filter((pid) => `${workingDirectory(pid)}/`.startsWith(prefix))
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  return pids.length
}

function processIds() {
  try {
    return readdirSync('/proc')
      .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
      .map(Number)
  } catch {
    return []
  }
}

/** Also of a directory that is removed already. Of a process that is gone, or not ours to look at, the empty text. */
function workingDirectory(pid) {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, '')
  } catch {
    return ''
  }
}
