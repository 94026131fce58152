import fc from 'fast-check'
import t from 'tap'
import { Glob } from '../../src/base/glob.js'
import { decodeReply, elementsOf } from '../../src/resp/decode.js'
import { cpuMs } from '../helpers/cpu-time.js'
import { startRedis } from '../helpers/proxy.js'

const redis = await startRedis(t)
const conn = await redis.connect()

const globMatch = (pattern: Buffer, text: Buffer, nocase = false) => new Glob(pattern, nocase).matches(text)
const bytes = (text: string) => Buffer.from(text, 'latin1')

async function list(...args: (string | Buffer)[]): Promise<Buffer[]> {
  const reply = await conn.ask(...args)
  return elementsOf(decodeReply(reply, 0, reply.length)) as Buffer[]
}

const TEXTS = [
  'a',
  'b',
  'ab',
  'abc',
  'A',
  'Ab',
  '*',
  '?',
  '[a]',
  '\\',
  'a\\b',
  'a]',
  '-',
  '^',
  'h\xe9',
  '\xff',
  '\0',
  'aaaaab',
]

t.test('a pattern matches the keys that KEYS finds with it', async (t) => {
  for (const text of TEXTS) await conn.ask('SET', bytes(text), '1')
  const piece = fc.constantFrom(
    '*',
    '?',
    '[',
    ']',
    '^',
    '-',
    '\\',
    'a',
    'b',
    'A',
    'c',
    '\xe9',
    '\xff',
    '\x80',
    '[a-c]',
    '[^b]',
    '\0',
  )
  const pattern = fc.array(piece, { maxLength: 8 }).map((pieces) => bytes(pieces.join('')))
  await fc.assert(
    fc.asyncProperty(pattern, async (pattern) => {
      const theirs = (await list('KEYS', pattern)).map((key) => key.toString('latin1'))
      const ours = TEXTS.filter((text) => globMatch(pattern, bytes(text)))
      return JSON.stringify(theirs.sort()) === JSON.stringify([...ours].sort())
    }),
    { numRuns: 3000 },
  )
  t.pass()
})

t.test('without regard to case it matches what COMMAND LIST finds', async (t) => {
  const names = (await list('COMMAND', 'LIST')).map((name) => name.toString())
  const piece = fc.constantFrom(
    '*',
    '?',
    'G',
    'g',
    'e',
    'T',
    '[a-Z]',
    '[Z-a]',
    '[G-z]',
    '[^A-m]',
    'set',
    '|',
    '\\S',
    '[\\E]',
  )
  const pattern = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
  await fc.assert(
    fc.asyncProperty(pattern, async (pattern) => {
      const theirs = (await list('COMMAND', 'LIST', 'FILTERBY', 'PATTERN', pattern)).map((name) => name.toString())
      const ours = names.filter((name) => globMatch(bytes(pattern), bytes(name), true))
      return JSON.stringify(theirs.sort()) === JSON.stringify(ours.sort())
    }),
    { numRuns: 1000 },
  )
  t.pass()
})

t.test('an empty text is matched by the empty pattern alone', async (t) => {
  t.ok(globMatch(bytes(''), bytes('')))
  t.notOk(globMatch(bytes('*'), bytes('')))
})

t.test('a hostile pattern costs no more than its length times the text', async (t) => {
  const tookMs = cpuMs(() => {
    t.notOk(globMatch(bytes('a*'.repeat(1000).concat('b')), bytes('a'.repeat(10_000))))
    t.ok(globMatch(bytes('?*'.repeat(20_000)), bytes('a'.repeat(40_000))))
  })
  t.ok(tookMs < 2000, `${tookMs} ms`)
})

t.test('a pattern is read once for many texts, and no further than the longest of them', async (t) => {
  const names = Array.from({ length: 300 }, (_, i) => bytes(`some-setting-with-number-${i}`))
  const tookMs = cpuMs(() => {
    for (const pattern of [`*[${'k'.repeat(4_000_000)}`, 'x'.repeat(4_000_000), '*?'.repeat(2_000_000)]) {
      const glob = new Glob(bytes(pattern), true, 40)
      t.notOk(names.some((name) => glob.matches(name)))
    }
  })
  t.ok(tookMs < 2000, `${tookMs} ms`)
})
