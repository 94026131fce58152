import { mayReplicate } from '../command/may-replicate.js'
import { isOwn } from '../command/own-commands.js'
import type { CommandRow } from '../command/row.js'
import type { Frame } from '../resp/frame.js'
import type { Connection } from './connection.js'
import { postpone } from './postpone.js'

/** Of some platforms' timers. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Serves a command whose time has come. */
export type ServeHeld = (client: Connection, frame: Frame, row: CommandRow) => void

/**
 * CLIENT PAUSE: commands of clients are held, all or those that may write, and then served in the order in which they came [Redis
 * networking.c pauseClients, server.c processCommand].
 */
export class Pause {
  /** Whether something may be held: all that is asked of a command while there is no pause. */
  any = false
  /** How what was held is served. */
  serve: ServeHeld = () => {}
  private isForAll = false
  private endMs = 0
  private timer: NodeJS.Timeout | undefined
  /** Each serves one of them. */
  private held: (() => void)[] = []

  /** How many clients wait for its end. */
  get heldCount(): number {
    return this.held.length
  }

  /** @param onlyReads whether a script, or function, says of itself that it writes nothing */
  constructor(private readonly onlyReads: (frame: Frame, row: CommandRow) => boolean) {}

  /** Of two pauses at a time the stricter and the longer counts. */
  begin(ms: number, isForAll: boolean): void {
    this.endMs = Math.max(this.any ? this.endMs : 0, performance.now() + ms)
    this.isForAll = isForAll || (this.any && this.isForAll)
    this.any = true
    this.wait()
  }

  end(): void {
    clearTimeout(this.timer)
    this.any = false
    const { held } = this
    this.held = []
    for (const serve of held) serve()
  }

  /** Who monitors is not held, nor what the operator says to the ring. */
  concerns({ session }: Connection, frame: Frame, row: CommandRow): boolean {
    if (session.monitoring !== undefined || isOwn(row.name)) return false
    // It is refused.
    if (session.state.kind === 'subscribed' && row.whileListening === undefined) return false
    if (this.isForAll || this.mayWrite(frame, row)) return true
    if (row.behindMulti !== 'executes') return false
    for (const { frame, row } of session.transaction?.queued ?? []) if (this.mayWrite(frame, row)) return true
    return false
  }

  /** Keeps a command, and with it all that its client sends behind it. */
  hold(client: Connection, frame: Frame, row: CommandRow): void {
    const resume = postpone(client)
    this.held.push(() => resume(() => this.serve(client, frame, row)))
  }

  private mayWrite(frame: Frame, row: CommandRow): boolean {
    return mayReplicate(row) && !this.onlyReads(frame, row)
  }

  private wait(): void {
    clearTimeout(this.timer)
    const leftMs = this.endMs - performance.now()
    this.timer = setTimeout(() => (leftMs > TIMER_MS_MAX ? this.wait() : this.end()), Math.min(leftMs, TIMER_MS_MAX))
    this.timer.unref()
  }
}
