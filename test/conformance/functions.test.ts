import fc from 'fast-check'
import t from 'tap'
import { type Arg, command } from '../helpers/raw-client.js'
import { readReply, textOf } from '../helpers/raw-reply.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { Pair } from './pair.js'
import { compareRuns } from './wrapped-runs.js'

const pair = await Pair.start(t)

/** The line is that of what shadows them. */
const NAMES_ANOTHER_LINE = /_G\.\w+\s*=|redis\.\w+\s*=|setmetatable\((_G|redis)/

compareRuns(
  pair,
  'functions',
  (source, call) => {
    const library = `#!lua name=lib\n\nredis.register_function('f', function(KEYS, ARGV) ${source}\nend)`
    return [
      ['FUNCTION', 'LOAD', 'REPLACE', library],
      ['FCALL', 'f', ...call],
      ['FUNCTION', 'FLUSH'],
    ]
  },
  (source) => !NAMES_ANOTHER_LINE.test(source),
)

const LIBRARY = (name: string, functions: readonly string[], more = '') =>
  `#!lua name=${name}\n${functions.map((each) => `redis.register_function('${each}', function(k, a) return {'${name}', '${each}', k, a} end)`).join('\n')}${more}`

t.test('what a library keeps of one call says so in the next, and it does not reach what runs it', async (t) => {
  const { ours, theirs, close } = await pair.connect(2)
  const library = `#!lua name=lib
    local kept
    redis.register_function('keeps', function(k) kept = kept or redis.call return kept('incr', k[1]) end)
    redis.register_function('reaches', function() return {pcall(function() return dt__make end)} end)`
  await Promise.all([ours, theirs].map((client) => client.ask('FUNCTION', 'LOAD', library)))
  t.equal(String(await ours.ask('FCALL', 'keeps', '1', 'n')), ':1\r\n')
  const said = String(await ours.ask('FCALL', 'keeps', '1', 'n'))
  t.match(said, /^-ERR redis\.call of an earlier call was kept by the library/)
  t.equal(String(await ours.ask('FCALL', 'keeps', '1', '{n}2')), said)
  t.equal(String(await ours.ask('MGET', 'n', '{n}2')), '*2\r\n$1\r\n1\r\n$-1\r\n')
  t.same((await ringSnapshot(pair.proxy)).faults, [])
  const reached = await ours.ask('FCALL', 'reaches', '0')
  t.equal(String(reached), String(await theirs.ask('FCALL', 'reaches', '0')))
  t.match(String(reached), /nonexistent global variable 'dt__make'/)
  await Promise.all([ours, theirs].map((client) => client.ask('FUNCTION', 'FLUSH')))
  await pair.flush()
  close()
})

t.test('what one dumps the other restores', async (t) => {
  const { ours, theirs, close } = await pair.connect(2)
  const payloadOf = (reply: Buffer) => reply.subarray(reply.indexOf(0x0a) + 1, -2)
  const sources = [
    LIBRARY('one', ['a']),
    LIBRARY('two', ['c'], `\n-- ${'long '.repeat(5000)}`),
    LIBRARY('three', ['D']),
  ]
  for (const [from, to] of [
    [ours, theirs],
    [theirs, ours],
  ]) {
    await Promise.all([from, to].map((client) => client.ask('FUNCTION', 'FLUSH')))
    for (const source of sources) t.match(String(await from.ask('FUNCTION', 'LOAD', source)), /^\$/)
    const payload = payloadOf(await from.ask('FUNCTION', 'DUMP'))
    t.equal(String(await to.ask('FUNCTION', 'RESTORE', payload)), '+OK\r\n')
    t.equal(String(await to.ask('FUNCTION', 'RESTORE', payload, 'REPLACE')), '+OK\r\n')
    t.equal(String(await to.ask('FUNCTION', 'RESTORE', payload, 'FLUSH')), '+OK\r\n')
    t.match(String(await to.ask('FUNCTION', 'RESTORE', payload)), /^-ERR Library \w+ already exists\r\n/)
    for (const name of ['one', 'two', 'three']) {
      const list = ['FUNCTION', 'LIST', 'LIBRARYNAME', name, 'WITHCODE']
      t.ok((await to.ask(...list)).equals(await from.ask(...list)), name)
    }
    for (const call of ['a', 'c', 'd']) {
      t.ok((await to.ask('FCALL', call, '0', 'x')).equals(await from.ask('FCALL', call, '0', 'x')), call)
    }
    const wrong = Buffer.from(payload)
    wrong[5] ^= 1
    t.equal(String(await to.ask('FUNCTION', 'RESTORE', wrong)), '-ERR DUMP payload version or checksum are wrong\r\n')
  }
  await Promise.all([ours, theirs].map((client) => client.ask('FUNCTION', 'FLUSH')))
  close()
})

t.test('libraries that come, go, replace each other and are restored at random are the same', async (t) => {
  const { ours, theirs, close } = await pair.connect(3)
  const name = fc.constantFrom('one', 'two', 'three', 'One')
  const functions = fc.uniqueArray(fc.constantFrom('a', 'B', 'c', 'd'), { minLength: 1, maxLength: 3 })
  const replace = fc.constantFrom<string[][]>([], ['REPLACE'])
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(name, functions, replace).map(([n, f, r]) => ['FUNCTION', 'LOAD', ...r, LIBRARY(n, f)]),
    },
    { weight: 1, arbitrary: fc.tuple(name, functions).map(([n, f]) => ['FUNCTION', 'LOAD', LIBRARY(n, f, '\na b')]) },
    { weight: 2, arbitrary: name.map((n) => ['FUNCTION', 'DELETE', n]) },
    { weight: 1, arbitrary: fc.constantFrom<string[]>(['FUNCTION', 'FLUSH'], ['FUNCTION', 'STATS']) },
    { weight: 4, arbitrary: fc.constantFrom('a', 'A', 'b', 'c', 'D').map((f) => ['FCALL', f, '1', 'k', 'v']) },
    { weight: 2, arbitrary: name.map((n) => ['FUNCTION', 'LIST', 'LIBRARYNAME', n.replace('o', '?')]) },
    { weight: 2, arbitrary: fc.constantFrom('APPEND', 'REPLACE', 'FLUSH').map((policy) => ['kept', policy]) },
  )
  const sorted = (reply: Buffer) => [...String(reply)].sort().join('')
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      await Promise.all([ours, theirs].map((client) => client.ask('FUNCTION', 'FLUSH')))
      let kept: Buffer | undefined
      for (const [i, words] of steps.entries()) {
        if (i % 7 === 3) kept = Buffer.from(textOf(readReply(await theirs.ask('FUNCTION', 'DUMP'))), 'latin1')
        if (words[0] === 'kept' && kept === undefined) continue
        const args: Arg[] = words[0] === 'kept' ? ['FUNCTION', 'RESTORE', kept!, words[1]] : words
        const [a, b] = await Promise.all([ours.ask(...args), theirs.ask(...args)])
        const isList = words[1] === 'LIST'
        // Which of several it names first is a matter of its hash table.
        const clash = /^-ERR (Library|Function) \w+ already exists/
        if (clash.test(String(b))) t.match(String(a), clash)
        else if (isList ? sorted(a) !== sorted(b) : !a.equals(b)) throw new Error(`${command(...args)}: ${a} and ${b}`)
      }
    }),
    { numRuns: 40 },
  )
  await Promise.all([ours, theirs].map((client) => client.ask('FUNCTION', 'FLUSH')))
  close()
})
