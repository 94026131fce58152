import { UserError } from '../../base/user-error.js'
import { error, map, type Reply } from '../../resp/encode.js'
import { reload } from '../reload.js'
import type { Server } from '../server.js'
import type { LocalCommand } from './local-command.js'

/** DT RELOAD: what SIGHUP does, with an answer. */
export const dtReloadCommands: Record<string, LocalCommand> = {
  'dt|reload': (_client, _args, server) => reloaded(server),
}

function reloaded(server: Server): Reply {
  try {
    const { changed, needRestart } = reload(server)
    return map([
      ['changed', [...changed]],
      ['need-restart', [...needRestart]],
    ])
  } catch (failure) {
    if (!(failure instanceof UserError)) throw failure
    return error(`ERR ${failure.message.replace(/\s*\n\s*/g, '; ')}`)
  }
}
