import { MARKS_QUERY, parseInfo } from '../backend/handshake.js'
import { ConnectionError, type Endpoint, SingleConnection } from '../backend/single-connection.js'
import { UserError } from '../base/user-error.js'
import { fieldOf, textOf } from '../resp/decode.js'
import { isError } from '../resp/encode.js'
import { decodeMarks, type Marks } from './marker.js'

const TIMEOUT_MS = 2000
const DEFAULT_DATABASES = 16

/** A server that is to become a member, as it is now. */
export interface ProbedServer {
  readonly runId: string
  readonly version: string
  /** Number of keys in all databases. */
  readonly keys: number
  readonly databases: number
  readonly marks: Marks
}

/**
 * Looks at a server without changing anything on it.
 *
 * @throws UserError when it cannot be a member as it is: not reached, no master, loading
 */
export async function probe(endpoint: Endpoint): Promise<ProbedServer> {
  let connection: SingleConnection | undefined
  try {
    connection = await SingleConnection.open(endpoint, TIMEOUT_MS)
    const [info, marks, setting] = await Promise.all([
      connection.call(['INFO']),
      connection.call(MARKS_QUERY),
      connection.call(['CONFIG', 'GET', 'databases']),
    ])
    const text = textOf(info)
    if (text === undefined) throw new UserError(`it answers INFO with ${isError(info) ? info.message : 'no text'}`)
    const fields = parseInfo(text)
    const role = fields.get('role')
    if (role !== 'master') throw new UserError(`it is a ${role ?? 'server of unknown role'}, a member must be a master`)
    if (fields.get('loading') === '1') throw new UserError('it is loading its data')
    let keys = 0
    for (const [, count] of text.matchAll(/^db\d+:keys=(\d+)/gm)) keys += Number(count)
    return {
      runId: fields.get('run_id') ?? '',
      version: fields.get('redis_version') ?? '',
      keys,
      // Managed servers may refuse CONFIG: then the default is assumed, as by a handshake.
      databases: Number(textOf(fieldOf(setting, 'databases') ?? null) ?? DEFAULT_DATABASES),
      marks: decodeMarks(marks),
    }
  } catch (error) {
    if (error instanceof ConnectionError) throw new UserError(`it cannot be reached: ${error.message}`)
    throw error
  } finally {
    connection?.close()
  }
}
