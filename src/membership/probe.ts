import { unfit, unfitPolicy } from '../backend/fitness.js'
import { MARKS_QUERY, parseInfo } from '../backend/handshake.js'
import { kindOf, PAYLOAD_QUERY, type ServerKind } from '../backend/server-kind.js'
import { ConnectionError, type Endpoint, SingleConnection } from '../backend/single-connection.js'
import { UserError } from '../base/user-error.js'
import { fieldOf, textOf } from '../resp/decode.js'
import { isError, type Reply } from '../resp/encode.js'
import { decodeMarks, type Marks } from './marker.js'

const LIMITS = { connectMs: 2000, answerMs: 2000 }
const DEFAULT_DATABASES = 16

/** A server that is to become a member, as it is now. */
export interface ProbedServer {
  readonly runId: string
  readonly kind: ServerKind
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
    connection = await SingleConnection.open(endpoint, LIMITS)
    const ask = (...args: string[]) => connection!.call(args)
    const [info, marks, databases, policy, payload] = await Promise.all([
      ask('INFO'),
      ask(...MARKS_QUERY),
      ask('CONFIG', 'GET', 'databases'),
      ask('CONFIG', 'GET', 'maxmemory-policy'),
      ask(...PAYLOAD_QUERY),
    ])
    const text = textOf(info)
    if (text === undefined) throw new UserError(`it answers INFO with ${isError(info) ? info.message : 'no text'}`)
    const fields = parseInfo(text)
    refuse(unfit(fields) ?? unfitPolicy(settingIn(policy, 'maxmemory-policy')) ?? replicasOf(fields))
    let keys = 0
    for (const [, count] of text.matchAll(/^db\d+:keys=(\d+)/gm)) keys += Number(count)
    return {
      runId: fields.get('run_id') ?? '',
      kind: kindOf(text, payload),
      keys,
      // Managed servers may refuse CONFIG: then the default is assumed, as by a handshake.
      databases: Number(settingIn(databases, 'databases') ?? DEFAULT_DATABASES),
      marks: decodeMarks(marks),
    }
  } catch (error) {
    if (error instanceof ConnectionError) {
      if (/: (NOAUTH|WRONGPASS) /.test(error.message)) {
        throw new UserError('it wants another user or password than backend.username and backend.password')
      }
      throw new UserError(`it cannot be reached: ${error.message}`)
    }
    throw error
  } finally {
    connection?.close()
  }
}

/** A Sentinel would let one of them take the member's place, and it may have missed the last writes. */
function replicasOf(fields: ReadonlyMap<string, string>): string | undefined {
  const count = Number(fields.get('connected_slaves') ?? 0)
  return count === 0
    ? undefined
    : `it has ${count} replicas, and the ring makes the copies: let them go first (REPLICAOF NO ONE)`
}

function settingIn(reply: Reply, name: string): string | undefined {
  return textOf(fieldOf(reply, name) ?? null)
}

function refuse(reason: string | undefined): void {
  if (reason !== undefined) throw new UserError(reason)
}
