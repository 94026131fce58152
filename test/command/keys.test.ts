import fc from 'fast-check'
import t from 'tap'
import {
  findKeys,
  hasBlockOption,
  INVALID_ARGUMENTS,
  sortReadsPatterns,
  UNCERTAIN_KEYS,
} from '../../src/command/keys.js'
import type { CommandRow } from '../../src/command/row.js'
import { allRows, rowNamed } from '../../src/command/table.js'
import { decodeReply } from '../../src/resp/decode.js'
import { isError } from '../../src/resp/encode.js'
import { frameOf } from '../../src/resp/frame.js'
import { startRedis } from '../helpers/proxy.js'

const redis = await startRedis(t)
const conn = await redis.connect()

/** The keys of a command as texts, or INVALID_ARGUMENTS. */
function keysOf(line: string | readonly string[]): string[] | number {
  const args = typeof line === 'string' ? line.split(' ') : [...line]
  const row = rowNamed(args[0].toLowerCase())!
  const named = row.subcommands === undefined ? row : row.subcommands.get(args[1].toLowerCase())!
  const out: number[] = [77, 77, 77]
  const count = findKeys(named, frameOf(args.map((arg) => Buffer.from(arg, 'latin1'))), out)
  return count < 0 ? count : out.slice(0, count).map((i) => args[i])
}

async function ask(...args: string[]) {
  const reply = await conn.ask(...args.map((arg) => Buffer.from(arg, 'latin1')))
  return decodeReply(reply, 0, reply.length)
}

t.test('keys stand where the row says', async (t) => {
  const cases: [string, string[] | number][] = [
    ['GET k', ['k']],
    ['SET k v EX 10', ['k']],
    ['MSET a 1 b 2 c 3', ['a', 'b', 'c']],
    ['MSET a 1 b', ['a', 'b']],
    ['DEL a b a', ['a', 'b', 'a']],
    ['RENAME a b', ['a', 'b']],
    ['BITOP AND d a b', ['d', 'a', 'b']],
    ['BLPOP a b 0', ['a', 'b']],
    ['OBJECT ENCODING k', ['k']],
    ['XGROUP CREATE s g $', ['s']],
    ['MEMORY USAGE k SAMPLES 5', ['k']],
    ['ZUNIONSTORE d 2 a b WEIGHTS 1 2', ['d', 'a', 'b']],
    ['ZDIFF 1 a WITHSCORES', ['a']],
    ['LMPOP 2 a b LEFT COUNT 3', ['a', 'b']],
    ['SINTERCARD 2 a b LIMIT 1', ['a', 'b']],
    ['EVAL script 0 x', []],
    ['EVAL script 1 x y', ['x']],
    ['PING', []],
    ['FLUSHALL', []],
    ['XREAD STREAMS a b 0 0', ['a', 'b']],
    ['XREADGROUP GROUP streams c COUNT 5 NOACK STREAMS streams >', ['streams']],
    ['SORT k', ['k']],
    ['SORT k BY store LIMIT 0 5 GET # STORE d', ['k', 'd']],
    ['SORT k STORE a STORE b', ['k', 'b']],
    ['XREADGROUP GROUP g c CLAIM 100 COUNT 5 STREAMS a b > >', ['a', 'b']],
    ['SORT k STORE', ['k']],
    ['GEORADIUS k 1 2 3 m STORE a STOREDIST b', ['k', 'b']],
    ['GEORADIUSBYMEMBER k store 3 m', ['k']],
    ['GEOSEARCHSTORE d s FROMMEMBER m BYRADIUS 1 m', ['d', 's']],
    ['COPY a b DB 3', ['a', 'b']],
  ]
  for (const [line, expected] of cases) t.same(keysOf(line), expected, line)
})

t.test('SORT stores where the command itself would, not where COMMAND GETKEYS says', async (t) => {
  await ask('RPUSH', 'k', '1')
  await ask('SORT', 'k', 'STORE', 'get', 'STORE', 'real')
  t.same(await ask('EXISTS', 'real'), 1)
  t.same(keysOf('SORT k STORE get STORE real'), ['k', 'real'])
})

t.test('counts that are no numbers, or name more keys than there are, are invalid', async (t) => {
  for (const numkeys of ['0', '-1', '3', '', 'x', '1x', '01', '+1', ' 1', '1.0', '99999999999', '4294967297']) {
    for (const command of [
      ['ZUNION', numkeys, 'a', 'b'],
      ['ZUNIONSTORE', 'd', numkeys, 'a', 'b'],
      ['SINTERCARD', numkeys, 'a', 'b'],
      ['LMPOP', numkeys, 'a', 'LEFT'],
      ['ZMPOP', numkeys, 'a', 'MIN'],
    ]) {
      t.equal(keysOf(command), INVALID_ARGUMENTS, command.join(' '))
      t.ok(isError(await ask(...command)), command.join(' '))
    }
  }
  for (const line of ['XREAD STREAMS a', 'XREAD STREAMS a b 0', 'XREADGROUP GROUP g c', 'XREAD COUNT 1']) {
    t.equal(keysOf(line), INVALID_ARGUMENTS, line)
    t.ok(isError(await ask(...line.split(' '))), line)
  }
})

t.test('where a word is not known the keys are not certain; this version of Redis refuses them all', async (t) => {
  await ask('DEL', 'k')
  for (const line of [
    'XREAD FOO STREAMS a 0',
    'XREAD COUNT 1 2 3',
    'XREADGROUP GROUP g c NEWER 5 STREAMS a >',
    'SORT k NEWER',
    'SORT k STORE d NEWER k2',
    'GEORADIUS k 1 2 3 m NEWER d',
    'GEORADIUSBYMEMBER k m 3 m ASC NEWER d STORE e',
  ]) {
    t.equal(keysOf(line), UNCERTAIN_KEYS, line)
    t.ok(isError(await ask(...line.split(' '))), line)
  }
})

/** Words that mean something to the commands whose keys move. */
const WORDS = [
  ...['k1', 'k2', 'k3', '0', '1', '2', '3', '-1', '1x', '10', 'streams', 'STREAMS', 'count', 'block', 'group', 'noack'],
  ...[
    'store',
    'STOREDIST',
    'by',
    'get',
    'limit',
    'asc',
    'alpha',
    '#',
    'nosort',
    'm',
    'left',
    'min',
    'weights',
    '>',
    '',
  ],
  ...['aggregate', 'sum', 'withscores', 'store\0x'],
]

function randomCommand(row: CommandRow): fc.Arbitrary<string[]> {
  const words = row.name.split('|')
  const least = Math.max(Math.abs(row.arity) - words.length, 0)
  const most = row.arity > 0 ? least : least + 7
  return fc.array(fc.constantFrom(...WORDS), { minLength: least, maxLength: most }).map((args) => [...words, ...args])
}

t.test('for any arguments the keys are those of COMMAND GETKEYS', async (t) => {
  const rows = allRows().filter(
    ({ subcommands, name }) => subcommands === undefined && !/^dt\||\|(setinfo|no-touch)$/.test(name),
  )
  const arbitrary = fc.constantFrom(...rows.filter(({ keyFinder }) => keyFinder !== 'none')).chain(randomCommand)
  const moving = rows.filter(({ keyFinder }) => !['none', 'range'].includes(keyFinder))
  const movingArbitrary = fc.constantFrom(...moving).chain(randomCommand)
  await fc.assert(
    fc.asyncProperty(fc.oneof(arbitrary, movingArbitrary, movingArbitrary), async (args) => {
      const ours = keysOf(args)
      const theirs = await ask('COMMAND', 'GETKEYS', ...args)
      const shown = Array.isArray(theirs) ? theirs.map((key) => (key as Buffer).toString('latin1')) : theirs
      if (typeof ours === 'number') return refuses(args)
      // GETKEYS wants a source for PFMERGE, the command itself does not.
      if (isError(theirs)) return args[0] === 'pfmerge' || refuses(args)
      if (sameKeys(ours as string[], shown as string[])) return true
      // How SORT differs is told above. Of several STORE and STOREDIST, GETKEYS shows the first ones and the last counts.
      if (args[0] === 'sort' || args.filter((arg) => /^store(dist)?(\0|$)/i.test(arg)).length > 1) return true
      return refuses(args)
    }),
    { numRuns: 4000 },
  )
  t.pass()

  function sameKeys(ours: string[], theirs: string[]): boolean {
    return JSON.stringify([...ours].sort()) === JSON.stringify([...theirs].sort())
  }

  async function refuses(args: string[]): Promise<boolean> {
    return isError(await ask(...args))
  }
})

t.test('what has invalid arguments is refused by any server, and so changes nothing', async (t) => {
  const rows = allRows().filter(({ keyFinder, route }) => keyFinder !== 'none' && route !== 'unsupported')
  const moving = rows.filter(({ keyFinder }) => keyFinder !== 'range' && keyFinder !== 'sort')
  let invalid = 0
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...moving).chain(randomCommand), async (args) => {
      if (typeof keysOf(args) !== 'number') return true
      invalid++
      return isError(await ask(...args))
    }),
    { numRuns: 3000 },
  )
  t.ok(invalid > 500)
})

for (const [name, ...setup] of [
  ['sort', 'RPUSH', 'k1', '3', '1', '2'],
  ['georadius', 'GEOADD', 'k1', '1', '2', 'm'],
  ['georadiusbymember', 'GEOADD', 'k1', '1', '2', 'm'],
]) {
  t.test(`what ${name} writes is always among the keys that were found`, async (t) => {
    let stored = 0
    const fixed = { sort: [], georadius: ['1', '2', '10', 'm'], georadiusbymember: ['m', '10', 'm'] }[name]!
    const option = fc.oneof(
      fc.constantFrom(...WORDS).map((word) => [word]),
      fc.tuple(fc.constantFrom('store', 'STOREDIST', 'by', 'get', 'count'), fc.constantFrom(...WORDS)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(option, { maxLength: 4 }), async (options) => {
        await ask('FLUSHALL')
        await ask(...setup)
        const args = [name, 'k1', ...fixed, ...options.flat()]
        const reply = await ask(...args)
        const present = ((await ask('KEYS', '*')) as Buffer[]).map((key) => key.toString('latin1'))
        if (present.length > 1) stored++
        if (typeof keysOf(args) === 'number') return isError(reply)
        return isError(reply) || present.every((key) => (keysOf(args) as string[]).includes(key))
      }),
      { numRuns: 2000 },
    )
    t.ok(stored > 10, `stored ${stored} times`)
  })
}

t.test('BLOCK is seen where it is an option, and nowhere else', async (t) => {
  const blocks = (line: string) => hasBlockOption(frameOf(line.split(' ')))
  t.ok(blocks('XREAD BLOCK 0 STREAMS s $'))
  t.ok(blocks('XREADGROUP GROUP g c COUNT 1 block 5 STREAMS s >'))
  t.notOk(blocks('XREAD STREAMS block 0'))
  t.notOk(blocks('XREADGROUP GROUP block block STREAMS s >'))
  t.ok(blocks('XREADGROUP GROUP g c CLAIM 1 BLOCK 5 STREAMS s >'))
  t.notOk(blocks('XREADGROUP GROUP g c CLAIM block STREAMS s >'))
  t.notOk(blocks('XREAD COUNT 1 STREAMS s 0'))
})

t.test('SORT reads other keys by patterns with a star only', async (t) => {
  const reads = (line: string) => sortReadsPatterns(frameOf(line.split(' ')))
  t.ok(reads('SORT k BY w_*'))
  t.ok(reads('SORT k LIMIT 0 1 get obj_*->f'))
  t.ok(reads('SORT_RO k GET # GET *'))
  t.notOk(reads('SORT k BY nosort GET # ALPHA'))
  t.notOk(reads('SORT k STORE by*'))
  t.notOk(reads('SORT *'))
  t.notOk(reads('SORT k BY \0*'))
})
