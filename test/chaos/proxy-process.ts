import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ask } from '../../src/local/ask.js'
import type { ProxyAddress } from './client.js'
import { nowMs } from './history.js'

/** The build that these tests belong to. */
const PROGRAM = fileURLToPath(new URL('../../..', import.meta.url))
/** A proxy that has to read markers, or waits for a majority of the members, does not answer at once. */
const START_PATIENCE_MS = 60_000

export interface ProxyOptions {
  readonly port: number
  /** [ProxyAddress] */
  readonly group?: number | undefined
  /** Where it keeps its state, if it keeps any. */
  readonly stateFile?: string
  readonly configFile: string
  readonly logFile: string
  readonly cwd: string
  /** More arguments of `dt serve`. */
  readonly args?: readonly string[]
  /** Arguments of node itself: a defect is brought in with `--import`. */
  readonly nodeArgs?: readonly string[]
  /** Its modules are loaded one by one, so that they can be changed. */
  readonly asModules?: boolean
  /** The directory of another build of the proxy. */
  readonly program?: string | undefined
  /** It leads a session of its own, so that Ctrl-C in the terminal does not reach it. */
  readonly ownSession?: boolean
}

const GIVEN_UP = '"event":"given-up"'
/** All are let go within this time: who waits is told when what was on its way for him is known. */
const LET_GO_MS = 6000

/** It runs and does not serve, though nothing keeps it from that. */
export class NotServingError extends Error {
  override name = 'NotServingError'
}

function isServing(info: string | undefined): boolean {
  return /^dt_serving:1\r$/m.test(info ?? '')
}

/** `dt serve` as a process of its own, which can be killed, paused and started again. */
export class ProxyProcess implements ProxyAddress {
  private child: ChildProcess | undefined
  /** How it ended by itself, the last time that it did. */
  private ended = ''
  /** Until when it cannot be blamed for connections that end; Infinity while it is not supposed to run. */
  private harmedUntilMs = Number.POSITIVE_INFINITY

  private gaveUpCount = 0
  /** When that was noticed last. */
  private gaveUpAtMs = Number.NEGATIVE_INFINITY

  /** `onCrash` is told when the process ends by itself. */
  constructor(
    readonly options: ProxyOptions,
    private readonly onCrash: (proxy: ProxyProcess, how: string) => void,
  ) {}

  get port(): number {
    return this.options.port
  }

  get group(): number | undefined {
    return this.options.group
  }

  get pid(): number | undefined {
    return this.child?.pid
  }

  unharmedSince(ms: number): boolean {
    return ms > this.harmedUntilMs && !this.gaveUpSince(ms)
  }

  /** An owner that others stand by for, and that reaches too few members, lets go who listens or waits; it says so before. */
  private gaveUpSince(ms: number): boolean {
    const count = readFileSync(this.options.logFile, 'utf8').split(GIVEN_UP).length - 1
    if (count > this.gaveUpCount) {
      this.gaveUpCount = count
      this.gaveUpAtMs = nowMs()
    }
    return ms <= this.gaveUpAtMs + LET_GO_MS
  }

  /** Resolves when it serves the ring; rejects when it ends first, or says nothing for a long time. */
  async start(): Promise<void> {
    this.launch()
    await this.served()
  }

  /** Resolves when it serves, as `start` does. */
  async served(): Promise<void> {
    const { child } = this
    for (const deadlineMs = nowMs() + START_PATIENCE_MS; ; await sleep(20)) {
      if (child === undefined || this.child !== child) {
        throw new Error(`the proxy did not start: ${this.ended || 'it was killed'}`)
      }
      const info = await ask('127.0.0.1', this.port, 'INFO dt')
      if (isServing(info)) break
      if (nowMs() > deadlineMs) {
        const state = info === undefined ? 'does not answer' : 'does not serve'
        const said = `${info ?? 'nothing'}\nIts last words: ${this.lastWords()}`
        throw new NotServingError(`the proxy ${state} ${START_PATIENCE_MS} ms after its start; INFO dt says ${said}`)
      }
    }
    this.harmedUntilMs = nowMs()
  }

  /** Whether it says that it serves the ring. */
  async serves(): Promise<boolean> {
    return this.child !== undefined && isServing(await ask('127.0.0.1', this.port, 'INFO dt'))
  }

  /** Starts the process and waits for nothing. */
  launch(): ChildProcess {
    const { configFile, logFile, cwd, args = [], nodeArgs = [], ownSession = false } = this.options
    const output = openSync(logFile, 'a')
    const child = spawn(process.execPath, [...nodeArgs, this.main(), 'serve', '--config', configFile, ...args], {
      cwd,
      env: { PATH: process.env.PATH, HOME: process.env.HOME },
      stdio: ['ignore', output, output],
      detached: ownSession,
    })
    closeSync(output)
    this.child = child
    this.ended = ''
    child.once('exit', (code, signal) => {
      if (this.child !== child) return
      this.ended = signal ?? `exit code ${code}`
      this.child = undefined
      this.harmedUntilMs = Number.POSITIVE_INFINITY
      this.onCrash(this, `${this.ended}; its last words: ${this.lastWords()}`)
    })
    return child
  }

  private main(): string {
    const { program = PROGRAM, asModules = false } = this.options
    const main = join(program, 'dist/bin/dt.js')
    // Earlier versions have only modules.
    return asModules || !existsSync(main) ? join(program, 'dist/src/main.js') : main
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.harmedUntilMs = Number.POSITIVE_INFINITY
    const { child } = this
    this.child = undefined
    if (child === undefined) return
    const gone = once(child, 'exit')
    child.kill(signal)
    child.kill('SIGCONT')
    await gone
  }

  /** It is paused, or else treated so that nobody can blame it for ending connections from now on. */
  harm(signal?: NodeJS.Signals): void {
    this.harmedUntilMs = Number.POSITIVE_INFINITY
    if (signal !== undefined) this.child?.kill(signal)
  }

  /** The end of `harm`. */
  absolve(signal?: NodeJS.Signals): void {
    if (signal !== undefined) this.child?.kill(signal)
    this.harmedUntilMs = nowMs()
  }

  /** Resolves with true when the process ends within `patienceMs`; that is no crash then. */
  async endsWithin(patienceMs: number): Promise<boolean> {
    const { child } = this
    if (child === undefined) return true
    this.harmedUntilMs = Number.POSITIVE_INFINITY
    this.child = undefined
    const gone = once(child, 'exit').then(() => true)
    const ended = await Promise.race([gone, sleep(patienceMs, false, { ref: false })])
    if (!ended) this.child = child
    return ended
  }

  lastWords(): string {
    const lines = readFileSync(this.options.logFile, 'utf8').trimEnd().split('\n')
    return lines.slice(-12).join('\n').slice(-3000)
  }
}
