/** Commands of one client may take so long before the others have their turn. */
const STINT_MS = 2
/** It is looked at the clock for that after so many commands, or behind one that may have taken long by itself. */
const STINT_COMMANDS = 64

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
    if (performance.now() - this.beganMs < STINT_MS) return
    this.isOver = true
    this.rota.add(this)
  }

  goOn(): void {
    this.isOver = false
    this.resume()
  }
}
