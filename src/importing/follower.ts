import { setTimeout as sleep } from 'node:timers/promises'
import { parseInfo } from '../backend/handshake.js'
import { ConnectionError, type Endpoint, SingleConnection } from '../backend/single-connection.js'
import { UserError } from '../base/user-error.js'
import { findKeys } from '../command/keys.js'
import { rowOf } from '../command/table.js'
import { bytesOf, elementsOf, textOf } from '../resp/decode.js'
import { isError, type Reply } from '../resp/encode.js'
import { frameOf } from '../resp/frame.js'

const CONNECT_TIMEOUT_MS = 5000
const BEGIN_TIMEOUT_MS = 20_000
const POLL_MS = 50
/** A server takes a replica for dead that says nothing for `repl-timeout`, 60 s by default. */
const ACKNOWLEDGE_MS = 1000
/** So long the stream may be away before following ends. */
const RETURN_TIMEOUT_MS = 20_000

/** Commands of the stream that change no key. */
const QUIET = new Set(['ping', 'multi', 'exec', 'publish', 'spublish', 'replconf', 'script', 'select'])
/** A script may write keys that it does not name; before Redis 5 scripts are in the stream themselves. */
const UNNAMED = new Set(['eval', 'evalsha', 'fcall'])

/** What is told of changes. */
export interface Changes {
  /** `db` is undefined as long as the stream has not said which one is chosen: then it may be any. */
  key(db: number | undefined, key: Buffer): void
  /** Anything may have changed. */
  everything(): void
  /** A library of functions. */
  libraries(): void
}

/**
 * Listens to all that changes on a server, as a replica does: no other way tells of everything (keyspace events and invalidations say
 * nothing of XACK, of what XREADGROUP has handed out, of FLUSHALL and SWAPDB) [redis-facts Replication stream]. Only which keys change is
 * taken from the stream; what they are then is asked.
 *
 *     connection A   PSYNC ? -1 ·················· closed, before or while the server makes a snapshot: it is not needed
 *     connection B                PSYNC id offset+1 ──> +CONTINUE, then every write from that moment on
 *
 * A is only made when the server keeps no backlog yet, without which it continues nobody.
 */
export class Follower {
  private connection: SingleConnection | undefined
  private id = ''
  /** Bytes of the stream that were received, as the server counts them. */
  private offset = 0
  private db: number | undefined
  private timer: NodeJS.Timeout | undefined
  private over = false
  /** Why it follows no more. */
  failure: UserError | undefined

  private constructor(
    private readonly endpoint: Endpoint,
    private readonly changes: Changes,
  ) {}

  /** @throws UserError when the server does not let itself be followed; nothing was changed then */
  static async open(endpoint: Endpoint, changes: Changes): Promise<Follower> {
    const follower = new Follower(endpoint, changes)
    await follower.begin()
    return follower
  }

  /** Whether all that the server had executed when it said so has been told. */
  hasReached(offset: number): boolean {
    return this.offset >= offset
  }

  stop(): void {
    this.over = true
    clearInterval(this.timer)
    this.connection?.close()
  }

  private get where(): string {
    return `the source ${this.endpoint.host}:${this.endpoint.port}`
  }

  private async begin(): Promise<void> {
    const asking = await this.connect()
    let keeper: SingleConnection | undefined
    try {
      const deadline = performance.now() + BEGIN_TIMEOUT_MS
      while (performance.now() < deadline) {
        const info = parseInfo(textOf(await asking.call(['INFO', 'replication'])) ?? '')
        if (info.get('repl_backlog_active') === '1') {
          const [id, offset] = [info.get('master_replid') ?? '?', Number(info.get('master_repl_offset'))]
          const refusal = await this.follow(id, offset)
          if (refusal === undefined) return
          if (!refusal.startsWith('FULLRESYNC')) throw this.cannotFollow(refusal)
        } else if (keeper === undefined) {
          keeper = await this.connect()
          // The data that follow are not wanted.
          keeper.onUnasked = () => {}
          const words = await this.introduce(keeper)
          if (words !== undefined) throw this.cannotFollow(words)
          void keeper.call(['PSYNC', '?', '-1']).then(
            (reply) => {
              if (isError(reply)) this.failure = this.cannotFollow(reply.message)
            },
            () => {},
          )
        }
        if (this.failure !== undefined) throw this.failure
        await sleep(POLL_MS)
      }
      throw this.cannotFollow(`it did not begin within ${BEGIN_TIMEOUT_MS / 1000} s`)
    } catch (error) {
      if (error instanceof ConnectionError) throw this.cannotFollow(error.reason)
      throw error
    } finally {
      keeper?.close()
      asking.close()
    }
  }

  private connect(): Promise<SingleConnection> {
    return SingleConnection.open({ ...this.endpoint, protocol: 2 }, { connectMs: CONNECT_TIMEOUT_MS }).catch(
      (error: Error) => {
        throw new UserError(`the source does not answer: ${error.message}`)
      },
    )
  }

  /** What the server says against a replica of that kind. */
  private async introduce(connection: SingleConnection): Promise<string | undefined> {
    const reply = await connection.call(['REPLCONF', 'capa', 'eof', 'capa', 'psync2'])
    return isError(reply) ? reply.message : undefined
  }

  /** Gives what the server answers instead of going on from there. */
  private async follow(id: string, offset: number): Promise<string | undefined> {
    const connection = await this.connect()
    const refusal = await this.introduce(connection)
    if (refusal !== undefined) {
      connection.close()
      return refusal
    }
    const answer = connection.call(['PSYNC', id, String(offset + 1)])
    // What follows the answer may come with it.
    connection.onUnasked = (reply, bytes) => this.receive(reply, bytes)
    const before = { id: this.id, offset: this.offset }
    this.id = id
    this.offset = offset
    const reply = await answer
    const text = isError(reply) ? reply.message : (textOf(reply) ?? '')
    const [word, newId] = text.split(' ')
    if (word !== 'CONTINUE') {
      connection.onUnasked = () => {}
      Object.assign(this, before)
      connection.close()
      return text
    }
    if (newId !== undefined) this.id = newId
    this.connection = connection
    connection.onClosed = (error) => void this.lost(error)
    clearInterval(this.timer)
    // It says that we are there, and nothing of how far: WAIT counts only who has the data.
    this.timer = setInterval(() => connection.tell(['REPLCONF', 'ACK', '0']), ACKNOWLEDGE_MS)
    return undefined
  }

  private async lost(error: ConnectionError): Promise<void> {
    clearInterval(this.timer)
    const deadline = performance.now() + RETURN_TIMEOUT_MS
    let reason = error.message
    while (!this.over && performance.now() < deadline) {
      try {
        const refusal = await this.follow(this.id, this.offset)
        if (refusal === undefined) return
        reason = `it has not kept what changed meanwhile (${refusal.split(' ')[0]})`
        break
      } catch (again) {
        reason = (again as Error).message
      }
      await sleep(500)
    }
    if (!this.over) this.failure = new UserError(`the changes of ${this.where} cannot be followed any more: ${reason}`)
  }

  /** One command of the stream. */
  private receive(reply: Reply, bytes: number): void {
    this.offset += bytes
    const args = (elementsOf(reply) ?? []).map((item) => bytesOf(item) ?? Buffer.alloc(0))
    if (args.length === 0) return
    const name = args[0].toString('latin1', 0, 64).toLowerCase()
    if (name === 'select') this.db = Number(args[1])
    if (QUIET.has(name)) return
    if (name === 'function') {
      this.changes.libraries()
      return
    }
    const frame = frameOf(args)
    // XGROUP has its key behind its subcommand.
    const row = rowOf(frame)
    const places: number[] = []
    const count = row === undefined ? 0 : findKeys(row, frame, places)
    if (count <= 0 || UNNAMED.has(name)) {
      this.changes.everything()
      return
    }
    for (const place of places.slice(0, count)) {
      this.changes.key(this.db, args[place])
      const other = otherDatabase(name, args)
      if (other !== undefined) this.changes.key(other, args[place])
    }
  }

  private cannotFollow(reason: string): UserError {
    return new UserError(
      `${this.where} does not let its changes be followed: ${reason}. Nothing was copied. --until-equal copies without that`,
    )
  }
}

/** MOVE and COPY … DB write into another database than the one that is chosen. */
function otherDatabase(name: string, args: readonly Buffer[]): number | undefined {
  if (name === 'move') return Number(args[2])
  if (name !== 'copy') return undefined
  const db = args.findIndex((word, i) => i > 2 && /^db$/i.test(word.toString('latin1', 0, 4)))
  return db < 0 ? undefined : Number(args[db + 1])
}
