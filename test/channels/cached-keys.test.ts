import t from 'tap'
import { keyId } from '../../src/base/key-id.js'
import { CachedKeys, CachingClient, type CachingEar, type CachingOptions } from '../../src/channels/cached-keys.js'
import type { Invalidation } from '../../src/channels/invalidation.js'

const PLAIN: CachingOptions = { isBroadcast: false, isOptIn: false, isOptOut: false, isNoLoop: false, redirect: 0 }

class Ear implements CachingEar {
  oldest = Number.POSITIVE_INFINITY
  readonly told: string[] = []

  tell(_to: CachingClient, invalidation: Invalidation, again: boolean, isOwn: boolean): Buffer | undefined {
    const [, , , , , ...keys] = invalidation.in(3, 3).toString().split('\r\n')
    const names = keys.filter((_, i) => i % 2 === 0 && keys.length > 1).join(' ')
    this.told.push(`${names || 'all'}${again ? ', again' : ''}${isOwn ? ', own' : ''}`)
    return isOwn ? Buffer.from(names) : undefined
  }
}

function ids(...keys: string[]) {
  return keys.map((key) => keyId(0, Buffer.from(key), 0, key.length))
}

function begin(keys: CachedKeys, options: Partial<CachingOptions> = {}, ...prefixes: string[]) {
  const ear = new Ear()
  const client = new CachingClient(keys, ear)
  keys.begin(
    client,
    { ...PLAIN, ...options },
    prefixes.map((prefix) => Buffer.from(prefix)),
  )
  return { client, ear }
}

t.test('a read whose reply is still to come may have the old value: it is said again behind that', async (t) => {
  const keys = new CachedKeys(10)
  const { client, ear } = begin(keys)
  keys.read(client, ids('k'), 5)
  ear.oldest = 5
  keys.changed(ids('k'))
  keys.read(client, ids('k'), 6)
  ear.oldest = 7
  keys.changed(ids('k'))
  t.same(ear.told, ['k, again', 'k'])
})

t.test('what a client reads behind its own write stays remembered', async (t) => {
  const keys = new CachedKeys(10)
  const { client, ear } = begin(keys)
  keys.read(client, ids('k'), 1)
  keys.read(client, ids('k'), 3)
  t.same(keys.changed(ids('k'), { client, number: 2 }), Buffer.from('k'))
  keys.changed(ids('k'))
  t.same(ear.told, ['k, own', 'k'])

  const quiet = begin(keys, { isNoLoop: true })
  keys.read(quiet.client, ids('k'), 9)
  keys.changed(ids('k'), { client: quiet.client, number: 8 })
  keys.changed(ids('k'))
  t.same(quiet.ear.told, ['k'], 'it would keep it for ever')
})

t.test('who writes what he has read himself is not the only one who is told', (t) => {
  const keys = new CachedKeys(10)
  const [writer, other, third] = [begin(keys), begin(keys), begin(keys)]
  for (const { client } of [writer, other, third]) keys.read(client, ids('k'), 1)
  t.same(keys.changed(ids('k'), { client: writer.client, number: 2 }), Buffer.from('k'))
  t.same(
    [writer, other, third].map(({ ear }) => ear.told),
    [['k, own'], ['k'], ['k']],
  )
  t.end()
})

t.test('what is remembered is bounded: for one more key the oldest is told', async (t) => {
  const keys = new CachedKeys(2)
  const { client, ear } = begin(keys)
  keys.read(client, ids('a', 'b', 'c'), 1)
  t.same(ear.told, ['a'])
  t.same([keys.keyCount, keys.itemCount], [2, 2])
  client.end()
  t.same([keys.any, keys.keyCount, keys.itemCount], [false, 0, 0])
})

t.test('who listens to prefixes is told of its keys together, and of any reply that is to come', async (t) => {
  const keys = new CachedKeys(2)
  const { ear } = begin(keys, { isBroadcast: true }, 'a', 'b')
  ear.oldest = 3
  keys.changed(ids('b', 'a2', 'c', 'a1'))
  keys.allChanged()
  t.same(ear.told, ['a1 a2, again', 'b, again', 'all, again'])
  t.equal(keys.prefixCount, 2)
})

t.test('who has gone is forgotten, also for a key that never changes', (t) => {
  const keys = new CachedKeys(10)
  const stays = begin(keys)
  keys.read(stays.client, ids('k', 'l'), 1)
  for (let i = 2; i < 100; i++) {
    const { client } = begin(keys)
    keys.read(client, ids('k', String(i % 4)), i)
    client.end()
    t.ok(keys.itemCount <= 8, `${keys.itemCount} are remembered`)
  }
  keys.changed(ids('k', 'l'))
  t.same(stays.ear.told, ['k', 'l'])
  for (let i = 0; i < 4; i++) keys.changed(ids(String(i)))
  t.same([keys.itemCount, keys.keyCount], [0, 0])
  t.end()
})

t.test('what is known of many keys is swept in several turns, while they go on to change', async (t) => {
  const keys = new CachedKeys(100_000)
  const names = ids(...Array.from({ length: 30_000 }, (_, i) => `k${i}`))
  const stays = begin(keys)
  keys.read(stays.client, names.slice(0, 20_000), 1)
  const { client } = begin(keys)
  keys.read(client, names, 2)
  client.end()
  t.ok(keys.itemCount > 20_000)
  keys.changed(names.slice(0, 15_000))
  while (keys.itemCount > 5000) await new Promise((resolve) => setImmediate(resolve))
  t.same([keys.itemCount, keys.keyCount, stays.ear.told.length], [5000, 5000, 15_000])
  keys.allChanged()
  stays.client.end()
  t.same([keys.itemCount, keys.keyCount], [0, 0])
})

t.test('who is cut off while he is told, as the last one, leaves nothing', (t) => {
  const keys = new CachedKeys(10)
  const [one, other] = [begin(keys), begin(keys)]
  for (const { client } of [one, other]) keys.read(client, ids('k'), 1)
  one.ear.tell = () => {
    for (const { client } of [one, other]) client.end()
    return undefined
  }
  keys.changed(ids('k'))
  t.same([keys.any, keys.itemCount, keys.keyCount], [false, 0, 0])
  t.end()
})
