import type { Server } from '../server.js'
import { aclCommands } from './acl.js'
import { clientCommands } from './client.js'
import { commandCommands } from './command.js'
import { configCommands } from './config.js'
import { connectionCommands } from './connection.js'
import { debug } from './debug.js'
import { dtCommands } from './dt.js'
import { doctorCommands } from './dt-doctor.js'
import { keysCommands } from './dt-keys.js'
import { memberCommands } from './dt-members.js'
import { proxiesCommands } from './dt-proxies.js'
import { dtReloadCommands } from './dt-reload.js'
import { verifyCommands } from './dt-verify.js'
import { info } from './info.js'
import { latencyCommands } from './latency.js'
import type { LocalCommand } from './local-command.js'
import { lolwut } from './lolwut.js'
import { memoryCommands } from './memory.js'
import { moduleCommands } from './modules.js'
import { monitor } from './monitor.js'
import { persistenceCommands } from './persistence.js'
import { replicationCommands } from './replication.js'
import { sentinelCommands } from './sentinel.js'
import { slowLogCommands } from './slow-log.js'
import { trackingCommands } from './tracking.js'
import { waitCommands } from './wait.js'

/** By the names of their rows. */
export const localCommands: ReadonlyMap<string, LocalCommand<Server>> = new Map(
  Object.entries<LocalCommand<Server>>({
    ...connectionCommands,
    ...aclCommands,
    ...clientCommands,
    ...commandCommands,
    ...configCommands,
    ...dtCommands,
    ...doctorCommands,
    ...memberCommands,
    ...verifyCommands,
    ...keysCommands,
    ...proxiesCommands,
    ...dtReloadCommands,
    ...trackingCommands,
    ...latencyCommands,
    ...memoryCommands,
    ...moduleCommands,
    ...persistenceCommands,
    ...replicationCommands,
    ...sentinelCommands,
    ...slowLogCommands,
    ...waitCommands,
    info: (_client, args, server) => info(server, args),
    debug,
    lolwut,
    monitor,
  }),
)
