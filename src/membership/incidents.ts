import { randomBytes } from 'node:crypto'
import { type EventName, OF_THE_RING } from '../base/events.js'
import type { Logger } from '../base/log.js'
import type { View } from '../view/view.js'

/** What still comes of a failure when its member is whole again. */
const AFTERWARDS: ReadonlySet<unknown> = new Set<EventName>([
  'copies-enough',
  'data-moved',
  'displaced-deleted',
  'migration-done',
  'ranges-served',
])
/** For so long after; a change of the ring that comes before that has a story of its own. */
const AFTERWARDS_MS = 600_000

/** The signs of a failure. Whichever comes first begins the story. */
const SIGNS: ReadonlySet<unknown> = new Set<EventName>([
  'link-lost',
  'member-busy',
  'member-distrusted',
  'member-down',
  'member-restarted',
  'member-suspect',
  'member-too-slow',
  'member-unmarked',
  'member-unreachable',
])

interface Incident {
  readonly id: string
  readonly beganMs: number
}

/**
 * One story for each failure: all lines of the log about a member have one `incident` from its first sign until the member is whole
 * again, which is a line of its own.
 *
 *     link lost ─> suspect ─> down ─> … ─> link up ─> joined ─> migration … ─> done ─> whole
 *     └─────────────────────────── incident: 5f0c9a12 ─────────────────────────────────┘
 *
 * What happens to the ring meanwhile (copies are made on others) has it, too, as long as there is no other incident; and what
 * comes of it in the end (copies that nobody needs any more are deleted).
 */
export class Incidents {
  /** Says what the one that it was made from says, with the incidents. */
  readonly log: Logger
  private readonly open = new Map<string, Incident>()
  /** The one that was over last. */
  private over: { readonly id: string; readonly atMs: number } | undefined

  constructor(
    log: Logger,
    private readonly view: () => View,
    /** Whether there is a connection to the member that can be used. */
    private readonly isReached: (name: string) => boolean,
  ) {
    this.log = log.child({}, { formatters: { log: (line) => this.told(line as Record<string, unknown>) } })
  }

  /** Whether one is over may have changed: there is another view, or another connection. */
  look(): void {
    for (const [member, { id, beganMs }] of [...this.open]) {
      if (!this.isWhole(member)) continue
      const seconds = Math.round(performance.now() - beganMs) / 1000
      this.log.info(
        { event: 'member-whole', member, incident: id, seconds },
        `${member} is whole again, after ${seconds} s`,
      )
      this.open.delete(member)
      this.over = { id, atMs: performance.now() }
    }
  }

  private isWhole(name: string): boolean {
    const { members, setOfRange } = this.view()
    const isUp = members.some((member) => member.name === name && member.state === 'up')
    return isUp && this.isReached(name) && !setOfRange.some(({ pending }) => pending.some((one) => one.name === name))
  }

  /** A line that is about to be written: gives it with its incident. */
  private told(line: Record<string, unknown>): Record<string, unknown> {
    const { event, member } = line
    if (typeof member === 'string' && SIGNS.has(event) && !this.open.has(member)) this.begin(member)
    const id = this.idOf(line)
    if (event === 'member-removed' || event === 'member-left') this.open.delete(String(member))
    // What follows it in the same turn belongs to it.
    else if (event === 'link-up') setImmediate(() => this.look())
    return id === undefined ? line : { ...line, incident: id }
  }

  private begin(member: string): void {
    this.open.set(member, { id: randomBytes(4).toString('hex'), beganMs: performance.now() })
  }

  private idOf({ event, member }: Record<string, unknown>): string | undefined {
    const own = this.open.get(String(member))
    if (own !== undefined) return own.id
    if (!OF_THE_RING.has(event)) return undefined
    if (this.open.size > 0) return this.open.size === 1 ? [...this.open.values()][0].id : undefined
    if (!AFTERWARDS.has(event)) this.over = undefined
    const { over } = this
    return over !== undefined && performance.now() - over.atMs < AFTERWARDS_MS ? over.id : undefined
  }
}
