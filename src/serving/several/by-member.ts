import type { Link } from '../../backend/link.js'
import type { ReplySink } from '../../backend/reply-sink.js'
import type { KeyId } from '../../base/key-id.js'
import type { CommandRow } from '../../command/row.js'
import type { Order } from '../../order/order.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Route } from '../../order/router.js'
import { OK } from '../../resp/encode.js'
import type { Frame } from '../../resp/frame.js'
import { OWNED } from '../../resp/reply-framer.js'
import { Apply } from '../apply.js'
import { noteWrite } from '../one-route.js'
import { Merge } from './merge.js'
import { partFrame } from './part-frame.js'

/** What `split` found: the keys by their places among the arguments, the routes of the parts, and for each key its part. */
export interface Cut {
  readonly keys: readonly number[]
  readonly keyCount: number
  readonly routes: readonly Route[]
  readonly parts: number
  readonly partOf: readonly number[]
}

/** What a larger command needed is not kept for the next one. */
const KEPT_KEYS = 1024
/** Of the command that is being emitted: which parts a member holds, and its keys, by their places among the arguments. */
const holds: boolean[] = []
const chosen: number[] = []

/**
 * A write in mode `apply` on keys of several replica sets, answered with OK (MSET): each member gets one command with all
 * keys of which it has a replica, whether as master or as backup. Ten keys with three copies on four servers are 4 commands,
 * where one for each replica set and each of its members were 25.
 *
 *     replica sets   {a b c}: k1 k3   {b c d}: k2     a: k1 k3   b: k1 k3 k2   c: k1 k3 k2   d: k2
 *
 * When all have answered OK, every replica of every key has its write. When anything else happens (an error, a link that
 * breaks, a key that had expired, a view that is not marked), one `Apply` for each replica set takes over and hears what
 * the members have answered and will answer, as if it had sent them its own keys alone: an answer to the common command
 * says the same of each part of it, since an MSET that is refused has written nothing.
 */
export class ByMember implements ReplySink {
  /** [ReplySink] */
  get speaks(): ReplySink['speaks'] {
    return 'at once'
  }

  private static readonly spare: ByMember[] = []

  private order!: Order
  private row!: CommandRow
  private slot!: ReplySlot
  private argc = 0
  private swapsBefore = 0
  private expected = 0
  private keyCount = 0
  private readonly partOf: number[] = []
  /** The replica sets, and the places of members that have answered OK, with how many they are; the others are of earlier writes. */
  private readonly routes: Route[] = []
  private routeCount = 0
  private readonly members: Link[] = []
  private readonly done: number[] = []
  private doneCount = 0
  /** One for each route, once something else has happened. */
  private parts: Apply[] | undefined

  /**
   * Whether the command may go out this way: nothing needs to come before any of its keys or to be decided by replica set,
   * and everybody can be written to. It pays only where a key has several replicas.
   */
  static suits(order: Order, row: CommandRow, routes: readonly Route[], parts: number): boolean {
    if (row.merge !== 'ok' || row.replicate !== 'apply') return false
    const { lanes, uncertainty, memory } = order
    if (lanes.active !== 0 || uncertainty.active || memory.anyFull) return false
    for (let part = 0; part < parts; part++) {
      const route = routes[part]
      if (route.natural.length < 2 || route.pending.length > 0 || !route.writable()) return false
    }
    return true
  }

  /** Emits the command, which `suits`. */
  static emit(order: Order, frame: Frame, row: CommandRow, slot: ReplySlot, cut: Cut): void {
    noteWrite(order, frame, row, slot.db, false)
    const write = ByMember.spare.pop() ?? new ByMember()
    write.begin(order, frame, row, slot, cut)
    const { members, expected } = write
    order.stats.writes += cut.parts
    for (let i = 0; i < expected; i++) {
      const count = chooseKeys(members[i], cut)
      if (count === cut.keyCount) {
        members[i].emitFrame(frame, slot.db, write, i)
        continue
      }
      partFrame.fill(frame, chosen, count, row.keyStep)
      members[i].emitFrame(partFrame, slot.db, write, i)
      partFrame.empty()
    }
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    this.expected--
    if (this.parts === undefined) {
      const mayEnd = this.expected > 0 || this.order.acknowledgement.open
      if (mayEnd && isOk(buf, start, end) && !this.members[tag].expirations.any) {
        this.done[this.doneCount++] = tag
        if (this.expected > 0) return
        this.slot.finish(OK, 0, OK.length, true)
        if (this.keyCount <= KEPT_KEYS) ByMember.spare.push(this)
        return
      }
      this.unfold()
    }
    this.each(this.members[tag], (part, place) => part.onReply(place, buf, start, end, flags))
  }

  onLost(tag: number, buf: Buffer, start: number, end: number): void {
    this.expected--
    if (this.parts === undefined) this.unfold()
    this.each(this.members[tag], (part, place) => part.onLost(place, buf, start, end))
  }

  private begin(order: Order, frame: Frame, row: CommandRow, slot: ReplySlot, cut: Cut): void {
    const { routes, members, partOf } = this
    this.order = order
    this.row = row
    this.slot = slot
    this.argc = frame.argc
    this.swapsBefore = order.swaps.count
    this.keyCount = cut.keyCount
    for (let k = 0; k < cut.keyCount; k++) partOf[k] = cut.partOf[k]
    this.routeCount = cut.parts
    this.doneCount = 0
    let memberCount = 0
    for (let part = 0; part < cut.parts; part++) {
      const { targets } = cut.routes[part]
      routes[part] = cut.routes[part]
      for (let i = 0; i < targets.length; i++) {
        let place = 0
        while (place < memberCount && members[place] !== targets[i]) place++
        if (place === memberCount) members[memberCount++] = targets[i]
      }
    }
    this.expected = memberCount
  }

  /** From now on each replica set is a write of its own. */
  private unfold(): void {
    const { order, row, argc, swapsBefore, routeCount, partOf, members } = this
    const merge = Merge.of(row, this.slot, routeCount, partOf, this.keyCount)
    this.parts = this.routes.slice(0, routeCount).map((route, part) => {
      const own = (link: Link, ids: readonly KeyId[]) => this.idsOf(part, link, ids)
      return Apply.sentBefore(order, route, row, merge.slotOf(part), { argc, swapsBefore, own })
    })
    for (const tag of this.done.slice(0, this.doneCount)) {
      this.each(members[tag], (part, place) => part.answeredBefore(place, OK, 0, OK.length, OWNED))
    }
  }

  /** The parts of which this member has keys, with its place among their targets. */
  private each(link: Link, tell: (part: Apply, place: number) => void): void {
    const parts = this.parts as Apply[]
    for (const [i, part] of parts.entries()) {
      const place = this.routes[i].targets.indexOf(link)
      if (place >= 0) tell(part, place)
    }
  }

  /** Which of the keys that the member got are of this part. */
  private idsOf(part: number, link: Link, ids: readonly KeyId[]): KeyId[] {
    const { routes, partOf, keyCount } = this
    const found: KeyId[] = []
    let place = 0
    for (let k = 0; k < keyCount; k++) {
      if (!routes[partOf[k]].targets.includes(link)) continue
      if (partOf[k] === part) found.push(ids[place])
      place++
    }
    return found
  }
}

/** Finds the keys of which a member has a replica; gives their number. */
function chooseKeys(link: Link, { keys, keyCount, routes, parts, partOf }: Cut): number {
  for (let part = 0; part < parts; part++) holds[part] = isTarget(link, routes[part])
  let count = 0
  for (let k = 0; k < keyCount; k++) if (holds[partOf[k]]) chosen[count++] = keys[k]
  return count
}

/** The same as `includes`, which costs a call each time. */
function isTarget(link: Link, { targets }: Route): boolean {
  for (let i = 0; i < targets.length; i++) if (targets[i] === link) return true
  return false
}

function isOk(buf: Buffer, start: number, end: number): boolean {
  if (end - start !== OK.length) return false
  for (let i = 0; i < OK.length; i++) if (buf[start + i] !== OK[i]) return false
  return true
}
