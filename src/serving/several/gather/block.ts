import type { Link } from '../../../backend/link.js'
import type { ReplySink } from '../../../backend/reply-sink.js'
import { guestName, PARKED_NAMES } from '../../../order/pieces/hidden-name.js'
import { SIZE_SAMPLES } from '../../../order/pieces/sized-copy.js'
import { decodeReply } from '../../../resp/decode.js'
import { type Frame, frameOf } from '../../../resp/frame.js'
import { IS_ERROR, OWNED } from '../../../resp/reply-framer.js'
import type { Dumped } from './whole-values.js'

/** What the executor is asked. */
export interface Work {
  readonly db: number
  /** Commands that make the guests, and their names. */
  readonly arrivals: readonly Frame[]
  readonly guests: readonly Buffer[]
  readonly command: Frame
  /** The name under which the command leaves what it stores: a guest, too. */
  readonly result: Buffer | undefined
  /** The name that the result gets instead of being dumped when it takes more than so many bytes. */
  readonly park: { readonly name: Buffer; readonly overBytes: number } | undefined
  /** Names of guests under which the executor may have keys of its own: these have another name meanwhile. */
  readonly aside: readonly Buffer[]
}

export type Executed =
  | { readonly bytes: Buffer; readonly flags: number; readonly left: Left | undefined }
  /** It did not take a guest: the text of its error. */
  | { readonly refusal: string }
  /** Nothing is known of it, and nothing is left of it. */
  | 'lost'

/** The value that the command has stored, or about how many bytes it has under the name where it is parked. */
export interface Left extends Dumped {
  readonly parkedBytes: number | undefined
}

/** A large result is put aside, see parking.ts; another one is dumped. */
const DUMP_OR_PARK = `local size = redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', ARGV[2])
if not size or size <= tonumber(ARGV[1]) then return redis.call('DUMP', KEYS[1]) end
redis.call('SADD', KEYS[3], KEYS[2])
redis.call('RENAME', KEYS[1], KEYS[2])
return size`

/** The tags of what stands behind the guests' arrivals. */
const COMMAND = -1
const DEADLINE = -2
const DUMP = -3
const DEPARTURE = -4
/** It may have no such key. */
const ASIDE = -5
/** No guest has this number. */
const FIRST_ASIDE = 1_000_000

/**
 * One command on one server, among values of other servers that are its guests for so long. Guests are there within EXEC only: for
 * them no time passes, nobody else sees them, and when the connection breaks they have never been there [design §7 Several keys].
 *
 *     MULTI   RESTORE guest …   the command   PEXPIRETIME and DUMP of what it stores   UNLINK guests   EXEC
 *
 * A large guest is parked there before, and gets its name with RENAME; a large result is parked instead of being dumped.
 *
 * Where guests keep their names, what it has under these is put aside before with RENAME, and back behind.
 */
export class GatherBlock implements ReplySink {
  private refusal: string | undefined
  private bytes: Buffer | undefined
  private flags = 0
  private deadline = -1

  private constructor(
    private readonly work: Work,
    private readonly done: (executed: Executed) => void,
  ) {}

  /** Emits it in this turn. */
  static execute(link: Link, work: Work): Promise<Executed> {
    return new Promise((resolve) => new GatherBlock(work, resolve).emit(link))
  }

  private emit(link: Link): void {
    const { db, arrivals, command, result, aside } = this.work
    if (this.isAlone) {
      link.emitFrame(command, db, this, COMMAND)
      return
    }
    const end = link.openBlock()
    for (const [i, key] of aside.entries())
      link.emitFrame(frameOf(['RENAME', key, guestName(FIRST_ASIDE + i)]), db, this, ASIDE)
    for (const [i, arrival] of arrivals.entries()) link.emitFrame(arrival, db, this, i)
    link.emitFrame(command, db, this, COMMAND)
    if (result !== undefined) {
      link.emitFrame(frameOf(['PEXPIRETIME', result]), db, this, DEADLINE)
      link.emitFrame(this.dump(result), db, this, DUMP)
    }
    link.emitFrame(frameOf(['UNLINK', ...this.names]), db, this, DEPARTURE)
    for (const [i, key] of aside.entries())
      link.emitFrame(frameOf(['RENAME', guestName(FIRST_ASIDE + i), key]), db, this, ASIDE)
    end()
  }

  private dump(result: Buffer): Frame {
    const { park } = this.work
    if (park === undefined) return frameOf(['DUMP', result])
    const keys = ['3', result, park.name, PARKED_NAMES]
    return frameOf(['EVAL', DUMP_OR_PARK, ...keys, String(park.overBytes), SIZE_SAMPLES])
  }

  /** Whatever is there only within the block. */
  private get names(): readonly Buffer[] {
    const { guests, result, aside } = this.work
    return [...new Set([...guests, ...aside, ...(result === undefined ? [] : [result])])]
  }

  private get isAlone(): boolean {
    return this.names.length === 0
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    switch (tag) {
      case COMMAND:
        this.bytes = Buffer.from(buf.subarray(start, end))
        this.flags = flags | OWNED
        if (this.isAlone) this.tell(undefined)
        return
      case DEADLINE:
        this.deadline = Number(decodeReply(buf, start, end))
        return
      case DUMP: {
        this.noteRefusal(buf, start, end, flags)
        const dumped = decodeReply(buf, start, end)
        const parkedBytes = typeof dumped === 'number' ? dumped : undefined
        this.tell({ payload: Buffer.isBuffer(dumped) ? dumped : null, deadline: this.deadline, parkedBytes })
        return
      }
      case DEPARTURE:
        if (this.work.result === undefined) this.tell(undefined)
        return
      case ASIDE:
        return
      default:
        this.noteRefusal(buf, start, end, flags)
    }
  }

  onLost(): void {
    this.done('lost')
  }

  private noteRefusal(buf: Buffer, start: number, end: number, flags: number): void {
    if ((flags & IS_ERROR) !== 0) this.refusal ??= buf.toString('utf8', start + 1, end - 2)
  }

  private tell(left: Left | undefined): void {
    const { refusal, bytes, flags } = this
    this.done(refusal === undefined ? { bytes: bytes!, flags, left } : { refusal })
  }
}
