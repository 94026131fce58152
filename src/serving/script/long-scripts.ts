import { setTimeout as sleep } from 'node:timers/promises'
import type { Link } from '../../backend/link.js'
import { ConnectionError, type Endpoint, SingleConnection } from '../../backend/single-connection.js'
import { noteFailure } from '../../base/inner-failure.js'
import type { Logger } from '../../base/log.js'
import type { AnyMember, Router } from '../../order/router.js'
import { error, isError, MapReply, type Reply, simple } from '../../resp/encode.js'
import type { TlsTarget } from '../../tls/to-servers.js'

/** How often it is looked whether a script takes long, while there are scripts. */
const LOOK_MS = 100
/** One that has taken so long is asked about. */
const LONG_MS = 200
/** How long a server may take to say anything over a connection of its own when it is not busy. */
const ANSWER_MS = 1000
/** The same of one that runs a script, behind the moment when it begins to answer others. */
const GRACE_MS = 3000

const NOT_BUSY = error('NOTBUSY No scripts in execution right now.')
const OK = simple('OK')

export interface LongScriptOptions {
  /** How others than the link log in. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** How their connections are encrypted, if they are. */
  readonly tls?: TlsTarget | undefined
  /** A script that keeps a server busy for longer is given up. */
  readonly scriptMs: number
}

/**
 * Scripts that take long [design §7 Scripts]. A server that runs one says nothing on its link until it has ended; after its
 * `busy-reply-threshold` it answers others, nearly always BUSY. So it is asked over a connection of its own:
 *
 *     link     [EVALSHA ··································································] reply
 *     beside           [HELLO ·······busy-reply-threshold··] [PING] BUSY [PING] BUSY …
 *                                                          └─ from here on commands for this server are refused with that
 *
 * and while it says so nobody takes it for dead, for `scriptMs` at most.
 */
export class LongScripts {
  /** Whether some server refuses others because of a script. */
  any = false
  private readonly asking = new Set<Link>()
  private timer: NodeJS.Timeout | undefined

  constructor(
    private readonly links: () => readonly Link[],
    private readonly options: LongScriptOptions,
    private readonly log: Logger,
  ) {}

  /** For what any member answers alike: those that no script keeps busy. */
  anyMember(router: Router): AnyMember {
    return this.any ? router.anyIdleMember : router.anyMember
  }

  /** A client's script was emitted. */
  began({ scripts }: Link): void {
    scripts.began(performance.now())
    this.timer ??= setTimeout(() => this.look(), LOOK_MS).unref()
  }

  /** The first one that was emitted was answered, or lost. */
  ended({ scripts }: Link): void {
    scripts.ended(performance.now())
    if (this.any) this.any = this.isAnyRefusing()
  }

  /**
   * SCRIPT KILL or FUNCTION KILL: to every server that runs a script, which answers when the script has taken as long as it lets
   * it; and to those that are out of reach, where one may run that was given up.
   */
  async kill(command: readonly string[]): Promise<Reply> {
    const asked = this.links().filter((link) => !link.ready || link.scripts.any)
    const replies = await Promise.all(asked.map((link) => this.askBeside(link, command)))
    const said = replies.filter((reply) => reply !== undefined)
    const first = (code: string) => said.find((reply) => isError(reply) && reply.message.startsWith(code))
    if (said.some((reply) => !isError(reply))) return OK
    return first('UNKILLABLE ') ?? first('BUSY ') ?? first('') ?? NOT_BUSY
  }

  /** The function that some server has executed for long, as that tells of it, or the error that it is a script; undefined when it is none. */
  async running(): Promise<Reply | undefined> {
    const link = this.links().find(({ scripts }) => scripts.refusal !== undefined)
    const told = link === undefined ? undefined : await this.askBeside(link, ['FUNCTION', 'STATS'])
    return told instanceof MapReply ? (told.entries[0][1] ?? undefined) : told
  }

  private async askBeside(link: Link, command: readonly string[]): Promise<Reply | undefined> {
    let connection: SingleConnection | undefined
    const timeoutMs = link.scripts.any ? timeoutOf(link) : ANSWER_MS
    try {
      connection = await SingleConnection.open(this.endpointOf(link), { connectMs: timeoutMs, answerMs: timeoutMs })
      return await connection.call(command)
    } catch (failure) {
      if (!(failure instanceof ConnectionError)) throw failure
      if (!link.scripts.any) return undefined
      return error(`ERR ${link.name} did not answer: ${failure.message}; try again`)
    } finally {
      connection?.close()
    }
  }

  private look(): void {
    const nowMs = performance.now()
    this.timer = undefined
    let areAny = false
    for (const link of this.links()) {
      const { scripts } = link
      if (!scripts.any) continue
      areAny = true
      scripts.forgetStale(nowMs)
      const forMs = nowMs - scripts.sinceMs
      if (forMs > this.options.scriptMs) {
        const reason = `a script has kept it busy for ${Math.round(forMs / 1000)} s (limits.scriptMs)`
        this.log.warn(
          { event: 'script-given-up', member: link.name },
          `${link.name} is given up: ${reason}; what that did is not known`,
        )
        link.reset(reason)
      } else if (forMs > LONG_MS && !this.asking.has(link)) void this.ask(link)
    }
    this.any = this.isAnyRefusing()
    if (areAny) this.timer = setTimeout(() => this.look(), LOOK_MS).unref()
  }

  private isAnyRefusing(): boolean {
    return this.links().some(({ scripts }) => scripts.refusal !== undefined)
  }

  /** Asks a server whether it is busy, as long as scripts run there. */
  private async ask(link: Link): Promise<void> {
    const { scripts } = link
    let connection: SingleConnection | undefined
    this.asking.add(link)
    try {
      connection = await SingleConnection.open(this.endpointOf(link), { connectMs: timeoutOf(link) })
      while (scripts.any) {
        const { sinceMs } = scripts
        const said = await connection.call(['PING'], timeoutOf(link))
        if (isError(said) && said.message.startsWith('BUSY ')) {
          scripts.saidBusy(said, sinceMs, performance.now())
          this.any = this.isAnyRefusing()
        }
        await sleep(LONG_MS)
      }
    } catch (failure) {
      // Its link tells of it if it is dead.
      if (!(failure instanceof ConnectionError)) {
        noteFailure(this.log, failure, { member: link.name, while: 'it was asked about a long script' })
        await sleep(ANSWER_MS)
      }
    } finally {
      connection?.close()
      this.asking.delete(link)
    }
  }

  private endpointOf({ host, port }: Link): Endpoint {
    const { username, password, tls } = this.options
    return { host, port, username, password, tls }
  }
}

function timeoutOf({ scripts }: Link): number {
  return Math.min(scripts.patienceMs + GRACE_MS, 2 ** 31 - 1)
}
