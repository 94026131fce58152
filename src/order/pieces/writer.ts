import type { Link } from '../../backend/link.js'
import type { ReplySink } from '../../backend/reply-sink.js'
import type { Frame } from '../../resp/frame.js'
import { IS_ERROR } from '../../resp/reply-framer.js'
import type { Budget } from './budget.js'
import { lineAt, longestBulk } from './bulks.js'
import { keepBusy, noLongerBusy } from './kept-busy.js'
import type { Page } from './page.js'

/** Writes a value piece by piece to all its targets, under the hidden name. */
export class Writer {
  /** Bytes that were written to each target. */
  written = 0
  /** By target: why it did not take it. */
  private readonly refusals = new Map<Link, string>()
  /** Targets that are not written to any more, whatever they have. */
  private readonly gone = new Set<Link>()
  private over = false

  constructor(
    private readonly db: number,
    private readonly targets: readonly Link[],
    private readonly budget: Budget,
  ) {}

  /** Nothing is written any more. */
  stop(): void {
    this.over = true
  }

  /** The same for one target. */
  leave(target: Link): void {
    this.gone.add(target)
  }

  /** Why a target did not take the value; undefined when it did. */
  refusal(target: Link): string | undefined {
    return this.refusals.get(target)
  }

  refuseAll(why: string): void {
    for (const target of this.targets) this.refusals.set(target, why)
  }

  get isOver(): boolean {
    return this.over
  }

  /** Whether no target is to be left out. */
  get hasAll(): boolean {
    return this.targets.every((target) => this.takes(target))
  }

  /** Whether there is nobody to write to, or nothing to write. */
  get isStopped(): boolean {
    return this.over || this.targets.every((target) => !this.takes(target))
  }

  /** Writes a piece to all targets in one turn; resolves when they have answered. */
  async write(page: Page): Promise<void> {
    const { budget } = this
    if (this.over || page.length === 0) return
    const beganAtMs = performance.now()
    const { prepares = 0 } = page
    if (prepares > 0) for (const target of this.targets) keepBusy(target, prepares, beganAtMs)
    let bytes = 0
    for (const frame of page) bytes += frame.end
    this.written += bytes
    await Promise.all(this.targets.map((target) => (this.takes(target) ? this.writeTo(target, page) : undefined)))
    if (prepares === 0) budget.took(performance.now() - beganAtMs)
    else for (const target of this.targets) noLongerBusy(target)
  }

  private takes(target: Link): boolean {
    return !this.gone.has(target) && !this.refusals.has(target)
  }

  private writeTo(target: Link, page: Page): Promise<void> {
    const tooLong = tooLongFor(target, page)
    if (tooLong !== undefined) {
      this.refusals.set(target, tooLong)
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      let open = page.length
      const heard = () => {
        if (--open === 0) resolve()
      }
      const sink: ReplySink = {
        onReply: (_tag, buf, start, end, flags) => {
          if ((flags & IS_ERROR) !== 0 && !this.refusals.has(target)) {
            this.refusals.set(target, buf.toString('utf8', start, end - 2))
          }
          heard()
        },
        onLost: heard,
      }
      for (const frame of page) target.emitFrame(frame, this.db, sink, 0)
    })
  }
}

/** Sent all the same it would be a protocol error, and end the link [redis-facts DUMP, RESTORE]. */
function tooLongFor({ info }: Link, page: Page): string | undefined {
  const maxBytes = info?.maxBulkBytes ?? Number.POSITIVE_INFINITY
  const isTooLong = ({ buf, end }: Frame) => end > maxBytes && longestBulk(buf, lineAt(buf, 0).next, end) > maxBytes
  return page.some(isTooLong)
    ? `one of its elements is longer than proto-max-bulk-len, which is ${maxBytes}`
    : undefined
}
