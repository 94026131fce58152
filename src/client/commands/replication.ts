import { assert } from '../../base/assert.js'
import { rowNamed } from '../../command/table.js'
import { refused } from '../../order/replies.js'
import { error, type Reply, simple } from '../../resp/encode.js'
import { NOT_AN_INTEGER, option, parseInt64, SYNTAX_ERROR } from './arguments.js'
import type { LocalCommand } from './local-command.js'

const OK = simple('OK')

/** What a master without replicas answers, as far as it changes nothing. */
export const replicationCommands: Record<string, LocalCommand<unknown>> = {
  failover: (_client, args) => failover(args),
  replicaof: (_client, args) => follow('replicaof', args),
  slaveof: (_client, args) => follow('slaveof', args),
  // The offset is that of INFO replication.
  role: () => ['master', 0, []],
  'script|debug': (_client, args) => debugScripts(args),
}

/** Of words that ask for what is not served. */
function refusedHere(name: string): Reply {
  const row = rowNamed(name)
  assert(row !== undefined, `the table has ${name}`)
  return refused(row)
}

/** REPLICAOF host port | NO ONE [Redis replication.c replicaofCommand] */
function follow(name: string, [, host, port]: readonly Buffer[]): Reply {
  if (option(host) === 'no' && option(port) === 'one') return OK
  const number = parseInt64(port)
  if (number === undefined || number < 0n || number > 65535n) return error('ERR Invalid master port')
  return refusedHere(name)
}

/** FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT ms] [Redis replication.c failoverCommand] */
function failover(args: readonly Buffer[]): Reply {
  if (args.length === 2 && option(args[1]) === 'abort') return error('ERR No failover in progress.')
  const seen = new Set<string>()
  for (let i = 1; i < args.length; i++) {
    const word = option(args[i])
    const more = { timeout: 1, to: 2, force: 0 }[word]
    if (more === undefined || seen.has(word) || i + more >= args.length) return SYNTAX_ERROR
    seen.add(word)
    i += more
    if (word === 'force') continue
    const number = parseInt64(args[i])
    if (number === undefined) return NOT_AN_INTEGER
    if (word === 'timeout' && number <= 0n) return error('ERR FAILOVER timeout must be greater than 0')
  }
  return error('ERR FAILOVER requires connected replicas.')
}

/** SCRIPT DEBUG YES|SYNC|NO [Redis eval.c scriptCommand] */
function debugScripts(args: readonly Buffer[]): Reply {
  const word = option(args[2])
  if (word === 'no') return OK
  return word === 'yes' || word === 'sync' ? refusedHere('script|debug') : error('ERR Use SCRIPT DEBUG YES/SYNC/NO')
}
