import type { Turn } from '../base/turn.js'

/** Commands of one client may take so long before the others have their turn. */
const STINT_MS = 2
/** It is looked at the clock for that after so many commands, or behind one that may have taken long by itself. */
const STINT_COMMANDS = 64
/**
 * So much longer for each socket that is to be written to when this turn is over, which is about what that takes: a thousand who listen would
 * be written to anew for every few messages of a pipeline, and that costs others more than the pipeline does.
 */
const WRITE_MS = 0.005

/**
 * Clients that have sent more commands at once than should be served in one go: one of them goes on in each turn of the event loop,
 * so that however many they are the others wait for one of them at a time.
 */
export class Rota {
  private readonly waiting: Stint[] = []
  private readonly next = () => {
    const stint = this.waiting.shift()!
    if (this.waiting.length > 0) setImmediate(this.next)
    stint.goOn()
  }

  add(stint: Stint): void {
    if (this.waiting.push(stint) === 1) setImmediate(this.next)
  }
}

/** For how long the commands of one client have been served in one go. */
export class Stint {
  /** It was too long: others have their turn first. */
  isOver = false
  private beganMs = 0
  private untilLook = STINT_COMMANDS

  constructor(
    private readonly rota: Rota,
    private readonly turn: Pick<Turn, 'scheduled'>,
    /** Its turn has come again; the client may have gone meanwhile. */
    private readonly resume: () => void,
  ) {}

  begin(nowMs: number): void {
    this.beganMs = nowMs
    this.untilLook = STINT_COMMANDS
  }

  /** The command that is served may take long by itself. */
  mayBeLong(): void {
    this.untilLook = 0
  }

  /** A command has been served. */
  served(): void {
    if (--this.untilLook >= 0) return
    this.untilLook = STINT_COMMANDS
    if (performance.now() - this.beganMs < STINT_MS + WRITE_MS * this.turn.scheduled) return
    this.isOver = true
    this.rota.add(this)
  }

  goOn(): void {
    this.isOver = false
    this.resume()
  }
}
