import type { Turn } from '../base/turn.js'

/** Commands of clients may take so long in one turn before replies, and those who wait, have theirs. */
const STINT_MS = 2
/** Of what the proxy answers by itself, which takes much longer than to send something on, many at once gain nothing. */
const OWN_STINT_MS = 1
/** It is looked at the clock for that after so many commands, or behind one that may have taken long by itself. */
const STINT_COMMANDS = 64
/**
 * So much longer for each socket that is to be written to when this turn is over, which is about what that takes: a thousand who listen would
 * be written to anew for every few messages of a pipeline, and that costs others more than the pipeline does.
 */
const WRITE_MS = 0.005

/**
 * Bounds what clients take of one turn of the event loop: all that are served in it share one stint, and who comes when that is over is
 * served a little all the same. Who has sent more commands than that goes on in the next turns, one after the other, as many of them
 * as have room in one more stint. So however many send much at once, the others wait for two stints, and not for one of each of them.
 */
export class Rota {
  private readonly waiting: Stint[] = []
  private isComing = false
  private turn = -1
  private beganMs = 0
  private readonly next = () => {
    this.isComing = false
    const beganMs = performance.now()
    this.turn = -1
    let stint: Stint
    do {
      stint = this.waiting.shift()!
      stint.goOn()
    } while (this.waiting.length > 0 && performance.now() - beganMs < stint.lengthMs)
    this.come()
  }

  add(stint: Stint): void {
    this.waiting.push(stint)
    this.come()
  }

  /** When the stint began that a client has part in who is served from now on, in this turn. */
  begin(nowMs: number, turn: number): number {
    if (turn !== this.turn) {
      this.turn = turn
      this.beganMs = nowMs
    }
    return this.beganMs
  }

  private come(): void {
    if (this.isComing || this.waiting.length === 0) return
    this.isComing = true
    setImmediate(this.next)
  }
}

/** For how long the commands of one client have been served in one go. */
export class Stint {
  /** It was too long: others have their turn first. */
  isOver = false
  /** How long it may be, by what has been served in it. */
  lengthMs = STINT_MS
  private beganMs = 0
  private untilLook = STINT_COMMANDS

  constructor(
    private readonly rota: Rota,
    private readonly turn: Pick<Turn, 'scheduled' | 'number'>,
    /** Its turn has come again; the client may have gone meanwhile. */
    private readonly resume: () => void,
  ) {}

  begin(nowMs: number): void {
    this.beganMs = this.rota.begin(nowMs, this.turn.number)
    this.untilLook = STINT_COMMANDS
    this.lengthMs = STINT_MS
  }

  /** The command that is served may take long by itself. */
  mayBeLong(): void {
    this.untilLook = 0
  }

  /** The same of one that the proxy answers. */
  isAnsweredHere(): void {
    this.untilLook = 0
    this.lengthMs = OWN_STINT_MS
  }

  /** A command has been served. Whether others have their turn now if there is another one. */
  served(): boolean {
    if (--this.untilLook >= 0) return false
    this.untilLook = STINT_COMMANDS
    return performance.now() - this.beganMs >= this.lengthMs + WRITE_MS * this.turn.scheduled
  }

  /** There is another one: it goes on later. */
  end(): void {
    this.isOver = true
    this.rota.add(this)
  }

  goOn(): void {
    this.isOver = false
    this.resume()
  }
}
