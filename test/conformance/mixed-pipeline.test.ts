import t from 'tap'
import { Random } from '../chaos/random.js'
import { command, type RawClient } from '../helpers/raw-client.js'
import { Pair } from './pair.js'

/*
 * One pipeline of all that a client may say, in which what a command does depends on those before it: transactions, replies that are
 * turned off, listening, databases, protocols. Every byte that comes is compared. CLIENT REPLY is not said between MULTI and EXEC,
 * where it is refused [docs/differences.md Transactions].
 */

const COMMANDS = 10_000
const pair = await Pair.start(t, { nodes: 3, replicas: 1 })

/** What of this client is known here: what it may say next depends on it. */
interface Said {
  inTransaction: boolean
  listens: boolean
  /** It watches keys, or goes from database to database: a key of the same name in another one counts as changed. */
  readonly watches: boolean
}

function next(random: Random, said: Said): string {
  const key = () => `${random.pick(['s', 'n', 'l', 'h', 'z', 'x', 'set'])}${random.below(5)}`
  const value = () => random.pick(['a', '1', '-7', '2.5', '', 'two_words', 'x'.repeat(200)])
  if (said.listens) {
    const line = random.pick([
      'PING',
      'PING x',
      'GET n1',
      'SUBSCRIBE c1 c2',
      'PSUBSCRIBE c*',
      'MULTI',
      'NOSUCH',
      'UNSUBSCRIBE c1',
      'RESET',
    ])
    if (line === 'RESET') said.listens = false
    return line
  }
  if (said.inTransaction && random.chance(0.15)) {
    said.inTransaction = false
    return random.pick(['EXEC', 'EXEC', 'EXEC', 'DISCARD', 'RESET'])
  }
  if (!said.inTransaction && random.chance(0.12)) {
    const [state, line] = random.pick([
      ...Array.from({ length: 6 }, () => ['inTransaction', 'MULTI'] as const),
      ...[['listens', 'SUBSCRIBE c1'] as const, ['', 'CLIENT REPLY SKIP'] as const, ['', 'CLIENT REPLY ON'] as const],
      ...[
        ['', 'CLIENT REPLY OFF'] as const,
        ['', 'HELLO 3'] as const,
        ['', 'HELLO 2'] as const,
        ['', 'RESET'] as const,
      ],
      ...[['', 'CLIENT REPLY ON'] as const, ['', 'CLIENT REPLY nosuch'] as const, ['', 'EXEC'] as const],
    ])
    if (state !== '') said[state] = true
    return line
  }
  return random.pick([
    ...[
      `SET ${key()} ${value()}`,
      `GET ${key()}`,
      `INCR ${key()}`,
      `APPEND ${key()} ${value()}`,
      `DEL ${key()} ${key()}`,
    ],
    ...[`LPUSH ${key()} ${value()}`, `LRANGE ${key()} 0 3`, `RPOP ${key()}`, `LMOVE ${key()} ${key()} LEFT RIGHT`],
    ...[
      `HSET ${key()} f ${value()}`,
      `HINCRBY ${key()} f 3`,
      `HGET ${key()} f`,
      `SADD ${key()} ${value()}`,
      `SCARD ${key()}`,
    ],
    ...[
      `ZADD ${key()} 1 ${value()}`,
      `ZRANGE ${key()} 0 -1 WITHSCORES`,
      `XADD ${key()} ${random.below(2000)}-1 f v`,
      `XLEN ${key()}`,
    ],
    ...[
      `MSET ${key()} 1 ${key()} 2`,
      `MGET ${key()} ${key()} ${key()}`,
      `EXISTS ${key()} ${key()}`,
      `RENAME ${key()} ${key()}`,
    ],
    ...[
      `SINTERSTORE ${key()} ${key()} ${key()}`,
      `SORT ${key()} ALPHA`,
      `TYPE ${key()}`,
      `OBJECT HELP x`,
      `EXPIRE ${key()} 1000`,
    ],
    ...[
      `BLPOP ${key()} 0.01`,
      `BLMOVE ${key()} ${key()} LEFT LEFT 0.01`,
      `PUBLISH c1 m`,
      'UNWATCH',
      said.watches ? `WATCH ${key()}` : `SELECT ${random.below(3)}`,
    ],
    ...[
      'SELECT 0',
      'SELECT 99',
      'SELECT x',
      `ECHO ${value()}`,
      'PING',
      'DBSIZE',
      'CLIENT GETNAME',
      'CLIENT SETNAME me',
    ],
    ...[
      `EVAL return{KEYS[1],ARGV[1]} 1 ${key()} ${value()}`,
      `EVAL return(redis.call('INCR',KEYS[1])) 1 ${key()}`,
      'EVALSHA nosuch 0',
    ],
    ...[
      'NOSUCH x',
      'GET',
      'SET a',
      'CLIENT NOSUCH',
      'FLUSHDB x',
      'CONFIG GET nosuch',
      'LASTSAVE x',
      'COMMAND GETKEYS GET k',
      'DISCARD x',
    ],
  ])
}

async function heard(client: RawClient, lines: readonly string[]): Promise<string[]> {
  client.send(Buffer.concat(lines.map((line) => command(...line.split(' ')))))
  const replies: string[] = []
  for (;;) {
    const reply = (await client.reply()).toString('latin1')
    if (reply === '$8\r\nthe_last\r\n') return replies
    replies.push(reply.replace(/(\$2\r\nid\r\n):\d+/, '$1:0'))
  }
}

for (const seed of [1, 2]) {
  t.test(`a pipeline of all kinds of commands is answered to the byte, seed ${seed}`, async (t) => {
    await pair.flush()
    const { ours, theirs, close } = await pair.connect(2)
    const random = new Random(seed, 'pipeline')
    const said: Said = { inTransaction: false, listens: false, watches: seed !== 2 }
    const lines = Array.from({ length: COMMANDS }, () => next(random, said))
    const last = ['RESET', 'CLIENT REPLY ON', `ECHO the_last`]
    const [one, other] = await Promise.all([ours, theirs].map((client) => heard(client, [...lines, ...last])))
    const at = one.findIndex((reply, i) => reply !== other[i])
    t.equal(
      at,
      -1,
      `reply ${at}: ${JSON.stringify(one.slice(at - 3, at + 2))}, of Redis ${JSON.stringify(other.slice(at - 3, at + 2))}`,
    )
    t.equal(one.length, other.length)
    t.equal((await pair.dataFaults(30_000)).join('\n'), '')
    close()
  })
}
