import fc from 'fast-check'
import t, { type Test } from 'tap'
import { wrongArityError } from '../../src/command/errors.js'
import { answerCommand } from '../../src/command/introspection.js'
import { isOwn } from '../../src/command/own-commands.js'
import { allInfos, allRows, lookupCommand, lookupSubcommand } from '../../src/command/table.js'
import { bytesOf, decodeReply, elementsOf, fieldOf } from '../../src/resp/decode.js'
import { encodeReply, MapReply, type Reply } from '../../src/resp/encode.js'
import { startRedis } from '../helpers/proxy.js'

type Arg = string | Buffer

const redis = await startRedis(t)
const conns = { 2: await redis.connect(2), 3: await redis.connect(3) }

const names = allRows()
  .map(({ name }) => name)
  .filter((name) => !isOwn(name) && !/^client\|(setinfo|no-touch)$/.test(name))
const containers = new Set(names.filter((name) => name.includes('|')).map((name) => name.split('|')[0]))

function ours(proto: 2 | 3, ...args: Arg[]): Buffer {
  const argv = args.map((arg) => Buffer.from(arg as Buffer))
  const row = lookupCommand(argv[0], 0, argv[0].length)!
  const sub = argv.length > 1 ? lookupSubcommand(row, argv[1], 0, argv[1].length)! : row
  if (argv.length < -sub.arity) return wrongArityError(sub)
  return encodeReply(answerCommand(sub, argv), proto)
}

/** Asserts that we answer as Redis does, byte for byte, in both protocols. */
async function same(t: Test, ...args: Arg[]): Promise<void> {
  for (const proto of [2, 3] as const) {
    const expected = await conns[proto].ask(...args)
    const found = ours(proto, ...args)
    if (found.equals(expected)) continue
    t.equal(found.toString('latin1'), expected.toString('latin1'), `RESP${proto} ${args.join(' ')}`)
  }
  t.pass(args.map((arg) => JSON.stringify(arg.toString('latin1'))).join(' '))
}

t.test('COMMAND INFO of a command is as Redis says', async (t) => {
  for (const name of names) if (!containers.has(name)) await same(t, 'COMMAND', 'INFO', name)
  await same(t, 'command', 'info', 'GET', 'client|LIST', 'nothing', 'set')
})

t.test('names that COMMAND INFO and COMMAND DOCS do not know', async (t) => {
  for (const name of [
    'nothing',
    'get|x',
    'get|',
    '|',
    '|list',
    'client|',
    'client|list|x',
    'clien',
    'foo\0',
    '\xff',
    ' ',
  ]) {
    const bytes = Buffer.from(name, 'latin1')
    await same(t, 'COMMAND', 'INFO', bytes)
    await same(t, 'COMMAND', 'DOCS', bytes)
  }
})

t.test('COMMAND DOCS of a command is as Redis says', async (t) => {
  for (const name of names) if (!containers.has(name)) await same(t, 'COMMAND', 'DOCS', name)
  await same(t, 'COMMAND', 'DOCS', 'get', 'nothing', 'GET', 'xgroup|create')
})

t.test('containers are as Redis says, but for the order of their subcommands', async (t) => {
  for (const name of containers) {
    for (const kind of ['INFO', 'DOCS']) {
      for (const proto of [2, 3] as const) {
        const theirs = await conns[proto].ask('COMMAND', kind, name)
        const decoded = decodeReply(theirs, 0, theirs.length)
        t.ok(encodeReply(decoded, proto).equals(theirs), 'decoding loses nothing')
        const found = ours(proto, 'COMMAND', kind, name)
        t.same(sortedText(found, proto), sortedText(theirs, proto), `RESP${proto} ${kind} ${name}`)
      }
    }
  }
})

/** A reply as text with the subcommands of its (only) command in order. */
function sortedText(bytes: Buffer, proto: 2 | 3): string {
  const reply = decodeReply(bytes, 0, bytes.length)
  const text = (part: Reply) => encodeReply(part, proto).toString('latin1')
  const command = reply instanceof MapReply ? reply.entries[0][1] : elementsOf(reply)!.at(-1)!
  const subs = fieldOf(command, 'subcommands') ?? elementsOf(command)!.at(-1)!
  const parts = subs instanceof MapReply ? subs.entries.flat() : [...elementsOf(subs)!]
  const rest = text(reply).replace(parts.map(text).join(''), '')
  return [rest, ...parts.map(text).sort()].join('\n')
}

t.test('COMMAND and COMMAND INFO show every command, and ours', async (t) => {
  for (const command of [['COMMAND'], ['COMMAND', 'INFO']]) {
    const theirs = await conns[3].ask(...command)
    const found = ours(3, ...command)
    const shown = (bytes: Buffer) => elementsOf(decodeReply(bytes, 0, bytes.length))!.map((entry) => nameOf(entry))
    t.same(shown(found).sort(), [...shown(theirs), 'dt', 'sentinel'].sort())
  }
  const docs = decodeReply(ours(3, 'COMMAND', 'DOCS'), 0, ours(3, 'COMMAND', 'DOCS').length)
  t.ok(docs instanceof MapReply && docs.entries.length === allInfos().length)
  const theirs = Number((await conns[2].ask('COMMAND', 'COUNT')).toString().slice(1))
  t.equal(ours(2, 'COMMAND', 'COUNT').toString(), `:${theirs + 2}\r\n`)
})

function nameOf(entry: Reply): string {
  return bytesOf(elementsOf(entry)![0])!.toString()
}

t.test('our own commands describe themselves', async (t) => {
  const info = decodeReply(ours(3, 'COMMAND', 'INFO', 'dt'), 0, ours(3, 'COMMAND', 'INFO', 'dt').length)
  const subs = elementsOf(elementsOf(elementsOf(info)![0])![9])!
  t.same(subs.map(nameOf), [
    'dt|add',
    'dt|bigkeys',
    'dt|cancel',
    'dt|doctor',
    'dt|events',
    'dt|help',
    'dt|hotkeys',
    'dt|locate',
    'dt|migrations',
    'dt|nodes',
    'dt|plan',
    'dt|proxies',
    'dt|reload',
    'dt|remove',
    'dt|ring',
    'dt|slowlog',
    'dt|verify',
    'dt|view',
  ])
  t.match(ours(2, 'COMMAND', 'DOCS', 'dt').toString(), 'Show where a key lives')
  t.match(ours(2, 'COMMAND', 'DOCS', 'dt|locate').toString(), 'Show where a key lives')
})

t.test('COMMAND LIST filters as Redis does, but for the order', async (t) => {
  const filters: Arg[][] = [
    [],
    ['FILTERBY', 'ACLCAT', 'read'],
    ['filterby', 'aclcat', 'READ'],
    ['FILTERBY', 'ACLCAT', 'geo'],
    ['FILTERBY', 'ACLCAT', 'geo\0x'],
    ['FILTERBY', 'ACLCAT', '@geo'],
    ['FILTERBY', 'ACLCAT', 'nothing'],
    ['FILTERBY', 'ACLCAT', ''],
    ['FILTERBY', 'MODULE', 'nothing'],
    ['FILTERBY', 'PATTERN', '*'],
    ['FILTERBY', 'PATTERN', 'X*'],
    ['FILTERBY', 'PATTERN', 'client|*'],
    ['FILTERBY', 'PATTERN', '[a-C]?t*'],
    ['FILTERBY', 'PATTERN', ''],
    ['FILTERBY', 'PATTERN', 'g[^a]t'],
    ['FILTERBY', 'PATTERN', 'z\\rank'],
  ]
  for (const filter of filters) {
    const theirs = await conns[2].ask('COMMAND', 'LIST', ...filter)
    const found = ours(2, 'COMMAND', 'LIST', ...filter)
    const list = (bytes: Buffer) =>
      elementsOf(decodeReply(bytes, 0, bytes.length))!.map((name) => bytesOf(name)!.toString())
    const withoutOurs = list(found).filter((name) => !isOwn(name))
    t.same(withoutOurs.sort(), list(theirs).sort(), filter.join(' '))
  }
  for (const wrong of [
    ['x'],
    ['FILTERBY'],
    ['FILTERBY', 'ACLCAT'],
    ['FILTERBY', 'X', 'y'],
    ['FILTERBY', 'ACLCAT', 'x', 'y'],
  ]) {
    await same(t, 'COMMAND', 'LIST', ...wrong)
  }
})

t.test('COMMAND GETKEYS and GETKEYSANDFLAGS show what Redis shows', async (t) => {
  const lines = [
    ...[
      'GET k',
      'SET k v',
      'SET k v NX GET',
      'SET k v get\0',
      'MSET a 1 b 2',
      'MSET a 1 b',
      'DEL a b',
      'PING',
      'PFMERGE d',
    ],
    ...['FLUSHALL', 'nothing a', 'GET', 'GET a b', 'client', 'client list', 'client nothing', 'OBJECT ENCODING k'],
    ...['CLIENT SETINFO lib-name x', 'XGROUP CREATE s g $', 'EVAL x 0', 'EVAL x 2 a b', 'EVAL x 5 a', 'EVAL x y a'],
    ...[
      'ZUNION 2 a b',
      'ZUNION 0 a',
      'ZUNION 3 a b',
      'ZUNIONSTORE d 2 a b',
      'ZUNIONSTORE d 2x a b',
      'LMPOP +2 a b LEFT',
    ],
    ...['LMPOP 4294967297 a b', 'LMPOP -1 a b', 'LMPOP 9223372036854775808 a b', 'FCALL f 0', 'FCALL_RO f 1 k x'],
    ...[
      'XREAD STREAMS a b 0 0',
      'XREAD STREAMS a b 0',
      'XREAD COUNT 1 STREAMS a 0',
      'XREAD x STREAMS a 0',
      'XREAD a b c',
      'XREAD STREAMS a b c d STREAMS e',
      'XREADGROUP STREAMS a b c d STREAMS e',
      'XREADGROUP GROUP a b NOACK STREAMS c d e f STREAMS',
    ],
    ...[
      'XREADGROUP GROUP streams c STREAMS a >',
      'SORT k',
      'SORT k STORE d',
      'SORT k STORE get STORE x',
      'SORT_RO k BY x',
    ],
    ...[
      'SORT k LIMIT STORE x STORE y',
      'GEORADIUS k 1 2 3 m',
      'GEORADIUS k 1 2 3 m STORE d',
      'BITFIELD k',
      'RESTORE k 0 x',
    ],
    ...[
      'GEORADIUS k 1 2 3 m STORE d STOREDIST e',
      'GEORADIUSBYMEMBER k m 3 m STORE',
      'BITFIELD k GET u8 0',
      'BITFIELD k x',
    ],
    ...[
      'BITFIELD k OVERFLOW SAT GET u8 0',
      'BITFIELD k SET u8 0 1',
      'BITFIELD k GET u8',
      'BITOP AND d a b',
      'BITOP NOT d',
    ],
    ...['MIGRATE h p k 0 1', 'MIGRATE h p k 0 1 COPY', 'MIGRATE h p k 0 1 KEYS a b', 'BLPOP a b 0', 'SPUBLISH c m'],
    ...[
      'SUBSCRIBE c',
      'MEMORY USAGE k',
      'COPY a b',
      'LCS a b',
      'RENAME a b',
      'SINTERCARD 2 a b LIMIT 0',
      'BZMPOP 0 1 a MIN',
    ],
  ]
  const commands = lines.map((line) => line.split(' '))
  commands.push(['MIGRATE', 'h', 'p', '', '0', '1', 'AUTH', 'keys', 'KEYS', 'a', 'b'])
  commands.push(['MIGRATE', 'h', 'p', '', '0', '1', 'AUTH2', 'keys', 'keys', 'KEYS', 'a'])
  for (const args of commands) {
    await same(t, 'COMMAND', 'GETKEYS', ...args)
    await same(t, 'COMMAND', 'GETKEYSANDFLAGS', ...args)
  }
})

t.test('for any arguments COMMAND GETKEYSANDFLAGS shows what Redis shows', async (t) => {
  const words = [
    ...[
      'k1',
      'k2',
      '0',
      '1',
      '2',
      '2x',
      ' 1',
      '-1',
      '',
      'streams',
      'STREAMS',
      'noack',
      'count',
      'block',
      'group',
      'store',
      'STOREDIST',
    ],
    ...['by', 'get', 'limit', 'keys', 'auth', 'auth2', 'set', 'incrby', 'overflow', 'u8', 'store\0x', 'copy'],
  ]
  const moving = names.filter((name) => /^(sort|geo|xread|z|l|s|bitfield|migrate|eval|fcall|b)/.test(name))
  const command = fc
    .tuple(
      fc.oneof(fc.constantFrom(...names), fc.constantFrom(...moving)),
      fc.array(fc.constantFrom(...words), { maxLength: 10 }),
    )
    .map(([name, args]) => [...name.split('|'), ...args])
  await fc.assert(
    fc.asyncProperty(command, fc.constantFrom('GETKEYS', 'GETKEYSANDFLAGS'), async (args, kind) => {
      const theirs = await conns[3].ask('COMMAND', kind, ...args)
      return theirs.equals(ours(3, 'COMMAND', kind, ...args))
    }),
    { numRuns: 3000 },
  )
  t.pass()
})

t.test('COMMAND HELP is Redis’s', async (t) => {
  await same(t, 'COMMAND', 'HELP')
  await same(t, 'command', 'help')
})
