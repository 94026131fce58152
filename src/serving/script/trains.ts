import type { Link } from '../../backend/link.js'
import type { Order } from '../../order/order.js'
import { STOPPED_TRAIN, trainName } from '../../order/pieces/hidden-name.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { frameOf } from '../../resp/frame.js'

/*
 * Scripts of one client that are sent one behind the other, although each may be stopped and run again [design §7 Scripts]. One that is stopped
 * says so on its server, in the same EVALSHA, and those behind it look there before they begin:
 *
 *     client   A B C ─────────────> master  [A: stopped, train 7 is stopped] [B: late] [C: late]
 *                                              └──> A again ──answered──> B again ──answered──> C again
 *
 * So none of them ever runs before one that its client had sent first. They are on one connection, and each was really emitted before the
 * next one was; where that cannot be, or something else than "it has run" is heard of one, what comes behind waits until it is answered.
 */

/** What is said of a script in its call, see `prologue-keys`. */
export interface Place {
  /** What the call says. */
  readonly word: string
  /** It was emitted. */
  sent(): void
  /** It has not run, or nobody knows: nothing more is sent behind it. @param isStopped it has stopped the train on the server */
  broke(isStopped: boolean): void
}

const NOBODY = { onReply: () => {}, onLost: () => {} }

/** One command of a client that is under way, or waits for its turn to run. */
class Member implements Place {
  word = ''
  /** Runs it; undefined while it is under way. */
  again: (() => void) | undefined

  constructor(
    readonly slot: ReplySlot,
    private readonly train: Train,
  ) {}

  sent(): void {
    this.train.unsent--
  }

  broke(isStopped: boolean): void {
    this.train.isBroken = true
    if (isStopped) this.train.forget()
  }
}

/** What a client has under way: the first of them is answered first. */
class Train {
  readonly members: Member[] = []
  /** Of those that were to be sent, how many wait for their turn on the link. */
  unsent = 0
  isBroken = false

  /** @param client what `ReplySlot.client` says @param sweeps how often databases had been emptied: what was said there before is not there any more */
  constructor(
    readonly client: unknown,
    readonly name: string,
    readonly link: Link,
    readonly db: number,
    readonly sweeps: number,
  ) {}

  /** What stands on the server is read by those that have been sent, and by nobody else. */
  forget(): void {
    if (this.link.ready) this.link.emitFrame(frameOf(['UNLINK', STOPPED_TRAIN + this.name]), this.db, NOBODY, 0)
  }
}

export class Trains {
  /** By their clients. */
  private readonly byClient = new Map<unknown, Train>()
  private count = 0

  constructor(private readonly order: Order) {}

  /** Whether a client's next command may be a script, because all that it has under way are scripts that may be followed by one. */
  isOpen(client: unknown): boolean {
    const train = this.byClient.get(client)
    return train !== undefined && this.mayJoin(train)
  }

  /** Whether a command that its client has sent before may still run later than now. */
  isBehind({ client, number }: ReplySlot): boolean {
    const train = this.byClient.get(client)
    return train !== undefined && train.members[0].slot.number < number
  }

  /** Whether one that `isBehind` may be sent to this link all the same. */
  mayFollow({ client, db }: ReplySlot, link: Link): boolean {
    const train = this.byClient.get(client)!
    return train.link === link && train.db === db && this.mayJoin(train)
  }

  /** One that `isBehind` is run when it is so no more; its client waits. */
  wait(slot: ReplySlot, again: () => void): void {
    const train = this.byClient.get(slot.client)!
    slot.pauseClient()
    const member = train.members.find((each) => each.slot === slot) ?? this.add(train, slot)
    member.again = again
  }

  /**
   * A script of a paused client is to be emitted on this link, as the first of its client or as one that `mayFollow`.
   *
   * @param mayBeFollowed whether it is hardly ever stopped
   * @returns its place, when it has one
   */
  join(slot: ReplySlot, link: Link, mayBeFollowed: boolean): Place | undefined {
    const { client } = slot
    let train = this.byClient.get(client)
    const isBehind = this.isBehind(slot)
    if (!isBehind) {
      // It is the last one of a train, or runs again with others behind it.
      if (!mayBeFollowed || (train !== undefined && train.members.length > 1)) return undefined
      const { sweeps } = this.order.absences
      this.byClient.set(client, (train = new Train(client, trainName(++this.count), link, slot.db, sweeps)))
    }
    const member = this.add(train!, slot)
    member.word = `t${train!.name} ${isBehind ? '+' : ''}`
    train!.unsent++
    if (mayBeFollowed) slot.letFollow!()
    return member
  }

  private mayJoin({ isBroken, unsent, link, sweeps }: Train): boolean {
    return !isBroken && unsent === 0 && link.ready && sweeps === this.order.absences.sweeps
  }

  private add(train: Train, slot: ReplySlot): Member {
    const member = new Member(slot, train)
    train.members.push(member)
    slot.whenPassed!(() => this.passed(train, member))
    return member
  }

  /** It runs no more. */
  private passed(train: Train, member: Member): void {
    const { members } = train
    members.splice(members.indexOf(member), 1)
    if (members.length === 0) {
      if (this.byClient.get(train.client) === train) this.byClient.delete(train.client)
      return
    }
    const [first] = members
    const { again } = first
    first.again = undefined
    again?.()
  }
}
