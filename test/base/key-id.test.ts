import t from 'tap'
import { dbOfId, idInDb, isSameKey, keyId, keyOfId } from '../../src/base/key-id.js'

const idOf = (db: number, key: Buffer) => keyId(db, key, 0, key.length)
const long = (last: number) => Buffer.concat([Buffer.alloc(10_000, 'x'), Buffer.from([last])])
const KEYS = [Buffer.alloc(0), Buffer.from('k'), Buffer.from([0, 13, 10, 58, 255]), long(0), long(255)]

t.test('a name is the same for the same key of the same database only', async (t) => {
  for (const [i, key] of KEYS.entries()) {
    for (const [j, other] of KEYS.entries()) {
      for (const db of [0, 1, 12]) {
        t.equal(idOf(0, key) === idOf(db, Buffer.from(other)), i === j && db === 0, `${i} and ${j} of ${db}`)
        t.equal(isSameKey(idOf(0, key), idOf(db, other)), i === j, 'whatever the databases')
      }
    }
  }
})

t.test('a name tells the key and its database', async (t) => {
  for (const key of KEYS) {
    const id = idOf(12, key)
    t.equal(dbOfId(id), 12)
    t.ok(keyOfId(id).key.equals(key))
    t.equal(keyOfId(id).db, 12)
    t.equal(idInDb(id, 3), idOf(3, key))
    t.equal(idInDb(id, 12), id)
  }
})

t.test('it has its own bytes, which others may overwrite afterwards', async (t) => {
  const buffer = Buffer.concat([Buffer.from('before'), long(1), Buffer.from('behind')])
  const id = keyId(0, buffer, 6, buffer.length - 6)
  buffer.fill(0)
  t.ok(keyOfId(id).key.equals(long(1)))
  t.equal(id, idOf(0, long(1)))
})
