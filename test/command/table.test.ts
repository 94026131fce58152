import fc from 'fast-check'
import t from 'tap'
import { COMMANDS } from '../../src/command/commands.generated.js'
import { OVERLAY } from '../../src/command/overlay.js'
import {
  allInfos,
  allRows,
  infoNamed,
  isSecurityCommand,
  learn,
  lookupCommand,
  lookupSubcommand,
  replyShape,
  rowNamed,
} from '../../src/command/table.js'

const find = (name: string) => lookupCommand(Buffer.from(name, 'latin1'), 0, name.length)

t.test('every command is found by its name in any case, wherever it stands in a buffer', async (t) => {
  for (const row of allRows().filter(({ name }) => !name.includes('|'))) {
    for (const name of [row.name, row.name.toUpperCase(), row.name[0].toUpperCase() + row.name.slice(1)]) {
      const buf = Buffer.from(`xy${name}z`)
      if (lookupCommand(buf, 2, 2 + name.length) !== row) t.fail(`${name} is not found`)
      if (lookupCommand(buf, 2, 3 + name.length)?.name === row.name) t.fail(`${name}z is found`)
    }
  }
  t.equal(find('get')?.name, 'get')
})

t.test('every subcommand is found in its container, in any case, and nowhere else', async (t) => {
  const containers = allRows().filter(({ subcommands }) => subcommands !== undefined)
  t.ok(containers.length > 10)
  for (const container of containers) {
    for (const [name, row] of container.subcommands!) {
      t.equal(row.name, `${container.name}|${name}`)
      const upper = Buffer.from(name.toUpperCase())
      if (lookupSubcommand(container, upper, 0, upper.length) !== row) t.fail(`${row.name} is not found`)
      if (find(row.name) !== undefined) t.fail(`${row.name} is found as a command`)
      for (const other of containers) {
        if (other === container) continue
        const found = lookupSubcommand(other, upper, 0, upper.length)
        if (found !== other.subcommands!.get(name)) t.fail(`${name} of ${other.name} is ${found?.name}`)
      }
    }
  }
})

t.test('names that look like a command are none', async (t) => {
  for (const name of ['', 'ge', 'gett', 'get ', 'get\0', 'client|list', '__proto__', 'toString', 'gét', '\xe7et']) {
    t.equal(find(name), undefined, JSON.stringify(name))
  }
  t.equal(find('g'.repeat(100_000)), undefined)
  const client = rowNamed('client')!
  t.equal(lookupSubcommand(client, Buffer.from('x'.repeat(1000)), 0, 1000), undefined)
  t.equal(lookupSubcommand(client, Buffer.alloc(0), 0, 0), undefined)
})

t.test('a lookup is a search by lower-cased name, whatever the bytes', async (t) => {
  const names = allRows().map(({ name }) => name)
  const nearly = fc
    .tuple(fc.constantFrom(...names), fc.nat(), fc.integer({ min: 0, max: 255 }))
    .map(([name, at, byte]) => {
      const bytes = Buffer.from(name)
      bytes[at % bytes.length] = byte
      return bytes
    })
  fc.assert(
    fc.property(fc.oneof(nearly, fc.uint8Array({ maxLength: 40 }).map(Buffer.from)), (bytes) => {
      const name = bytes.toString('latin1').replace(/[A-Z]/g, (c) => c.toLowerCase())
      const expected = name.includes('|') ? undefined : rowNamed(name)
      return lookupCommand(bytes, 0, bytes.length) === expected
    }),
    { numRuns: 5000 },
  )
  t.pass()
})

t.test('every command of Redis 7.0 has its row of the overlay, and the overlay no other but our own', async (t) => {
  const names = COMMANDS.flatMap((info) => [info, ...info.subcommands]).map(({ name }) => name)
  const own = [
    'client|setinfo',
    'client|no-touch',
    'dt',
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
    'sentinel',
    'sentinel|ckquorum',
    'sentinel|get-master-addr-by-name',
    'sentinel|help',
    'sentinel|master',
    'sentinel|masters',
    'sentinel|myid',
    'sentinel|replicas',
    'sentinel|sentinels',
    'sentinel|slaves',
  ]
  t.same([...OVERLAY.keys()].sort(), [...names, ...own].sort())
  t.equal(allInfos().length, COMMANDS.length + 2)
})

t.test('the columns of each row agree with each other and with what Redis says', async (t) => {
  for (const row of allRows()) {
    const { name, flags, keyFinder, replicate, route } = row
    const writes = flags.includes('write')
    if (writes) t.not(replicate, 'none', `${name} writes, so it is replicated`)
    if (flags.includes('readonly') && name !== 'pfcount') t.equal(replicate, 'none', `${name} is a read`)
    if (name.startsWith('dt|')) t.equal(row.behindMulti, 'refused', `${name} is of the ring, not of a transaction`)
    if (route === 'key' || route === 'split') t.not(keyFinder, 'none', `${name} has keys`)
    if (route === 'any' || (route === 'local' && name !== 'watch')) t.equal(keyFinder, 'none', `${name} has no keys`)
    const blocks = flags.includes('blocking') && keyFinder !== 'streams'
    t.equal(route === 'blocking', blocks, `${name} blocks, and never on a link`)
    t.equal(row.waits !== undefined, blocks, `it is said for what ${name} waits`)
    t.equal(row.merge === 'none', route !== 'split' && keyFinder !== 'streams', `${name} merges if it is split`)
    t.equal(row.numkeysAt > 0, keyFinder === 'numkeys', `${name} has a count of keys if it needs one`)
    if (flags.includes('movablekeys') && keyFinder === 'range') {
      t.match(name, /^(set|bitfield|sort_ro)$/, `${name} finds its keys by their place`)
    }
  }
})

t.test('what is refused has a reason that can be read as the end of a sentence', async (t) => {
  const rows = allRows().filter(({ route }) => route === 'refused')
  t.ok(rows.length > 5)
  for (const { name, note } of rows) t.match(note, /^[a-z].{20,}[^.]$/, name)
})

t.test('the rows that the design names are as it says', async (t) => {
  const row = (name: string) => rowNamed(name)!
  for (const name of ['mget', 'mset', 'del', 'unlink', 'exists', 'touch']) t.equal(row(name).route, 'split', name)
  for (const name of ['expire', 'pexpire', 'set', 'setex', 'psetex', 'getex', 'restore']) {
    t.equal(row(name).replicate, 'absolute', name)
  }
  for (const name of ['spop', 'xadd', 'xtrim']) t.equal(row(name).replicate, 'master-first', name)
  for (const name of ['fcall', 'eval', 'evalsha']) t.equal(row(name).replicate, 'copy', name)
  for (const name of ['fcall', 'function|load']) t.equal(row(name).route, 'function', name)
  for (const name of ['migrate', 'shutdown', 'psync']) t.equal(row(name).route, 'refused', name)
  for (const name of ['subscribe', 'publish', 'pubsub|numsub']) t.equal(row(name).route, 'channels', name)
  t.match(row('pfcount'), { replicate: 'apply', route: 'key' })
  t.match(row('xadd'), { route: 'key', compare: false })
  for (const { name, route } of allRows()) {
    if (name.endsWith('|help') && !/^(command|dt|sentinel)\|/.test(name)) t.equal(route, 'any', name)
  }
})

t.test('a reply with a count has another null than one without', async (t) => {
  t.equal(replyShape(rowNamed('lpop')!, 2), 'generic')
  t.equal(replyShape(rowNamed('lpop')!, 3), 'null-array')
  t.equal(replyShape(rowNamed('zpopmin')!, 3), 'flatten')
})

t.test('POST and Host: are taken for an attack, also with something behind a NUL', async (t) => {
  const is = (text: string) => isSecurityCommand(Buffer.from(`>${text}`), 1, 1 + text.length)
  for (const text of ['POST', 'post', 'Host:', 'HOST:', 'post\0x']) t.ok(is(text), JSON.stringify(text))
  for (const text of ['', 'pos', 'posts', 'host', 'host:6379', '\0post']) t.notOk(is(text), JSON.stringify(text))
})

t.test(
  'commands of newer servers and modules are learnt: those with plain keys work, the rest is refused',
  async (t) => {
    const info = {
      ...{ arity: -2, firstKey: 1, lastKey: 1, keyStep: 1, categories: [], tips: [], subcommands: [] },
      ...{ keySpecs: [], flags: ['readonly'] },
    }
    const keynum = {
      flags: ['RO'],
      beginSearch: { type: 'index', index: 1 } as const,
      findKeys: { type: 'keynum', keynumidx: 0, firstkey: 1, keystep: 1 } as const,
    }
    const none = { firstKey: 0, lastKey: 0, keyStep: 0 }
    const learnt = learn(
      [
        { ...info, name: 'get', arity: 17 },
        { ...info, name: 'json.get' },
        { ...info, name: 'json.set', flags: ['write', 'denyoom', 'module'] },
        { ...info, name: 'json.del', flags: ['write', 'module'] },
        { ...info, name: 'x.more', flags: ['write'], keySpecs: [{ ...keynum, flags: ['RW', 'incomplete'] }] },
        { ...info, name: 'x.wait', flags: ['readonly', 'blocking'] },
        { ...info, ...none, name: 'x.info' },
        { ...info, ...none, name: 'x.count', flags: ['readonly', 'movablekeys'], keySpecs: [keynum] },
        { ...info, name: 'x.moving', flags: ['readonly', 'movablekeys'] },
        { ...info, lastKey: -1, keyStep: 0, name: 'x.nostep' },
        { ...info, lastKey: 2, name: 'x.both' },
        { ...info, ...none, name: 'x', flags: [], subcommands: [{ ...info, name: 'x|y', firstKey: 2, lastKey: 2 }] },
        { ...info, name: 'n'.repeat(100) },
      ],
      new Set(['json.set']),
    )
    t.same(learnt, [
      'json.get',
      'json.set',
      'json.del',
      'x.more',
      'x.wait',
      'x.info',
      'x.count',
      'x.moving',
      'x.nostep',
      'x.both',
      'x',
    ])
    t.equal(find('get')?.arity, 2)
    t.match(find('JSON.GET'), { route: 'key', replicate: 'none', keyFinder: 'range', compare: false })
    t.match(find('x.count'), { route: 'key', keyFinder: 'numkeys', numkeysAt: 1 })
    t.match(find('json.set'), { route: 'key', replicate: 'copy' })
    t.match(find('x.count'), { gather: 'read' }, 'its keys may be anywhere')
    t.match(find('x.both'), { gather: 'read', route: 'key' }, 'as those of LCS')
    t.match(find('json.get'), { gather: undefined }, 'it has one key')
    for (const name of ['json.del', 'x.more', 'x.wait', 'x.info', 'x.moving', 'x.nostep'])
      t.equal(find(name)?.route, 'unsupported', name)
    t.equal(lookupSubcommand(find('x')!, Buffer.from('Y'), 0, 1)?.route, 'key')
    t.equal(infoNamed('x|y')?.firstKey, 2)
    t.same(learn([{ ...info, name: 'json.get' }]), [])
  },
)

t.test('the table grows with what is learnt', async (t) => {
  const info = {
    arity: 2,
    firstKey: 1,
    lastKey: 1,
    keyStep: 1,
    categories: [],
    tips: [],
    subcommands: [],
    keySpecs: [],
  }
  const names = Array.from({ length: 3000 }, (_, i) => `mod.cmd${i}`)
  t.equal(learn(names.map((name) => ({ ...info, name, flags: ['readonly'] }))).length, 3000)
  for (const name of [...names, 'get', 'zunionstore']) {
    if (find(name.toUpperCase())?.name !== name) t.fail(`${name} is not found`)
  }
})

t.test('of every write it is known which words it may have, or that there are none', async (t) => {
  /** What follows are keys, values, members, ids: never a word. */
  const wordless =
    /^([lr]pushx?|[sz]rem|sadd|srem|h(set|mset|del)|mset|msetnx|del|unlink|pf(add|merge|count)|x(ack|del)|s(diff|inter|union)store)$/
  for (const { name, arity, replicate, route, options } of allRows()) {
    const mayHaveWords = !['none', 'copy'].includes(replicate) && ['key', 'split'].includes(route) && arity < 0
    if (mayHaveWords) t.equal(options === undefined, wordless.test(name), name)
  }
})
