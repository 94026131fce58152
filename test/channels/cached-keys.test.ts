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
