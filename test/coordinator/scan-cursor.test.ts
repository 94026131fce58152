import fc from 'fast-check'
import t from 'tap'
import { decodeCursor, encodeCursor } from '../../src/serving/keyspace/scan.js'
import { generationOf } from '../../src/serving/keyspace/walks.js'

const cursors = fc.record({
  member: fc.integer({ min: 0, max: 254 }),
  generation: fc.integer({ min: 0, max: 2 ** 15 - 1 }),
  backend: fc.integer({ min: 0, max: 2 ** 30 - 1 }),
})

t.test('a cursor comes back as it went out, also through a client that keeps it in a double', async () => {
  fc.assert(
    fc.property(cursors, (cursor) => {
      const text = encodeCursor(cursor)
      const through = [text, String(Number(text)), String(BigInt(text))]
      return through.every((copy) => {
        const decoded = decodeCursor(Buffer.from(copy))
        return typeof decoded === 'object' && JSON.stringify(decoded) === JSON.stringify(cursor)
      })
    }),
  )
})

t.test('no cursor of ours is 0, which is the end, and all are exact as doubles', async (t) => {
  t.ok(Number(encodeCursor({ member: 0, generation: 0, backend: 0 })) > 0)
  const largest = Number(encodeCursor({ member: 254, generation: 2 ** 15 - 1, backend: 2 ** 30 - 1 }))
  t.ok(largest < 2 ** 53, String(largest))
})

t.test('what Redis takes for a number but is none of ours begins anew', async (t) => {
  for (const text of [
    '0',
    '',
    '-1',
    '+0',
    '-0',
    '00',
    '256',
    '18446744073709551615',
    '9007199254740992',
    '0\0garbage',
  ]) {
    t.equal(decodeCursor(Buffer.from(text)), undefined, JSON.stringify(text))
  }
})

t.test('what Redis does not take for a number is invalid', async (t) => {
  const texts = [
    ' 0',
    '0 ',
    'x',
    '0x10',
    '1.5',
    '1e3',
    '--1',
    '+',
    '-',
    '18446744073709551616',
    '9'.repeat(40),
    '\u0660',
  ]
  for (const text of texts) t.equal(decodeCursor(Buffer.from(text)), 'invalid', JSON.stringify(text))
})

t.test('no bytes make decoding fail', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
      const cursor = decodeCursor(Buffer.from(bytes))
      if (typeof cursor !== 'object') return cursor === undefined || cursor === 'invalid'
      return cursor.member >= 0 && cursor.member < 255 && cursor.backend < 2 ** 30
    }),
  )
})

t.test('the generation is below 2^15 and depends on the text', async (t) => {
  t.not(generationOf('epoch 1'), generationOf('epoch 2'))
  fc.assert(
    fc.property(fc.string(), (text) => {
      const generation = generationOf(text)
      return Number.isInteger(generation) && generation >= 0 && generation < 2 ** 15
    }),
  )
})
