import { ConnectionError, type Endpoint, SingleConnection } from '../backend/single-connection.js'
import { UserError } from '../base/user-error.js'
import { within } from '../base/within.js'
import { isError, type Reply } from '../resp/encode.js'

const CONNECT_TIMEOUT_MS = 5000
/** One answer may take as long as a server is busy with a large value, or a proxy waits for a server. */
const ANSWER_TIMEOUT_MS = 60_000

export type Command = readonly (string | Buffer)[]

/** Questions to a Redis server, or to the proxy, in RESP2, which all of them speak; one after the other, many at a time. */
export class Conversation {
  private db = 0
  /** Why nothing can be asked any more. */
  loss: UserError | undefined

  private constructor(
    private readonly connection: SingleConnection,
    /** For messages: `the source 127.0.0.1:6379`. */
    readonly whom: string,
  ) {
    connection.onClosed = (error) => {
      this.loss = this.gone(error)
    }
  }

  /** @throws UserError */
  static async open(endpoint: Endpoint, what: string): Promise<Conversation> {
    const whom = `${what} ${endpoint.host}:${endpoint.port}`
    try {
      return new Conversation(
        await SingleConnection.open({ ...endpoint, protocol: 2 }, { connectMs: CONNECT_TIMEOUT_MS }),
        whom,
      )
    } catch (error) {
      if (error instanceof ConnectionError) throw new UserError(`${what} does not answer: ${error.message}`)
      throw error
    }
  }

  /**
   * The replies to commands in that database; error replies are values like others. Where it has no such database, none is sent: they would
   * be executed in the one that was chosen before.
   *
   * @throws UserError when there is no answer, or no such database
   */
  async ask(db: number, commands: readonly Command[]): Promise<Reply[]> {
    if (db !== this.db) {
      const [selected] = await this.answers([['SELECT', String(db)]])
      if (isError(selected)) throw new UserError(`${this.whom} has no database ${db}: ${selected.message}`)
      this.db = db
    }
    return this.answers(commands)
  }

  /** The reply to one command, whatever the database. */
  async one(...args: Command): Promise<Reply> {
    const [reply] = await this.ask(this.db, [args])
    return reply
  }

  close(): void {
    this.connection.close()
  }

  private async answers(commands: readonly Command[]): Promise<Reply[]> {
    try {
      const replies = await within(this.connection.callAll(commands), ANSWER_TIMEOUT_MS)
      if (replies !== undefined) return replies
    } catch (error) {
      if (error instanceof ConnectionError) throw this.gone(error)
      throw error
    }
    this.close()
    throw new UserError(`${this.whom} has not answered for ${ANSWER_TIMEOUT_MS / 1000} s`)
  }

  private gone(error: ConnectionError): UserError {
    return new UserError(`${this.whom} is gone: ${error.message}`)
  }
}
