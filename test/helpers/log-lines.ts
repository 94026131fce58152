import { pino } from 'pino'
import type { Logger } from '../../src/base/log.js'

export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly member?: string
  readonly [field: string]: unknown
}

export const WARN = 40

/** A logger that keeps its lines for the test to read. */
export class LogLines {
  readonly lines: LogLine[] = []
  readonly log: Logger = pino({ level: 'info' }, { write: (line) => this.lines.push(JSON.parse(line)) })

  /** The lines about one member whose text matches; about whomever without a name. */
  about(pattern: RegExp, member?: string): LogLine[] {
    return this.lines.filter((line) => pattern.test(line.msg) && (member === undefined || line.member === member))
  }
}
