import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { run } from '../helpers/run.js'
import { REPOSITORY } from './packages.js'
import type { Program } from './programs.js'

/** A program that takes longer has failed. */
const PATIENCE_MS = 120_000
/** So much of what a program says in a failure is shown. */
const STDERR_SHOWN = 2000

/** How they are started. Debian's Python is meant, which has Debian's packages. */
const STARTED_BY: Record<Exclude<Program['language'], 'C'>, readonly string[]> = {
  // A program of Node.js starts it and asks it.
  Go: [process.execPath],
  'Node.js': [process.execPath],
  Perl: ['perl'],
  PHP: ['php'],
  Python: ['/usr/bin/python3'],
  Ruby: ['ruby', '-W0'],
}

export interface Outcome {
  /** What it printed; where it failed, how, instead. */
  readonly result: string
  readonly failed: boolean
  readonly tookMs: number
}

/** Runs a program against the Redis, or the proxy, on this port. `dir` is for what it compiles. */
export async function runProgram(program: Program, port: number, dir: string): Promise<Outcome> {
  const [command, ...args] = await commandOf(program, dir)
  const beganMs = performance.now()
  const child = spawn(command, [...args, String(port)], {
    cwd: dir,
    // A group of its own: what it has started ends with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: dir, LANG: 'C.UTF-8', PYTHONDONTWRITEBYTECODE: '1' },
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (output.stdout += chunk))
  child.stderr.on('data', (chunk) => (output.stderr += chunk))
  const timer = setTimeout(() => killGroup(child.pid), PATIENCE_MS)
  const [code] = await once(child, 'close')
  clearTimeout(timer)
  killGroup(child.pid)
  const tookMs = performance.now() - beganMs
  if (code === 0) return { result: output.stdout, failed: false, tookMs }
  const how = code === null ? `not through within ${PATIENCE_MS / 1000} s` : `exit code ${code}`
  return { result: `${output.stdout}${how}\n${output.stderr.slice(-STDERR_SHOWN)}`, failed: true, tookMs }
}

async function commandOf({ language, file }: Program, dir: string): Promise<readonly string[]> {
  const path = join(REPOSITORY, 'applications', file)
  if (language !== 'C') return [...STARTED_BY[language], path]
  const program = join(dir, 'program')
  const { code, stderr } = await run('gcc', ['-O1', '-o', program, path, '-lhiredis'])
  if (code !== 0) throw new Error(`${file} cannot be compiled: ${stderr}`)
  return [program]
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left, as it should be.
  }
}
