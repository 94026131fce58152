import fc from 'fast-check'
import t from 'tap'
import { findKeys } from '../../src/command/keys.js'
import { endOfOptions, isKnownForm } from '../../src/command/options.js'
import { allRows, rowNamed } from '../../src/command/table.js'
import { decodeReply } from '../../src/resp/decode.js'
import { isError } from '../../src/resp/encode.js'
import { frameOf } from '../../src/resp/frame.js'
import { startRedis } from '../helpers/proxy.js'

const redis = await startRedis(t)
const conn = await redis.connect()

function rowOf(args: readonly string[]) {
  const row = rowNamed(args[0].toLowerCase())!
  return row.subcommands?.get(args[1].toLowerCase()) ?? row
}

const isKnown = (args: readonly string[]) => isKnownForm(rowOf(args), frameOf(args))

const KNOWN = [
  'SET k v',
  'SET k v EX 5 nx GET',
  'SET k v IFEQ NEWER PX 5',
  'SET k v EX',
  'GETEX k PERSIST',
  'EXPIRE k 5 GT',
  'COPY a b DB 3 REPLACE',
  'RESTORE k 0 x REPLACE FREQ 3',
  'BITFIELD k SET u4 0 1 OVERFLOW SAT INCRBY u4 0 1',
  'BITOP DIFF1 d a',
  'LMOVE a b LEFT right',
  'LINSERT k BEFORE x y',
  'LMPOP 2 a b LEFT COUNT 3',
  'LMPOP 1 right LEFT',
  'LPOP k 3',
  'SPOP k 3',
  'ZADD k NX CH 1 m 2 n',
  'ZADD k 1 nx',
  'ZADD k +inf m',
  'ZADD k inf m',
  'ZUNIONSTORE d 2 a b WEIGHTS 1 2 AGGREGATE MAX',
  'ZRANGESTORE d s 0 1 REV LIMIT 0 1',
  'GEOADD k XX 1 2 m',
  'GEOSEARCHSTORE d s FROMLONLAT 1 2 BYBOX 1 2 km ASC COUNT 3 ANY STOREDIST',
  'XADD k NOMKSTREAM MAXLEN ~ 5 LIMIT 3 * f v',
  'XADD k MINID 3 1-* f v',
  'XADD k KEEPREF 5-5 f v',
  'XADD k ACKED MAXLEN = 3 5 f v',
  'XTRIM k MAXLEN ~ 3 DELREF',
  'XGROUP CREATE k g $ MKSTREAM ENTRIESREAD 3',
  'XREADGROUP GROUP g c COUNT 1 NOACK STREAMS k >',
  'XSETID k 1-1 MAXDELETEDID 0-1',
  'HSET k NEWER v',
  'SADD k NEWER',
]
const UNKNOWN = [
  'SET k v NEWER',
  'SET k v EX 5 NEWER',
  'GETEX k NEWER 5',
  'EXPIRE k 5 NEWER',
  'COPY a b NEWER',
  'RESTORE k 0 x NEWER',
  'BITFIELD k NEWER u4 0',
  'BITOP NEWER d a',
  'LMOVE a b LEFT NEWER',
  'LINSERT k NEWER x y',
  'LMPOP 2 a b NEWER',
  'LPOP k 3 NEWER',
  'SPOP k 3 NEWER',
  'ZADD k NEWER 1 m',
  'ZADD k NX NEWER 1 m',
  'ZADD k 1 m NEWER',
  'ZUNIONSTORE d 2 a b NEWER',
  'ZDIFFSTORE d 1 a NEWER',
  'ZRANGESTORE d s 0 1 NEWER',
  'GEOADD k NEWER 1 2 m',
  'GEOSEARCHSTORE d s FROMMEMBER m BYPOLYGON 3 1 1 2 2 3 3',
  'XADD k IDMP p i * f v',
  'XADD k IDMPAUTO p * f v',
  'XADD k MAXLEN ~ 3 NEWER * f v',
  'XADD k NEWER 1-1 f v',
  'XADD k ACKED MAXLEN ~ 3 5 f v',
  'XTRIM k MINID ~ 3 LIMIT 5 ACKED',
  'XTRIM k MAXLEN 3 NEWER',
  'XGROUP CREATE k g $ NEWER',
  'XREADGROUP GROUP g c CLAIM 100 STREAMS k >',
  'XSETID k 1-1 NEWER',
]

t.test('words that the table knows, and such as it does not', async (t) => {
  for (const line of KNOWN) t.ok(isKnown(line.split(' ')), line)
  for (const line of UNKNOWN) t.notOk(isKnown(line.split(' ')), line)
})

t.test('the id of an XADD stands behind its options', async (t) => {
  for (const line of KNOWN.filter((known) => known.startsWith('XADD'))) {
    const args = line.split(' ')
    const row = rowOf(args)
    t.equal(endOfOptions(row, row.options!, frameOf(args)), args.length - 3, line)
  }
})

/** Beside all words that the table knows, things that may stand for values. */
const WORDS = [
  ...[
    'k1',
    'k2',
    '0',
    '1',
    '2',
    '-1',
    '1.5',
    'inf',
    '*',
    '1-1',
    '9-*',
    '=',
    '~',
    'm',
    'u4',
    'x',
    '',
    '$',
    '>',
    'streams',
    '#',
  ],
  ...new Set(allRows().flatMap(({ options }) => options?.words.map(({ text }) => text) ?? [])),
]

t.test('nothing that this version of Redis executes has a word that the table does not know', async (t) => {
  const rows = allRows().filter(({ options, route }) => options !== undefined && route !== 'unsupported')
  let executed = 0
  const arbitrary = fc.constantFrom(...rows).chain((row) => {
    const words = row.name.split('|')
    const least = Math.max(Math.abs(row.arity) - words.length, 0)
    const own = row.options!.words.map(({ text }) => text)
    const word =
      own.length === 0 ? fc.constantFrom(...WORDS) : fc.oneof(fc.constantFrom(...WORDS), fc.constantFrom(...own))
    return fc.array(word, { minLength: least, maxLength: least + 6 }).map((args) => [...words, 'k1', ...args.slice(1)])
  })
  await fc.assert(
    fc.asyncProperty(arbitrary, async (args) => {
      const certain = isKnown(args) && findKeys(rowOf(args), frameOf(args), []) >= 0
      if (certain) return true
      const reply = await conn.ask(...args)
      executed++
      return isError(decodeReply(reply, 0, reply.length))
    }),
    { numRuns: 6000 },
  )
  t.ok(executed > 500, `${executed} were tried`)
})
