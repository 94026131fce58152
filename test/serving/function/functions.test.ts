import t from 'tap'
import { type ErrorReply, error, isError, map, type Reply } from '../../../src/resp/encode.js'
import { collision, joined, listed } from '../../../src/serving/function/libraries.js'
import { headOf, type Library, scriptsOf } from '../../../src/serving/function/library.js'
import { dumpOf, payloadOf, sourcesIn } from '../../../src/serving/function/payload.js'
import {
  indexCommand,
  indexIn,
  keepCommand,
  libraryIn,
  libraryRecord,
  recordsIn,
} from '../../../src/serving/function/records.js'

const library = (name: string, ...functions: string[]): Library => ({
  ...{ name, engine: 'LUA', loading: 'x', source: Buffer.from(`#!lua name=${name}\n-- ${functions}`) },
  functions: functions.map((each) => ({ name: each, description: Buffer.from([0xff, 0x00]), flags: ['no-writes'] })),
})
const textOf = (reply: Reply | readonly Library[]) =>
  isError(reply as Reply) ? (reply as ErrorReply).message : undefined

t.test('the first line of a library is read as Redis reads it', async (t) => {
  for (const [head, name] of [
    ['#!lua name=a_1', 'a_1'],
    ['#!LUA NAME=a', 'a'],
    ['#!lua   "name=a"', 'a'],
    ['#!lua name=a name=b', undefined],
    ['#!lua name=a b', undefined],
    ['#!lua', undefined],
    ['#!py name=a', undefined],
    ['#!lua name=a-b', undefined],
    ['#!lua name=', undefined],
    ['#!lua "name=a', undefined],
    ['# lua name=a', undefined],
  ] as const) {
    t.equal(headOf(Buffer.from(`${head}\nx`)), name, head)
  }
  t.equal(headOf(Buffer.from('#!lua name=a')), undefined, 'there is no code')
  t.equal(headOf(Buffer.from('#!lua name=a\0\n')), undefined)
})

t.test('a payload has what was dumped, of any length; one that was changed anywhere is refused', async (t) => {
  const sources = [0, 1, 63, 64, 16383, 16384, 70_000].map((length) => Buffer.alloc(length, 'ab'))
  const payload = dumpOf(sources)
  t.same(sourcesIn(payload), { sources, fault: undefined })
  const wrong = 'DUMP payload version or checksum are wrong'
  for (let i = 0; i < 120; i++) {
    const changed = Buffer.from(payload)
    changed[i < 60 ? i : payload.length - 121 + i] ^= 4
    t.equal(sourcesIn(changed).fault, wrong)
  }
  t.equal(dumpOf([]).toString('hex'), '0a005d9b5c400f7fa2da')
  for (let length = 0; length < 12; length++) t.equal(sourcesIn(payload.subarray(0, length)).fault, wrong)
})

t.test('a packed library is not unpacked when it is too long, nor when all together are', (t) => {
  const refusal = error('ERR too much')
  const seen: [number, number][] = []
  const read = (payload: Buffer, most: number) =>
    sourcesIn(payload, (bytes, all) => {
      seen.push([bytes, all])
      return all > most ? refusal : undefined
    })
  // Some bytes that say that they are 4 GB, and then twice a source.
  const long = Buffer.from([0xf5, 0xc3, 3, 0x80, 0xff, 0xff, 0xff, 0xff, 0, 0x61, 0x62])
  t.equal(read(payloadOf([long]), 1e6).fault, refusal)
  t.same(seen.splice(0), [[0xffffffff, 0xffffffff]])
  const one = Buffer.from([0xf5, 0x02, 0x61, 0x62])
  t.equal(read(payloadOf([one, one, one]), 5).fault, refusal)
  t.same(seen, [
    [2, 2],
    [2, 4],
    [2, 6],
  ])
  t.end()
})

t.test('libraries join others as in Redis', async (t) => {
  const there = new Map([library('one', 'a', 'b'), library('two', 'c')].map((each) => [each.name, each]))
  const names = (next: ReturnType<typeof joined>) => (next as readonly Library[]).map(({ name }) => name)
  t.same(names(joined(there, [library('three', 'd')], 'append')), ['one', 'two', 'three'])
  t.equal(textOf(joined(there, [library('two', 'd')], 'append')), 'ERR Library two already exists')
  t.same(names(joined(there, [library('two', 'c', 'd')], 'replace')), ['one', 'two'])
  t.equal(textOf(joined(there, [library('two', 'A')], 'replace')), 'ERR Function A already exists')
  t.same(names(joined(there, [library('three', 'a', 'c')], 'flush')), ['three'])
  t.equal(collision([library('x', 'a')], library('y', 'b', 'A'))?.name, 'A')
  t.equal((listed(there, [Buffer.from('libraryname'), Buffer.from('T*')]) as Reply[]).length, 1)
})

t.test('what is kept is read again as it was written, and what is none is none', async (t) => {
  const one = library('one', 'a', 'b')
  const { name, content } = libraryRecord(one)
  t.same(libraryIn(content), one)
  t.equal(libraryRecord({ ...one, loading: 'y' }).name === name, false)
  t.equal(libraryIn(Buffer.from('nonsense')), undefined)
  const index = { ring: 'dt', version: 7, generation: 2, libraries: [name] }
  const told = (command: readonly (string | Buffer)[], as: string) =>
    map([
      ['library_name', as],
      ['library_code', command[3]],
    ])
  const records = recordsIn([told(keepCommand(name, content), name), told(indexCommand(index), 'dt_kept'), 7])
  t.same(records.get(name), content)
  t.same(indexIn(records.get('dt_kept')), index)
  t.equal(indexIn(content), undefined)
  t.equal(indexIn(undefined), undefined)
})

t.test('a library that is loaded again has other names on the servers, the same one the same', async (t) => {
  const [first] = scriptsOf(library('one', 'Name'), 1000)
  t.match(first, { sha: 'Name', readsOnly: true, allowsOom: true })
  t.match(first.wrappedSha, /^dt_x_[0-9a-f]{40}_name$/)
  t.equal(scriptsOf(library('one', 'Name'), 1000)[0].wrappedSha, first.wrappedSha)
  t.not(scriptsOf({ ...library('one', 'Name'), loading: 'y' }, 1000)[0].wrappedSha, first.wrappedSha)
  t.not(first.trial!().library, first.library)
})
