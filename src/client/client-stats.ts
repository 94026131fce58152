import type { AclLogEntry } from '../acl/acl-log.js'
import { COMMAND_CLASSES } from '../command/command-class.js'
import type { Clients } from './clients.js'
import { RateMeter } from './rate-meter.js'

const SPACE = 0x20
/** Codes of errors are counted one by one up to this many, as scripts may make up any number of them; beyond it those that servers and the proxy have. */
const ERROR_CODES_MAX = 128
const KNOWN_CODES: ReadonlySet<string> = new Set([
  ...['ERR', 'WRONGTYPE', 'OOM', 'NOSCRIPT', 'BUSY', 'UNKILLABLE', 'NOAUTH', 'WRONGPASS'],
  ...['NOPERM', 'LOADING', 'MISCONF', 'READONLY', 'MASTERDOWN', 'CLUSTERDOWN', 'CROSSSLOT', 'TRYAGAIN'],
  ...['EXECABORT', 'NOREPLICAS', 'BUSYKEY', 'BUSYGROUP', 'NOGROUP', 'UNBLOCKED', 'NOPROTO', 'DENIED'],
])
/** Servers of the keys are away, and were waited for. */
const UNAVAILABLE = 'CLUSTERDOWN'
/** Under which all others are counted. */
const OTHER_CODES = 'OTHER'
/** Redis looks for the end of an error's code in so many bytes [Redis networking.c afterErrorReply]. */
const ERROR_CODE_BYTES_MAX = 32

/** What the client side counted since the start of the process, shown by INFO. */
export class ClientStats {
  connectionsAccepted = 0
  connectionsRejected = 0
  /** Clients that were closed because all together took too much memory. */
  clientsEvicted = 0
  /** What clients were refused by the rules of their users, or for want of a login that is right. */
  readonly denied: Record<AclLogEntry['reason'], number> = { auth: 0, command: 0, key: 0, channel: 0 }
  commands = 0
  /** Commands that were answered with an error by the proxy itself before they were served. */
  rejectedCommands = 0
  /** Error replies that clients got, whoever made them. */
  errorReplies = 0
  /** Of these by the classes of their commands. */
  readonly errorsByClass = COMMAND_CLASSES.map(() => 0)
  /** What had been done, received and sent when the counters were last reset. */
  private commandsBefore = 0
  private receivedBefore = 0
  private sentBefore = 0
  /** Bytes of connections that are closed. */
  receivedBytesOfGone = 0
  sentBytesOfGone = 0

  /** When a command was last refused because a server of its keys was away, in ms of `performance.now`. */
  private unavailableAtMs = Number.NEGATIVE_INFINITY
  private readonly errors = new Map<string, number>()
  private clients: Clients | undefined
  private readonly meter = new RateMeter(() => [this.commands, this.receivedBytes, this.sentBytes])

  /** Begins to measure rates; `clients` are those whose bytes count. */
  start(clients: Clients): void {
    this.clients = clients
    this.meter.start()
  }

  stop(): void {
    this.meter.stop()
  }

  get receivedBytes(): number {
    let sum = this.receivedBytesOfGone
    for (const client of this.clients?.all() ?? []) sum += client.receivedBytes
    return sum
  }

  get sentBytes(): number {
    let sum = this.sentBytesOfGone
    for (const client of this.clients?.all() ?? []) sum += client.outbox.totalBytes
    return sum
  }

  /** Begins to count anew, as CONFIG RESETSTAT says, the rates too [Redis server.c resetServerStats]. */
  reset(): void {
    this.connectionsAccepted = 0
    this.connectionsRejected = 0
    this.clientsEvicted = 0
    Object.assign(this.denied, { auth: 0, command: 0, key: 0, channel: 0 })
    this.commandsBefore = this.commands
    this.rejectedCommands = 0
    this.errorReplies = 0
    this.errorsByClass.fill(0)
    this.errors.clear()
    this.receivedBefore = this.receivedBytes
    this.sentBefore = this.sentBytes
    this.meter.reset()
  }

  /** How long ago a command was refused because servers of its keys were away; infinitely long when none was. */
  get sinceUnavailableMs(): number {
    return performance.now() - this.unavailableAtMs
  }

  /** What INFO shows: since the counters were last reset. */
  sinceReset(): { commands: number; receivedBytes: number; sentBytes: number } {
    return {
      commands: this.commands - this.commandsBefore,
      receivedBytes: this.receivedBytes - this.receivedBefore,
      sentBytes: this.sentBytes - this.sentBefore,
    }
  }

  /** What there was of each in a second, over the last two. */
  rates(): { commands: number; receivedBytes: number; sentBytes: number } {
    const [commands, receivedBytes, sentBytes] = this.meter.perSecond()
    return { commands, receivedBytes, sentBytes }
  }

  /** How often each error code was answered, in the order of the codes. */
  errorCounts(): [code: string, count: number][] {
    return [...this.errors].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  /** Counts an error reply, which begins with `-`, to a command of this class. */
  countError(buf: Buffer, start: number, end: number, timedAs: number): void {
    this.errorReplies++
    this.errorsByClass[timedAs]++
    const space = buf.subarray(start, Math.min(end, start + ERROR_CODE_BYTES_MAX)).indexOf(SPACE)
    const code = space < 0 ? 'ERR' : buf.latin1Slice(start + 1, start + space)
    if (code === UNAVAILABLE) this.unavailableAtMs = performance.now()
    const isCounted = this.errors.has(code) || this.errors.size < ERROR_CODES_MAX || KNOWN_CODES.has(code)
    const counted = isCounted ? code : OTHER_CODES
    this.errors.set(counted, (this.errors.get(counted) ?? 0) + 1)
  }
}
