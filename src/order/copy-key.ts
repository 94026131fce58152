import { preciseNowMs } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import { assert } from '../base/assert.js'
import { dbOfId, type KeyId, keyOfId, textOfId } from '../base/key-id.js'
import { frameOf } from '../resp/frame.js'
import { IS_ERROR } from '../resp/reply-framer.js'
import { isSoon, mayHavePassed } from './deadline.js'
import type { Held, HeldKey, Lanes } from './lanes.js'
import type { Built, LargeCopy } from './pieces/large-copy.js'
import type { Pieces } from './pieces/pieces.js'
import { SizedCopy } from './pieces/sized-copy.js'
import type { Together } from './together.js'

/** What became of a copy on one target. */
export type CopyResult =
  | 'copied'
  /** The source's link broke, or it refused: the target has not been touched. */
  | 'no snapshot'
  /** The target's link broke: what it has is not known. */
  | 'target lost'
  /** The target refused; `reason` is its error. */
  | 'refused'

/**
 * Told of a snapshot that could be put on the targets now: calls `decided`, at once or later. What is withdrawn is put nowhere, and
 * is told of as `no snapshot`.
 */
export type CopyCondition = (decided: (isWithdrawn: boolean) => void) => void

/** `reason` is an error's text, or ''; `bytes` the size of what was copied; `id` the key. */
export type CopyListener = (target: Link, result: CopyResult, reason: string, bytes: number, id: KeyId) => void

/**
 * What is known of keys that are to be copied: that the targets have something else, so that it needs not be looked whether
 * they have the same; and that they are small as well, so that their size needs not be asked.
 */
export type CopyHint = 'small' | 'differs' | 'unknown'

/** What a reply is for, in the low bits of its tag; the others are the number of the key, or of key and target. */
const PEXPIRETIME = 0
const DUMP = 1
const RESTORE = 2
const KIND_BITS = 2
const KIND_MASK = 2 ** KIND_BITS - 1

const UNDERSCORE = 0x5f
const CR = 0x0d
const RESTORE_TAIL = '\r\n$7\r\nREPLACE\r\n$6\r\nABSTTL\r\n'

/** In place of what would have to be put on a target that has the same already. */
const NOTHING = Buffer.alloc(0)

/** Where commands are put together that a link copies at once. */
const scratch = Buffer.allocUnsafeSlow(16 * 1024)

/**
 * copyKey [design §7]: makes the targets equal to the source for some keys, without stopping anybody. The snapshot of a key
 * holds exactly the writes emitted on the source before it; what is emitted for the key on the targets from now on is
 * held until the snapshot has been put there, so they get exactly the writes that come after it.
 *
 * A migration copies millions of keys this way: what is done for each of them makes as few objects as it can.
 */
export class KeyCopy implements ReplySink {
  /** By key and target. */
  private readonly holds: HeldKey[] = []
  /** By key: what to put on the targets, as soon as it is known; undefined when there is no snapshot. */
  private readonly frames: (Buffer | undefined)[]
  private readonly payloadBytes: number[]
  /** By key: those of which the size had to be asked, and those of them that have been built in pieces. */
  private sized: Map<number, SizedCopy> | undefined
  private large: Map<number, LargeCopy> | undefined
  /** By key: its deadline, if that may pass while the copy is on its way. */
  private deadlines: Map<number, number> | undefined
  /** By key: why there is no snapshot. */
  private readonly reasons: string[] = []
  private readonly db: number
  /** Not even small values are taken by all targets as they are dumped. */
  private readonly isApart: boolean
  /** What was answered for the key of which the DUMP comes next. */
  private deadline = ''
  private refusal = ''

  /**
   * Emits the snapshots and holds the keys for the targets; `listener` hears once of every key on every target.
   *
   * @param ids the keys, see `keyId`, of one database
   * @param hint what is known of all of them
   * @param condition until it is decided nothing is put there
   * @param together what is put there with others, or not at all: then it is told of as `no snapshot`
   */
  constructor(
    private readonly lanes: Lanes,
    private readonly ids: readonly KeyId[],
    private readonly source: Link,
    private readonly targets: readonly Link[],
    private readonly listener: CopyListener,
    private readonly pieces: Pieces,
    private readonly hint: CopyHint = 'unknown',
    private readonly condition?: CopyCondition,
    private readonly together?: Together,
  ) {
    assert(!targets.includes(source), 'a key is copied to other members')
    this.isApart = pieces.mustBeTakenApart(source, targets)
    this.frames = new Array(ids.length).fill(undefined)
    this.payloadBytes = new Array(ids.length).fill(0)
    this.db = ids.length === 0 ? 0 : dbOfId(ids[0])
    for (let k = 0; k < ids.length; k++) this.copy(k)
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    const i = tag >> KIND_BITS
    const failed = (flags & IS_ERROR) !== 0
    switch (tag & KIND_MASK) {
      case PEXPIRETIME:
        this.deadline = failed ? '' : buf.latin1Slice(start + 1, end - 2)
        this.refusal = failed ? buf.toString('utf8', start, end - 2) : ''
        break
      case DUMP:
        if (failed || this.refusal !== '') this.reasons[i] = this.refusal || buf.toString('utf8', start, end - 2)
        else this.keep(i, buf, start, end)
        this.release(i)
        break
      default:
        if (!failed) this.noteContent(i)
        this.told(i, failed ? 'refused' : 'copied', failed ? buf.toString('utf8', start, end - 2) : '')
    }
  }

  onLost(tag: number): void {
    const i = tag >> KIND_BITS
    if ((tag & KIND_MASK) === DUMP) this.release(i)
    else if ((tag & KIND_MASK) === RESTORE) this.told(i, 'target lost', '')
  }

  /** [Held] The target's turn: puts the snapshot there. `i` is the number of key and target. */
  put(i: number): void {
    const k = Math.trunc(i / this.targets.length)
    const target = this.targets[i % this.targets.length]
    const large = this.large?.get(k)
    if (large !== undefined) {
      this.putLarge(i, large)
      return
    }
    const frame = this.frames[k]
    if (frame === undefined) {
      this.told(i, 'no snapshot', this.reasons[k] ?? '')
      return
    }
    if (frame === NOTHING) {
      this.noteContent(i)
      this.told(i, 'copied', '')
      return
    }
    const maxBytes = target.info?.maxBulkBytes ?? Number.POSITIVE_INFINITY
    const bytes = this.payloadBytes[k]
    if (bytes > maxBytes) {
      // Sent all the same it would be a protocol error, and end the link [redis-facts DUMP, RESTORE].
      this.told(i, 'refused', `its value takes ${bytes} bytes, proto-max-bulk-len is ${maxBytes}`)
      return
    }
    target.emit(frame, 0, frame.length, true, this.db, this, (i << KIND_BITS) | RESTORE)
  }

  /** Tells what became of a key on a target. */
  told(i: number, result: CopyResult, reason: string): void {
    const { targets, ids, payloadBytes, pieces, lanes } = this
    const k = Math.trunc(i / targets.length)
    const target = targets[i % targets.length]
    if (result === 'refused') pieces.failed.add(target.name, ids[k], reason)
    else if (result === 'copied' && pieces.failed.any) pieces.failed.remove(target.name, ids[k])
    const bytes = result === 'copied' ? payloadBytes[k] : 0
    if (result === 'copied') lanes.copies++
    lanes.copiedBytes += bytes
    this.listener(target, result, reason, bytes, ids[k])
  }

  /** [Held] A target's turn has come, or will never come: see `told`. */
  targetMoved(i: number, isThere: boolean): void {
    const { targets } = this
    const sized = this.sized?.get(Math.trunc(i / targets.length))
    if (isThere) sized?.targetIsFirst()
    else sized?.targetLeft(targets[i % targets.length])
  }

  private copy(k: number): void {
    const { lanes, ids, source, targets } = this
    for (const target of targets) {
      this.holds.push(lanes.holdKey(target, ids[k], new HeldSnapshot(this, this.holds.length)))
    }
    if (this.isApart || !(this.hint === 'small' || this.pieces.wasSmall(ids[k]))) this.askSize(k)
    else if (!lanes.isHeld(source, ids[k])) this.snapshot(k)
    else {
      lanes.hold(source, [ids[k]], {
        emit: () => this.snapshot(k),
        dropped: () => this.release(k),
        // So is what is held for the targets, in the same turn.
        covered: () => {},
        reads: true,
      })()
    }
  }

  private askSize(k: number): void {
    const { lanes, pieces, ids, source, targets, holds, condition } = this
    const sized = new SizedCopy(lanes, pieces, {
      ...{ id: ids[k], source, targets, differs: this.hint !== 'unknown', holds: holds.slice(k * targets.length) },
      snapshot: () => this.snapshot(k),
      built: (built, copy) => this.built(k, built, copy),
      noSnapshot: () => this.release(k),
      mayFinish: condition === undefined ? undefined : () => new Promise((done) => condition(() => done())),
    })
    this.sized ??= new Map()
    this.sized.set(k, sized)
  }

  private built(k: number, built: Built, copy: LargeCopy): void {
    if (built === 'none') this.frames[k] = this.deletion(k)
    else if (built === 'equal') this.frames[k] = NOTHING
    else {
      this.large ??= new Map()
      this.large.set(k, copy)
      this.reasons[k] = copy.reason
      this.payloadBytes[k] = copy.written
      if (copy.deadline >= 0) this.noteDeadline(k, copy.deadline)
    }
    this.release(k)
  }

  /** A target's turn: what was built there takes the key's place, if it was. */
  private putLarge(i: number, large: LargeCopy): void {
    const target = this.targets[i % this.targets.length]
    const refusal = large.refusal(target)
    if (refusal !== undefined) this.told(i, 'refused', refusal)
    else if (large.reason !== '') this.told(i, 'no snapshot', large.reason)
    else {
      large.place(
        target,
        (error) => {
          if (error === undefined) this.noteContent(i)
          this.told(i, error === undefined ? 'copied' : 'refused', error ?? '')
        },
        () => this.told(i, 'target lost', ''),
      )
    }
  }

  /**
   * Both in one turn: there is no write between them. The deadline comes first, so that the value need not be kept until
   * it is known; a key that expires between them has no value, and is deleted.
   */
  private snapshot(k: number): void {
    const { source, db } = this
    const id = this.ids[k]
    if (typeof id !== 'string') {
      const { key } = keyOfId(id)
      source.emitFrame(frameOf(['PEXPIRETIME', key]), db, this, (k << KIND_BITS) | PEXPIRETIME)
      source.emitFrame(frameOf(['DUMP', key]), db, this, (k << KIND_BITS) | DUMP)
      return
    }
    const key = textOfId(id)
    const argument = `\r\n$${key.length}\r\n${key}\r\n`
    const first = `*2\r\n$11\r\nPEXPIRETIME${argument}`
    const both = `${first}*2\r\n$4\r\nDUMP${argument}`
    const buf = both.length <= scratch.length ? scratch : Buffer.allocUnsafe(both.length)
    buf.latin1Write(both, 0)
    source.emit(buf, 0, first.length, false, db, this, (k << KIND_BITS) | PEXPIRETIME)
    source.emit(buf, first.length, both.length, false, db, this, (k << KIND_BITS) | DUMP)
  }

  /** Makes of the reply to DUMP what the targets are to be sent. */
  private keep(k: number, buf: Buffer, start: number, end: number): void {
    if (buf[start] === UNDERSCORE) {
      this.frames[k] = this.deletion(k)
      return
    }
    const from = buf.indexOf(CR, start) + 2
    const size = end - 2 - from
    // Without a deadline PEXPIRETIME is -1, and RESTORE's 0.
    const ttl = this.deadline === '-1' ? '0' : this.deadline
    if (ttl !== '0') this.noteDeadline(k, Number(ttl))
    this.frames[k] = restoreFrame(this.ids[k], ttl, buf, from, size)
    this.payloadBytes[k] = size
  }

  /** Also when it has passed meanwhile: the source may have executed writes before that. */
  private noteDeadline(k: number, deadlineMs: number): void {
    if (!isSoon(deadlineMs, preciseNowMs())) return
    this.deadlines ??= new Map()
    this.deadlines.set(k, deadlineMs)
  }

  /** What had expired on the target before does not matter any more, but the copy may have come too late. */
  private noteContent(i: number): void {
    const { targets, ids, deadlines } = this
    const k = Math.trunc(i / targets.length)
    const target = targets[i % targets.length]
    const { expirations } = target
    if (expirations.any) expirations.forget(ids[k])
    const deadlineMs = deadlines?.get(k)
    if (deadlineMs !== undefined && mayHavePassed(deadlineMs, target)) {
      expirations.noteUnsure(ids[k], performance.now())
    }
  }

  private deletion(k: number): Buffer {
    return frameOf(['UNLINK', keyOfId(this.ids[k]).key]).buf
  }

  private release(k: number): void {
    const { together } = this
    if (together === undefined) this.decide(k)
    else if (this.large?.has(k)) {
      this.decide(k)
      together.without()
    } else {
      together.arrived(this.frames[k] !== undefined, (isMissing) => {
        if (isMissing) this.withdraw(k)
        this.decide(k)
      })
    }
  }

  private decide(k: number): void {
    const { condition } = this
    if (condition === undefined) this.letGo(k)
    else
      condition((isWithdrawn) => {
        if (isWithdrawn) this.withdraw(k)
        this.letGo(k)
      })
  }

  private withdraw(k: number): void {
    this.frames[k] = undefined
    this.large?.delete(k)
  }

  private letGo(k: number): void {
    const { holds, targets } = this
    for (let t = 0; t < targets.length; t++) this.lanes.release(targets[t], holds[k * targets.length + t])
  }
}

/** RESTORE with the payload of a DUMP, which is `size` bytes of `buf` from `from` on. */
function restoreFrame(id: KeyId, ttl: string, buf: Buffer, from: number, size: number): Buffer {
  if (typeof id !== 'string') {
    const payload = buf.subarray(from, from + size)
    return frameOf(['RESTORE', keyOfId(id).key, ttl, payload, 'REPLACE', 'ABSTTL']).buf
  }
  const key = textOfId(id)
  const head = `*6\r\n$7\r\nRESTORE\r\n$${key.length}\r\n${key}\r\n$${ttl.length}\r\n${ttl}\r\n$${size}\r\n`
  const frame = Buffer.allocUnsafe(head.length + size + RESTORE_TAIL.length)
  frame.latin1Write(head, 0)
  buf.copy(frame, head.length, from, from + size)
  frame.latin1Write(RESTORE_TAIL, head.length + size)
  return frame
}

/** What is held for one key on one target. */
class HeldSnapshot implements Held {
  readonly changes = true
  constructor(
    private readonly copy: KeyCopy,
    private readonly i: number,
  ) {}

  emit(): void {
    this.copy.put(this.i)
  }

  first(): void {
    this.copy.targetMoved(this.i, true)
  }

  dropped(): void {
    this.copy.targetMoved(this.i, false)
    this.copy.told(this.i, 'target lost', '')
  }

  covered(): void {
    this.copy.targetMoved(this.i, false)
    this.copy.told(this.i, 'copied', '')
  }
}
