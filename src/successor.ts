import { type ChildProcess, spawn } from 'node:child_process'
import type { Logger } from './base/log.js'
import { type PassedSocket, passedVariables } from './base/passed-sockets.js'

/** How long it may take until it is ready to follow. */
const READY_MS = 60_000
/** What was said for one start alone. */
const ONCE: ReadonlySet<string> = new Set(['--takeover', '--wipe', '--standby'])
/** At these this proxy stops: whoever sent one wants none in its place. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** Why this process cannot be followed by a child of it; undefined when it can: with it whoever watches over it ends, or starts, the others. */
export function whyNotFollowed(env: NodeJS.ProcessEnv, pid: number): string | undefined {
  if (pid === 1) return 'this proxy is the first process of a container, which ends with it: start another container'
  if (env.SYSTEMD_EXEC_PID === String(pid))
    return 'this proxy is the main process of a service of systemd, which ends all others with it: restart the service (a socket unit keeps clients waiting meanwhile)'
  return undefined
}

/**
 * Starts the program that lies where this one came from, which may be a newer version, with our environment and our listening sockets.
 * Resolves with its run when it waits for us to stop now, '' if it does not say which; it then lives on without us. With undefined it is
 * gone, and all is as it was.
 */
export async function startSuccessor(
  sockets: readonly PassedSocket[],
  env: NodeJS.ProcessEnv,
  log: Logger,
): Promise<string | undefined> {
  const failed = (fault: string, successor?: number) => {
    log.error({ event: 'successor-failed', successor }, `the successor does not follow: ${fault}`)
    return undefined
  }
  const refusal = whyNotFollowed(env, process.pid)
  if (refusal !== undefined) return failed(`${refusal}; nothing was started, and this proxy goes on`)
  let child: ChildProcess
  try {
    child = spawn(process.execPath, [...process.execArgv, ...successorArguments(process.argv.slice(1))], {
      detached: true,
      env: { ...env, LISTEN_PID: undefined, ...passedVariables(sockets) },
      stdio: ['ignore', 'inherit', 'inherit', ...sockets.map(({ fd }) => fd), 'ipc'],
    })
  } catch (error) {
    // The system has no memory for it, or does not take so large an environment: some such faults are thrown, others are events.
    return failed(`${(error as Error).message}; this proxy goes on`)
  }
  log.info(
    { event: 'successor-started', successor: child.pid },
    'a successor has been started: this proxy serves until that is ready',
  )
  let stops = () => {}
  let run = ''
  const fault = await new Promise<string | undefined>((resolve) => {
    const goOn = (why: string) => resolve(`${why}; this proxy goes on`)
    stops = () => resolve('this proxy was told to stop')
    for (const signal of STOP_SIGNALS) process.once(signal, stops)
    child.once('message', (message) => {
      run = runIn(message)
      resolve(undefined)
    })
    child.once('error', (error) => goOn(error.message))
    child.once('exit', (code, signal) => goOn(`it has ended (${code ?? signal})`))
    setTimeout(() => goOn(`it was not ready within ${READY_MS / 1000} s`), READY_MS).unref()
  })
  for (const signal of STOP_SIGNALS) process.removeListener(signal, stops)
  if (fault === undefined) {
    if (child.connected) child.disconnect()
    child.unref()
    return run
  }
  child.kill('SIGKILL')
  return failed(fault, child.pid)
}

/**
 * How a proxy that was started so tells that it waits; undefined for one that was not. Before it has said so it is not to go on in
 * anybody's place: when the one that has started it is gone it ends.
 */
export function predecessor(): ((run: string) => void) | undefined {
  if (process.send === undefined) return undefined
  let isTold = false
  const alone = () => {
    if (!isTold) process.kill(process.pid, 'SIGTERM')
  }
  // It may have gone while this program was loaded.
  if (process.connected) process.once('disconnect', alone)
  else alone()
  return (run) => {
    if (!process.connected) return
    isTold = true
    process.send?.({ readyRun: run })
  }
}

/** One of an older version says nothing of its run. */
function runIn(message: unknown): string {
  const run = (message as { readonly readyRun?: unknown } | undefined)?.readyRun
  return typeof run === 'string' ? run : ''
}

/** What the successor is told that was started in place of a process with these arguments. */
export function successorArguments(words: readonly string[]): string[] {
  const kept = words.filter(
    (word, i) => !ONCE.has(word) && !/^--accept-epoch(=|$)/.test(word) && words[i - 1] !== '--accept-epoch',
  )
  return [...kept, '--standby']
}
