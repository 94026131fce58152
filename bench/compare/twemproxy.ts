import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../../src/base/user-error.js'
import { freePorts } from '../../src/local/ports.js'
import { Pipeline } from '../support/pipeline.js'

/** Debian puts it where only root looks for programs. */
const PROGRAMS = ['nutcracker', '/usr/sbin/nutcracker']
const PATIENCE_MS = 5000

export interface TwemproxyOptions {
  readonly dir: string
  /** The ports of the servers behind it, on this machine. */
  readonly servers: readonly number[]
}

/** The nutcracker.yml of a pool that spreads keys over the servers by consistent hashing, as DT does. */
export function twemproxyConfig(port: number, servers: readonly number[]): string {
  return [
    'bench:',
    `  listen: 127.0.0.1:${port}`,
    '  redis: true',
    '  hash: fnv1a_64',
    '  distribution: ketama',
    '  preconnect: true',
    '  auto_eject_hosts: false',
    '  servers:',
    ...servers.map((server, i) => `    - 127.0.0.1:${server}:1 server-${i + 1}`),
    '',
  ].join('\n')
}

/** Which program it is and its version, `0.5.0`; undefined where it is not installed. */
export function findTwemproxy(): { readonly program: string; readonly version: string } | undefined {
  for (const program of PROGRAMS) {
    const { status, stderr, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
    if (status === 0) return { program, version: /nutcracker-([0-9.]+)/.exec(stderr + stdout)?.[1] ?? 'unknown' }
  }
  return undefined
}

/** One process of twemproxy, which Debian calls nutcracker. */
export class Twemproxy {
  private constructor(
    readonly port: number,
    readonly pid: number,
    readonly flushPorts: readonly number[],
  ) {}

  /** Runs `task` with it, or with undefined where it is not installed. */
  static async with<T>(options: TwemproxyOptions, task: (twemproxy: Twemproxy | undefined) => Promise<T>): Promise<T> {
    const found = findTwemproxy()
    if (found === undefined) return task(undefined)
    const { dir, servers } = options
    const [port, statsPort] = await freePorts(2)
    const configFile = join(dir, 'nutcracker.yml')
    writeFileSync(configFile, twemproxyConfig(port, servers))
    const files = ['-c', configFile, '-o', join(dir, 'nutcracker.log'), '-p', join(dir, 'nutcracker.pid')]
    // A session of its own, so that Ctrl-C in the terminal reaches only us.
    const child = spawn(found.program, [...files, '-a', '127.0.0.1', '-s', String(statsPort)], {
      ...{ stdio: 'ignore', detached: true },
    })
    const gone = once(child, 'exit')
    const kill = () => child.kill('SIGKILL')
    process.once('exit', kill)
    try {
      for (const deadlineMs = Date.now() + PATIENCE_MS; ; await sleep(10)) {
        if (await answers(port)) break
        if (child.exitCode !== null || Date.now() > deadlineMs) throw new UserError('nutcracker does not start')
      }
      return await task(new Twemproxy(port, child.pid as number, servers))
    } finally {
      kill()
      await gone
      process.removeListener('exit', kill)
    }
  }
}

/** It knows no inline commands. */
async function answers(port: number): Promise<boolean> {
  try {
    const pipeline = await Pipeline.open(port)
    await pipeline.run([['GET', 'key']])
    pipeline.close()
    return true
  } catch {
    return false
  }
}
