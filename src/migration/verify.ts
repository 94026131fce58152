import type { Logger } from '../base/log.js'
import { type VerifyDeps, VerifyPass } from './verify-pass.js'
import { DIFFERENCE_KINDS, VerifyReport } from './verify-report.js'
import { Rate } from './window.js'

export interface VerifierDeps extends VerifyDeps {
  readonly log: Logger
  /** Pause between two passes in the background, which also repair what they find; 0: there are none. */
  readonly intervalMs: number
  /** How many bytes of copies a pass in the background reads in a second. */
  readonly maxBytesPerSecond: number
}

interface Running {
  readonly report: VerifyReport
  readonly stop: AbortController
  /** Nobody may end it. */
  readonly urgent: boolean
  /** Resolves when it is over, however that went. */
  readonly over: Promise<void>
}

const KEY_BYTES_SHOWN = 128

/** Compares all copies of all keys: when somebody asks for it, and at intervals by itself. */
export class Verifier {
  /** Of the verification that runs, or of the last one. */
  report: VerifyReport | undefined
  private running: Running | undefined
  private timer: NodeJS.Timeout | undefined
  private stopped = false

  constructor(private readonly deps: VerifierDeps) {}

  start(): void {
    this.schedule()
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
    this.cancel()
  }

  /** Ends the verification that runs; false when there is none, or it must not be ended. */
  cancel(): boolean {
    if (this.running === undefined || (this.running.urgent && !this.stopped)) return false
    this.running.stop.abort()
    return true
  }

  /**
   * Verifies the ring; undefined when somebody else's verification runs already. One at an interval gives way, one that
   * `settle` makes is waited for.
   *
   * @param repair whether what is found is repaired, too
   */
  async verify(repair: boolean): Promise<VerifyReport | undefined> {
    if (this.running?.report.background === true) {
      if (!this.running.urgent) this.running.stop.abort()
      await this.running.over
    }
    if (this.running !== undefined) return undefined
    return this.run(new VerifyReport(repair, false), new Rate(0), false)
  }

  /**
   * Compares and repairs everything, because replicas may differ; undefined when somebody's verification runs already.
   */
  async settle(): Promise<VerifyReport | undefined> {
    if (this.running !== undefined) return undefined
    return this.run(new VerifyReport(true, true), new Rate(0), true)
  }

  private async run(report: VerifyReport, rate: Rate, urgent: boolean): Promise<VerifyReport> {
    const { log } = this.deps
    const stop = new AbortController()
    const work = new VerifyPass(this.deps, report, rate, () => stop.signal.aborted).run()
    const over = work.finally(() => {
      this.running = undefined
    })
    this.running = { report, stop, urgent, over: over.catch(() => {}) }
    this.report = report
    await over
    const { keys, repaired, left, unchecked, seconds, state } = report
    if (report.counts.outvoted > 0) {
      log.error(
        {
          event: 'verify-outvoted',
          keys: report.counts.outvoted,
          examples: examplesOf(report).filter((text) => text.startsWith('outvoted')),
        },
        'masters have something else than all backups of the same keys, which are equal: they have lost data without restarting',
      )
    }
    const about = { ...foundIn(report), keys, repaired, left, unchecked, seconds, reasons: [...report.reasons] }
    if (report.differences > 0)
      log.warn(
        { event: 'verify-differences', ...about, examples: examplesOf(report) },
        `verify ${state}: copies differed`,
      )
    else
      log.info(
        { event: 'verified', ...about },
        report.complete ? 'verify: all copies are equal' : `verify ${state}: not all was compared`,
      )
    return report
  }

  private schedule(): void {
    const { intervalMs, maxBytesPerSecond, log } = this.deps
    if (intervalMs === 0 || this.stopped) return
    this.timer = setTimeout(async () => {
      if (this.running === undefined) {
        await this.run(new VerifyReport(true, true), new Rate(maxBytesPerSecond), false).catch((err: Error) =>
          log.error({ event: 'verify-failed', err }, 'verify failed inside the proxy'),
        )
      }
      this.schedule()
    }, intervalMs)
  }
}

function foundIn({ counts }: VerifyReport): Record<string, number> {
  return Object.fromEntries(DIFFERENCE_KINDS.flatMap((kind) => (counts[kind] === 0 ? [] : [[kind, counts[kind]]])))
}

function examplesOf({ examples }: VerifyReport): string[] {
  return examples.map(
    ({ kind, db, key, member }) =>
      `${kind} on ${member}: ${JSON.stringify(key.toString('utf8', 0, KEY_BYTES_SHOWN))} of db ${db}`,
  )
}
