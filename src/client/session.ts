import type { Watched } from '../serving/transaction/watched.js'
import { QueuedFrames } from './queued-frames.js'

const EMPTY: Buffer = Buffer.alloc(0)

/** What a connection has set for itself; RESET brings it back to the beginning. */
export class Session {
  proto: 2 | 3 = 2
  db = 0
  /** As long as a client likes. */
  name = EMPTY
  libName = EMPTY
  libVersion = EMPTY
  user = 'default'
  noEvict = false
  /** Between MULTI and EXEC or DISCARD; aborted when a command in it was refused. */
  transaction: 'none' | 'open' | 'aborted' = 'none'
  /** The commands of the transaction. */
  queued = new QueuedFrames()
  /** The keys that the next transaction depends on. */
  watched: Watched | undefined = undefined
  /** CLIENT REPLY: whether replies are sent; `skip-next` counts from the command after CLIENT REPLY SKIP. */
  replies: 'on' | 'off' | 'skip-next' | 'skip-this' = 'on'

  constructor(public authenticated: boolean) {}

  /** Gives what takes back whatever commands about the connection itself will have changed. */
  remember(): () => void {
    const { proto, db, name, libName, libVersion, user, noEvict } = this
    return () => {
      Object.assign(this, { proto, db, name, libName, libVersion, user, noEvict })
    }
  }

  /** The transaction is over, and with it the watching of keys. */
  endTransaction(): void {
    this.transaction = 'none'
    this.queued = new QueuedFrames()
    this.unwatch()
  }

  unwatch(): void {
    this.watched?.end()
    this.watched = undefined
  }

  /** As a new connection, but for NO-EVICT and the library's name, which stay [Redis networking.c clearClientConnectionState]. */
  reset(authenticated: boolean): void {
    this.proto = 2
    this.db = 0
    this.name = EMPTY
    this.user = 'default'
    this.endTransaction()
    this.replies = 'on'
    this.authenticated = authenticated
  }
}
