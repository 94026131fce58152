import t from 'tap'
import type { KeyId } from '../../src/base/key-id.js'
import { keyId } from '../../src/base/key-id.js'
import { ALL_DATABASES } from '../../src/order/database-change.js'
import { UnmarkedKeys } from '../../src/order/unmarked-keys.js'

const id = (name: string, db = 0): KeyId => keyId(db, Buffer.from(name), 0, name.length)

t.test('keys count until the view is marked, and with more than can be known one by one every key does', async (t) => {
  const keys = new UnmarkedKeys(3)
  t.notOk(keys.any)
  keys.add([id('a'), id('b', 1), id('a')])
  t.ok(keys.any)
  t.ok(keys.has(id('a')))
  t.notOk(keys.has(id('a', 1)), 'of one database')
  t.notOk(keys.has(id('c')))
  t.ok(keys.concerns([1, 7]))
  t.notOk(keys.concerns([7]))
  keys.add([id('c'), id('d')])
  for (const any of ['a', 'd', 'never seen']) t.ok(keys.has(id(any)), any)
  t.ok(keys.any)
  t.ok(keys.concerns([7]))
  keys.add([id('e')])
  keys.clear()
  t.notOk(keys.any)
  for (const any of ['a', 'e']) t.notOk(keys.has(id(any)), any)
})

t.test('every key of a database counts that was emptied or exchanged, or of all of them', async (t) => {
  const keys = new UnmarkedKeys()
  keys.addDatabases([])
  t.notOk(keys.any)
  keys.addDatabases([1, 2])
  t.ok(keys.any)
  t.ok(keys.has(id('never seen', 2)))
  t.notOk(keys.has(id('never seen')))
  t.ok(keys.concerns([0, 1]))
  t.notOk(keys.concerns([0, 3]))
  keys.addDatabases([ALL_DATABASES])
  t.ok(keys.has(id('never seen', 9)))
  t.ok(keys.concerns([9]))
  keys.clear()
  t.notOk(keys.any)
  t.notOk(keys.has(id('never seen', 2)))
  t.notOk(keys.concerns([1]))
})
