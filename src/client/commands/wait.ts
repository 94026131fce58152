import { error } from '../../resp/encode.js'
import type { Goal, ReplicaWaits } from '../../serving/durability/replica-waits.js'
import type { Connection } from '../connection.js'
import type { Server } from '../server.js'
import { NOT_AN_INTEGER, parseInt64 } from './arguments.js'
import { type LocalCommand, NO_REPLY } from './local-command.js'
import { timeoutOf } from './time-out.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'config' | 'coordinator' | 'order'>

const NOT_0_OR_1 = error('ERR value is out of range, value must between 0 and 1')
const NOT_POSITIVE = error('ERR value is out of range, must be positive')

export const waitCommands: Record<string, LocalCommand<Needs>> = {
  /**
   * WAIT numreplicas timeout [Redis replication.c waitCommand]. A write is acknowledged when every replica has it, so there is something to
   * wait for only while fewer backups are up than are wanted. The answer is how many acknowledged writes are sure to have.
   */
  wait: (client, args, server) => {
    const wanted = parseInt64(args[1])
    if (wanted === undefined) return NOT_AN_INTEGER
    const timeout = timeoutOf(server, args[2])
    if (typeof timeout !== 'number') return timeout
    const { replicaWaits } = server.coordinator
    const place = client.session.transaction?.place
    if (place !== undefined) return place.whenFirst().then(() => replicaWaits.backupsUp)
    // With nothing unanswered the number is known, and what comes next need not wait for it.
    if (client.queue.length === 0 && BigInt(replicaWaits.backupsUp) >= wanted) return replicaWaits.backupsUp
    return waitFor(client, replicaWaits, () => replicaWaits.forBackups(wanted), timeout)
  },

  /** WAITAOF numlocal numreplicas timeout [Redis 7.2 replication.c waitaofCommand]. */
  waitaof: (client, args, server) => {
    const local = parseInt64(args[1])
    if (local === undefined) return NOT_AN_INTEGER
    if (local < 0n || local > 1n) return NOT_0_OR_1
    const replicas = parseInt64(args[2])
    if (replicas === undefined || replicas < 0n) return NOT_POSITIVE
    const timeout = timeoutOf(server, args[3])
    if (typeof timeout !== 'number') return timeout
    const { replicaWaits } = server.coordinator
    const goal = () => replicaWaits.forDisks(local === 1n, replicas)
    const place = client.session.transaction?.place
    if (place !== undefined) return place.whenFirst().then(() => goal().atOnce())
    return waitFor(client, replicaWaits, goal, timeout)
  },
}

/** What the client sent before counts as well, so it has to be acknowledged first; so it is in EXEC, where nobody waits for more. */
function waitFor(client: Connection, waits: ReplicaWaits, goal: () => Goal, timeoutMs: number): typeof NO_REPLY {
  const slot = client.takeSlot(0)
  slot.pauseClient()
  slot
    .whenFirst()
    .then(() => waits.wait(goal(), slot, timeoutMs))
    .catch((failure: Error) => slot.fail(failure, false))
  return NO_REPLY
}
