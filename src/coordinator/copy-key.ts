import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import { assert } from '../base/assert.js'
import { type Frame, frameOf } from '../resp/frame.js'
import { IS_ERROR } from '../resp/reply-framer.js'
import { keyOfId, type Lanes } from './lanes.js'

/** What became of a copy on one target. */
export type CopyResult =
  | 'copied'
  /** The source's link broke, or it refused: the target has not been touched. */
  | 'no snapshot'
  /** The target's link broke: what it has is not known. */
  | 'target lost'
  /** The target refused; `reason` is its error. */
  | 'refused'

/** `reason` is an error's text, or ''; `bytes` the size of what was copied. */
export type CopyListener = (target: Link, result: CopyResult, reason: string, bytes: number) => void

const DUMP = 0
const PEXPIRETIME = 1
const UNDERSCORE = 0x5f
const CR = 0x0d
const NO_TTL = -1
const NO_KEY = -2

/**
 * copyKey [design §7]: makes the targets equal to the source for one key, without stopping anybody. The snapshot
 * holds exactly the writes emitted on the source before it; what is emitted for the key on the targets from now on is
 * held until the snapshot has been put there, so they get exactly the writes that come after it.
 */
export class KeyCopy implements ReplySink {
  private readonly releases: (() => void)[]
  private payload: Buffer | undefined
  private failure: CopyResult | undefined
  private reason = ''
  private restore: Frame | undefined

  /**
   * Emits the snapshot and holds the key for the targets; `listener` hears once of every target.
   *
   * @param id the key, see `keyId`
   */
  constructor(
    lanes: Lanes,
    private readonly id: string,
    source: Link,
    private readonly targets: readonly Link[],
    private readonly listener: CopyListener,
  ) {
    assert(!targets.includes(source), 'a key is copied to other members')
    this.releases = targets.map((target, i) =>
      lanes.hold(target, [id], {
        emit: () => this.put(i),
        dropped: () => listener(target, 'target lost', '', 0),
        covered: () => listener(target, 'copied', '', 0),
      }),
    )
    const { db, key } = keyOfId(id)
    const snapshot = () => {
      source.emitFrame(frameOf(['DUMP', key]), db, this, DUMP)
      source.emitFrame(frameOf(['PEXPIRETIME', key]), db, this, PEXPIRETIME)
    }
    if (!lanes.isHeld(source, id)) snapshot()
    else
      lanes.hold(source, [id], {
        emit: snapshot,
        dropped: () => this.failed('no snapshot', ''),
        covered: () => this.emptied(),
      })()
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    if ((flags & IS_ERROR) !== 0) {
      this.failure ??= 'no snapshot'
      this.reason ||= buf.toString('utf8', start, end - 2)
    } else if (tag === DUMP) {
      if (buf[start] !== UNDERSCORE) this.payload = Buffer.from(buf.subarray(buf.indexOf(CR, start) + 2, end - 2))
    } else {
      this.restore = this.restoreFrame(Number(buf.latin1Slice(start + 1, end - 2)))
    }
    if (tag === PEXPIRETIME) for (const release of this.releases) release()
  }

  onLost(tag: number): void {
    if (tag === PEXPIRETIME) this.failed('no snapshot', '')
  }

  private failed(result: CopyResult, reason: string): void {
    this.failure = result
    this.reason = reason
    for (const release of this.releases) release()
  }

  /** The source's database was emptied before the snapshot could be taken: so were the targets'. */
  private emptied(): void {
    this.restore = this.restoreFrame(NO_KEY)
    for (const release of this.releases) release()
  }

  /** The key as the source has it, with its deadline in ms, or its absence. */
  private restoreFrame(expireAtMs: number): Frame {
    const { key } = keyOfId(this.id)
    if (this.payload === undefined || expireAtMs === NO_KEY) return frameOf(['UNLINK', key])
    const deadline = expireAtMs === NO_TTL ? '0' : String(expireAtMs)
    return frameOf(['RESTORE', key, deadline, this.payload, 'REPLACE', 'ABSTTL'])
  }

  /** The target's turn: puts the snapshot there. */
  private put(i: number): void {
    const target = this.targets[i]
    const { listener, failure } = this
    if (failure !== undefined) {
      listener(target, failure, this.reason, 0)
      return
    }
    assert(this.restore !== undefined, 'the snapshot is there')
    const maxBytes = target.info?.maxBulkBytes ?? Number.POSITIVE_INFINITY
    if (this.payload !== undefined && this.payload.length > maxBytes) {
      // Sent all the same it would be a protocol error, and end the link [redis-facts DUMP, RESTORE].
      listener(target, 'refused', `its value takes ${this.payload.length} bytes, proto-max-bulk-len is ${maxBytes}`, 0)
      return
    }
    const { db } = keyOfId(this.id)
    const sink: ReplySink = {
      onReply: (_tag, buf, start, end, flags) => {
        const refused = (flags & IS_ERROR) !== 0
        const bytes = this.payload?.length ?? 0
        listener(target, refused ? 'refused' : 'copied', refused ? buf.toString('utf8', start, end - 2) : '', bytes)
      },
      onLost: () => listener(target, 'target lost', '', 0),
    }
    target.emitFrame(this.restore, db, sink, 0)
  }
}
