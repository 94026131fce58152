import type { Link } from '../../backend/link.js'
import { ConnectionError, type Endpoint, SingleConnection } from '../../backend/single-connection.js'
import { noteFailure } from '../../base/inner-failure.js'
import type { Logger } from '../../base/log.js'
import { elementsOf, integerOf } from '../../resp/decode.js'
import { type ErrorReply, isError, type Reply } from '../../resp/encode.js'
import type { TlsTarget } from '../../tls/to-servers.js'
import { dumpOf } from '../function/payload.js'

/** How long a server may take to let somebody in, and to say how it is at the moment. */
const ANSWER_MS = 1000
/** So many look at one server at a time; more of them look together. */
const LOOKS_MAX = 16
/** A server that did not say how it is is asked again after this long, then after twice as long, and so on up to the longest. */
const PAUSE_MS = 1000
const PAUSE_MS_MAX = 16_000

/**
 * A write that changes nothing, in any server since Redis 7.2: no libraries are added to those that are there. WAITAOF waits for what
 * its own connection has written, so without one it would wait for nothing.
 */
const MARK = ['FUNCTION', 'RESTORE', dumpOf([]), 'APPEND'] as const
/** Answered in a moment, also by a server that has no log and says so. */
const AT_ONCE = ['WAITAOF', '1', '0', '1'] as const
const WHEN_ON_DISK = ['WAITAOF', '1', '0', '0'] as const

export interface DiskOptions {
  /** How others than the link log in. */
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly tls?: TlsTarget | undefined
}

/**
 * Whether one server has on its disk all that it had executed when the look began.
 *
 *     asked ──> not yet ──> on disk
 *       │└─────────────────────^
 *       └──> no log (it keeps no append-only file), or gone (it did not say it)
 */
export class Look {
  state: 'asked' | 'not yet' | 'on disk' | 'no log' | 'gone' = 'asked'
  /** What one without a log says of that. */
  refusal: ErrorReply | undefined
  private readonly watchers = new Set<() => void>()

  constructor(private readonly nobodyLooks: () => void) {}

  watch(changed: () => void): void {
    this.watchers.add(changed)
  }

  leave(changed: () => void): void {
    this.watchers.delete(changed)
    if (this.watchers.size === 0) this.nobodyLooks()
  }

  get isWatched(): boolean {
    return this.watchers.size > 0
  }

  becomes(state: Look['state']): void {
    if (this.state === state) return
    this.state = state
    for (const changed of [...this.watchers]) changed()
  }
}

/**
 * What the servers have on their disks [design §7 Durability]. A server that is asked with WAITAOF answers nothing else until it has an answer, so
 * it is asked beside its link; what was acknowledged over the link before is before the mark:
 *
 *     link     [SET k v]                       ──> acknowledged
 *     beside              [mark] [WAITAOF]     ··· fsync ···> its log has both
 */
export class Disks {
  /** Those that have not left yet: who comes meanwhile looks with them. */
  private readonly next = new Map<Link, Look>()
  private readonly looking = new Map<Link, number>()
  /** Who waits until fewer look at a server. */
  private readonly turns = new Map<Link, (() => void)[]>()
  /** Those that did not say how they are when they were asked last. */
  private readonly pauses = new WeakMap<Link, { readonly ms: number; readonly untilMs: number }>()

  constructor(
    private readonly options: DiskOptions,
    private readonly log: Logger,
  ) {}

  /** Looks at a server; to be watched at once, and left when that is not of interest any more. */
  look(link: Link): Look {
    const known = this.next.get(link)
    if (known !== undefined) return known
    let connection: SingleConnection | undefined
    const look = new Look(() => connection?.close())
    this.next.set(link, look)
    void this.run(link, look, (opened) => {
      connection = opened
    })
    return look
  }

  /** Whether a server that did not say how it is may be asked again by those who wait for it. */
  mayLookAgain(link: Link): boolean {
    return performance.now() >= (this.pauses.get(link)?.untilMs ?? 0)
  }

  private async run(link: Link, look: Look, opened: (connection: SingleConnection) => void): Promise<void> {
    await this.turn(link)
    try {
      const { host, port } = link
      const connection = await SingleConnection.open({ host, port, ...this.options } as Endpoint, {
        connectMs: ANSWER_MS,
      })
      // Who comes from here on may have been acknowledged something that comes behind the mark.
      this.next.delete(link)
      opened(connection)
      if (look.isWatched) await ask(connection, look)
      connection.close()
      if (look.state === 'gone') this.pause(link)
      else this.pauses.delete(link)
    } catch (failure) {
      // Who is left by all is not heard of any more.
      if (look.isWatched) this.pause(link)
      look.becomes('gone')
      if (!(failure instanceof ConnectionError))
        noteFailure(this.log, failure, { member: link.name, while: 'it was asked what is on its disk' })
    } finally {
      if (this.next.get(link) === look) this.next.delete(link)
      this.isOver(link)
    }
  }

  private pause(link: Link): void {
    const { ms } = this.pauses.get(link) ?? { ms: PAUSE_MS / 2 }
    const longer = Math.min(2 * ms, PAUSE_MS_MAX)
    this.pauses.set(link, { ms: longer, untilMs: performance.now() + longer })
  }

  private async turn(link: Link): Promise<void> {
    const count = this.looking.get(link) ?? 0
    this.looking.set(link, count + 1)
    if (count < LOOKS_MAX) return
    const turns = this.turns.get(link) ?? []
    this.turns.set(link, turns)
    await new Promise<void>((resolve) => turns.push(resolve))
  }

  private isOver(link: Link): void {
    const left = this.looking.get(link)! - 1
    const turns = this.turns.get(link)
    turns?.shift()?.()
    if (turns?.length === 0) this.turns.delete(link)
    if (left > 0) this.looking.set(link, left)
    else this.looking.delete(link)
  }
}

async function ask(connection: SingleConnection, look: Look): Promise<void> {
  const [mark, ...first] = await Promise.all([connection.call(MARK, ANSWER_MS), connection.call(AT_ONCE, ANSWER_MS)])
  if (isError(mark)) return look.becomes('gone')
  note(look, first[0])
  if (look.state === 'not yet' && look.isWatched) note(look, await connection.call(WHEN_ON_DISK))
}

function note(look: Look, reply: Reply): void {
  if (isError(reply)) {
    if (/appendonly is disabled/.test(reply.message)) look.refusal = reply
    look.becomes(look.refusal === undefined ? 'gone' : 'no log')
  } else look.becomes(integerOf(elementsOf(reply)?.[0] ?? null) === 1 ? 'on disk' : 'not yet')
}
