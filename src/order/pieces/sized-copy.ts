import type { Link } from '../../backend/link.js'
import type { ReplySink } from '../../backend/reply-sink.js'
import { type KeyId, keyOfId } from '../../base/key-id.js'
import { frameOf } from '../../resp/frame.js'
import type { Held, HeldKey, Lanes } from '../lanes.js'
import type { Ahead } from './ahead.js'
import { type Built, LargeCopy, linksOf } from './large-copy.js'
import type { Pieces } from './pieces.js'

const COLON = 0x3a
/**
 * Elements that MEMORY USAGE looks at: with fewer it does not see that some are large. It takes a tenth of what DUMP takes for so many.
 */
export const SIZE_SAMPLES = '2000'

/** A key that is copied, and how it goes on when its size is known. */
export interface SizedKey {
  /** See `keyId`. */
  readonly id: KeyId
  readonly source: Link
  readonly targets: readonly Link[]
  readonly differs: boolean
  /** What is held for the targets, in their order. */
  readonly holds: readonly HeldKey[]
  /** It is small, and the source's turn: the snapshot is to be taken now. */
  snapshot(): void
  /** What has to be waited for when it is built. */
  readonly mayFinish: (() => Promise<void>) | undefined
  /** It was copied in pieces, or could not be. */
  built(built: Built, copy: LargeCopy): void
  /** The source's link broke before the snapshot. */
  noSnapshot(): void
}

/**
 * A key whose size is not known is held on its source, too, until that has said how much memory it takes:
 *
 *     source     [size?]···[DUMP]  writes         [size?]···[page][page]···[page]  writes
 *     target     hold ··········[RESTORE] writes  hold ······[page][page]···[page][MULTI RENAME EXEC] writes
 *
 * So the snapshot is of the moment when the copy was asked for, as if it had been taken then, and writes that come
 * meanwhile wait for their turn. A large value is read and built in pieces while they do [design §7 Copying in pieces].
 */
export class SizedCopy implements Held, ReplySink {
  /** [Held] */
  readonly reads = true
  private readonly hold: HeldKey
  private state: 'waiting' | 'asked' | 'large' | 'over' = 'waiting'
  private large: LargeCopy | undefined
  /** Targets for which nothing is held any more. */
  private readonly left = new Set<Link>()
  private isRead = false
  /** Called when something may be first that was not. */
  private moved: () => void = () => {}

  constructor(
    private readonly lanes: Lanes,
    private readonly pieces: Pieces,
    private readonly key: SizedKey,
  ) {
    this.hold = lanes.holdKey(key.source, key.id, this)
    if (pieces.aheads.any) pieces.aheads.ordered(key.id, key.source, key.targets)
    if (lanes.isFirst(this.hold)) this.first()
  }

  /** [Held] */
  first(): void {
    const { id, source, targets } = this.key
    const { db, key } = keyOfId(id)
    const ahead = this.pieces.aheads.take(id, source, targets)
    if (ahead !== undefined) {
      this.state = 'large'
      this.copies(ahead.value.bytes, ahead)
      return
    }
    this.state = 'asked'
    source.emitFrame(frameOf(['MEMORY', 'USAGE', key, 'SAMPLES', SIZE_SAMPLES]), db, this, 0)
  }

  onReply(_tag: number, buf: Buffer, start: number, end: number): void {
    const { lanes, pieces, key } = this
    if (this.state !== 'asked') return
    // No key has no size; who may not ask for it is as if all keys were small.
    const bytes = buf[start] === COLON ? Number(buf.latin1Slice(start + 1, end - 2)) : 0
    pieces.noteSize(key.id, bytes)
    if (!pieces.isLarge(bytes, key.targets) && !pieces.mustBeTakenApart(key.source, key.targets)) {
      this.state = 'over'
      lanes.release(key.source, this.hold)
      return
    }
    this.state = 'large'
    this.copies(bytes)
  }

  /** [ReplySink] What was held on the link is told, too. */
  onLost(): void {}

  /** [Held] The source's turn: a large value has been read by then. */
  emit(): void {
    if (this.large === undefined) this.key.snapshot()
  }

  /** [Held] */
  dropped(): void {
    this.end()
    this.key.noSnapshot()
  }

  /** [Held] */
  covered(): void {
    // So is what is held for the targets, in the same turn.
    this.end()
  }

  /** A target's turn has come. */
  targetIsFirst(): void {
    this.moved()
  }

  /** A target's link broke, or its database is emptied: what it has of the value does not matter any more. */
  targetLeft(target: Link): void {
    this.left.add(target)
    this.large?.leave(target)
    this.moved()
  }

  private end(): void {
    this.state = 'over'
    this.large?.stop()
    this.moved()
  }

  /** The state may have changed while something else was waited for. */
  private get isOver(): boolean {
    return this.state === 'over'
  }

  private copies(bytes: number, ahead?: Ahead): void {
    this.copyLarge(bytes, ahead).catch((failure: Error) => {
      // Others wait behind it on all these links, for what will not come; what is in doubt then is copied anew.
      for (const link of [this.key.source, ...this.key.targets])
        link.reset(`a large value could not be copied: ${failure.message}`)
    })
  }

  private async copyLarge(bytes: number, ahead?: Ahead): Promise<void> {
    const { lanes, key } = this
    const { id, source, targets, differs } = key
    const value = { ...keyOfId(id), id, bytes, source, targets, differs: differs || ahead !== undefined }
    const large = new LargeCopy(this.pieces, value, () => this.read(), ahead)
    this.large = large
    for (const target of this.left) large.leave(target)
    // Whoever has a place on the servers waits for nobody who is before him in a lane.
    while (!this.isOver && !key.holds.every((hold) => lanes.isFirst(hold))) {
      await new Promise<void>((resolve) => {
        this.moved = resolve
      })
    }
    // What was built ahead is removed by who has taken it.
    if (this.isOver && ahead === undefined) return
    if (ahead === undefined) await this.pieces.slots.enter(linksOf(value))
    await large.run((built) => {
      if (this.isOver) return
      this.read()
      key.built(built, large)
    }, key.mayFinish)
  }

  /** Nothing more is read: the key may change on its source again. */
  private read(): void {
    if (this.isRead || this.isOver) return
    this.isRead = true
    this.lanes.release(this.key.source, this.hold)
  }
}
