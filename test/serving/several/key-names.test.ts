import fc from 'fast-check'
import t from 'tap'
import { keyId } from '../../../src/base/key-id.js'
import { frameOf } from '../../../src/resp/frame.js'
import { KeyNames } from '../../../src/serving/several/large/key-names.js'
import { cpuMs } from '../../helpers/cpu-time.js'

/** The names of the keys of a command, each with a value behind it. */
function namesOf(keys: readonly Buffer[]): KeyNames {
  const frame = frameOf(['MSET', ...keys.flatMap((key) => [key, 'v'])])
  const names = new KeyNames(frame, 1, 2, keys.length)
  for (const [k, i] of keys.map((_, k) => [k, 1 + 2 * k])) names.note(k, frame.argStart[i], frame.argEnd[i])
  return names
}

const idOf = (key: Buffer, db = 0) => keyId(db, key, 0, key.length)
const keys = fc.array(
  fc.uint8Array({ maxLength: 6 }).map((bytes) => Buffer.from(bytes)),
  { minLength: 1, maxLength: 40 },
)

t.test('which of some keys a command has is what their bytes and their database say', async (t) => {
  fc.assert(
    fc.property(keys, keys, (own, others) => {
      const names = namesOf(own)
      const some = new Map(others.map((key) => [idOf(key), 0]))
      const found = [...names.among(some, 0, 100)].map((k) => own[k!].toString('hex')).sort()
      const expected = new Set(
        others.filter((key) => own.some((each) => each.equals(key))).map((key) => key.toString('hex')),
      )
      return (
        found.join() === [...expected].sort().join() &&
        (some.size > own.length || names.areAnyOf(some, 0) === expected.size > 0)
      )
    }),
  )
  const [a, long] = [Buffer.from('a'), Buffer.alloc(5000, 'x')]
  const names = namesOf([a, long])
  t.equal(names.areAnyOf(new Set([idOf(a, 1)]), 0), false, 'of another database')
  t.equal(names.areAnyOf(new Set([idOf(a, 1)]), 1), true)
  t.equal(names.areAnyOf(new Set([idOf(long)]), 0), true, 'a long one')
})

t.test('a hundred thousand keys are asked about each other in a moment', async (t) => {
  const own = Array.from({ length: 100_000 }, (_, i) => Buffer.from(`key:${i}`))
  const names = namesOf(own)
  const others = new Set(own.map((_, i) => idOf(Buffer.from(`other:${i}`))))
  const same = new Set(own.map((key) => idOf(key)))
  const ms = cpuMs(() => {
    t.equal(names.areAnyOf(others, 0), false)
    t.equal([...names.among(same, 0, own.length)].length, own.length)
  })
  t.ok(ms < 2000, `${ms} ms`)
})

t.test('one key very many times has one place', async (t) => {
  const names = namesOf(new Array<Buffer>(50_000).fill(Buffer.from('a')))
  t.equal(names.areAnyOf(new Set([idOf(Buffer.from('b'))]), 0), false)
  t.same([...names.among(new Set([idOf(Buffer.from('a'))]), 0, 1)], [0])
})

t.test('of more than it has keys it is not asked', async (t) => {
  const names = namesOf([Buffer.from('a'), Buffer.from('b')])
  const others = ['c', 'd', 'e'].map((key) => idOf(Buffer.from(key)))
  t.equal(names.areAnyOf(new Set(others.slice(1)), 0), false)
  t.equal(names.areAnyOf(new Set(others), 0), true, 'it may be')
})
