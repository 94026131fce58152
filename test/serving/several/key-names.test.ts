import fc from 'fast-check'
import t from 'tap'
import { keyId } from '../../../src/base/key-id.js'
import { frameOf } from '../../../src/resp/frame.js'
import { KeyNames } from '../../../src/serving/several/large/key-names.js'

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
      const found = [...names.among(some, 0)].map((k) => own[k].toString('hex')).sort()
      const expected = new Set(
        others.filter((key) => own.some((each) => each.equals(key))).map((key) => key.toString('hex')),
      )
      return found.join() === [...expected].sort().join() && names.areAnyOf(some, 0) === expected.size > 0
    }),
  )
  const [a, long] = [Buffer.from('a'), Buffer.alloc(5000, 'x')]
  const names = namesOf([a, long])
  t.equal(names.areAnyOf(new Set([idOf(a, 1)]), 0), false, 'of another database')
  t.equal(names.areAnyOf(new Set([idOf(a, 1)]), 1), true)
  t.equal(names.areAnyOf(new Set([idOf(long)]), 0), true, 'a long one')
})
