import { UserError } from '../../base/user-error.js'
import { error, map, type Reply } from '../../resp/encode.js'
import { reload } from '../reload.js'
import type { Server } from '../server.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'acl' | 'cachedKeys' | 'clients' | 'config' | 'log' | 'pushLimits' | 'source' | 'tls'>

/** DT RELOAD: what SIGHUP does, with an answer. */
export const dtReloadCommands: Record<string, LocalCommand<Needs>> = {
  'dt|reload': (_client, _args, server) => reloaded(server),
}

function reloaded(server: Needs): Reply {
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
