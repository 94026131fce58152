import type { KeyId } from '../base/key-id.js'
import type { CommandRow } from '../command/row.js'
import type { ErrorReply } from '../resp/encode.js'
import type { Frame } from '../resp/frame.js'

/** How many places were ever taken, by all clients: tells what was sent before something happened, and what after it. */
export const places = { taken: 0 }

/**
 * The place of one reply in the order of a client's replies, taken before its command is emitted: what the
 * coordinator answers to. "Request in, reply out": it knows no more of clients than this [design §9].
 */
export interface ReplySlot {
  /** The protocol and the database of the client at the moment of the command. */
  readonly proto: 2 | 3
  readonly db: number
  /** Whose slot it is: the same value for all slots of one connection. */
  readonly client: unknown
  /** Its number among all places, and that of the last one of its client. */
  readonly number: number
  readonly newest: number
  /** That of its client's last command that may change something; undefined when that is not told apart. */
  readonly newestWrite?: number | undefined
  /** The client is gone: nobody will see the reply. */
  readonly abandoned: boolean
  /**
   * The command is a step of an operation that was admitted to the gates of its keys [gates.ts]: it does not wait there. `now`: nor
   * anywhere else, so that nobody stands behind an operation that waits for a server; it is answered `MUST_WAIT` instead.
   */
  readonly atGates?: 'admitted' | 'admitted, now' | undefined
  /**
   * Gives the reply, in the client's protocol; exactly once, and the slot must not be touched afterwards. The bytes
   * need to stay valid during the call only, unless `owned`.
   */
  finish(buf: Buffer, start: number, end: number, owned: boolean): void
  /** Something failed inside the proxy on the way to the reply: the client is told so, if it has not been answered. */
  fail(failure: Error, isWrite: boolean): void
  /**
   * The client's next command must not be handled before this reply is there, because the effects of this one come
   * later: so a connection's commands take effect in their order.
   */
  pauseClient(): void
  /**
   * What comes next takes effect behind it from now on, though its reply of so many bytes, which is kept meanwhile, is still to come. Where
   * too much is kept already the client waits for the reply.
   */
  goOn?(bytes: number): void
  /** Its client is paused for it: commands may be handled all the same that keep their place behind it by themselves. */
  letFollow?(): void
  /** Calls this when its client is paused for it no more. */
  whenPassed?(passed: () => void): void
  /** It passes the gates and holds none: when it cannot be served now, others may have its keys by then, and it begins anew instead. */
  putOff?(until: Promise<unknown>): void
  /** The command waits for what may never come, and its client with it; undefined: no more, but it has not been answered yet. */
  waits?(wait: Wait | undefined): void
  /** The reply waits for something else than the answer of the member that was asked: others need not wait for it to ask that one. */
  putAside?(): void
  /** What the master of this name has to say has come, so many bytes, and the reply waits for others. */
  cameFrom?(member: string, bytes: number): void
  /** The command has written these keys, as the answer that comes next will say: of one of which its arguments do not tell it. */
  wrote?(ids: readonly KeyId[]): void
  /**
   * Whether clients with caches are still to be told of what was written by commands that its client sent before: what this one publishes
   * must not come first.
   */
  untoldBefore?(): boolean
  /** All that the command writes is done, and was told to `wrote`: clients with caches are told of it before what it publishes. */
  tellWritten?(): void
  /** Of a step of a transaction: what it publishes is published when the others have been executed, in their order. */
  publishLater?(publish: () => void): void
  /**
   * Of a step of a transaction: whether it may write, asked in the turn in which its first write leaves, or it is answered without one. If
   * not, it is answered `MUST_WAIT`, and nothing was written.
   */
  mayWrite?(): boolean
  /** Resolves when all that its client sent before has been answered: for what must see the effects of that, on any key. */
  whenFirst(): Promise<void>
  /** Of a part of a read: gives the read up, which is to be asked again as a whole; undefined when that has been done already. */
  giveUp?(): WholeRead | undefined
}

/** What a client waits for. */
export interface Wait {
  /** The client is gone. */
  abandon(): void
  /**
   * Ends the waiting, as if its time were over, with the error of CLIENT UNBLOCK or with another one, if nothing comes before; resolves
   * with false when something has come.
   */
  unblock(how: 'time-out' | 'error' | ErrorReply): Promise<boolean>
}

/** A read that was sent in parts, as its client sent it. */
export interface WholeRead {
  readonly frame: Frame
  readonly row: CommandRow
  readonly slot: ReplySlot
}

/** A place within another one, the whole: what it does not say itself is the whole's. */
export abstract class InnerSlot implements ReplySlot {
  protected abstract get whole(): ReplySlot
  abstract finish(buf: Buffer, start: number, end: number, owned: boolean): void

  get proto(): 2 | 3 {
    return this.whole.proto
  }

  get db(): number {
    return this.whole.db
  }

  get client(): unknown {
    return this.whole.client
  }

  get number(): number {
    return this.whole.number
  }

  get newest(): number {
    return this.whole.newest
  }

  get newestWrite(): number | undefined {
    return this.whole.newestWrite
  }

  get abandoned(): boolean {
    return this.whole.abandoned
  }

  get atGates(): ReplySlot['atGates'] {
    return this.whole.atGates
  }

  fail(failure: Error, isWrite: boolean): void {
    this.whole.fail(failure, isWrite)
  }

  pauseClient(): void {
    this.whole.pauseClient()
  }

  putAside(): void {
    this.whole.putAside?.()
  }

  cameFrom(member: string, bytes: number): void {
    this.whole.cameFrom?.(member, bytes)
  }

  wrote(ids: readonly KeyId[]): void {
    this.whole.wrote?.(ids)
  }

  whenFirst(): Promise<void> {
    return this.whole.whenFirst()
  }
}

/** The place of something that no client has asked for, and that waits for nobody else's. */
export abstract class NobodysSlot implements ReplySlot {
  readonly proto = 3
  readonly client = this
  readonly number = ++places.taken
  readonly newest = this.number
  readonly abandoned = false
  abstract readonly atGates: ReplySlot['atGates']

  constructor(readonly db: number) {}

  abstract finish(buf: Buffer, start: number, end: number): void
  abstract fail(failure: Error): void

  pauseClient(): void {}

  async whenFirst(): Promise<void> {}
}
