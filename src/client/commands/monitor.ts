import { error, simple } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { type LocalCommand, NO_REPLY } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'monitors'>

const OK = simple('OK')
const NOT_IN_EXEC = error("ERR MONITOR isn't allowed for DENY BLOCKING client")

/** MONITOR [Redis replication.c monitorCommand]: who does so already gets no answer. */
export const monitor: LocalCommand<Needs> = (client, _args, { monitors }) => {
  if (client.session.transaction !== undefined) return NOT_IN_EXEC
  if (client.session.monitoring !== undefined) return NO_REPLY
  monitors.add(client)
  return OK
}
