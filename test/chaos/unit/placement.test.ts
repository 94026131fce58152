import t from 'tap'
import { buildView, replicaSetOfKey } from '../../../src/view/build-view.js'
import type { Held, Snapshot } from '../../helpers/snapshot.js'
import { findMisplaced, placement } from '../placement.js'

const NAMES = ['dt-1', 'dt-2', 'dt-3', 'dt-4', 'dt-5']
const at = (name: string) => ({ name, host: '127.0.0.1', port: 1, state: 'up' as const })

t.test('the plainest way to place a key is the way of the ring', async (t) => {
  for (const replicas of [0, 2, 7]) {
    const view = buildView('chaos', 1, replicas, 64, NAMES.map(at))
    const replicasOf = placement(NAMES, replicas)
    for (let i = 0; i < 2000; i++) {
      const key = Buffer.from(i % 5 === 0 ? `a{tag${i}}b` : `key:${i}`)
      const expected = replicaSetOfKey(view, key, 0, key.length).natural.map(({ name }) => name)
      if (expected.join() !== replicasOf(key).join()) t.fail(`${key}: ${expected} and ${replicasOf(key)}`)
    }
    t.pass(`${replicas} backups`)
  }
})

t.test('keys that are missing, extra or different are found', async (t) => {
  const held = new Map(NAMES.map((name): [string, Snapshot] => [name, new Map<string, Held>()]))
  const value = (text: string, expiresAtMs = -1): Held => ({ type: 'string', value: text, expiresAtMs })
  const put = (key: string, members: readonly string[], what: Held) => {
    for (const name of members) held.get(name)!.set(`0 ${key}`, what)
  }
  const replicasOf = placement(NAMES, 2)
  const natural = (key: string) => replicasOf(Buffer.from(key))
  const others = (key: string) => NAMES.filter((name) => !natural(key).includes(name))
  for (const key of ['right', 'missing', 'extra', 'differs', 'ttl', 'expired']) put(key, natural(key), value('a'))
  t.strictSame(findMisplaced(held, 2, 1000), { keys: 6, misplaced: [] })

  held.get(natural('missing')[0])!.delete('0 missing')
  put('extra', others('extra').slice(0, 1), value('a'))
  put('differs', natural('differs').slice(2), value('b'))
  put('ttl', natural('ttl').slice(1, 2), value('a', 5000))
  for (const name of NAMES) held.get(name)!.delete('0 expired')
  put('expired', natural('expired').slice(0, 1), value('a', 999))
  const { keys, misplaced } = findMisplaced(held, 2, 1000)
  t.equal(keys, 5)
  t.strictSame(misplaced.map(({ kind, key, member }) => [kind, key, member]).sort(), [
    ['differs', '0 differs', natural('differs')[2]],
    ['differs', '0 ttl', natural('ttl')[1]],
    ['extra', '0 extra', others('extra')[0]],
    ['missing', '0 missing', natural('missing')[0]],
  ])
})
