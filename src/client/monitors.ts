import { wallClockUs } from '../base/clock.js'
import type { Logger } from '../base/log.js'
import type { CommandRow } from '../command/row.js'
import { argumentOf, type Frame } from '../resp/frame.js'
import { ClientEar } from './client-ear.js'
import { parseInt32 } from './commands/arguments.js'
import type { Connection } from './connection.js'
import type { OutputLimits } from './output-limit.js'
import { REDACTED, secretsIn } from './redaction.js'

/** What is shown of one argument, and of one command: what is longer ends with how much more there is. */
const ARGUMENT_BYTES_SHOWN = 1024 * 1024
const LINE_BYTES_SHOWN = 8 * 1024 * 1024

const BACKSLASH = 0x5c
const QUOTE = 0x22
const SPACE = 0x20
const HEX = Buffer.from('0123456789abcdef')
/** Bytes that have a letter behind a backslash. */
const LETTERS: ReadonlyMap<number, string> = new Map([
  [0x0a, 'n'],
  [0x0d, 'r'],
  [0x09, 't'],
  [0x07, 'a'],
  [0x08, 'b'],
  [QUOTE, '"'],
  [BACKSLASH, '\\'],
])
const LETTER_OF = Buffer.alloc(256)
for (const [byte, letter] of LETTERS) LETTER_OF[byte] = letter.charCodeAt(0)

/**
 * The clients that MONITOR: each is told of every command that the proxy serves, as its client has sent it, in the order in which
 * they are served [Redis replication.c replicationFeedMonitors].
 */
export class Monitors {
  /** Whether there is any: all that is asked of a command as long as there is none. */
  any = false
  private readonly ears = new Map<Connection, ClientEar>()

  constructor(
    private readonly limits: Readonly<OutputLimits>,
    private readonly log: Logger,
  ) {}

  /** It is told of what is served from now on. */
  add(client: Connection): void {
    this.ears.set(client, new ClientEar(client, this.limits, this.log))
    this.any = true
    client.session.monitoring = { end: () => this.remove(client) }
  }

  /** A command of a client has been served, or is on its way. */
  show(client: Connection, frame: Frame, row: CommandRow): void {
    if (isShown(row)) this.tell(client, lineOf(client, client.session.db, frame, row))
  }

  /** The commands of a transaction are executed. */
  showQueued(client: Connection, queued: Iterable<{ readonly frame: Frame; readonly row: CommandRow }>): void {
    let { db } = client.session
    for (const { frame, row } of queued) {
      if (row.selects) {
        const index = parseInt32(argumentOf(frame, 1))
        if (typeof index === 'number' && index >= 0) db = index
      }
      if (isShown(row)) this.tell(client, lineOf(client, db, frame, row))
    }
  }

  /** CLIENT REPLY concerns lines as well, and SKIP all from behind it up to the end of the command that is skipped. */
  private tell(client: Connection, line: Buffer): void {
    for (const [monitor, ear] of this.ears) {
      const { replies } = monitor.session
      const skipped = monitor === client ? 'skip-this' : 'skip-next'
      if (replies !== 'off' && replies !== skipped) ear.push(line)
    }
  }

  private remove(client: Connection): void {
    this.ears.delete(client)
    this.any = this.ears.size > 0
    client.session.monitoring = undefined
  }
}

/** What is dangerous to show is not: settings, users, other clients. */
function isShown({ flags }: CommandRow): boolean {
  return !flags.includes('admin')
}

function lineOf({ address }: Connection, db: number, frame: Frame, row: CommandRow): Buffer {
  const us = wallClockUs()
  const micros = String(us % 1e6).padStart(6, '0')
  const parts: Buffer[] = [Buffer.from(`+${Math.floor(us / 1e6)}.${micros} [${db} ${address}]`)]
  const secrets = secretsIn(row, frame)
  let left = LINE_BYTES_SHOWN
  for (let i = 0; i < frame.argc; i++) {
    if (left <= 0) {
      parts.push(Buffer.from(` "... (${frame.argc - i} more arguments)"`))
      break
    }
    const argument = secrets.includes(i) ? REDACTED : argumentOf(frame, i)
    const shown = quoted(argument)
    left -= shown.length
    parts.push(shown)
  }
  parts.push(Buffer.from('\r\n'))
  return Buffer.concat(parts)
}

/** ` "argument"` [Redis sds.c sdscatrepr]. */
function quoted(argument: Buffer): Buffer {
  const shown = argument.subarray(0, ARGUMENT_BYTES_SHOWN)
  const bytes = Buffer.allocUnsafe(3 + shown.length * 4)
  let at = bytes.latin1Write(' "', 0)
  for (const byte of shown) {
    const letter = LETTER_OF[byte]
    if (letter !== 0) {
      bytes[at++] = BACKSLASH
      bytes[at++] = letter
    } else if (byte >= SPACE && byte < 0x7f) bytes[at++] = byte
    else {
      at += bytes.latin1Write('\\x', at)
      bytes[at++] = HEX[byte >> 4]
      bytes[at++] = HEX[byte & 15]
    }
  }
  const rest = argument.length - shown.length
  if (rest === 0) {
    bytes[at++] = QUOTE
    return bytes.subarray(0, at)
  }
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(`... (${rest} more bytes)"`)])
}
