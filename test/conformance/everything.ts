import fc from 'fast-check'
import type { Argument, CommandDocs } from './command-docs.js'
import type { Line, Way } from './script.js'

/*
 * Random commands of every kind with every option, made from what Redis itself says of their arguments. Keys are few, of every
 * type, under two tags, so that commands meet what others have left; values are those that mean something, and some that are wrong.
 */

const NOT_HERE: readonly [names: RegExp, why: string][] = [
  [
    /^(subscribe|unsubscribe|psubscribe|punsubscribe|ssubscribe|sunsubscribe|monitor)$/,
    'replies of no command: channels.test.ts, monitor',
  ],
  [
    /^client\||^(auth|hello|quit|reset)$/,
    'of the connection: connections.long.test.ts, login.test.ts, tracking.test.ts',
  ],
  [
    /^(acl|cluster|config|module|memory|latency|slowlog|debug)(\||$)|^(asking|readonly|readwrite)$/,
    'of the server: cases/',
  ],
  [/^(info|lastsave|lolwut|role|time|command(\|(count|list))?)$/, 'each server has its own answer: cases/'],
  [
    /^(bgrewriteaof|bgsave|save|failover|psync|replconf|replicaof|shutdown|slaveof|sync|migrate|restore-asking)$/,
    'of one server: docs/commands.md',
  ],
  [/^(pfdebug|pfselftest|wait|function\|(dump|restore|stats)|script\|(debug|kill)|function\|kill)$/, 'cases/'],
  [/^(multi|exec|discard|watch|unwatch)$/, 'random transactions are in moving-programs.ts and transactions.test.ts'],
]

/** Why a command does not stand here; undefined if it does. */
export function whyNotHere(name: string): string | undefined {
  return NOT_HERE.find(([names]) => names.test(name))?.[1]
}

const TAGS = ['{a}', '{b}'] as const
const TYPES = ['string', 'list', 'hash', 'set', 'zset', 'stream', 'hll', 'geo'] as const
type Type = (typeof TYPES)[number]
const TYPE_OF_GROUP: Readonly<Record<string, Type>> = {
  ...{ string: 'string', bitmap: 'string', list: 'list', hash: 'hash', set: 'set', 'sorted-set': 'zset' },
  ...{ stream: 'stream', hyperloglog: 'hll', geo: 'geo' },
}

/** COMMAND without its last word would list all, and SPOP would choose. */
const NOT_SPOILT = /^(COMMAND|SPOP)$/
/** Its number is told when the keys behind it are there. */
const NUMKEYS = '\0numkeys'
/** The word behind is a key. */
const KEY = '\0key:'

const from = (...words: string[]) => fc.constantFrom(...words)
const word = from('a', 'b', 'c', 'd', '1', '2', '3', '10', '-5', '1.5', '', 'two words', '\r\n', '\0\x80é')
const member = from('a', 'b', 'c', 'd', 'e', '1', '2', '3')
const integer = from('0', '1', '2', '3', '-1', '-2', '5', '10', 'x')
const streamId = from('1-1', '1-2', '2-0', '3-1', '5-5', '7-*', '9-0', '0', '-', '+', '(1-1', '$', 'x')
const lex = from('-', '+', '[a', '(b', '[c', '[1', 'x')
const scripts = from(
  "return redis.call('INCR', KEYS[1])",
  'return {KEYS[1], ARGV[1], 1, 2.5, false}',
  "return redis.pcall('LPUSH', KEYS[1], unpack(ARGV))",
  "for _, key in ipairs(KEYS) do redis.call('DEL', key) end return #KEYS",
  "redis.call('SET', KEYS[1], 'x') return redis.call('TYPE', KEYS[1])",
  "return redis.call('GET', 'string1{a}')",
  "redis.call('RPUSH', 'list1{b}', 'y') return redis.call('LRANGE', KEYS[1], 0, -1)",
  "return redis.error_reply('MINE own')",
  "redis.call('SADD', KEYS[1], 'm') error('no')",
  'return {err = ARGV[1]}',
  'this is no Lua',
)
const LIBRARY = `#!lua name=lib
redis.register_function('f', function(keys, args) return redis.call('INCRBY', keys[1], args[1] or 1) end)
redis.register_function{function_name='g', callback=function(keys) return redis.call('TYPE', keys[1]) end, flags={'no-writes'}}`

/** Values by the name of the argument, with its type before it where names are not enough. Deadlines are far away, or past. */
const BY_NAME: Readonly<Record<string, fc.Arbitrary<string>>> = {
  ...{ seconds: from('100000', '5000', '0', '-1', 'x'), milliseconds: from('50000000', '5000000', '0', '-1', 'x') },
  ...{ ttl: from('0', '50000000', '-1'), 'unix-time-seconds': from('4102444800', '4102445000', '1', '-1', 'x') },
  ...{
    'unix-time-milliseconds': from('4102444800123', '4102444900000', '1', 'x'),
    timeout: from('0.01', '0.02', '-1', 'x'),
  },
  ...{ cursor: from('0', '0', '0', 'x'), numkeys: fc.oneof({ weight: 12, arbitrary: from(NUMKEYS) }, integer) },
  ...{
    db: from('0', '1', 'x'),
    'destination-db': from('0', '1', '1', 'x'),
    index1: from('0', '1'),
    index2: from('0', '1'),
  },
  ...{ longitude: from('13.3', '15', '200', 'x'), latitude: from('38.1', '37.5', 'x') },
  ...{ radius: from('200', '0', '-1', '5000'), width: from('400', '0', 'x'), height: from('400', '-1') },
  ...{
    encoding: from('u4', 'i8', 'u63', 'i64', 'u64', 'x'),
    bit: from('0', '1', '2'),
    operation: from('AND', 'OR', 'XOR', 'NOT', 'x'),
  },
  ...{
    group: from('g', 'g', 'h'),
    groupname: from('g', 'g', 'h'),
    consumer: from('me', 'you'),
    consumername: from('me', 'you'),
  },
  ...{
    id: streamId,
    'last-id': streamId,
    max_deleted_entry_id: streamId,
    threshold: from('3', '0', '1-1', '5-5', 'x'),
  },
  ...{ 'min-idle-time': from('0', '0', '100000000', 'x'), ms: from('0', '100000000') },
  ...{ script: scripts, sha1: from('e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 'x'), function: from('f', 'g', 'h') },
  ...{ 'function-code': from(LIBRARY, LIBRARY, '#!lua name=lib\nx', 'x'), 'library-name': from('lib', 'none') },
  ...{ 'library-name-pattern': from('*', 'l*'), 'serialized-value': from('x', '\0\x03foo') },
  ...{
    frequency: from('1', '255', '256'),
    type: from(...TYPES, 'hash', 'string', 'none'),
    weight: from('2', '-1', '1.5', 'x'),
  },
  ...{ offset: from('0', '3', '8', '#1', '100', '-1', 'x'), field: member, member, member1: member, member2: member },
  ...{
    'command-name': from('get', 'xgroup|create', 'nosuch'),
    command: from('GET', 'MSET', 'EVAL'),
    limit: from('0', '1', '-1', 'x'),
  },
}

const score = from('0', '1', '2.5', '-3', '1e3', 'inf', '-inf', 'nan', 'x')
const bound = from('0', '1', '2.5', '-3', 'inf', '-inf', '(1', '(2.5', 'x')

const OF_COMMAND: Readonly<Record<string, fc.Arbitrary<string>>> = {
  ...{
    'xread milliseconds': from('5', '-1', 'x'),
    'xreadgroup milliseconds': from('5', 'x'),
    'select index': from('0', '0', '1', 'x'),
  },
  ...{
    'xautoclaim start': streamId,
    'xpending start': streamId,
    'xpending end': streamId,
    'xreadgroup id': from('>', '>', '0', '1-1', 'x'),
  },
  ...{ 'xrange start': streamId, 'xrange end': streamId, 'xrevrange start': streamId, 'xrevrange end': streamId },
  ...{ 'zadd increment': from('INCR'), 'zincrby increment': score, 'zrange start': fc.oneof(integer, bound, lex) },
  ...{ 'zrange stop': fc.oneof(integer, bound, lex), 'zrangestore min': fc.oneof(integer, bound, lex) },
  ...{
    'zrangestore max': fc.oneof(integer, bound, lex),
    'setbit value': from('0', '1', '2'),
    'setbit offset': from('0', '7', '100', '-1'),
  },
  ...{
    'getbit offset': from('0', '7', '100'),
    'setrange offset': from('0', '3', '20', '-1'),
    'bitfield offset': from('0', '#1', '5', 'x'),
  },
}

function valueFor(command: string, { name, type }: Argument): fc.Arbitrary<string> {
  const own = OF_COMMAND[`${command} ${name}`]
  if (own !== undefined) return own
  if (/lex/.test(command) && /^(min|max)$/.test(name)) return lex
  if (type === 'double' && /^(min|max)$/.test(name)) return bound
  if (BY_NAME[name] !== undefined) return BY_NAME[name]
  if (type === 'double') return score
  if (type === 'integer') return integer
  if (type === 'pattern')
    return /^sort/.test(command)
      ? from('string*{a}', 'hash*{b}->a', 'nosort', '#')
      : from('*', 'string*', 'l?st1*', 'a*')
  return word
}

/** The words of an argument, none if it is optional. */
function wordsOf(command: string, argument: Argument, key: fc.Arbitrary<string>): fc.Arbitrary<string[]> {
  const { type, token, flags = [], arguments: inner = [] } = argument
  const bare = (): fc.Arbitrary<string[]> => {
    if (type === 'oneof') return fc.oneof(...inner.map((each) => wordsOf(command, each, key)))
    if (type === 'block')
      return fc.tuple(...inner.map((each) => wordsOf(command, each, key))).map((parts) => parts.flat())
    if (type === 'pure-token') return fc.constant(token === '' || token === undefined ? [] : [token])
    if (type === 'key') return key.map((name) => [KEY + name])
    return valueFor(command, argument).map((value) => [value])
  }
  const before = token === undefined || type === 'pure-token' ? [] : [token]
  let words = bare()
  if (flags.includes('multiple_token'))
    words = fc
      .array(
        words.map((each) => [...before, ...each]),
        { minLength: 1, maxLength: 3 },
      )
      .map((all) => all.flat())
  else {
    if (flags.includes('multiple')) words = fc.array(words, { minLength: 1, maxLength: 3 }).map((all) => all.flat())
    words = words.map((each) => [...before, ...each])
  }
  return flags.includes('optional')
    ? fc.oneof({ weight: 2, arbitrary: fc.constant<string[]>([]) }, { weight: 1, arbitrary: words })
    : words
}

/** A key of the type that the command is about, now and then of another. */
function keyOf(group: string, tag: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const type = TYPE_OF_GROUP[group]
  const any = fc.tuple(from(...TYPES), fc.integer({ min: 1, max: 3 }), tag).map((parts) => parts.join(''))
  if (type === undefined) return any
  const right = fc.tuple(fc.constant(type), fc.integer({ min: 1, max: 3 }), tag).map((parts) => parts.join(''))
  return fc.oneof({ weight: 12, arbitrary: right }, any)
}

/** Commands of these, each as likely as the others. The keys of one are under one tag, or under both. */
export function anyCommand(docs: readonly CommandDocs[]): fc.Arbitrary<Line> {
  const tags = [from(TAGS[0]), from(TAGS[1]), from(...TAGS)]
  const lines = docs
    .filter(({ name }) => whyNotHere(name) === undefined)
    .map(({ name, group, arguments: all }) => {
      const ofTag = tags.map((tag) => {
        const parts = all.map((argument) => wordsOf(name, argument, keyOf(group, tag)))
        return fc.tuple(...parts).map((words) => words.flat())
      })
      return fc.oneof(...ofTag).map((words) => lineOf(name, words))
    })
  return fc.tuple(fc.oneof(...lines), fc.integer({ min: 0, max: 30 })).map(([line, luck]) => spoilt(line, luck))
}

/** Once in a while a word too few or too many. */
function spoilt(line: Line, luck: number): Line {
  if (luck > 1 || line.way === 'scan' || NOT_SPOILT.test(line.args[0].toString())) return line
  const args = luck === 0 ? line.args.slice(0, -1) : [...line.args, Buffer.from('more')]
  return args.length === 0 ? line : written(args, line.way)
}

function lineOf(name: string, words: readonly string[]): Line {
  const said = [...name.toUpperCase().split('|'), ...forSure(name, words)]
  const args = said.map((each, i) => {
    if (each !== NUMKEYS) return each.startsWith(KEY) ? each.slice(KEY.length) : each
    const behind = said.slice(i + 1).findIndex((next) => !next.startsWith(KEY))
    return String(behind < 0 ? said.length - i - 1 : behind)
  })
  return written(
    args.map((each) => Buffer.from(each, 'latin1')),
    wayOf(name, args),
  )
}

function written(args: readonly Buffer[], way: Way): Line {
  return { way, args, text: args.map((each) => JSON.stringify(each.toString('latin1'))).join(' ') }
}

/** What would be left to the server's choice is made certain: it is compared afterwards. */
function forSure(name: string, words: readonly string[]): readonly string[] {
  if (name === 'spop') return [words[0], '100']
  if (name === 'xadd') return words.map((each) => (each === '*' ? '8-8' : each))
  const isByOthers = /^sort/.test(name) && words.some((each) => each === 'BY' || each === 'GET')
  // Equal weights leave a set in its own order.
  return isByOthers ? words.filter((each, i) => each !== 'STORE' && words[i - 1] !== 'STORE') : words
}

/**
 * A program in which DBSIZE is not compared where Redis itself may say this or that: a key that SET gives a deadline which has passed is
 * there, and counted, until it is asked for, or found by the active cycle, of which nobody can say when it comes [redis-facts Expiry].
 *
 * @param isRepeated the program is said again and again, so that what comes last is also before the first
 */
export function withoutRacingSizes(lines: readonly Line[], isRepeated: boolean): Line[] {
  let isAny = isRepeated && lines.some(setsThePast)
  return lines.map((line) => {
    isAny ||= setsThePast(line)
    return isAny && line.args[0].toString() === 'DBSIZE' ? { ...line, way: 'numbers' as const } : line
  })
}

function setsThePast({ args }: Line): boolean {
  const [name, ...words] = args.map((arg) => arg.toString('latin1').toLowerCase())
  return (
    name === 'set' &&
    words.some((word, i) => /^(exat|pxat)$/.test(words[i - 1] ?? '') && Number(word) < Date.now() / 1000)
  )
}

const WAYS: readonly [names: RegExp, way: Way][] = [
  [/^(smembers|sinter|sunion|sdiff|keys|spop|hkeys|hvals|pubsub\|.*channels)$/, 'unordered'],
  [/^hgetall$/, 'pairs'],
  [/^command\|(docs|info)$/, 'table'],
  [/^(p?ttl|p?expiretime|object\|idletime)$/, 'ttl'],
  [/^([hsz]?scan)$/, 'scan'],
  [/^(randomkey|[hsz]randmember|hrandfield|dump|object\|(refcount|encoding|freq)|function\|list)$/, 'chosen'],
  [/^(xpending|xinfo\|.*)$/, 'numbers'],
]

function wayOf(name: string, args: readonly string[]): Way {
  if (/^sort/.test(name) && args.some((each) => each === 'BY' || each === 'GET')) return 'chosen'
  return WAYS.find(([names]) => names.test(name))?.[1] ?? 'same'
}
