import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../base/user-error.js'
import { ask, askInfo } from './ask.js'
import { isFree } from './ports.js'
import { endProcess, readPidFile, removePidFile, signal, writePidFile } from './process-mark.js'

/** Something that keeps the embedded ring from running. The message is one sentence for people. */
export class LocalRingError extends UserError {
  override name = 'LocalRingError'
}

const pidFileName = 'redis.pid'
/** In the directory of a ring: the process that runs it. */
export const ringPidFileName = 'dt.pid'
/** How long a server that was asked to stop may take to put its data on disk. */
const stopPatienceMs = 10_000
/** How long a server may say nothing at all after its start. Reading its data back may take longer: then it says so. */
const silenceMs = 10_000

/**
 * One `redis-server` of the embedded ring, a member or a Sentinel, in a directory of its own:
 *
 *     dt-1/redis.conf   its configuration       dt-1/redis.pid   which process it is, see process-mark.ts
 *     dt-1/redis.log    what it prints          dt-1/…           its data
 *
 * The process leads a session of its own, so that Ctrl-C in the terminal reaches only us, and we stop it in order.
 */
export class LocalServer {
  readonly host = '127.0.0.1'
  readonly configFile: string
  readonly logFile: string
  private readonly pidFile: string
  private child: ChildProcess | undefined
  /** Settled when the process last started is gone; undefined when none was. */
  private exited: Promise<void> | undefined

  /** `onExit` is told when the process ends without having been asked to by us. */
  constructor(
    readonly name: string,
    readonly port: number,
    readonly dir: string,
    private readonly role: 'member' | 'sentinel',
    private readonly onExit: (server: LocalServer, how: string) => void,
  ) {
    this.configFile = join(dir, 'redis.conf')
    this.logFile = join(dir, 'redis.log')
    this.pidFile = join(dir, pidFileName)
  }

  /** The process id while it runs. */
  get pid(): number | undefined {
    return this.child?.pid
  }

  /** Makes the directory and the configuration file, to which a Sentinel goes on writing while it runs. */
  configure(config: string): void {
    mkdirSync(this.dir, { recursive: true })
    writeFileSync(this.configFile, config)
  }

  /** Starts the process and resolves when it answers and has read its data. Rejects with `LocalRingError`. */
  async start(): Promise<void> {
    if (!(await isFree(this.port))) throw new LocalRingError(await this.whoHasThePort())
    const logStart = statSync(this.logFile, { throwIfNoEntry: false })?.size ?? 0
    const child = this.spawn()
    for (let silentSince = performance.now(); ; await sleep(10)) {
      const answer = await ask(this.host, this.port, 'PING')
      if (this.child !== child) throw new LocalRingError(this.whyItDied(logStart))
      if (answer?.startsWith('-LOADING')) silentSince = performance.now()
      else if (answer !== undefined && (await this.isAnsweredBy(child))) return
      if (performance.now() - silentSince < silenceMs) continue
      await this.kill()
      throw new LocalRingError(`${this.name} does not answer on port ${this.port}; see ${this.logFile}`)
    }
  }

  /** Asks it to stop, paused or not, and resolves when it is gone: also one that somebody has started again by hand. */
  async stop(): Promise<void> {
    const child = this.release()
    if (child?.pid !== undefined) await endProcess(child.pid, stopPatienceMs)
    await this.exited
    if (this.exited !== undefined) await this.stopLeftover()
  }

  /** kill -9. Resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.release()
    if (child?.pid !== undefined) signal(child.pid, 'SIGKILL')
    await this.exited
  }

  /** SIGSTOP: the process keeps its connections and does nothing. */
  pause(): void {
    if (this.pid !== undefined) signal(this.pid, 'SIGSTOP')
  }

  resume(): void {
    if (this.pid !== undefined) signal(this.pid, 'SIGCONT')
  }

  /** For the moment in which our own process ends and nothing can be waited for. */
  abandon(): void {
    if (this.pid === undefined) return
    signal(this.pid, 'SIGTERM')
    signal(this.pid, 'SIGCONT')
  }

  /**
   * Stops a server that an earlier run left behind: the one of the pid file, or one on our port that says that it runs
   * with our configuration file (the pid file may be lost) or with that of another ring which nobody runs any more.
   */
  async stopLeftover(): Promise<void> {
    await stopNotedIn(this.dir)
    const found = await this.onOurPort()
    if (found && (found.configFile === this.configFile || isAbandoned(found)))
      await endProcess(found.pid, stopPatienceMs)
    removePidFile(this.pidFile)
  }

  private async onOurPort(): Promise<RunningServer | undefined> {
    const info = await askInfo(this.host, this.port)
    return info && { pid: Number(info.get('process_id')), configFile: info.get('config_file') ?? '' }
  }

  private async whoHasThePort(): Promise<string> {
    const found = await this.onOurPort()
    const file = found?.configFile && ` of ${found.configFile}`
    const holder = found ? `a redis-server${file} (process ${found.pid})` : 'another program'
    return `port ${this.port}, for ${this.name}, is taken by ${holder}; --base-port chooses others`
  }

  private spawn(): ChildProcess {
    const output = openSync(this.logFile, 'a')
    const mode = this.role === 'sentinel' ? ['--sentinel'] : []
    const child = spawn('redis-server', [this.configFile, ...mode], {
      cwd: this.dir,
      detached: true,
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    this.child = child
    this.exited = new Promise((resolve) => {
      const gone = (how: string) => {
        resolve()
        if (this.child === child) {
          this.child = undefined
          removePidFile(this.pidFile)
          this.onExit(this, how)
        }
      }
      child.once('error', (error) => gone(error.message))
      child.once('exit', (code, signalName) => gone(signalName ?? `exit code ${code}`))
    })
    if (child.pid !== undefined) writePidFile(this.pidFile, child.pid)
    return child
  }

  /** From here on the end of the process is expected. */
  private release(): ChildProcess | undefined {
    const child = this.child
    this.child = undefined
    return child
  }

  /** Not so when another program took the port in the last moment. A server that wants a password does not say. */
  private async isAnsweredBy(child: ChildProcess): Promise<boolean> {
    const found = await this.onOurPort()
    return found === undefined || found.pid === child.pid
  }

  private whyItDied(logStart: number): string {
    const printed = readFileSync(this.logFile).subarray(logStart).toString()
    const lines = printed.split('\n').map((line) => line.replace(/^[0-9]+:\w [^*#]*[*#] /, '').trim())
    const last = lines.filter((line) => line !== '').at(-1)
    return `${this.name} stopped at once${last ? `: ${last.replace(/\.$/, '')}` : ''} (see ${this.logFile})`
  }
}

interface RunningServer {
  readonly pid: number
  readonly configFile: string
}

/** Whether it is a server of a ring whose process is dead: both have their pid files where a ring puts them. */
function isAbandoned({ pid, configFile }: RunningServer): boolean {
  const dir = dirname(configFile)
  const ring = join(dirname(dir), ringPidFileName)
  return readPidFile(join(dir, pidFileName)) === pid && existsSync(ring) && readPidFile(ring) === undefined
}

/** Stops the server of which the pid file in `dir` speaks, if it lives. */
export async function stopNotedIn(dir: string): Promise<void> {
  const noted = readPidFile(join(dir, pidFileName))
  if (noted !== undefined) await endProcess(noted, stopPatienceMs)
}
