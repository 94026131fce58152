import type { Link } from '../../../backend/link.js'
import { type KeyId, keyId } from '../../../base/key-id.js'
import { within } from '../../../base/within.js'
import type { CommandRow } from '../../../command/row.js'
import { OUT_OF_MEMORY } from '../../../order/memory.js'
import type { Order } from '../../../order/order.js'
import { guestName } from '../../../order/pieces/hidden-name.js'
import { readerNow } from '../../../order/readable.js'
import type { ReplySlot } from '../../../order/reply-slot.js'
import { decodeReply } from '../../../resp/decode.js'
import { isError, type Reply } from '../../../resp/encode.js'
import { type Frame, frameOf } from '../../../resp/frame.js'
import { IS_ERROR } from '../../../resp/reply-framer.js'
import { type Attempt, Operation, type Outcome } from '../operation.js'
import type { Words } from '../plans.js'
import { GatherBlock, type Left } from './block.js'
import { type Cut, cutOf, type Source, withArguments } from './cut.js'
import { chooseExecutor, type Needed } from './executor.js'
import { type GatherSettings, nobodyTakes, tookTooLong, tooLargeFor, tooMuch } from './limits.js'

/** A value that the executor is to have, under this name, and the command that brings it there. */
export interface Guest {
  readonly name: Buffer
  readonly arrival: Frame
}

/** The values of the sources as they are needed. */
interface Brought {
  readonly executor: Link
  readonly inPlace: readonly Source[]
  readonly guests: readonly Guest[]
  /** The names under which the executor knows the keys of other servers, by their places in the command. */
  readonly names: Map<number, Buffer>
}

/** What the executor has answered, and what the command has left. */
interface Computed {
  readonly outcome: Outcome
  readonly left: Left | undefined
}

/** The attempt ends here. */
class Over {
  constructor(readonly attempt: Attempt) {}
}

/** How many servers are asked at most, before none seems to take what the others have. */
const REFUSALS_MAX = 3
const RESULT = guestName(0)

/**
 * Serves a command that needs whole values of keys on several servers [design §7 Several keys]. The executor is one of the servers
 * that has some of them. It gets the others as guests, under names that no client has; so is what the command stores a guest:
 *
 *     gates of all keys ─> sizes ─> DUMP of what the executor lacks ─> one block: guests, the command, DUMP of the result
 *                                                                            │
 *                          reply, gates <─ answered by all replicas <─ RESTORE of the destination, where there is one
 *
 * Before the destination is written nothing has happened, whatever breaks. And that is an ordinary write of one key, which does not
 * depend on anything any more.
 */
export class GatherRun extends Operation {
  protected readonly isShared: boolean
  protected readonly cut: Cut
  /** How long it has had its gates. */
  private heldMs = 0
  /** Bytes that are copied to the executor, about. */
  private copied = 0
  /** Who would not take a guest, and what the last one said. */
  private readonly refusedBy = new Set<Link>()
  private refusal = 'they are of different versions'

  constructor(
    order: Order,
    frame: Frame,
    row: CommandRow,
    slot: ReplySlot,
    protected readonly settings: GatherSettings,
    private readonly hasCopied: (bytes: number) => void,
  ) {
    super(order, frame, row, slot)
    this.cut = cutOf(row, this.frame)
    this.isShared = this.cut.destination === undefined
  }

  override serve(ticket?: number): Promise<Outcome> {
    this.order.stats.gathers++
    return super.serve(ticket)
  }

  protected barrier(): Reply | 'wait' | undefined {
    const { order, cut } = this
    for (const { gone } of this.routesOf(this.keys)) if (gone !== undefined) return gone
    if (cut.destination === undefined) return undefined
    const [route] = this.routesOf([cut.destination.key])
    if (!route.writable()) return 'wait'
    return order.memory.anyFull && order.memory.refuses(this.row, route, true) ? OUT_OF_MEMORY : undefined
  }

  protected async attempt(): Promise<Attempt> {
    const { settings, cut, row } = this
    const beganMs = performance.now()
    try {
      const computed = await within(this.compute(), Math.max(0, settings.gatherMs - this.heldMs))
      this.heldMs += performance.now() - beganMs
      if (computed !== undefined) this.noteCopied()
      if (computed === undefined) return { reply: tookTooLong(row, settings.gatherMs) }
      const { outcome, left } = computed
      if (cut.destination === undefined || left === undefined) return outcome
      return await this.store(cut.destination.key, left, outcome)
    } catch (over) {
      if (over instanceof Over) return over.attempt
      throw over
    }
  }

  private noteCopied(): void {
    this.order.stats.gatherBytes += this.copied
    this.hasCopied(this.copied)
  }

  /** The command as the executor gets it, in which some keys have other names. */
  protected commandWith(names: ReadonlyMap<number, Buffer>): Frame {
    return withArguments(this.frame, names)
  }

  /** What the executor needs beside the values of the keys. */
  protected async more(): Promise<readonly Guest[]> {
    return []
  }

  /** Everything but to write. */
  private async compute(): Promise<Computed> {
    const guests = await this.more()
    const brought = await this.bring(guests)
    const { executor, names } = brought
    const { destination } = this.cut
    if (destination !== undefined) names.set(destination.place, RESULT)
    // Others may have come before these keys meanwhile: a doubt, a copy, a view.
    const isReadable = brought.inPlace.every((source) => this.readerOf(source) === executor)
    if (!executor.ready || !isReadable) throw new Over('again')
    const executed = await GatherBlock.execute(executor, {
      db: this.slot.db,
      arrivals: brought.guests.map(({ arrival }) => arrival),
      guests: brought.guests.map(({ name }) => name),
      command: this.commandWith(names),
      result: destination === undefined ? undefined : RESULT,
    })
    if (executed === 'lost') {
      // The connection broke, or the server refused a command when it was queued: it has no memory, or may not write.
      if (!executor.ready) throw new Over('wait')
      this.order.memory.look()
      this.refuse(executor, `${executor.name} discards it`)
    }
    if ('refusal' in executed) this.refuse(executor, `${executor.name}: ${executed.refusal}`)
    const { doubts } = this.order
    // What it said may never have been.
    if (doubts.any && brought.inPlace.some(({ key }) => doubts.isInDoubt(executor, this.idOf(key))))
      throw new Over('again')
    const { bytes, flags, left } = executed
    return { outcome: { bytes, flags }, left: (flags & IS_ERROR) === 0 ? left : undefined }
  }

  private refuse(executor: Link, cause: string): never {
    this.refusedBy.add(executor)
    this.refusal = cause
    throw new Over('again')
  }

  /** Chooses who executes it, and fetches what that one lacks. */
  private async bring(more: readonly Guest[]): Promise<Brought> {
    const { order, cut } = this
    const { sources } = cut
    const sizes = await this.sizes()
    const needed = sources.map((source, i) => ({ bytes: sizes[i] ?? 0, reader: this.readerOf(source) }))
    const executor = chooseExecutor(needed, order.router.links, (link) => this.isFit(link, needed))
    if (executor === undefined) throw new Over(this.nobody(needed))
    const inPlace = sources.filter((_, i) => needed[i].reader === executor)
    const others = sources.filter((source) => !inPlace.includes(source))
    const moreBytes = more.reduce((sum, { arrival }) => sum + arrival.end - arrival.start, 0)
    this.copied = needed.reduce((sum, { bytes, reader }) => (reader === executor ? sum : sum + bytes), moreBytes)
    if (this.copied > this.settings.gatherBytes) this.tooMuch(sizes)
    const names = new Map<number, Buffer>()
    const nameOf = (source: Source) =>
      source.places[0] === cut.destination?.place ? RESULT : guestName(1 + sources.indexOf(source))
    for (const source of others) for (const place of source.places) names.set(place, nameOf(source))
    const existing = others.filter((source) => sizes[sources.indexOf(source)] !== null)
    const dumped = await this.fetch(existing)
    const guests = [...more]
    for (const [i, source] of existing.entries()) {
      const { payload, ttl } = dumped[i]
      // It has expired.
      if (payload === null) continue
      const name = nameOf(source)
      guests.push({ name, arrival: frameOf(['RESTORE', name, ttl, payload, 'ABSTTL']) })
    }
    return { executor, inPlace, guests, names }
  }

  /** About how many bytes each of the values takes; null where there is none. */
  private async sizes(): Promise<(number | null)[]> {
    const { sources } = this.cut
    const readers = sources.map((source) => this.readerOf(source))
    // Nothing has to be copied. (While every key is in doubt, to be asked makes it certain.)
    if (!this.order.uncertainty.active && readers[0] !== undefined && readers.every((reader) => reader === readers[0]))
      return sources.map(() => 0)
    const sizes = await this.look(sources.map(({ key }) => ['MEMORY', 'USAGE', key, 'SAMPLES', '64']))
    return sizes.map((size) => (size === null ? null : Number(size)))
  }

  /** The values as RESTORE takes them. Only of a key that is written does the deadline count. */
  private async fetch(sources: readonly Source[]): Promise<{ payload: Buffer | null; ttl: string }[]> {
    const { destination } = this.cut
    const steps: Words[] = sources.map(({ key }) => ['DUMP', key])
    if (destination?.isRead) steps.push(['PEXPIRETIME', destination.key])
    const found = steps.length === 0 ? [] : await this.look(steps)
    return sources.map(({ places }, i) => {
      const payload = found[i]
      const ttl = places[0] === destination?.place ? Math.max(0, Number(found.at(-1))) : 0
      return { payload: Buffer.isBuffer(payload) ? payload : null, ttl: String(ttl) }
    })
  }

  /** The answers to some questions, all asked in one turn. */
  protected async look(steps: readonly Words[]): Promise<Reply[]> {
    const replies = await this.askAll(steps)
    if (replies === undefined) throw new Over('wait')
    const found = replies.map((reply) => decodeReply(reply, 0, reply.length))
    const failed = found.find(isError)
    if (failed !== undefined) throw new Over({ reply: failed })
    return found
  }

  /** Who can read a key in its own place. What is written has to be a guest there. */
  private readerOf({ key, places }: Source): Link | undefined {
    if (places[0] === this.cut.destination?.place) return undefined
    const [route] = this.routesOf([key])
    return readerNow(this.order, route, [this.idOf(key)])
  }

  private isFit(link: Link, needed: readonly Needed<Link>[]): boolean {
    return link.ready && !link.full && this.refusedBy.size < REFUSALS_MAX && this.takes(link, needed)
  }

  /** Whether values can go to this server, and from there to where the destination is; not everywhere while a ring is upgraded. */
  private takes(link: Link, needed: readonly Needed<Link>[]): boolean {
    const { pieces } = this.order
    const { destination } = this.cut
    if (this.refusedBy.has(link)) return false
    if (destination !== undefined && pieces.mustBeTakenApart(link, this.routesOf([destination.key])[0].targets))
      return false
    return needed.every(({ reader }) => reader === undefined || !pieces.mustBeTakenApart(reader, [link]))
  }

  /** Nobody can execute it, for the moment or at all. */
  private nobody(needed: readonly Needed<Link>[]): Attempt {
    const left = this.order.router.links.filter((link) => this.takes(link, needed))
    if (left.length === 0 || this.refusedBy.size >= REFUSALS_MAX) return { reply: nobodyTakes(this.row, this.refusal) }
    return left.some((link) => link.ready && link.full) ? { reply: OUT_OF_MEMORY } : 'wait'
  }

  private tooMuch(sizes: readonly (number | null)[]): never {
    const { row, cut, copied, settings } = this
    const bytes = sizes.map((size) => size ?? 0)
    const size = Math.max(...bytes)
    const largest = this.idOf(cut.sources[bytes.indexOf(size)].key)
    throw new Over({ reply: tooMuch(row, copied, settings.gatherBytes, largest, size) })
  }

  /** Writes what the command has left, on all replicas of the key, and answers what the executor has. */
  private async store(key: Buffer, { payload, deadline }: Left, outcome: Outcome): Promise<Attempt> {
    const [route] = this.routesOf([key])
    if (!route.writable()) return 'wait'
    const ttl = String(Math.max(0, deadline))
    const write: Words = payload === null ? ['UNLINK', key] : ['RESTORE', key, ttl, payload, 'REPLACE', 'ABSTTL']
    const bytes = payload?.length ?? 0
    for (const { name, info } of route.targets) {
      if (info !== undefined && bytes > info.maxBulkBytes) return { reply: tooLargeFor(name, bytes, info.maxBulkBytes) }
    }
    const reply = await this.ask(write, 'admitted')
    const value = decodeReply(reply, 0, reply.length)
    return isError(value) ? { reply: value } : outcome
  }

  protected idOf(key: Buffer): KeyId {
    return keyId(this.slot.db, key, 0, key.length)
  }
}
