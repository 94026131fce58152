import type { Router } from '../../order/router.js'
import { isBeingAsked, type Line } from './lines.js'

/** What no event tells, or told before a line was owed, is found out this much later. */
const AGAIN_MS = 500
/** So many are looked at then at most, the next ones the next time. */
const AGAIN_MAX = 500

/**
 * The lines that could not be looked at, or whose first client could not be sent for, because of a server: they are looked at when
 * something has changed [design §7 Waiting]. Until then it is not known whether something lies there for those who stand in them.
 */
export class OwedLooks {
  private readonly lines = new Set<Line>()
  /** Those that are looked at when this turn is over. */
  private readonly due = new Set<Line>()
  /** Runs while lines are owed. */
  private timer: NodeJS.Timeout | undefined
  /** By which all lines were looked at last. */
  private router: Router | undefined

  constructor(
    private readonly all: () => readonly Line[],
    private readonly look: (lines: readonly Line[]) => void,
  ) {}

  get any(): boolean {
    return this.lines.size > 0
  }

  has(line: Line | undefined): boolean {
    return line !== undefined && this.lines.has(line)
  }

  add(line: Line): void {
    this.lines.add(line)
    this.isWatched()
  }

  /** Somebody stands in these lines whose keys were not asked; if only because others come `before`, not at all of them perhaps. */
  notTried(lines: readonly Line[], areOthersBefore: boolean): void {
    if (areOthersBefore) this.soon(lines.filter((line) => !this.lines.has(line)))
    for (const line of lines) this.add(line)
  }

  /** Somebody leaves these lines: what he could not have is for the next one. */
  left(lines: readonly Line[]): void {
    if (this.any) this.soon(lines.filter((line) => this.lines.has(line)))
  }

  delete(line: Line): void {
    this.lines.delete(line)
  }

  /** Somebody stands in line. */
  begins(router: Router): void {
    this.router ??= router
  }

  /** Other servers can be asked than before; or keys have other replicas, which may hold what those before did not. */
  servingChanged(router: Router): void {
    const lines = router === this.router ? [...this.lines] : this.all()
    this.router = router
    this.look(lines)
  }

  /** Keys may be read again that were in doubt. */
  readable(): void {
    this.soon([...this.lines])
  }

  private isWatched(): void {
    this.timer ??= setTimeout(() => this.again(), AGAIN_MS).unref()
  }

  private again(): void {
    this.timer = undefined
    // What was asked about a line is answered, however long that takes.
    const lines = [...this.lines].filter((line) => !isBeingAsked(line)).slice(0, AGAIN_MAX)
    this.look(lines)
    if (this.any) this.isWatched()
  }

  /** These are looked at when this turn is over, once for all that is said of them. */
  soon(lines: readonly Line[]): void {
    if (lines.length === 0) return
    if (this.due.size === 0) {
      setImmediate(() => {
        const due = [...this.due]
        this.due.clear()
        this.look(due)
      })
    }
    for (const line of lines) this.due.add(line)
  }
}
