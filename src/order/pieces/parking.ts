import type { Link } from '../../backend/link.js'
import { type KeyId, keyId, keyOfId } from '../../base/key-id.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import type { Held, HeldKey, Lanes } from '../lanes.js'
import { ask } from './asking.js'
import { PARKED_NAMES, parkedName } from './hidden-name.js'
import { type Built, LargeCopy, linksOf } from './large-copy.js'
import type { ParkedValue } from './leftovers.js'
import type { Pieces } from './pieces.js'
import type { Place } from './slots.js'

/** A value that is copied to be parked. */
export interface ToPark {
  /** See `keyId`; it may be one that is parked itself. */
  readonly id: KeyId
  /** About how much memory it takes. */
  readonly bytes: number
  readonly source: Link
  /** All in one database with the source's. */
  readonly targets: readonly Link[]
  readonly db: number
}

/** What became of it: on none of the targets, or on all of them, with the deadline that it has in its own place. */
export type Parked = { readonly deadline: number } | 'none' | { readonly reason: string; readonly at: Link | undefined }

const BROKEN = 'the connection broke'
const NOT_WANTED: Parked = { reason: 'it is not wanted any more', at: undefined }

/** Each name is given once. */
let names = 0

/**
 * Values that wait on servers under hidden names of their own until a command that needs them takes them with RENAME, which takes no
 * time [design §7 Gather]. So what is long for a server is done in pieces before, and others have their turns between them:
 *
 *     source   [page]   [page]   [page]
 *     target      [page]   [page]   [page] [MULTI SADD parked p1 · RENAME hidden p1 EXEC] ········ [MULTI RENAME p1 … the command … EXEC]
 *
 * Which names there are stands on the server beside them: what is left by a process that has died is removed by the first command over
 * the next link. A value is the one that the source had while the key was held there, see `SizedCopy`; that it stays so is the caller's
 * matter, who has the gates of the key.
 */
export class Parking {
  private readonly parked: ParkedValue[] = []
  private copying: LargeCopy | undefined
  /** The key that is kept as it is. */
  private reading: KeptKey | undefined
  private isOver = false

  constructor(
    private readonly lanes: Lanes,
    private readonly pieces: Pieces,
    /** The members of the first value, for which it has waited. */
    private place?: Place,
  ) {}

  /** A name that nothing has. */
  newName(): Buffer {
    return parkedName(names++)
  }

  /** Something is there under this name, or will be: it is removed in the end. */
  note(link: Link, db: number, name: Buffer): void {
    const value = { link, db, name }
    this.parked.push(value)
    this.pieces.leftovers.parked.add(value)
    if (this.isOver) this.clear()
  }

  /** Nothing has come there under this name. */
  forget(name: Buffer): void {
    const at = this.parked.findIndex((each) => each.name === name)
    if (at < 0) return
    const [value] = this.parked.splice(at, 1)
    this.pieces.leftovers.parked.delete(value)
  }

  /** Whether something is there already. */
  get hasAny(): boolean {
    return this.parked.length > 0
  }

  /** Whether nothing of it is wanted any more. */
  get isEnded(): boolean {
    return this.isOver
  }

  /**
   * Copies a value in pieces, and parks it on all targets, which are ready.
   *
   * @param waits whether it waits while other large values are copied from or to one of the members; nothing is kept meanwhile
   */
  async copy(value: ToPark, name: Buffer, waits: boolean): Promise<Parked | 'busy'> {
    for (;;) {
      const became = await this.copyNow(value, name)
      if (became !== 'busy' || !waits) return became
      this.place = this.pieces.slots.ask(linksOf(value))
      await this.place.isKept
    }
  }

  /**
   * The key is kept first: whoever is before it in its lane may wait for a place on the members. And if there is none nobody else may
   * have to wait behind it.
   */
  private async copyNow(value: ToPark, name: Buffer): Promise<Parked | 'busy'> {
    const { id, source, targets, db } = value
    if (this.isOver) return NOT_WANTED
    const read = new KeptKey(this.lanes, source, id)
    this.reading = read
    try {
      await read.isFirst
      if (this.isOver || read.isBroken) return NOT_WANTED
      if (!this.takePlace(linksOf(value))) return 'busy'
      // Nobody has such a key: it is told when the connection breaks.
      const built = targets.map((target) => new KeptKey(this.lanes, target, keyId(db, name, 0, name.length)))
      return await this.copyKept(value, name, read, built).finally(() => {
        for (const kept of built) kept.release()
      })
    } finally {
      read.release()
    }
  }

  private takePlace(links: readonly Link[]): boolean {
    const { place } = this
    this.place = undefined
    return place?.take(links) === true || this.pieces.slots.take(links)
  }

  private async copyKept(
    { id, bytes, source, targets, db }: ToPark,
    name: Buffer,
    read: KeptKey,
    built: readonly KeptKey[],
  ): Promise<Parked> {
    const { key, db: from } = keyOfId(id)
    const large = { id, key, db: from, to: db, bytes, source, targets, differs: true }
    const copy = new LargeCopy(this.pieces, large, () => read.release())
    this.copying = copy
    read.whenBroken(() => copy.stop())
    for (const [i, kept] of built.entries()) kept.whenBroken(() => copy.leave(targets[i]))
    const brokenAt = () => targets.find((_, i) => built[i].isBroken)
    const parked: Promise<string | undefined>[] = []
    let became = 'failed' as Built
    await copy.run((outcome) => {
      became = outcome
      const isTaken = targets.every((target) => copy.refusal(target) === undefined)
      if (outcome === 'built' && isTaken && brokenAt() === undefined && !this.isOver)
        for (const target of targets) parked.push(this.park(copy, target, db, name))
    })
    this.copying = undefined
    if (became === 'none') return 'none'
    const failed = await Promise.all(parked)
    const at = targets.find((target, i) => copy.refusal(target) ?? failed[i]) ?? brokenAt()
    if (at === undefined && parked.length > 0) return { deadline: copy.deadline }
    const reason = at && (copy.refusal(at) ?? failed[targets.indexOf(at)])
    // What cannot be copied at all is refused by all.
    return { reason: reason ?? (copy.reason || BROKEN), at: copy.reason === '' ? at : undefined }
  }

  /**
   * Makes small values on a server by these commands, each under one of these names; nothing when they are not wanted any more.
   *
   * @throws RefusedError, LinkLostError
   */
  async make(link: Link, db: number, made: readonly { readonly name: Buffer; readonly by: Frame }[]): Promise<void> {
    // What is removed before it is there would be left.
    if (this.isOver) return
    for (const { name } of made) this.note(link, db, name)
    const commands = [frameOf(['SADD', PARKED_NAMES, ...made.map(({ name }) => name)]), ...made.map(({ by }) => by)]
    await Promise.all(commands.map((command) => ask(link, command, db)))
  }

  /** Nothing of it is wanted any more, also what is still being copied. */
  end(): void {
    this.isOver = true
    this.place?.giveUp()
    this.copying?.stop()
    // What is still read of the key is not looked at.
    this.reading?.giveUp()
    this.clear()
  }

  private clear(): void {
    const { leftovers } = this.pieces
    const places = new Map<Link, Map<number, ParkedValue[]>>()
    for (const value of this.parked.splice(0)) {
      const { link, db } = value
      // It has gone with the connection.
      if (!link.ready) leftovers.parked.delete(value)
      else {
        const byDb = places.get(link) ?? new Map<number, ParkedValue[]>()
        places.set(link, byDb.set(db, [...(byDb.get(db) ?? []), value]))
      }
    }
    for (const [link, byDb] of places) for (const [db, values] of byDb) leftovers.removeParked(link, db, values)
  }

  private park(copy: LargeCopy, target: Link, db: number, name: Buffer): Promise<string | undefined> {
    return new Promise((resolve) => {
      copy.park(target, name, resolve, () => resolve(BROKEN))
      this.note(target, db, name)
    })
  }
}

/** A key that is kept as it is on a server, from when what was emitted for it before has been. */
class KeptKey implements Held {
  /** [Held] */
  readonly reads = true
  readonly isFirst: Promise<void>
  /** The connection broke, or the database is emptied. */
  isBroken = false
  private isReleased = false
  private readonly entry: HeldKey
  private begun: () => void = () => {}
  private broken: () => void = () => {}

  constructor(
    private readonly lanes: Lanes,
    private readonly link: Link,
    id: KeyId,
  ) {
    this.isFirst = new Promise((resolve) => {
      this.begun = resolve
    })
    this.entry = lanes.holdKey(link, id, this)
    if (lanes.isFirst(this.entry)) this.begun()
  }

  whenBroken(tell: () => void): void {
    this.broken = tell
    if (this.isBroken) tell()
  }

  release(): void {
    if (this.isReleased) return
    this.isReleased = true
    this.lanes.release(this.link, this.entry)
  }

  /** Nobody waits for it any more, also when it is not its turn yet. */
  giveUp(): void {
    this.release()
    this.begun()
  }

  /** [Held] */
  first(): void {
    this.begun()
  }

  /** [Held] */
  emit(): void {}

  /** [Held] */
  dropped(): void {
    this.isReleased = true
    this.isBroken = true
    this.begun()
    this.broken()
  }

  /** [Held] */
  covered(): void {
    this.dropped()
  }
}
