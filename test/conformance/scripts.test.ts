import t from 'tap'
import { Pair } from './pair.js'
import { parseScript } from './script.js'
import { compareRuns } from './wrapped-runs.js'

const pair = await Pair.start(t)

compareRuns(pair, 'scripts', (source, call) => [['EVAL', source, ...call]])

t.test('flags: on a Redis that is no cluster and no replica most change nothing', async (t) => {
  const body =
    "redis.call('set', KEYS[1], 'x') redis.call('append', KEYS[2], 'y') redis.call('incr', 'undeclared') return {redis.call('get', KEYS[1]), redis.call('get', KEYS[2])}"
  const all = ['allow-stale', 'allow-cross-slot-keys', 'no-cluster', 'allow-oom', 'no-writes', 'nosuch']
  for (const flags of ['', ...all, 'allow-stale,allow-cross-slot-keys', 'allow-stale,no-writes', 'allow-stale,']) {
    await pair.flush()
    const quoted = (text: string) => JSON.stringify(text)
    const given = flags === '' ? '' : ` flags=${flags}`
    const listed = flags.split(',').map((flag) => `'${flag}'`)
    const library = `#!lua name=lib\nredis.register_function{function_name='f', callback=function(KEYS) ${body} end, flags={${flags === '' ? '' : listed}}}`
    const lines = [
      `EVAL ${quoted(`#!lua${given}\n${body}`)} 2 one two`,
      `EVAL ${quoted(`#!lua${given}\nreturn redis.call('get', KEYS[1])`)} 2 one two`,
      `EVAL_RO ${quoted(`#!lua${given}\nreturn redis.call('get', KEYS[1])`)} 2 one two`,
      `FUNCTION LOAD REPLACE ${quoted(library)}`,
      'FCALL f 2 one two',
      'FCALL_RO f 2 one two',
      'FUNCTION FLUSH',
      'MGET one two undeclared',
    ]
    for (const proto of [2, 3] as const) {
      t.equal((await pair.differences(parseScript(lines.join('\n')), proto, false)).join('\n'), '', flags)
    }
    t.same(await pair.dataFaults(0), [], flags)
  }
})

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
