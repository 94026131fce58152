import fc from 'fast-check'
import t from 'tap'
import { keyId } from '../../src/base/key-id.js'
import { RecentNames } from '../../src/base/recent-names.js'

t.test('a key has the same name, however often it is asked for, and wherever it lies', async () => {
  const names = new RecentNames()
  const isSame = (key: Buffer, before: number) => {
    const buf = Buffer.concat([Buffer.alloc(before, '*'), key, Buffer.from('\r\n')])
    return names.of(buf, before, before + key.length) === keyId(0, key, 0, key.length)
  }
  const keys = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.integer({ min: 0, max: 100_000 }).map((number) => Buffer.from(`user:${number}`)),
    fc.constantFrom('', '0:', 'k', '\xff\x00').map((text) => Buffer.from(text, 'latin1')),
  )
  fc.assert(
    fc.property(keys, fc.nat({ max: 20 }), (key, before) => isSame(Buffer.from(key), before)),
    { numRuns: 5000 },
  )
  // More than there are places.
  for (let i = 0; i < 40_000; i++) if (!isSame(Buffer.from(`k${i % 25_000}`), i % 3)) throw new Error(String(i))
})
