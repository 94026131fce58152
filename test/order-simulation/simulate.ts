import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url))

/** Runs the simulation in a process of its own, whose clock is the simulation's. See README.md here. */
export function simulate(args: readonly string[], nodeArgs: readonly string[] = []) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, MAIN, ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}
