import { findKeys } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import type { Entry } from '../order/gates.js'
import type { Order } from '../order/order.js'
import { answer, stillGated } from '../order/replies.js'
import type { ReplySlot, Wait } from '../order/reply-slot.js'
import { type ErrorReply, nullArray } from '../resp/encode.js'
import { type Frame, ownFrame } from '../resp/frame.js'
import { identifierOfKey } from '../ring/identifier.js'
import { mayWait, ownTimeoutMs } from '../serving/blocking/own-timeout.js'
import { UNBLOCKED } from '../serving/blocking/waiting-client.js'

const places: number[] = []

type End = 'time-out' | 'error' | ErrorReply

/** A client that has not got to the line in which it wants to stand: it can be ended as those that do. */
class WaitAtGate implements Wait {
  constructor(private readonly end: (how: End) => boolean) {}

  /** [Wait] */
  abandon(): void {
    this.end('time-out')
  }

  /** [Wait] */
  async unblock(how: End): Promise<boolean> {
    return this.end(how)
  }
}

/** Lets commands wait at the gates of their keys [gates.ts], each client's in their order. */
export class Gatekeeper {
  /** The tickets of those that wait, by their clients. A client has one, and reads that it had sent before and that were lost. */
  private readonly waiting = new Map<unknown, number>()
  /** How many of them would wait behind the gates as well, for what may never come. */
  blocked = 0

  constructor(
    private readonly order: Order,
    private readonly go: (frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number) => void,
  ) {}

  /** Whether the command has to wait: then it goes on when it may. To be asked while there are gates. */
  holdsBack(frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): boolean {
    const { order, waiting } = this
    const { gates } = order
    if (slot.atGates !== undefined || !this.mayConcern(row, frame, slot.db)) return false
    const isShared = row.replicate === 'none'
    const claim = { ids: order.keyIds(row, frame, slot.db), isShared }
    if (gates.isFree(claim)) return false
    const own = ownFrame(frame)
    const { client } = slot
    slot.pauseClient()
    order.stats.gateWaits++
    // A read whose link broke comes before what its client sent behind it.
    const behind = isShared ? waiting.get(client) : undefined
    const ticket = behind === undefined ? gates.ticket() : behind - 0.5
    if (behind === undefined) waiting.set(client, ticket)
    const { unavailableTimeoutMs } = order.options
    // Nobody is made to wait for longer than he wants to.
    const ownMs = ownTimeoutMs(row, own, slot.db)
    const waitsMs = Math.min(unavailableTimeoutMs, ownMs)
    const until = deadlineMs === 0 ? performance.now() + waitsMs : deadlineMs
    const isBlocking = mayWait(row, own)
    if (isBlocking) this.blocked++
    let waits = true
    const isOver = () => {
      waits = false
      if (isBlocking) this.blocked--
      if (waiting.get(client) === ticket) waiting.delete(client)
    }
    let isTold = false
    const admitted = (entry: Entry) => {
      isOver()
      // Whoever would end its waiting now finds a command that is being served.
      if (isTold) slot.waits?.(undefined)
      try {
        // Nobody sees the answer, but what is expected for the command is expected no more.
        if (slot.abandoned) answer(slot, order.unavailable())
        else this.go(own, row, slot, until)
      } finally {
        gates.leave(entry)
      }
    }
    const tooLate = () => {
      isOver()
      // Its own time is over, as it may be with Redis.
      answer(slot, ownMs <= unavailableTimeoutMs ? nullArray : stillGated(waitsMs))
    }
    const entry = gates.enter(claim, ticket, until, admitted, tooLate)
    const end = (how: End) => {
      if (!waits) return false
      isOver()
      gates.leave(entry)
      answer(slot, how === 'error' ? UNBLOCKED : how === 'time-out' ? nullArray : how)
      return true
    }
    if (isBlocking && waits) {
      isTold = true
      slot.waits?.(new WaitAtGate(end))
    }
    return true
  }

  /** False when there is certainly no gate at its keys; nothing is allocated for that. */
  private mayConcern(row: CommandRow, frame: Frame, db: number): boolean {
    const { gates } = this.order
    const { buf, argStart, argEnd, names } = frame
    if (names !== undefined) return gates.mayStandAmong((some) => names.areAnyOf(some, db))
    const count = findKeys(row, frame, places)
    for (let k = 0; k < count; k++) {
      if (gates.mayStandAt(identifierOfKey(buf, argStart[places[k]], argEnd[places[k]]))) return true
    }
    return false
  }
}
