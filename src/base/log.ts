import { createRequire } from 'node:module'
import { type Logger, pino } from 'pino'

export type { Logger }

export type LogFormat = 'auto' | 'pretty' | 'json'
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/**
 * The process's logger: lines for people on a terminal, JSON otherwise, on standard output.
 * `auto` looks whether standard output is a terminal.
 */
export function createLogger(options: { level: LogLevel; format: LogFormat }): Logger {
  const terminal = process.stdout.isTTY === true
  if (options.format === 'json' || (options.format === 'auto' && !terminal)) return pino({ level: options.level })
  // Loaded when somebody looks, for it takes a twentieth of a start.
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty')
  const stream = pretty({
    colorize: terminal,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
    singleLine: true,
    sync: true,
  })
  return pino({ level: options.level }, stream)
}

/** A logger that says nothing, for tests. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' })
}
