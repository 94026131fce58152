import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Teardown } from './proxy.js'
import { until } from './until.js'

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, with `input` as its standard input. It is killed after `patienceMs`. */
export async function run(
  program: string,
  args: readonly string[],
  input: string | Buffer = '',
  patienceMs = 60_000,
): Promise<Finished> {
  const child = spawn(program, args, { stdio: 'pipe' })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (output.stdout += chunk))
  child.stderr.on('data', (chunk) => (output.stderr += chunk))
  child.stdin.on('error', () => {}) // It may end without having read everything.
  child.stdin.end(input)
  const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  const [code] = await once(child, 'close')
  clearTimeout(timer)
  return { code, ...output }
}

const ESCAPE_SEQUENCES = /\x1b\[[0-9;]*[A-Za-z]/g

/** A program in a terminal of its own (a pseudo terminal, by `script`), at which the test types. */
export class Terminal {
  /** What was printed, without colours and movements of the cursor. */
  private screen = ''
  private seenUpTo = 0

  private constructor(private readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk) => {
      this.screen += String(chunk).replace(ESCAPE_SEQUENCES, '')
    })
  }

  static open(t: Teardown, ...commandLine: string[]): Terminal {
    const env = { ...process.env, TERM: 'xterm', HOME: '/nonexistent' }
    // Of a terminal without a size redis-cli asks where the cursor is, and waits for the answer.
    const command = `stty cols 120 rows 40; exec ${commandLine.join(' ')}`
    const child = spawn('script', ['-qfec', command, '/dev/null'], { stdio: 'pipe', env })
    t.teardown(async () => {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    })
    return new Terminal(child)
  }

  type(text: string): void {
    this.child.stdin?.write(text)
  }

  /** Waits until the pattern stands on the screen behind what was seen before; gives the match. */
  async sees(pattern: RegExp): Promise<RegExpExecArray> {
    const found = await until(`${pattern} on the screen`, () => pattern.exec(this.screen.slice(this.seenUpTo))).catch(
      (error: Error) => {
        throw new Error(`${error.message}: ${JSON.stringify(this.screen.slice(this.seenUpTo))}`)
      },
    )
    this.seenUpTo += found.index + found[0].length
    return found
  }

  /** Resolves with the exit code. */
  async end(): Promise<number> {
    return until('the program ends', () => this.child.exitCode !== null).then(() => this.child.exitCode!)
  }
}
