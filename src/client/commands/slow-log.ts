import { wrongWordsError } from '../../command/errors.js'
import { error, map, type Reply, simple } from '../../resp/encode.js'
import type { Server } from '../server.js'
import type { SlowCommand } from '../slow-log.js'
import { option, parseInt64 } from './arguments.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'slowLog'>

const OK = simple('OK')
const ENTRIES_SHOWN = 10n
const WRONG_COUNT = error('ERR count should be greater than or equal to -1')

const WRONG_KIND = error('ERR type should be one of the following: slow, large-request, large-reply')

/** SLOWLOG … [Redis slowlog.c slowlogCommand], and DT SLOWLOG, which tells where the time went. */
export const slowLogCommands: Record<string, LocalCommand<Needs>> = {
  'slowlog|get': (_client, args, { slowLog }) => {
    if (args.length > 3) return wrongWordsError('slowlog', args[1])
    return chosen(slowLog.entries, args[2], asRedis)
  },

  'slowlog|len': (_client, _args, { slowLog }) => slowLog.entries.length,

  'slowlog|reset': (_client, _args, { slowLog }) => {
    slowLog.reset()
    return OK
  },

  'commandlog|get': (_client, args, { slowLog }) =>
    ofKind(args[3], 'get', () => chosen(slowLog.entries, args[2], asRedis)),

  'commandlog|len': (_client, args, { slowLog }) => ofKind(args[2], 'len', () => slowLog.entries.length),

  'commandlog|reset': (_client, args, { slowLog }) =>
    ofKind(args[2], 'reset', () => {
      slowLog.reset()
      return OK
    }),

  'dt|slowlog': (_client, args, { slowLog }) => {
    if (args.length > 3) return error("ERR wrong number of arguments for 'dt|slowlog' command")
    return chosen(slowLog.entries, args[2], inFull)
  },
}

/** Of COMMANDLOG's three lists there is that of slow commands [Valkey commandlog.c]. */
function ofKind(kind: Buffer, what: string, reply: () => Reply): Reply {
  const word = option(kind)
  if (word === 'slow') return reply()
  if (word !== 'large-request' && word !== 'large-reply') return WRONG_KIND
  return error(
    `ERR 'commandlog|${what}' of ${word} is refused by this proxy: it has no list of these; DT HOTKEYS … BYTES counts the bytes of keys; nothing was done`,
  )
}

/** So many as are asked for, the newest first; -1 is all. */
function chosen(
  entries: readonly SlowCommand[],
  count: Buffer | undefined,
  shown: (entry: SlowCommand) => Reply,
): Reply {
  const most = count === undefined ? ENTRIES_SHOWN : parseInt64(count)
  if (most === undefined || most < -1n) return WRONG_COUNT
  return entries.slice(0, most === -1n ? undefined : Number(most)).map(shown)
}

/** Client libraries read these six, and some no more. */
function asRedis({ id, timeS, tookUs, args, address, name }: SlowCommand): Reply {
  return [id, timeS, tookUs, [...args], address, name]
}

function inFull({ id, timeS, tookUs, args, address, name, waitedUs, serverUs, proxyUs, member }: SlowCommand): Reply {
  return map([
    ['id', id],
    ['time', timeS],
    ['us', tookUs],
    ['waiting-us', waitedUs],
    ['server-us', serverUs],
    ['proxy-us', proxyUs],
    ['member', member],
    ['command', [...args]],
    ['client', address],
    ['name', name],
  ])
}
