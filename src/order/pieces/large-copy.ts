import { type Link, LinkLostError } from '../../backend/link.js'
import type { ReplySink } from '../../backend/reply-sink.js'
import type { KeyId } from '../../base/key-id.js'
import { decodeReply, elementsOf, textOf } from '../../resp/decode.js'
import { isError } from '../../resp/encode.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import { IS_ERROR } from '../../resp/reply-framer.js'
import type { Ahead } from './ahead.js'
import { RefusedError, Source } from './asking.js'
import { Budget } from './budget.js'
import { HIDDEN_NAME, PARKED_NAMES } from './hidden-name.js'
import { IndivisibleError, pagesOf } from './pages.js'
import type { Pieces } from './pieces.js'
import { Writer } from './writer.js'

/** What became of a value on its way. */
export type Built =
  /** All targets have the same already. */
  | 'equal'
  /** It stands on those targets where nothing failed, under the hidden name. */
  | 'built'
  /** The source does not have the key. */
  | 'none'
  /** Nobody has it: `reason`. */
  | 'failed'

/** What is known of a value before it is copied. */
export interface Large {
  readonly id: KeyId
  readonly db: number
  /** The database on the targets, if it is another one. */
  readonly to?: number
  readonly key: Buffer
  /** About how much memory it takes. */
  readonly bytes: number
  readonly source: Link
  readonly targets: readonly Link[]
  /** The targets are known to have something else. */
  readonly differs: boolean
}

/** The members that it takes a place on, see `Slots`. */
export function linksOf({ source, targets }: Pick<Large, 'source' | 'targets'>): readonly Link[] {
  return [source, ...targets]
}

const MULTI = frameOf(['MULTI'])
const EXEC = frameOf(['EXEC'])

/**
 * One value that is copied in pieces [design §7 Copying in pieces]. While it is read nothing else is executed on the key on
 * the source, and while it is built nothing on the targets: the lanes see to that.
 */
export class LargeCopy {
  /** Its deadline as the source has it: PEXPIRETIME. */
  deadline = -1
  /** Why nobody has it. */
  reason = ''
  private readonly put = new Set<Link>()
  private readonly writer: Writer
  private readonly budget: Budget
  private readonly to: number
  private writing: Promise<void> = Promise.resolve()

  constructor(
    private readonly pieces: Pieces,
    private readonly large: Large,
    /** Everything has been read from the source: from now on the key may change there. */
    private readonly onRead: () => void,
    /** What has been built of it already. */
    private readonly ahead?: Ahead,
  ) {
    this.budget = new Budget(pieces.maxBlockMs)
    this.to = large.to ?? large.db
    this.writer = ahead?.writer ?? new Writer(this.to, large.targets, this.budget)
  }

  /** Bytes that were written to each target. */
  get written(): number {
    return this.writer.written
  }

  /** The source's link broke, or its database is emptied: nothing is read any more. */
  stop(): void {
    this.writer.stop()
  }

  /** The same for one target: nothing is written to it any more. */
  leave(target: Link): void {
    this.writer.leave(target)
  }

  /**
   * Builds the value under the hidden name, and calls `finish` in the turn in which it is decided what came of it; `place`
   * is for then. Afterwards nothing is left of it under that name, and its links are left, which have to be ours before.
   *
   * @param mayFinish what it waits for, with the value built
   */
  async run(finish: (built: Built) => void, mayFinish?: () => Promise<void>): Promise<void> {
    const { pieces, large } = this
    pieces.underWay++
    try {
      const built = await this.build()
      await mayFinish?.()
      finish(built)
    } finally {
      for (const target of large.targets) {
        if (target.ready && !this.put.has(target)) pieces.leftovers.removeBuilt(target, this.to)
      }
      pieces.underWay--
      this.ahead?.over()
      pieces.slots.leave(linksOf(large))
    }
  }

  /** Why a target did not take the value; undefined when it did. */
  refusal(target: Link): string | undefined {
    return this.writer.refusal(target)
  }

  /**
   * Puts the value in place of the old one, which is freed in the background. All of it is emitted in one turn; a
   * transaction, so that no client and no crash ever sees the key missing.
   */
  place(target: Link, done: (error: string | undefined) => void, lost: () => void): void {
    const { key } = this.large
    const block = [frameOf(['UNLINK', key]), frameOf(['RENAME', HIDDEN_NAME, key])]
    if (this.deadline >= 0) block.push(frameOf(['PEXPIREAT', key, String(this.deadline)]))
    this.emitBlock(target, block, done, lost)
  }

  /** Gives it a hidden name of its own on a target, where it waits for whoever takes it; without its deadline. */
  park(target: Link, name: Buffer, done: (error: string | undefined) => void, lost: () => void): void {
    const block = [frameOf(['SADD', PARKED_NAMES, name]), frameOf(['RENAME', HIDDEN_NAME, name])]
    this.emitBlock(target, block, done, lost)
  }

  private emitBlock(
    target: Link,
    block: readonly Frame[],
    done: (error: string | undefined) => void,
    lost: () => void,
  ): void {
    const { to } = this
    this.put.add(target)
    let refused: string | undefined
    const queued: ReplySink = {
      onReply: (_tag, buf, start, end, flags) => {
        if ((flags & IS_ERROR) !== 0) refused ??= buf.toString('utf8', start, end - 2)
      },
      onLost: () => {},
    }
    for (const frame of [MULTI, ...block]) target.emitFrame(frame, to, queued, 0)
    const executed: ReplySink = {
      onReply: (_tag, buf, start, end) => done(refused ?? errorIn(buf, start, end)),
      onLost: lost,
    }
    target.emitFrame(EXEC, to, executed, 0)
  }

  private async build(): Promise<Built> {
    const { large, budget, writer, ahead } = this
    const source = new Source(large.source, large.db, large.key, budget)
    if (writer.isOver) return 'failed'
    if (!large.differs && (await this.isEverywhere())) {
      if (writer.isOver) return 'failed'
      this.onRead()
      return 'equal'
    }
    try {
      if (ahead === undefined || !(await ahead.finish())) await this.copyPages(source)
      this.deadline = Number(await source.reply('PEXPIRETIME'))
    } catch (error) {
      this.reason = this.reasonOf(error as Error)
      await this.writing
      return 'failed'
    }
    this.onRead()
    await this.writing
    if (writer.isOver) return 'failed'
    return this.deadline === NO_KEY ? 'none' : 'built'
  }

  /** The last piece is still being written when all have been read. */
  private async copyPages(source: Source): Promise<void> {
    const { large, budget, writer } = this
    const type = textOf(await source.reply('TYPE')) ?? ''
    // What an earlier copy left, should a removal have been refused.
    this.writing = writer.write([frameOf(['UNLINK', HIDDEN_NAME])])
    for await (const page of pagesOf(type, { source, bytes: large.bytes, budget })) {
      // The next piece is read while this one is written.
      await this.writing
      if (writer.isStopped) break
      this.writing = writer.write(page)
    }
  }

  /** A value that is there needs not be written: most doubts are about writes that were executed, and only not answered. */
  private async isEverywhere(): Promise<boolean> {
    const { id, bytes, source, targets } = this.large
    for (const target of targets) if (!(await this.pieces.isSame(id, bytes, source, target))) return false
    return this.writer.hasAll
  }

  private reasonOf(error: Error): string {
    const { large, pieces } = this
    if (error instanceof IndivisibleError) {
      const tooBig = `${large.bytes} bytes of type ${error.message}, which cannot be copied in pieces, would block a server for longer than migration.maxBlockMs (${pieces.maxBlockMs} ms)`
      const tooNew = `the server has another version than ${large.source.name}, and values of type ${error.message} cannot be copied in pieces`
      const why = pieces.isLarge(large.bytes, large.targets) ? tooBig : tooNew
      this.writer.refuseAll(why)
      return why
    }
    if (error instanceof RefusedError || error instanceof LinkLostError) return error.message
    throw error
  }
}

const NO_KEY = -2

/** The first error in the reply to EXEC. */
function errorIn(buf: Buffer, start: number, end: number): string | undefined {
  const reply = decodeReply(buf, start, end)
  const error = isError(reply) ? reply : elementsOf(reply)?.find(isError)
  return error === undefined ? undefined : `-${error.message}`
}
