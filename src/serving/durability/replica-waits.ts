import type { Link } from '../../backend/link.js'
import { within } from '../../base/within.js'
import { answer } from '../../order/replies.js'
import type { ReplySlot, Wait } from '../../order/reply-slot.js'
import type { Route, Router } from '../../order/router.js'
import type { ErrorReply, Reply } from '../../resp/encode.js'
import { Deadlines, type Timed } from '../blocking/deadlines.js'
import { UNBLOCKED } from '../blocking/waiting-client.js'
import type { Disks, Look } from './disks.js'

/** How often it is looked at what no event tells: who is up, and in which view. */
const LOOK_MS = 50
/** Who has not said by then how it is has not got it. */
const TOLD_MS = 2000

/** What somebody waits for: replicas that have what was acknowledged. */
export interface Goal {
  /** Whether it is reached, or will never be. */
  isOver(): boolean
  /** What is answered as things are. */
  reply(): Reply
  /** Time has passed. */
  lookAgain(): void
  /** Nobody waits any more. */
  end(): void
  /** To be called when it may have been reached. */
  onChange: () => void
}

/** Clients that wait for replicas: WAIT and WAITAOF [design §7 Durability]. */
export class ReplicaWaits {
  private readonly waits = new Set<ReplicaWait>()
  private readonly deadlines = new Deadlines()
  private timer: NodeJS.Timeout | undefined

  constructor(
    private readonly router: () => Router,
    private readonly disks: Disks,
  ) {}

  /** How many clients wait. */
  get count(): number {
    return this.waits.size
  }

  /** How many backups are up, where the fewest are: acknowledged writes are sure to have these. */
  get backupsUp(): number {
    return fewestBackups(this.router(), ({ serving }) => serving)
  }

  /** Waits until so many backups are up. */
  forBackups(count: bigint): Goal {
    return {
      isOver: () => BigInt(this.backupsUp) >= count,
      reply: () => this.backupsUp,
      lookAgain: () => {},
      end: () => {},
      onChange: () => {},
    }
  }

  /** Waits until all that was acknowledged is on the disks of the masters, if `local`, and of so many backups. */
  forDisks(isLocal: boolean, replicas: bigint): DiskGoal {
    return new DiskGoal(this.router, this.disks, isLocal, replicas)
  }

  /** Answers at once, or when the goal is reached or the time is over; `timeoutMs` 0: never. */
  wait(goal: Goal, slot: ReplySlot, timeoutMs: number): void {
    if (goal.isOver()) {
      goal.end()
      answer(slot, goal.reply())
      return
    }
    const wait = new ReplicaWait(goal, slot, timeoutMs, () => {
      this.waits.delete(wait)
      this.deadlines.remove(wait)
    })
    this.waits.add(wait)
    goal.onChange = () => wait.look()
    if (timeoutMs > 0) this.deadlines.add(wait)
    slot.waits?.(wait)
    this.timer ??= setInterval(() => this.look(), LOOK_MS).unref()
  }

  private look(): void {
    for (const wait of this.waits) wait.lookAgain()
    if (this.waits.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }
}

/** How many backups are so, where the fewest are. */
function fewestBackups({ routes }: Router, isSo: (link: Link) => boolean): number {
  const count = ({ natural }: Route) => natural.slice(1).filter(isSo).length
  return routes.length === 0 ? 0 : Math.min(...routes.map(count))
}

class ReplicaWait implements Wait, Timed {
  /** [Timed] */
  readonly deadlineMs: number
  /** [Timed] */
  place = -1
  private isAnswered = false

  constructor(
    private readonly goal: Goal,
    private readonly slot: ReplySlot,
    timeoutMs: number,
    private readonly over: () => void,
  ) {
    this.deadlineMs = performance.now() + timeoutMs
  }

  /** [Timed] */
  tooLate(): void {
    this.answer(this.goal.reply())
  }

  look(): void {
    if (this.goal.isOver()) this.answer(this.goal.reply())
  }

  lookAgain(): void {
    this.goal.lookAgain()
    this.look()
  }

  /** [Wait] */
  abandon(): void {
    this.answer(this.goal.reply())
  }

  /** [Wait] */
  unblock(how: 'time-out' | 'error' | ErrorReply): Promise<boolean> {
    if (this.isAnswered) return Promise.resolve(false)
    this.answer(how === 'time-out' ? this.goal.reply() : how === 'error' ? UNBLOCKED : how)
    return Promise.resolve(true)
  }

  private answer(reply: Reply): void {
    if (this.isAnswered) return
    this.isAnswered = true
    this.over()
    this.goal.end()
    answer(this.slot, reply)
  }
}

/**
 * What all servers have on their disks of what had been acknowledged when it began. A client's writes may be anywhere, so what counts is where the
 * fewest have it. A look counts for the view in which it began: who gets a range later has it over its link, behind its mark.
 */
export class DiskGoal implements Goal {
  onChange: () => void = () => {}
  private readonly looks = new Map<Link, { readonly look: Look; readonly info: Link['info'] }>()
  private known: Router
  private beganMs = 0
  private readonly changed = () => this.onChange()

  constructor(
    private readonly router: () => Router,
    private readonly disks: Disks,
    private readonly isLocal: boolean,
    private readonly replicas: bigint,
  ) {
    this.known = router()
    this.begin()
  }

  /** What is answered to who may not wait: as it is when all servers have said so, or cannot. */
  async atOnce(): Promise<Reply> {
    const told = new Promise<void>((resolve) => {
      this.onChange = () => {
        if (this.isTold) resolve()
      }
      this.onChange()
    })
    await within(told, TOLD_MS)
    const reply = this.reply()
    this.end()
    return reply
  }

  isOver(): boolean {
    if (!this.isTold) return false
    if (this.refusal !== undefined) return true
    const { local, backups } = this.counts()
    return (!this.isLocal || local === 1) && BigInt(backups) >= this.replicas
  }

  reply(): Reply {
    const { refusal } = this
    if (refusal !== undefined) return refusal
    const { local, backups } = this.counts()
    return [local, backups]
  }

  lookAgain(): void {
    if (this.router() !== this.known) {
      this.end()
      this.known = this.router()
      this.begin()
      return
    }
    for (const link of this.known.links) if (link.serving && this.isToBeLookedAt(link)) this.lookAt(link)
  }

  end(): void {
    for (const { look } of this.looks.values()) look.leave(this.changed)
    this.looks.clear()
  }

  private begin(): void {
    this.beganMs = performance.now()
    for (const link of this.known.links) if (link.serving) this.lookAt(link)
  }

  /** It did not serve before, or is connected anew, perhaps to another process; or it did not say how it is. */
  private isToBeLookedAt(link: Link): boolean {
    const known = this.looks.get(link)
    if (known === undefined || known.info !== link.info) return true
    return known.look.state === 'gone' && this.disks.mayLookAgain(link)
  }

  private lookAt(link: Link): void {
    const before = this.looks.get(link)?.look
    const look = this.disks.look(link)
    look.watch(this.changed)
    this.looks.set(link, { look, info: link.info })
    if (before !== look) before?.leave(this.changed)
  }

  private get isTold(): boolean {
    if (performance.now() - this.beganMs > TOLD_MS) return true
    for (const { look } of this.looks.values()) if (look.state === 'asked') return false
    return true
  }

  private get refusal(): Reply | undefined {
    if (!this.isLocal) return undefined
    for (const { look } of this.looks.values()) if (look.refusal !== undefined) return look.refusal
    return undefined
  }

  private counts(): { readonly local: 0 | 1; readonly backups: number } {
    const has = (link: Link) => this.looks.get(link)?.look.state === 'on disk'
    const { routes } = this.known
    const isLocal = routes.length > 0 && routes.every(({ natural }) => natural.length > 0 && has(natural[0]))
    return { local: isLocal ? 1 : 0, backups: fewestBackups(this.known, has) }
  }
}
