import { setTimeout as sleep } from 'node:timers/promises'
import { wordOf } from '../../base/ascii.js'
import { helpReply } from '../../command/help.js'
import { BigNumberReply, bool, DoubleReply, error, map, type Reply, set, simple, verbatim } from '../../resp/encode.js'
import type { Connection } from '../connection.js'
import { isLoopback } from '../protected-mode.js'
import type { Server } from '../server.js'
import { errorNaming, option } from './arguments.js'
import { type LocalCommand, NO_REPLY } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'log'>

const TIMER_MS_MAX = 2 ** 31 - 1
const OK = simple('OK')

/** To the byte as Redis says it [Redis server.c processCommand]. */
export const DEBUG_NOT_ALLOWED = error(
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
)

/** Whether a client may say DEBUG, by the setting `commands.debug`, which is Redis's `enable-debug-command`. */
export function mayDebug({ config }: Pick<Server, 'config'>, client: Connection): boolean {
  const { debug } = config.commands
  return debug === 'yes' || (debug === 'local' && isLoopback(client))
}

const HELP: readonly string[] = [
  'ERROR <string>',
  '    Return an error with <string> as message.',
  'LOG <message>',
  '    Write <message> to the log of the proxy.',
  'PROTOCOL <type>',
  '    Reply with a test value of the specified type. <type> can be: string,',
  '    integer, double, bignum, null, array, set, map, attrib, push, verbatim,',
  '    true, false.',
  'SLEEP <seconds>',
  '    Answer after <seconds>. Decimals allowed. Others are served meanwhile.',
]

const OF_ONE = 'it tells of the memory of one server: ask that one, DT LOCATE says which it is'
const SILENT = 'a server that loads its data anew is silent meanwhile, and taken for dead'
const HARM = 'it harms a server'
/** By subcommands of Redis. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['set-active-expire', 'a server that removes no expired keys counts others than those with the same keys do'],
  ['reload', SILENT],
  ['loadaof', SILENT],
  ['change-repl-id', 'the servers have no replicas that would know it'],
  ['quicklist-packed-threshold', 'copies of a list would be made in different ways'],
  ...['object', 'listpack', 'quicklist', 'sdslen', 'htstats', 'htstats-key', 'digest', 'digest-value', 'mallctl'].map(
    (name) => [name, OF_ONE] as const,
  ),
  ...['segfault', 'panic', 'assert', 'oom', 'leak', 'restart', 'crash-and-recover', 'replicate', 'populate'].map(
    (name) => [name, HARM] as const,
  ),
])

const ATTRIBUTE = '|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n'
const PUSH = '>2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n'
const bulkOf = (text: string) => `$${text.length}\r\n${text}\r\n`
const BEHIND_ATTRIBUTE = 'Some real reply following the attribute'
const BEHIND_PUSH = bulkOf('Some real reply following the push reply')

const VALUES: ReadonlyMap<string, Reply> = new Map<string, Reply>([
  ['string', 'Hello World'],
  ['integer', 12345],
  ['double', new DoubleReply('3.141')],
  ['bignum', new BigNumberReply('1234567999999999999999999999999999999')],
  ['null', null],
  ['array', [0, 1, 2]],
  ['set', set([0, 1, 2])],
  [
    'map',
    map([
      [0, bool(false)],
      [1, bool(true)],
      [2, bool(false)],
    ]),
  ],
  ['verbatim', verbatim('txt', 'This is a verbatim\nstring')],
  ['true', bool(true)],
  ['false', bool(false)],
])
const WRONG_TYPE = error(
  'ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false',
)

/** DEBUG …, as far as it does no harm to others [Redis debug.c debugCommand]. */
export const debug: LocalCommand<Needs> = (client, args, { log }) => {
  const word = option(args[1])
  if (word === 'help' && args.length === 2) return helpReply('debug', HELP)
  if (args.length === 3) {
    switch (word) {
      case 'error':
        return error(Buffer.from(args[2]))
      case 'log':
        log.warn({ event: 'debug-log', client: client.address }, `DEBUG LOG: ${wordOf(args[2])}`)
        return OK
      case 'protocol':
        return testValue(client, option(args[2]))
      case 'sleep':
        return asleep(args[2])
    }
  }
  const why = REFUSED.get(word)
  if (why !== undefined) return error(`ERR 'debug ${word}' is refused by this proxy: ${why}; nothing was done`)
  return errorNaming('unknown subcommand or wrong number of arguments for ', args[1], '. Try DEBUG HELP.')
}

function testValue(client: Connection, type: string): Reply | typeof NO_REPLY {
  const { proto } = client.session
  const isRaw = proto === 3 && (type === 'attrib' || type === 'push')
  if (isRaw) {
    const bytes = type === 'push' ? PUSH + BEHIND_PUSH : ATTRIBUTE + bulkOf(BEHIND_ATTRIBUTE)
    client.replyBytes(Buffer.from(bytes))
    return NO_REPLY
  }
  if (type === 'push') return error('ERR RESP2 is not supported by this command')
  if (type === 'attrib') return BEHIND_ATTRIBUTE
  const value = VALUES.get(type)
  return value === undefined ? WRONG_TYPE : value
}

/** What is no number is none [C strtod]. */
async function asleep(seconds: Buffer): Promise<Reply> {
  const parsed = Number.parseFloat(wordOf(seconds))
  if (parsed > 0) await sleep(Math.min(parsed * 1000, TIMER_MS_MAX))
  return OK
}
