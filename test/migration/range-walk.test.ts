import fc from 'fast-check'
import t from 'tap'
import { keyId } from '../../src/coordinator/lanes.js'
import { keysIn } from '../../src/migration/range-walk.js'
import { encodeReply } from '../../src/resp/encode.js'
import { identifierOfKey } from '../../src/ring/identifier.js'
import { RangeSet } from '../../src/ring/range-set.js'

t.test('a reply to SCAN is searched for the keys of some ranges, whatever bytes they are made of', async (t) => {
  const key = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes))
  const point = fc.integer({ min: 0, max: 2 ** 32 - 1 })
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.array(key), point, point, (cursor, keys, from, to) => {
      const ranges = new RangeSet([{ from, to }])
      const reply = encodeReply([String(cursor), keys], 3)
      const around = Buffer.concat([Buffer.from('+OK\r\n'), reply, Buffer.from('+OK\r\n')])
      const inRange = keys.filter((key) => ranges.has(identifierOfKey(key, 0, key.length)))
      t.same(keysIn(around, 5, 7, ranges), {
        cursor: String(cursor),
        found: inRange.map((key) => keyId(7, key, 0, key.length)),
      })
    }),
  )
})
