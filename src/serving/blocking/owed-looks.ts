import type { Router } from '../../order/router.js'
import type { Line } from './lines.js'

/** The lines that could not be looked at because of a server: they are when something has changed [design §7 Waiting]. */
export class OwedLooks {
  private readonly lines = new Set<Line>()
  private isSoon = false
  /** By which all lines were looked at last. */
  private router: Router | undefined

  constructor(
    private readonly all: () => readonly Line[],
    private readonly look: (lines: readonly Line[]) => void,
  ) {}

  has(line: Line): boolean {
    return this.lines.has(line)
  }

  add(line: Line): void {
    this.lines.add(line)
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

  /** Keys may be read again that were in doubt: they are looked at when this turn is over, once for all of them. */
  readable(): void {
    if (this.isSoon || this.lines.size === 0) return
    this.isSoon = true
    setImmediate(() => {
      this.isSoon = false
      this.look([...this.lines])
    })
  }
}
