import type { Link } from '../../../backend/link.js'
import type { KeyId } from '../../../base/key-id.js'
import { othersTurn } from '../../../base/others-turn.js'
import type { CommandRow } from '../../../command/row.js'
import { OUT_OF_MEMORY } from '../../../order/memory.js'
import type { Order } from '../../../order/order.js'
import { guestName } from '../../../order/pieces/hidden-name.js'
import { readerNow } from '../../../order/readable.js'
import type { ReplySlot } from '../../../order/reply-slot.js'
import { isError, type Reply } from '../../../resp/encode.js'
import type { Frame } from '../../../resp/frame.js'
import { IS_ERROR } from '../../../resp/reply-framer.js'
import type { Attempt, Emitted, Outcome } from '../operation.js'
import { type Executed, GatherBlock, type Left } from './block.js'
import { type Cut, cutOf, type Source, withArguments } from './cut.js'
import { chooseExecutor, type Needed } from './executor.js'
import { type Guest, type Lacked, WithGuests } from './guests.js'
import { type GatherSettings, nobodyTakes } from './limits.js'
import { askOthers } from './others.js'
import { Placed } from './placed.js'
import { type Copies, type Dumped, Over, sizeOf, sizeQuestion } from './whole-values.js'

/** The values of the sources as they are needed. */
interface Brought {
  readonly executor: Link
  readonly inPlace: readonly Source[]
  readonly guests: readonly Guest[]
  /** Keys of other servers, and the names under which the executor knows them, by their places in the command. */
  readonly others: readonly Source[]
  readonly names: Map<number, Buffer>
}

/** Who executes the command, what that one can read in its place, and about how many bytes each of the values takes, see `sizes`. */
interface Chosen {
  readonly executor: Link
  readonly inPlace: readonly Source[]
  readonly sizes: readonly (number | null)[]
}

/** What the executor has answered, and what the command has left. */
export interface Computed {
  readonly outcome: Outcome
  readonly left: Dumped | undefined
  readonly executor: Link
}

/** How many servers are asked at most, before none seems to take what the others have. */
const REFUSALS_MAX = 3
const RESULT = guestName(0)
/** So many times as much memory a result may take as what it is made of: sets of small numbers take little as sets alone. */
const GROWTH = 12
/** So many small values are not much together. */
const FEW_KEYS = 10

/**
 * Serves a command that needs whole values of keys on several servers [design §7 Several keys]. The executor is one of the servers
 * that has some of them. It gets the others as guests, under names that no client has; so is what the command stores a guest:
 *
 *     gates of all keys ─> sizes ─> DUMP of what the executor lacks ─> one block: guests, the command, DUMP of the result
 *                                                                            │
 *                          reply, gates <─ answered by all replicas <─ RESTORE of the destination, where there is one
 *
 * What is large is parked under hidden names, on the way there and on the way back, see parking.ts.
 *
 * Before the destination is written nothing has happened, whatever breaks. And that is an ordinary write of one key, which does not
 * depend on anything any more.
 */
export class GatherRun extends WithGuests<Computed> {
  protected isShared: boolean
  protected cut: Cut
  /** The executor needs more than the values of the keys. */
  private hasMore = false
  /** Whether backups may be asked beside masters; not any more where that was not certain. */
  private asksBackups = true
  /** Who would not take a guest, and what the last one said. */
  private readonly refusedBy = new Set<Link>()
  /** Who is to have guests in this attempt. */
  private chosen: Link | undefined
  private refusal = 'they are of different versions'

  constructor(order: Order, frame: Frame, row: CommandRow, slot: ReplySlot, settings: GatherSettings, copies: Copies) {
    super(order, frame, row, slot, settings, copies)
    this.cut = cutOf(row, this.frame)
    this.isShared = this.cut.destination === undefined
  }

  barrier(): Reply | 'wait' | undefined {
    const { order, cut } = this
    for (const { gone } of this.routes) if (gone !== undefined) return gone
    if (cut.destination === undefined) return undefined
    const [route] = this.routesOf([cut.destination.key])
    if (!route.writable()) return 'wait'
    return order.memory.anyFull && order.memory.refuses(this.row, route, true) ? OUT_OF_MEMORY : undefined
  }

  protected override onlyRead(): ReadonlySet<KeyId> {
    const { destination } = this.cut
    const written = destination === undefined ? undefined : this.idOf(destination.key)
    return new Set(this.gated().filter((id) => id !== written))
  }

  /** Writes what the command has left, and answers what the executor has. */
  protected async write({ outcome, left, executor }: Computed): Promise<Attempt | Emitted> {
    const { destination } = this.cut
    if (destination === undefined || left === undefined) return outcome
    this.order.pieces.noteSize(this.idOf(destination.key), sizeOf(left))
    const failed = await this.put(destination.key, left, executor)
    return failed === undefined ? outcome : { reply: failed }
  }

  /** The command as the executor gets it, in which some keys have other names. */
  protected commandWith(names: ReadonlyMap<number, Buffer>): Frame {
    return withArguments(this.frame, names)
  }

  /** It is emitted next, to the one that has these keys in their places. */
  protected executes(_executor: Link, _inPlace: readonly Source[]): void {}

  /** It has been executed: what it may have parked by itself is noted, whatever becomes of it. */
  protected noteParked(_executor: Link, _executed: Exclude<Executed, 'lost'>): void {}

  /** What becomes of it when the executor's connection breaks. */
  protected whenLost(_executor: Link): Attempt {
    return 'wait'
  }

  /** Whether the executor gets keys of other servers under their own names, so that it has to put aside what it has itself. */
  protected get keepsNames(): boolean {
    return false
  }

  private guestNameOf({ key, places }: Source, index: number): Buffer {
    if (this.keepsNames) return key
    return places[0] === this.cut.destination?.place ? RESULT : guestName(1 + index)
  }

  protected mortal(sources: readonly Source[]): readonly Source[] {
    const { destination } = this.cut
    return destination?.isRead === true ? sources.filter(({ places }) => places[0] === destination.place) : []
  }

  /** Keys that it may write. */
  protected get written(): readonly Buffer[] {
    const { destination } = this.cut
    return destination === undefined ? [] : [destination.key]
  }

  /** What the executor needs beside the values of the keys. */
  protected async more(): Promise<readonly Guest[]> {
    return []
  }

  protected async find(): Promise<Computed> {
    const guests = await this.more()
    this.hasMore = guests.length > 0
    const brought = await this.bring(guests)
    if (this.isLarge) await othersTurn()
    const { executor, names } = brought
    const { destination } = this.cut
    if (destination !== undefined) names.set(destination.place, RESULT)
    // Others may have come before these keys meanwhile: a doubt, a copy, a view.
    const isReadable = brought.inPlace.every((source) => this.readersOf(source).includes(executor))
    if (!executor.ready || !isReadable) throw new Over('again')
    this.checkWanted()
    const parked = this.mayPark(executor)
    if (parked !== undefined) this.learnSizes(executor, brought.inPlace)
    this.executes(executor, brought.inPlace)
    const executing = GatherBlock.execute(executor, {
      db: this.slot.db,
      arrivals: brought.guests.map(({ arrival }) => arrival),
      guests: brought.guests.flatMap(({ names }) => names),
      command: this.commandWith(names),
      result: destination === undefined ? undefined : RESULT,
      park: parked && { name: parked.name, overBytes: this.order.pieces.wholeBytes },
      aside: this.keepsNames ? brought.others.map(({ key }) => key) : [],
    })
    const read = brought.inPlace.map(({ key }) => this.idOf(key))
    const overwriting = this.isShared ? [] : [...read, ...this.unsure]
    const { certain, lost } = askOthers(this.order, executor, { read, asksBackups: this.asksBackups, overwriting })
    const executed = await executing
    if (executed === 'lost') {
      // The connection broke, or the server refused a command when it was queued: it has no memory, or may not write.
      if (!executor.ready) throw new Over(this.whenLost(executor))
      this.order.memory.look()
      this.refuse(executor, `${executor.name} discards it`)
    }
    this.noteParked(executor, executed)
    if ('refusal' in executed) this.refuse(executor, `${executor.name}: ${executed.refusal}`)
    if (parked !== undefined && executed.left?.parkedBytes === undefined) this.parking.forget(parked.name)
    const keys = brought.inPlace.map(({ key }) => key)
    if (!(await this.whenHeard(certain, keys))) {
      this.asksBackups = false
      throw new Over('again')
    }
    const { doubts } = this.order
    // What it said may never have been.
    const inDoubt = doubts.any && read.some((id) => doubts.isInDoubt(executor, id))
    if ((await this.whenHeard(lost, keys)) || inDoubt) throw new Over('again')
    const { bytes, flags, left } = executed
    const isLeft = (flags & IS_ERROR) === 0 && left !== undefined
    return {
      outcome: { bytes, flags },
      left: isLeft ? await this.broughtBack(executor, left, parked) : undefined,
      executor,
    }
  }

  /** What is said by servers that were asked about these keys. */
  protected whenHeard<Said>(said: Promise<Said>, _keys: readonly Buffer[]): Promise<Said> {
    return said
  }

  /** Where what it stores is put, if that turns out to be much; whoever counts keys has to know that from when it may be there. */
  private mayPark(executor: Link): Placed | undefined {
    if (this.cut.destination === undefined || !this.mayLeaveMuch()) return undefined
    const placed = new Placed(this.parking.newName(), [executor])
    this.parking.note(executor, this.slot.db, placed.name)
    return placed
  }

  /** Whether what it stores may have to be copied in pieces. */
  protected mayLeaveMuch(): boolean {
    const { pieces } = this.order
    const sizeOf = ({ key }: Source) => pieces.smallSize(this.idOf(key)) ?? Number.POSITIVE_INFINITY
    return this.cut.sources.reduce((sum, source) => sum + sizeOf(source), 0) * GROWTH > pieces.wholeBytes
  }

  /** It is looked whether the result is large, as sizes are not known that nobody had to ask for: the next command knows them. */
  private learnSizes(executor: Link, sources: readonly Source[]): void {
    const { pieces } = this.order
    if (sources.length > FEW_KEYS) return
    for (const { key } of sources) {
      const id = this.idOf(key)
      if (pieces.wasSmall(id)) continue
      executor.call(sizeQuestion(key), this.slot.db).then(
        (size) => {
          if (!isError(size)) pieces.noteSize(id, Number(size))
        },
        // It tells of that itself.
        () => {},
      )
    }
  }

  /** What was parked on the executor because it is large is copied in pieces to where it is to be. */
  private async broughtBack(executor: Link, left: Left, parked: Placed | undefined): Promise<Dumped> {
    if (left.parkedBytes === undefined || parked === undefined) return left
    // It has gone with the connection over which it was parked.
    if (!parked.isOn(executor)) throw new Over('wait')
    const placed = await this.carried(executor, parked.name, left.parkedBytes, this.cut.destination!.key)
    return { payload: null, deadline: left.deadline, placed }
  }

  /** What is parked on the executor under this name goes in pieces to the other replicas of a key. */
  protected async carried(executor: Link, name: Buffer, bytes: number, key: Buffer): Promise<Placed> {
    const placed = new Placed(name, [...new Set([executor, ...this.replicasOf(key)])])
    const to = new Placed(name, placed.links.slice(1))
    if (to.links.length === 0) return placed
    const deadline = await this.copyInPieces({ id: this.idOf(name), bytes, source: executor, to, db: this.slot.db })
    // It does not expire: it has gone with the connection.
    if (deadline === undefined) throw new Over('again')
    return placed
  }

  private refuse(executor: Link, cause: string): never {
    this.refusedBy.add(executor)
    this.refusal = cause
    throw new Over('again')
  }

  protected async measure(): Promise<void> {
    await this.choose(0, true)
  }

  /**
   * Who executes it, and the sizes of all values.
   *
   * @param moreBytes of what it needs beside them
   * @param isExact whether the sizes are asked also of values that are known to be small
   */
  private async choose(moreBytes: number, isExact = false): Promise<Chosen> {
    const { order, cut } = this
    const { sources } = cut
    const sizes = await this.sizes(isExact)
    if (this.isLarge) await othersTurn()
    const needed = sources.map((source, i) => ({ bytes: sizes[i] ?? 0, readers: this.readersOf(source) }))
    const executor = chooseExecutor(needed, order.router.links, (link) => this.isFit(link, needed))
    if (executor === undefined) throw new Over(this.nobody(needed))
    this.copied = needed.reduce(
      (sum, { bytes, readers }) => (readers.includes(executor) ? sum : sum + bytes),
      moreBytes,
    )
    this.checkCopied(sources.map(({ key }, i) => ({ key, bytes: sizes[i] ?? 0 })))
    return { executor, sizes, inPlace: sources.filter((_, i) => needed[i].readers.includes(executor)) }
  }

  /** Chooses who executes it, and fetches what that one lacks. */
  private async bring(more: readonly Guest[]): Promise<Brought> {
    const { cut } = this
    const { sources } = cut
    const moreBytes = more.reduce((sum, { arrival }) => sum + arrival.end - arrival.start, 0)
    const { executor, sizes, inPlace } = await this.choose(moreBytes)
    this.chosen = executor
    const isInPlace = new Set(inPlace)
    const others = sources.filter((source) => !isInPlace.has(source))
    this.takeRoom()
    const names = new Map<number, Buffer>()
    const lacked: Lacked[] = []
    for (const [i, source] of sources.entries()) {
      if (isInPlace.has(source)) continue
      const name = this.guestNameOf(source, i)
      for (const place of source.places) names.set(place, name)
      const bytes = sizes[i]
      if (bytes !== null) lacked.push({ source, bytes, name })
    }
    const guests = [...more, ...(await this.guestsOf(executor, lacked, moreBytes))]
    return { executor, inPlace, others, guests, names }
  }

  /** [WholeValues] */
  protected override notTaken(reason: string, at: Link | undefined): never {
    if (at === undefined || at !== this.chosen) return super.notTaken(reason, at)
    this.order.memory.look()
    return this.refuse(at, `${at.name}: ${reason}`)
  }

  /** About how many bytes each of the values takes; null where there is none, 0 where it does not matter. */
  protected async sizes(isExact: boolean): Promise<(number | null)[]> {
    const { sources } = this.cut
    const { uncertainty, pieces } = this.order
    const readers = sources.map((source) => this.readersOf(source))
    // Nothing has to be copied, or nothing large, nor much of it. (While every key is in doubt, to be asked makes it certain.)
    const isCheap =
      readers[0]?.some((reader) => this.isFit(reader, []) && readers.every((each) => each.includes(reader))) ||
      (sources.length <= FEW_KEYS && sources.every(({ key }) => pieces.wasSmall(this.idOf(key))))
    if (isCheap && !isExact && !uncertainty.active) return sources.map(() => 0)
    const sizes = await this.look(sources.map(({ key }) => sizeQuestion(key)))
    for (const [i, size] of sizes.entries()) pieces.noteSize(this.idOf(sources[i].key), Number(size))
    return sizes.map((size) => (size === null ? null : Number(size)))
  }

  /**
   * Who can read a key in its own place, the one first who would be asked for it alone. What is written has to be a guest. The others
   * only while nothing of it is held or in doubt: then they have been sent the same.
   */
  protected readersOf({ key, places }: Source): readonly Link[] {
    const { order, asksBackups } = this
    if (places[0] === this.cut.destination?.place) return []
    const [route] = this.routesOf([key])
    const id = this.idOf(key)
    const first = readerNow(order, route, [id])
    if (first === undefined) return []
    const { lanes, doubts, uncertainty } = order
    const isCertainOn = (link: Link) => !lanes.isHeld(link, id) && !doubts.isInDoubt(link, id)
    const isQuiet = asksBackups && !uncertainty.active && route.natural.every(isCertainOn)
    if (!isQuiet || first !== route.natural[0]) return [first]
    return route.natural.filter(({ serving }) => serving)
  }

  /** Keys of which the look found nothing, that the master may have lost. */
  protected get unsure(): readonly KeyId[] {
    return []
  }

  protected isFit(link: Link, needed: readonly Needed<Link>[]): boolean {
    const isFull = link.full && this.takesMemory(link, needed)
    return link.ready && !isFull && this.refusedBy.size < REFUSALS_MAX && this.takes(link, needed)
  }

  /** Whether the command takes memory there: who has all that is read, and nothing else, needs none. */
  protected takesMemory(link: Link, needed: readonly Needed<Link>[]): boolean {
    return !this.isShared || this.hasMore || needed.some(({ readers }) => !readers.includes(link))
  }

  /** Whether values can go to this server, and from there to where the destination is; not everywhere while a ring is upgraded. */
  private takes(link: Link, needed: readonly Needed<Link>[]): boolean {
    const { pieces } = this.order
    if (this.refusedBy.has(link)) return false
    if (this.routesOf(this.written).some(({ targets }) => pieces.mustBeTakenApart(link, targets))) return false
    return needed.every(({ readers }) => readers.length === 0 || !pieces.mustBeTakenApart(readers[0], [link]))
  }

  /** Nobody can execute it, for the moment or at all. */
  private nobody(needed: readonly Needed<Link>[]): Attempt {
    const left = this.order.router.links.filter((link) => this.takes(link, needed))
    if (left.length === 0 || this.refusedBy.size >= REFUSALS_MAX) return { reply: nobodyTakes(this.row, this.refusal) }
    return left.some((link) => link.ready && link.full) ? { reply: OUT_OF_MEMORY } : 'wait'
  }
}
