import type { Random } from '../chaos/random.js'
import type { Arg, RawClient } from './raw-client.js'

/*
 * Writes whose effect depends on more than the stored value and the bytes of the command: what the server picks, the
 * clock, the layout of its memory, the arithmetic of its CPU [design §7 master first, absolute, copy]. There are
 * few keys of each type, so that these writes meet each other.
 */

type Write = (random: Random) => Arg[]

const KEYS_PER_TYPE = 12
const key = (random: Random, type: string) => `${type}:${random.below(KEYS_PER_TYPE)}`
/** Two keys of a type on one server. */
const pair = (random: Random, type: string): [string, string] => {
  const tag = random.below(4)
  return [`{t${tag}}${type}:a`, `{t${tag}}${type}:${random.pick(['b', 'c'])}`]
}
/** One of either. */
const any = (random: Random, type: string) => (random.chance(0.5) ? key(random, type) : random.pick(pair(random, type)))

const word = (random: Random) => `w${random.below(30)}`
const far = (random: Random) => String(random.between(3000, 90_000))
const farMs = (random: Random) => String(random.between(3_000_000, 90_000_000))
const flag = (random: Random) => random.pick([[], ['NX'], ['XX'], ['GT'], ['LT']])
const TYPES = ['s', 'f', 'h', 'l', 'set', 'z', 'geo', 'x']

const POPS: Write[] = [
  (r) => ['SADD', any(r, 'set'), word(r), word(r), word(r), String(r.below(400))],
  (r) => ['SADD', any(r, 'set'), ...Array.from({ length: r.below(200) + 1 }, () => String(r.below(1000)))],
  (r) => ['SPOP', any(r, 'set')],
  (r) => ['SPOP', any(r, 'set'), String(r.pick([0, 1, 3, 10, 1000]))],
  (r) => ['RPUSH', any(r, 'l'), word(r), word(r), word(r), word(r)],
  (r) => ['LMPOP', '2', ...pair(r, 'l'), r.pick(['LEFT', 'RIGHT']), 'COUNT', String(r.between(1, 4))],
  (r) => ['ZADD', any(r, 'z'), String(r.below(9)), word(r), `${r.below(9)}.5`, word(r)],
  (r) => ['ZMPOP', '2', ...pair(r, 'z'), r.pick(['MIN', 'MAX']), 'COUNT', String(r.between(1, 4))],
]

const STREAMS: Write[] = [
  (r) => ['XADD', any(r, 'x'), '*', 'a', word(r)],
  (r) => ['XADD', any(r, 'x'), 'MAXLEN', '~', String(r.between(5, 200)), '*', 'a', word(r)],
  (r) => ['XADD', any(r, 'x'), 'MAXLEN', '~', '10', 'LIMIT', '50', '*', 'a', word(r)],
  (r) => ['XADD', any(r, 'x'), 'NOMKSTREAM', 'MINID', '~', String(Date.now() - r.below(500)), '*', 'a', word(r)],
  (r) => ['XADD', any(r, 'x'), `${Date.now() + r.between(-50, 50)}-*`, 'a', word(r)],
  (r) => ['XGROUP', 'CREATE', any(r, 'x'), 'g', r.pick(['0', '$']), 'MKSTREAM'],
  (r) => ['XREADGROUP', 'GROUP', 'g', r.pick(['me', 'you']), 'COUNT', '4', 'STREAMS', any(r, 'x'), '>'],
  (r) => ['XREADGROUP', 'GROUP', 'g', 'me', 'COUNT', '2', 'NOACK', 'STREAMS', any(r, 'x'), '>'],
  (r) => ['XREADGROUP', 'GROUP', 'g', 'me', 'STREAMS', any(r, 'x'), '0'],
  (r) => ['XREADGROUP', 'GROUP', 'g', 'me', 'COUNT', '3', 'STREAMS', ...pair(r, 'x'), '>', '>'],
  (r) => ['XAUTOCLAIM', any(r, 'x'), 'g', r.pick(['me', 'you', 'thief']), String(r.pick([0, 0, 5, 20])), '0'],
  (r) => ['XAUTOCLAIM', any(r, 'x'), 'g', 'thief', '0', '0', 'COUNT', '2', 'JUSTID'],
  (r) => ['XCLAIM', any(r, 'x'), 'g', 'thief', '0', ...recentIds(r)],
  (r) => ['XCLAIM', any(r, 'x'), 'g', 'you', '10', ...recentIds(r), 'RETRYCOUNT', '3'],
  (r) => ['XCLAIM', any(r, 'x'), 'g', 'new', '0', ...recentIds(r), 'FORCE', 'IDLE', '1000', 'JUSTID'],
  (r) => ['XACK', any(r, 'x'), 'g', ...recentIds(r)],
  (r) => ['XDEL', any(r, 'x'), ...recentIds(r)],
  (r) => ['XGROUP', 'DELCONSUMER', any(r, 'x'), 'g', r.pick(['me', 'new'])],
]

/** Ids that may be there: entries of the last moments, and of others' partial ids. */
function recentIds(random: Random): string[] {
  return Array.from({ length: 4 }, () => `${Date.now() - random.below(300)}-0`)
}

const DEADLINES: Write[] = [
  (r) => ['SET', any(r, 's'), word(r), 'EX', far(r)],
  (r) => ['SET', any(r, 's'), word(r), 'PX', farMs(r), 'GET'],
  (r) => ['SET', any(r, 's'), word(r), 'KEEPTTL'],
  (r) => ['SET', any(r, 's'), word(r), 'XX', 'GET', 'KEEPTTL'],
  (r) => ['SET', any(r, 's'), word(r), 'NX', 'PX', farMs(r)],
  (r) => ['SETEX', any(r, 's'), far(r), word(r)],
  (r) => ['PSETEX', any(r, 's'), farMs(r), word(r)],
  (r) => ['GETEX', any(r, 's'), 'EX', far(r)],
  (r) => ['GETEX', any(r, 's'), 'PX', farMs(r)],
  (r) => ['GETEX', any(r, 's'), 'PERSIST'],
  (r) => ['EXPIRE', any(r, r.pick(TYPES)), far(r), ...flag(r)],
  (r) => ['PEXPIRE', any(r, r.pick(TYPES)), farMs(r), ...flag(r)],
  (r) => ['EXPIREAT', any(r, r.pick(TYPES)), String(Math.floor(Date.now() / 1000) + r.below(9000) + 3000)],
  (r) => ['PERSIST', any(r, r.pick(TYPES))],
  (r) => ['EXPIRE', any(r, 's'), '-1'],
]

const ARITHMETIC: Write[] = [
  (r) => ['INCRBYFLOAT', any(r, 'f'), `${r.between(-900, 900)}.${r.between(1, 999_999)}`],
  (r) => ['INCRBYFLOAT', any(r, 'f'), `${r.between(1, 9)}e-${r.between(1, 12)}`],
  (r) => ['HINCRBYFLOAT', any(r, 'h'), r.pick(['a', 'b']), `${r.between(-9, 9)}.${r.between(1, 999_999)}`],
]

const STORES: Write[] = [
  (r) => withPair(r, 'l', (from, to) => ['SORT', from, 'ALPHA', 'STORE', to]),
  (r) => withTag(r, (tag) => ['SORT', `{${tag}}l:a`, 'ALPHA', 'DESC', 'LIMIT', '0', '5', 'STORE', `{${tag}}l:b`]),
  (r) => withTag(r, (tag) => ['SORT', `{${tag}}set:a`, 'ALPHA', 'STORE', `{${tag}}l:c`]),
  (r) => withTag(r, (tag) => ['SORT', `{${tag}}z:a`, 'ALPHA', 'LIMIT', '1', '3', 'STORE', `{${tag}}l:c`]),
  (r) => ['GEOADD', any(r, 'geo'), `${r.below(170)}.${r.below(9999)}`, `${r.below(80)}.${r.below(9999)}`, word(r)],
  (r) => withTag(r, (tag) => ['GEORADIUS', `{${tag}}geo:a`, '80', '40', '9000', 'km', 'STORE', `{${tag}}z:b`]),
  (r) => withTag(r, (tag) => ['GEORADIUS', `{${tag}}geo:a`, '80', '40', '4000', 'km', 'STOREDIST', `{${tag}}z:c`]),
  (r) =>
    withTag(r, (tag) => ['GEORADIUS', `{${tag}}geo:a`, '9', '9', '20000', 'km', 'COUNT', '3', 'STORE', `{${tag}}z:c`]),
  (r) =>
    withTag(r, (tag) => [
      ...['GEOSEARCHSTORE', `{${tag}}z:b`, `{${tag}}geo:a`, 'FROMLONLAT', '80', '40'],
      ...['BYBOX', '9000', '9000', 'km', 'COUNT', '4', 'ANY', 'STOREDIST'],
    ]),
  (r) => withPair(r, r.pick(TYPES), (from, to) => ['COPY', from, to, 'REPLACE']),
  (r) => withPair(r, r.pick(TYPES), (from, to) => ['COPY', from, to, 'DB', r.pick(['2', '3']), 'REPLACE']),
  (r) => withPair(r, r.pick(TYPES), (from, to) => ['RENAME', from, to]),
  (r) => ['DEL', any(r, r.pick(TYPES))],
]

function withTag(random: Random, write: (tag: string) => Arg[]): Arg[] {
  return write(`t${random.below(4)}`)
}

function withPair(random: Random, type: string, write: (from: string, to: string) => Arg[]): Arg[] {
  return write(...pair(random, type))
}

/** A source of such writes, with payloads for RESTORE that a server made of values of all types. */
export async function chosenWrites(client: RawClient): Promise<(random: Random) => Arg[]> {
  const made: Arg[][] = [
    ['SET', '{made}s', 'restored'],
    ['SET', '{made}f', '0.25'],
    ['HSET', '{made}h', 'a', '1.5', 'b', '7'],
    ['RPUSH', '{made}l', 'x', 'y', 'z'],
    ['SADD', '{made}set', ...Array.from({ length: 40 }, (_, i) => `w${i}`)],
    ['ZADD', '{made}z', '1', 'one', '2', 'two'],
    ['GEOADD', '{made}geo', '80.5', '40.25', 'w1'],
    ['XADD', '{made}x', '5-1', 'a', 'b'],
    ['XGROUP', 'CREATE', '{made}x', 'g', '0'],
    ['XREADGROUP', 'GROUP', 'g', 'me', 'STREAMS', '{made}x', '>'],
  ]
  for (const command of made) {
    const reply = await client.ask(...command)
    if (reply[0] === 0x2d) throw new Error(`${command.join(' ')}: ${reply}`)
  }
  const payloads = new Map<string, Buffer>()
  for (const type of TYPES) {
    const dump = await client.ask('DUMP', `{made}${type}`)
    payloads.set(type, dump.subarray(dump.indexOf('\n') + 1, -2))
  }
  const restores: Write[] = [[], ['ABSTTL'], ['IDLETIME', '100']].map((options) => (r) => {
    const type = r.pick(TYPES)
    const ttl = options[0] === 'ABSTTL' ? String(Date.now() + 9_000_000) : r.pick(['0', farMs(r)])
    return ['RESTORE', any(r, type), ttl, payloads.get(type)!, 'REPLACE', ...options]
  })
  const writes = [...POPS, ...STREAMS, ...DEADLINES, ...ARITHMETIC, ...STORES, ...restores]
  return (random) => random.pick(writes)(random)
}
