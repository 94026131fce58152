import { readFileSync } from 'node:fs'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { isWhole } from '../../src/cli/import-report.js'
import { Conversation } from '../../src/importing/conversation.js'
import { Import } from '../../src/importing/import.js'
import { Libraries } from '../../src/importing/libraries.js'
import { openSources } from '../../src/importing/open-sources.js'
import { importedJson, importInto, startImport } from '../helpers/importing.js'
import { startRedis } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'

/** What `dt import` does with changes that come at a bad moment. A plain server takes the place of the proxy. */

const target = await startRedis(t)
const ring = await target.connect()
const source = await startRedis(t, '--databases', '20')
const there = await source.connect()
const url = `redis://127.0.0.1:${source.port}`
const FOLLOWS = /stop who writes/

t.beforeEach(async () => {
  await ring.pipeline([['SELECT', '0'], ['FLUSHALL']])
  await there.pipeline([['SELECT', '0'], ['FLUSHALL']])
})

t.test('a database that the ring does not have, of which nothing was there at first: nothing is written', async (t) => {
  await ring.ask('SET', 'k', 'of the ring')
  await there.ask('SET', 'x', '1')
  const running = startImport(target.port, url, '--follow', '--replace')
  await running.sees(FOLLOWS)
  await there.pipeline([
    ['SELECT', '19'],
    ['SET', 'k', 'of database 19'],
  ])
  await t.rejects(running.finished(), { name: 'UserError', message: /has no database 19: / })
  t.equal(String(await ring.ask('GET', 'k')), '$11\r\nof the ring\r\n')
})

t.test('what was left as the ring has it, and is the same later, or gone at the source, is not told of', async (t) => {
  const keys = ['equal', 'deleted', 'free', 'other']
  await ring.pipeline(keys.map((key) => ['SET', key, 'of the ring']))
  await there.pipeline(keys.map((key) => ['SET', key, 'of the source']))
  const running = startImport(target.port, url, '--follow')
  await running.sees(FOLLOWS)
  await ring.ask('DEL', 'free')
  await there.pipeline([
    ['SET', 'equal', 'of the ring'],
    ['DEL', 'deleted'],
    ['SET', 'free', 'second'],
    ['SET', 'other', 'second'],
  ])
  process.emit('SIGINT')
  const { code, text } = await running.finished()
  t.match(text, /\n1 key: were in the ring with another value, and were left; [^\n]+\ndb {2}key\n0 {3}other\n/)
  t.match(text, /\n1 key: in the ring alone;/)
  t.equal(code, 1)
  t.equal(String(await ring.ask('GET', 'free')), '$6\r\nsecond\r\n')
  t.equal(String(await ring.ask('GET', 'other')), '$11\r\nof the ring\r\n')
  t.equal(String(await ring.ask('GET', 'deleted')), '$11\r\nof the ring\r\n')
})

t.test('passes end where all that is left differs because the ring keeps it', async (t) => {
  await ring.ask('SET', 'k', 'of the ring')
  await there.pipeline([
    ['SET', 'k', 'of the source'],
    ['SET', 'x', '1'],
  ])
  const { code, report } = await importedJson(target.port, url, '--until-equal')
  t.match(report, { copied: 1, conflicts: { keys: 1 }, value: { keys: 0 } })
  t.equal(code, 1)
})

t.test('a value that was too large once, and is not any more, is copied and not told of', async (t) => {
  await there.ask('SETRANGE', 'large', '2000000', 'x')
  const running = startImport(target.port, url, '--follow', '--largest', '1')
  await running.sees(FOLLOWS)
  await there.ask('SET', 'large', 'small now')
  process.emit('SIGINT')
  const { code, text } = await running.finished()
  t.equal(code, 0, text)
  t.equal(String(await ring.ask('GET', 'large')), '$9\r\nsmall now\r\n')
})

t.test('libraries that are made, changed and deleted at the source are in the ring', async (t) => {
  const library = (name: string, value: number) =>
    `#!lua name=${name}\nredis.register_function('${name}_f', function() return ${value} end)`
  t.teardown(() => Promise.all([ring.ask('FUNCTION', 'FLUSH'), there.ask('FUNCTION', 'FLUSH')]))
  const load = (client: typeof ring, name: string, value: number) =>
    client.ask('FUNCTION', 'LOAD', 'REPLACE', library(name, value))
  for (const name of ['changed', 'deleted', 'equal', 'other']) await load(there, name, 1)
  for (const name of ['equal', 'other', 'own']) await load(ring, name, 7)
  await there.ask('SET', 'x', '1')
  const running = startImport(target.port, url, '--follow')
  await running.sees(FOLLOWS)
  t.equal(String(await ring.ask('FCALL', 'deleted_f', '0')), ':1\r\n')
  await load(there, 'changed', 2)
  await load(there, 'made', 3)
  await load(there, 'equal', 7)
  await there.ask('FUNCTION', 'DELETE', 'deleted')
  process.emit('SIGINT')
  const { code, text } = await running.finished()
  t.match(text, /^the library other is in the ring with another text, and was left$/m)
  t.notMatch(text, /library (equal|changed|deleted|made|own)/)
  t.equal(code, 1)
  for (const [name, value] of Object.entries({ changed: 2, made: 3, equal: 7, other: 7, own: 7 })) {
    t.equal(String(await ring.ask('FCALL', `${name}_f`, '0')), `:${value}\r\n`, name)
  }
  t.match(String(await ring.ask('FCALL', 'deleted_f', '0')), /^-ERR Function not found/)

  const after = await importInto(target.port, url, '--no-follow', '--replace')
  t.equal(after.code, 0, after.text)
  t.equal(String(await ring.ask('FCALL', 'other_f', '0')), ':1\r\n', 'where that is wished')
})

t.test('a library that is copied at the last is compared once more', async (t) => {
  await there.ask('SET', 'x', '1')
  t.teardown(() => Promise.all([ring.ask('FUNCTION', 'FLUSH'), there.ask('FUNCTION', 'FLUSH')]))
  const load = (value: number) => {
    const text = `#!lua name=late\nredis.register_function('late_f', function() return ${value} end)`
    return there.ask('FUNCTION', 'LOAD', 'REPLACE', text)
  }
  const { compare } = Libraries.prototype
  t.teardown(() => (Libraries.prototype.compare = compare))
  let changes = 0
  Libraries.prototype.compare = async function (this: Libraries) {
    if (changes < 3) await load(++changes)
    return compare.call(this)
  }
  const { code, text } = await importInto(target.port, url)
  t.equal(changes, 3)
  t.equal(code, 0, text)
  t.notMatch(text, /library late/)
  t.equal(String(await ring.ask('FCALL', 'late_f', '0')), ':3\r\n')
})

t.test('a key that stays different is told, also when all has to be looked at meanwhile', async (t) => {
  const stopping = new AbortController()
  const repeat = async (port: number, ms: number, ...command: string[]) => {
    const client = await (port === source.port ? source : target).connect()
    while (!stopping.signal.aborted) {
      await client.ask(...command)
      await (ms === 0 ? turn() : sleep(ms))
    }
  }
  await there.ask('SET', 'k', 'of the source')
  const all = [repeat(target.port, 0, 'SET', 'k', 'of the ring'), repeat(source.port, 50, 'SWAPDB', '8', '9')]
  const { code, report } = await importedJson(target.port, url, '--replace')
  stopping.abort()
  await Promise.all(all)
  t.match(report, { value: { keys: 1, examples: [{ db: 0, key: 'k' }] } })
  t.equal(code, 1)
})

/** One that tests look into, from `count` keys. */
const begin = async (t: Test, count: number, follow: 'meanwhile' | 'on', openMax?: number) => {
  await there.pipeline(Array.from({ length: count }, (_, i) => ['SET', `k:${i}`, 'first']))
  const nodes = await openSources([{ endpoint: { host: '127.0.0.1', port: source.port }, db: undefined }])
  const conversation = await Conversation.open({ host: '127.0.0.1', port: target.port }, 'the proxy')
  t.teardown(() => {
    conversation.close()
    for (const node of nodes) node.close()
  })
  const stopping = new AbortController()
  const options = { follow, untilEqual: false, replace: false, largestBytes: 1e6 } as const
  const work = new Import(nodes, conversation, options, stopping.signal, openMax)
  return { work, running: work.run(), stopping, server: nodes[0].server }
}

t.test('more keys than are remembered differ at once: all of them are mended', async (t) => {
  const { work, running, stopping } = await begin(t, 8000, 'on', 2000)
  await until('it follows', () => work.stage === 'follow')
  await there.ask('FLUSHALL')
  stopping.abort()
  await running
  t.equal(work.tally.deleted, 8000)
  t.ok(isWhole(work))
  t.equal(String(await ring.ask('DBSIZE')), ':0\r\n')
})

t.test('more keys than are remembered change while all is compared: it is compared again', async (t) => {
  const { work, running } = await begin(t, 8000, 'meanwhile', 2000)
  while (work.stage !== 'verify') await turn()
  await there.pipeline(Array.from({ length: 8000 }, (_, i) => ['SET', `k:${i}`, 'second']))
  await running
  t.ok(isWhole(work))
  t.equal(String(await ring.ask('GET', 'k:7')), '$6\r\nsecond\r\n')
})

t.test('what changes behind the last comparison is copied as well', async (t) => {
  const { work, running, server } = await begin(t, 5000, 'meanwhile')
  const [scanned] = await server.ask(0, [['SCAN', '0', 'COUNT', '1000']])
  const [, keys] = scanned as [unknown, Buffer[]]
  while ((work.verification?.seen ?? 0) < 1000) await turn()
  await there.ask('SET', keys[0], 'second')
  t.ok((work.verification?.seen ?? 0) < 5000, 'it compares still')
  await running
  t.equal(String(await ring.ask('GET', keys[0])), '$6\r\nsecond\r\n')
})

t.test('what is not followed afterwards is said', async (t) => {
  const { text } = await importInto(target.port, url)
  t.match(
    text,
    /\nWhat changes at the source from now on is not in the ring; --follow copies it until it is stopped\.\n$/,
  )
})

t.test(
  'a database that was empty when it began, and that the stream does not name; one that is not meant',
  async (t) => {
    await there.ask('SET', 'x', '1')
    t.equal((await importInto(target.port, url)).code, 0, 'from now on the source keeps what it tells')
    const follow = async (from: string) => {
      await there.pipeline([
        ['SELECT', '7'],
        ['SET', 'y', '1'],
        ['DEL', 'y'],
      ])
      const running = startImport(target.port, from, '--follow')
      await running.sees(FOLLOWS)
      await there.ask('SET', 'y', 'of database 7')
      await sleep(300)
      process.emit('SIGINT')
      const { code, text } = await running.finished()
      t.equal(code, 0, text)
      await ring.ask('SELECT', '7')
      const value = String(await ring.ask('GET', 'y'))
      await ring.ask('SELECT', '0')
      return value
    }
    t.equal(await follow(`${url}/0`), '$-1\r\n', 'database 0 alone')
    t.equal(await follow(url), '$13\r\nof database 7\r\n')
  },
)

t.test('libraries that the user may not list are told of, where there are any', async (t) => {
  const book = readFileSync(new URL('../../../docs/migrating.md', import.meta.url), 'utf8')
  const [, rights] = /`ACL SETUSER import (on >password [^`]+)`/.exec(book) ?? []
  const may = (...words: string[]) => there.ask('ACL', 'SETUSER', 'import', 'reset', ...rights.split(' '), ...words)
  t.teardown(async () => {
    await Promise.all([ring.ask('FUNCTION', 'FLUSH'), there.ask('FUNCTION', 'FLUSH')])
    await there.ask('ACL', 'DELUSER', 'import')
  })
  await there.ask('SET', 'x', '1')
  const as = url.replace('//', '//import:password@')
  await may('-function|list')
  t.equal((await importInto(target.port, as)).code, 0, 'there are none')
  await there.ask('FUNCTION', 'LOAD', "#!lua name=mine\nredis.register_function('mine_f', function() return 5 end)")
  const { code, text } = await importInto(target.port, as)
  t.equal(code, 1)
  t.match(
    text,
    /^libraries of functions were not copied, as they cannot be listed: the source \S+: NOPERM .*; the user needs \+function\|list$/m,
  )
  t.match(text, /not everything is in the ring as it is at the source/)
  t.match(await importedJson(target.port, as), { code: 1, report: { 'libraries-unread': [/NOPERM/] } })
  await may()
  t.equal((await importInto(target.port, as)).code, 0, 'with the rights of the book')
  t.equal(String(await ring.ask('FCALL', 'mine_f', '0')), ':5\r\n')
})

t.test('who follows a source where nothing changes is told at once that the proxy has gone', async (t) => {
  await there.ask('SET', 'x', '1')
  const running = startImport(target.port, url, '--follow')
  await running.sees(FOLLOWS)
  await ring.ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await t.rejects(running.finished(), {
    name: 'UserError',
    message: /^the proxy \S+ is gone: .*\n1 key of the source are in the ring, and stay there; run it again/,
  })
})
