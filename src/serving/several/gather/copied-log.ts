import type { Logger } from '../../../base/log.js'

/** What copies less is not worth a line. */
const MUCH_BYTES = 1024 * 1024
const PAUSE_MS = 60_000

/** Says of commands that copied much from server to server that they did: at most once a minute, for all since the line before. */
export class CopiedLog {
  private lastMs = Number.NEGATIVE_INFINITY
  private commands = 0
  private bytes = 0

  constructor(private readonly log: Logger) {}

  note(name: string, bytes: number, nowMs = performance.now()): void {
    if (bytes < MUCH_BYTES) return
    this.commands++
    this.bytes += bytes
    if (nowMs - this.lastMs < PAUSE_MS) return
    const { commands, bytes: all } = this
    this.log.warn(
      { event: 'gathers', commands, bytes: all, last: name },
      `${commands} commands on keys of several servers copied ${all} bytes between them, the last one was '${name}': a common {hash tag} would save that`,
    )
    this.lastMs = nowMs
    this.commands = 0
    this.bytes = 0
  }
}
