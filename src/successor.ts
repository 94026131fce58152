import { spawn } from 'node:child_process'
import type { Logger } from './base/log.js'
import { type PassedSocket, passedVariables } from './base/passed-sockets.js'

/** How long it may take until it is ready to follow. */
const READY_MS = 60_000
/** What was said for one start alone. */
const ONCE: ReadonlySet<string> = new Set(['--takeover', '--wipe', '--standby'])

/**
 * Starts the program that lies where this one came from, which may be a newer version, with our environment and our listening sockets.
 * Resolves with whether it waits for us to stop now; it then lives on without us. Else it is gone, and all is as it was.
 */
export async function startSuccessor(
  sockets: readonly PassedSocket[],
  env: NodeJS.ProcessEnv,
  log: Logger,
): Promise<boolean> {
  const child = spawn(process.execPath, [...process.execArgv, ...argumentsOf(process.argv.slice(1))], {
    detached: true,
    env: { ...env, LISTEN_PID: undefined, ...passedVariables(sockets) },
    stdio: ['ignore', 'inherit', 'inherit', ...sockets.map(({ fd }) => fd), 'ipc'],
  })
  log.info(
    { event: 'successor-started', successor: child.pid },
    'a successor has been started: this proxy serves until that is ready',
  )
  const fault = await new Promise<string | undefined>((resolve) => {
    child.once('message', () => resolve(undefined))
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(`it has ended (${code ?? signal})`))
    setTimeout(() => resolve(`it was not ready within ${READY_MS / 1000} s`), READY_MS).unref()
  })
  if (fault === undefined) {
    if (child.connected) child.disconnect()
    child.unref()
    return true
  }
  log.error(
    { event: 'successor-failed', successor: child.pid },
    `the successor does not follow: ${fault}; this proxy goes on`,
  )
  child.kill('SIGKILL')
  return false
}

/** How a proxy that was started so tells that it waits; undefined for one that was not. */
export function predecessor(): (() => void) | undefined {
  if (process.send === undefined) return undefined
  return () => {
    if (process.connected) process.send?.('ready')
  }
}

function argumentsOf(words: readonly string[]): string[] {
  const kept = words.filter(
    (word, i) => !ONCE.has(word) && word !== '--accept-epoch' && words[i - 1] !== '--accept-epoch',
  )
  return [...kept, '--standby']
}
