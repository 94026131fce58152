import type { User } from '../acl/user.js'
import type { CachingClient } from '../channels/cached-keys.js'
import type { Subscriber } from '../channels/channels.js'
import type { CommandRow } from '../command/row.js'
import type { Wait } from '../order/reply-slot.js'
import type { Frame } from '../resp/frame.js'
import type { Watched } from '../serving/transaction/watched.js'
import { type ClientState, checkMove, NORMAL, newTransaction, SUBSCRIBED, type Transaction } from './client-state.js'

const EMPTY: Buffer = Buffer.alloc(0)

/** The state of a client, and what it has set for itself; RESET brings both back to the beginning. */
export class Session {
  state: ClientState = NORMAL
  proto: 2 | 3 = 2
  db = 0
  /** As long as a client likes. */
  name = EMPTY
  libName = EMPTY
  libVersion = EMPTY
  /** The common name of the certificate that it has shown, if it was verified. */
  certificateName: string | undefined = undefined
  noEvict = false
  noTouch = false
  /** The last command that may wait, of a user who may not do everything, and its number among the client's commands. */
  waited: { readonly row: CommandRow; readonly frame: Frame; readonly number: number } | undefined = undefined
  /** Its command is held by CLIENT PAUSE, and with it what it sends behind that. */
  postponed = false
  /** The keys that the next transaction depends on. */
  watched: Watched | undefined = undefined
  /** What it listens to; undefined when that is nothing. */
  subscriber: Subscriber | undefined = undefined
  /** That it is to be told of changed keys; undefined when not. */
  caching: CachingClient | undefined = undefined
  /** That it is told of every command; undefined when not. */
  monitoring: { end(): void } | undefined = undefined
  /** While the reply to EXEC is made: messages to itself, which stand in it. */
  aside: Buffer[] | undefined = undefined
  /** When RESET took its login from it; 0 when that never was. */
  loggedOutMs = 0
  /** CLIENT REPLY: whether replies are sent; `skip-next` counts from the command after CLIENT REPLY SKIP. */
  replies: 'on' | 'off' | 'skip-next' | 'skip-this' = 'on'

  /**
   * @param user who has the rights of this client
   * @param authenticated whether it need not log in
   */
  constructor(
    public user: User,
    public authenticated: boolean,
  ) {}

  /** Gives what takes back whatever commands about the connection itself will have changed. */
  remember(): () => void {
    const { proto, db, name, libName, libVersion, user, noEvict, noTouch } = this
    return () => {
      Object.assign(this, { proto, db, name, libName, libVersion, user, noEvict, noTouch })
    }
  }

  /** The one way from state to state. */
  become(next: ClientState): void {
    const { state } = this
    checkMove(state, next)
    this.state = next
    if (state.kind === 'blocked' && next.kind === 'closed') state.wait.abandon()
  }

  /** A command waits for what may never come; its client may have gone before that was known. */
  block(wait: Wait): void {
    const { kind } = this.state
    if (kind === 'ending' || kind === 'closed') wait.abandon()
    else this.become({ kind: 'blocked', wait })
  }

  /** It waits no more. */
  unblock(): void {
    if (this.state.kind === 'blocked') this.become(NORMAL)
  }

  /** What a blocked client waits for. */
  get wait(): Wait | undefined {
    return this.state.kind === 'blocked' ? this.state.wait : undefined
  }

  /** What stands between MULTI and EXEC; undefined when there is no MULTI. */
  get transaction(): Transaction | undefined {
    return this.state.kind === 'transaction' ? this.state : undefined
  }

  beginTransaction(): void {
    this.become(newTransaction())
  }

  /** A command was refused, so that EXEC executes nothing. */
  abortTransaction(): void {
    const { transaction } = this
    if (transaction !== undefined && !transaction.isAborted) this.become({ ...transaction, isAborted: true })
  }

  /** The transaction is over, and with it the watching of keys. */
  endTransaction(): void {
    if (this.transaction !== undefined) this.become(NORMAL)
    this.listeningChanged()
    this.unwatch()
  }

  /** It may listen to something now, or to nothing, or speak the other protocol. */
  listeningChanged(): void {
    if (this.subscriber?.total === 0) this.subscriber = undefined
    const isSubscribed = this.proto === 2 && this.subscriber !== undefined
    if (this.state === NORMAL && isSubscribed) this.become(SUBSCRIBED)
    else if (this.state === SUBSCRIBED && !isSubscribed) this.become(NORMAL)
  }

  /** It listens to nothing any more, and is not told so. */
  endListening(): void {
    this.subscriber?.end()
    this.listeningChanged()
  }

  /** It has no cache any more that it wants to be told of. */
  endCaching(): void {
    this.caching?.end()
    this.caching = undefined
  }

  /** Nothing is told to it any more. */
  leave(): void {
    this.unwatch()
    this.endListening()
    this.endCaching()
    this.monitoring?.end()
  }

  unwatch(): void {
    this.watched?.end()
    this.watched = undefined
  }

  /**
   * As a new connection, but for NO-EVICT and the library's name, which stay, and for CLIENT REPLY SKIP, which holds for RESET itself
   * [Redis networking.c clearClientConnectionState].
   */
  reset(user: User, authenticated: boolean): void {
    this.proto = 2
    this.db = 0
    this.name = EMPTY
    this.user = user
    this.endListening()
    this.endCaching()
    this.monitoring?.end()
    this.endTransaction()
    if (this.replies !== 'skip-this') this.replies = 'on'
    if (this.authenticated && !authenticated) this.loggedOutMs = performance.now()
    this.authenticated = authenticated
  }
}
