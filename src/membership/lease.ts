import { type Council, keepsFromNoting } from './council.js'

/**
 * So long an owner without a state file goes on after it last heard of enough members that they are its own [design §12]. An owner that
 * follows it on other members begins to acknowledge after `OUTLAST_MS`, which is longer by what a timer of a busy process may be late.
 */
export const LEASE_MS = 3000
export const OUTLAST_MS = LEASE_MS + 1000

/**
 * Until when nobody else can have noted a view: as long as in each council so many members were still ours that the others are not
 * enough. Infinity where the state file alone tells.
 *
 * @param file the id of our state file
 * @param heardMs when that was sent which a member has answered last
 */
export function leaseEndMs(
  councils: readonly Council[],
  file: string | undefined,
  heardMs: (name: string) => number,
): number {
  let endMs = Number.POSITIVE_INFINITY
  for (const council of councils) {
    const needed = keepsFromNoting(council, file)
    if (needed === 0) continue
    const latest = council.members.map(heardMs).sort((a, b) => b - a)
    endMs = Math.min(endMs, latest[needed - 1] + LEASE_MS)
  }
  return endMs
}

/** After a pause it is known soon whether members are still ours. */
const ASK_MS = 500

export type LeaseState = 'held' | 'asking' | 'lost'

/**
 * Whether we may still serve though we do not reach all members:
 *
 *     held ──its end──> asking ──500 ms──> lost
 *      ^──enough answer───┴──────────────────┘
 */
export class Lease {
  private state: LeaseState = 'held'
  private timer: NodeJS.Timeout | undefined

  /**
   * @param heardMs when that was sent which a member has answered last on our connection: nobody had taken it from us then
   * @param changed told of each state; when it is `asking`, members are to be asked
   */
  constructor(
    private readonly councils: () => readonly Council[],
    private readonly file: () => string | undefined,
    private readonly heardMs: (name: string) => number,
    private readonly changed: (state: LeaseState) => void,
  ) {}

  /** Members have answered, or other councils count. */
  look(): void {
    const endMs = leaseEndMs(this.councils(), this.file(), this.heardMs)
    const leftMs = endMs - performance.now()
    if (leftMs > 0) {
      this.again(leftMs)
      this.become('held')
    } else if (this.state === 'held') {
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.become('lost'), ASK_MS)
      this.become('asking')
    }
  }

  private again(leftMs: number): void {
    clearTimeout(this.timer)
    if (leftMs !== Number.POSITIVE_INFINITY) this.timer = setTimeout(() => this.look(), Math.ceil(leftMs))
  }

  private become(state: LeaseState): void {
    if (state === this.state) return
    this.state = state
    this.changed(state)
  }

  stop(): void {
    clearTimeout(this.timer)
  }
}

/** The owner before us, which may still serve what it reaches, as long as its lease lasts. */
export class Predecessor {
  private endsMs: number | undefined
  private timer: NodeJS.Timeout | undefined

  /** `ended` is called when its time is over. */
  constructor(private readonly ended: () => void) {}

  /**
   * Whether it serves no more; asked since enough members are ours for a view to be noted.
   *
   * @param areAllOurs there is nobody whom it could hear of
   */
  hasEnded(areAllOurs: boolean): boolean {
    if (areAllOurs) return true
    const nowMs = performance.now()
    if (this.endsMs === undefined) {
      this.endsMs = nowMs + OUTLAST_MS
      this.timer = setTimeout(this.ended, OUTLAST_MS + 1)
    }
    return nowMs >= this.endsMs
  }

  forget(): void {
    clearTimeout(this.timer)
  }
}
