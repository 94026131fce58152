import t from 'tap'
import { Pair } from './pair.js'
import { parseScript } from './script.js'
import { compareRuns } from './wrapped-runs.js'

const pair = await Pair.start(t)

compareRuns(pair, 'scripts', (source, call) => [['EVAL', source, ...call]])

/** What the proxy tells of itself or of all servers, as far as it is what a Redis tells. */
const TOLD = [
  "return redis.call('command', 'getkeys', 'mset', 'a', '1', 'b', '2')",
  "return redis.call('command', 'getkeysandflags', 'set', 'a', 'b')",
  "return redis.call('COMMAND', 'INFO', 'get', 'nosuch')[1][1]",
  "return {#redis.call('command', 'info', 'get', 'nosuch'), redis.call('command', 'info', 'nosuch')[1]}",
  "return redis.call('command', 'info', 'get')[1][3]",
  "return redis.call('command', 'list', 'filterby', 'pattern', 'xad*')",
  "return {type(redis.call('command', 'count')), type(redis.call('command')[1][1])}",
  "return type(redis.call('command', 'docs', 'get')[2])",
  "return redis.call('pubsub', 'numsub', 'a', 'b')",
  "return {redis.call('pubsub', 'channels'), redis.call('pubsub', 'shardchannels', 'x*'), redis.call('pubsub', 'numpat')}",
  "return string.match(redis.call('info', 'server'), 'redis_mode:%a+')",
  "return {type(redis.call('info')), type(redis.call('lastsave')), type(redis.call('memory', 'doctor'))}",
  "return {redis.call('slowlog', 'reset'), redis.call('slowlog', 'len'), redis.call('slowlog', 'get')}",
  "return redis.call('command', 'getkeys', 'ping')",
  "return redis.pcall('command', 'getkeys', 'ping')",
  "return redis.call('pubsub', 'channels', 'a', 'b')",
  "return redis.call('slowlog', 'get', 'x')",
  "return redis.call('pubsub', 'numpat', 'x')",
  "return redis.call('pubsub')",
]

t.test('inside a script, COMMAND, INFO and their kind: what Redis says, and once what the script does', async (t) => {
  for (const proto of [2, 3] as const) {
    for (const source of TOLD) {
      await pair.flush()
      const before = "local n = redis.call('incr', KEYS[1]) redis.call('rpush', KEYS[2], n) "
      const quoted = (text: string) => JSON.stringify(text)
      const lines = [
        `EVAL ${quoted(source)} 0`,
        `EVAL ${quoted(before + source)} 2 {a}n {a}l`,
        `EVAL ${quoted(before + source)} 2 n l`,
        `EVAL_RO ${quoted(source)} 0`,
        'MULTI',
        `EVAL ${quoted(before + source)} 2 n l`,
        'EXEC',
        'MGET {a}n n',
      ]
      t.equal((await pair.differences(parseScript(lines.join('\n')), proto, true)).join('\n'), '', source)
      t.same(await pair.dataFaults(0), [], source)
    }
  }
})
