import { createRequire } from 'node:module'
import { type Logger, pino } from 'pino'

export type { Logger }

export type LogFormat = 'auto' | 'pretty' | 'json'
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** What JSON leaves as it is, and a terminal, or who cuts lines, takes for something else than text. */
const UNESCAPED = /[\x7f-\x9f\u2028\u2029]/g
/** Escapes of JSON: those of such characters, but for line ends, and all others. */
const ESCAPES = /\\(u00[01789][\da-f]|u202[89]|[rbf])|\\./g

/**
 * The process's logger: lines for people on a terminal, JSON otherwise, on standard output.
 * `auto` looks whether standard output is a terminal. Names and texts come from others: whatever is in them, a line stays one.
 */
export function createLogger(options: { level: LogLevel; format: LogFormat }): Logger {
  const terminal = process.stdout.isTTY === true
  if (options.format === 'json' || (options.format === 'auto' && !terminal)) {
    return pino({ level: options.level, hooks: { streamWrite: escaped } })
  }
  // Loaded when somebody looks, for it takes a twentieth of a start.
  const pretty = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty')
  const stream = pretty({
    colorize: terminal,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
    singleLine: true,
    sync: true,
    messageFormat: (line, key) => String(line[key] ?? '').replaceAll('\n', '\\n'),
  })
  return pino({ level: options.level, hooks: { streamWrite: twiceEscaped } }, stream)
}

function escaped(line: string): string {
  return line.replace(UNESCAPED, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** So that the escapes are there when the line has been read. */
function twiceEscaped(line: string): string {
  return escaped(line).replace(ESCAPES, (found, code) => (code === undefined ? found : `\\${found}`))
}

/** A logger that says nothing, for tests. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' })
}
