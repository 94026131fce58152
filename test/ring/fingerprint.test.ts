import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { fingerprintOf } from '../../src/ring/fingerprint.js'
import { fingerprint32, identifierOfKey } from '../../src/ring/identifier.js'

/** Bytes that look random and are the same in every run. */
function noise(size: number, seed: number): Buffer {
  const parts: Buffer[] = []
  for (let i = 0; i * 64 < size; i++) parts.push(createHash('sha512').update(`${seed} ${i}`).digest())
  return Buffer.concat(parts).subarray(0, size)
}

t.test('it is farmhash’s fingerprint, on a million inputs of all lengths up to 300', async (t) => {
  const bytes = noise(64 * 1024, 1)
  let compared = 0
  let different = 0
  for (let length = 0; length <= 300; length++) {
    for (let i = 0; i < 3500; i++) {
      const start = (i * 37 + length * 101) % (bytes.length - length)
      if (fingerprintOf(bytes, start, start + length) !== fingerprint32(bytes.subarray(start, start + length)))
        different++
      compared++
    }
  }
  t.ok(compared > 1_000_000)
  t.equal(different, 0)
})

t.test('it is farmhash’s fingerprint of numbers, of one repeated byte, and of every pair of bytes', async (t) => {
  let different = 0
  const check = (bytes: Buffer) => {
    if (fingerprintOf(bytes, 0, bytes.length) !== fingerprint32(bytes)) different++
  }
  for (let i = 0; i < 100_000; i++) check(Buffer.from(`key:${i}`))
  for (let byte = 0; byte < 256; byte++) {
    for (let length = 0; length <= 64; length++) check(Buffer.alloc(length, byte))
    for (let second = 0; second < 256; second++) check(Buffer.from([byte, second]))
  }
  t.equal(different, 0)
})

t.test('a key has the identifier that farmhash gives its hash tag, or all of it', async (t) => {
  const piece = fc.oneof(fc.constantFrom('{', '}', '{}'), fc.string({ unit: 'binary', maxLength: 120 }))
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.nat({ max: 70 }), (pieces, before) => {
      const key = Buffer.from(pieces.join(''))
      const buf = Buffer.concat([noise(before, 2), key, Buffer.from('}x')])
      const text = key.toString('latin1')
      const tag = /^[^{]*\{([^}]+)\}/s.exec(text)?.[1] ?? text
      t.equal(identifierOfKey(buf, before, before + key.length), fingerprint32(Buffer.from(tag, 'latin1')))
    }),
    { numRuns: 2000 },
  )
})
