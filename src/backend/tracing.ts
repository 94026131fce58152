import { AsyncLocalStorage } from 'node:async_hooks'
import { answering } from './answering.js'

const MINUS = 0x2d

/** A command of a client that is traced. */
export interface Traced {
  /** It has been answered: what is sent from now on is not for it. */
  readonly isOver: boolean
  /** A member is sent a command for it. */
  sent(member: string, operation: string): SentTrace
  /** Values of several servers are brought together for it: what is sent for that belongs to a work of its own. */
  gathers(operation: string): Traced
}

/** A command that a member was sent for one that is traced. */
export interface SentTrace {
  readonly of: Traced
  /** With this reply. */
  answered(buf: Buffer, start: number, end: number): void
  /** The link broke before the reply. */
  lost(): void
}

/**
 * For which command of a client members are sent something, while commands are traced: for the one that is served, or that has
 * begun what goes on behind an `await`; or for the one of which a member has just answered a part. While nothing is traced whoever
 * sends asks one Boolean.
 */
class Tracing {
  isOn = false
  /** The error with which the proxy itself has answered the command that is served. */
  ownError: Buffer | undefined
  private served: AsyncLocalStorage<Traced> | undefined
  private answered: Traced | undefined

  turnOn(): void {
    this.served ??= new AsyncLocalStorage()
    this.isOn = true
  }

  turnOff(): void {
    this.isOn = false
  }

  /** The proxy itself has answered the command that is served. */
  replied(bytes: Buffer): void {
    if (bytes[0] === MINUS) this.ownError = bytes
  }

  /** What is sent in `work`, and behind its awaits, is sent for this command. */
  during(traced: Traced, work: () => void): void {
    this.served!.run(traced, work)
  }

  get current(): Traced | undefined {
    const current = this.served?.getStore() ?? (answering.by === undefined ? undefined : this.answered)
    return current?.isOver === true ? undefined : current
  }

  /** The reply that is handed over next was sent for this command, or for none. */
  answersFor(traced: Traced | undefined): void {
    this.answered = traced
  }

  /** The same as `during` for values that are brought together. */
  gathering(operation: string, work: () => void): void {
    const { current } = this
    if (current === undefined) work()
    else this.during(current.gathers(operation), work)
  }
}

export const tracing = new Tracing()
