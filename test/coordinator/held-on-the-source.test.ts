import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { type Held, Lanes } from '../../src/order/lanes.js'
import { startProxy } from '../helpers/proxy.js'

/*
 * A key whose size is not known is held on the source of its copy, too: so a write of it may be held on all replicas.
 */

const link = { expirations: { traffic: () => ({ pushed: 0, taken: 0 }) } } as unknown as Link

function heldAs(name: string, told: string[], reads?: true): Held {
  const held = {
    emit: () => void told.push(`${name} emitted`),
    dropped: () => void told.push(`${name} dropped`),
    covered: () => void told.push(`${name} covered`),
  }
  return reads ? { ...held, reads } : held
}

t.test('what waits behind a read has its turn before the database is emptied', async (t) => {
  const told: string[] = []
  const lanes = new Lanes(() => told.push('idle'))
  lanes.hold(link, ['0:a'], heldAs('copy of a', told, true))
  lanes.hold(link, ['0:b'], heldAs('copy of b', told, true))
  lanes.hold(link, ['0:a', '0:b'], heldAs('RENAME a b', told))()
  lanes.hold(link, ['0:b'], heldAs('another copy of b', told, true))
  lanes.hold(link, ['0:b'], heldAs('SET b', told))()
  lanes.cover(() => true)
  t.strictSame(told, [
    'copy of a covered',
    'copy of b covered',
    'RENAME a b emitted',
    'another copy of b covered',
    'SET b emitted',
    'idle',
  ])
})

t.test('what waits for a copy to the same server does not matter any more', async (t) => {
  const told: string[] = []
  const lanes = new Lanes(() => told.push('idle'))
  lanes.hold(link, ['0:a'], heldAs('copy to it', told))
  lanes.hold(link, ['0:a'], heldAs('copy from it', told, true))
  lanes.hold(link, ['0:a'], heldAs('SET a', told))()
  lanes.hold(link, ['1:a'], heldAs('copy in another database', told, true))
  lanes.cover((db) => db === 0)
  t.strictSame(told, ['copy to it covered', 'copy from it covered', 'SET a covered'])
  t.ok(lanes.isHeld(link, '1:a'))
})

t.test('what would change a key is void only when the member has emptied the database', async (t) => {
  const told: string[] = []
  const lanes = new Lanes(() => told.push('idle'))
  lanes.hold(link, ['0:a'], { ...heldAs('copy to it', told), changes: true })
  lanes.hold(link, ['0:b'], heldAs('GET b', told))
  const voided = lanes.cover(() => true).get(link)
  t.strictSame(told, ['idle', 'GET b covered'])
  t.strictSame(voided?.ids, ['0:a'])
  t.equal(voided?.held.length, 1)
  t.notOk(lanes.isHeld(link, '0:a'), 'what comes now comes behind that')
})

t.test('a connection sees its own writes in all keys, and empties them, also while they are held', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1 })
  const client = await proxy.connect()
  for (let i = 0; i < 30; i++) {
    const stream = `stream:${i}`
    const copied = [
      ['XADD', stream, '1-1', 'a', 'b'],
      ['XGROUP', 'CREATE', stream, 'g', '0'],
      ['XREADGROUP', 'GROUP', 'g', 'one', 'STREAMS', stream, '>'],
      ['XCLAIM', stream, 'g', 'other', '0', '1-1'],
    ]
    const before = await client.pipeline([...copied, ['DEL', stream], ['KEYS', '*'], ['DBSIZE']])
    t.strictSame(before.slice(-3).map(String), [':1\r\n', '*0\r\n', ':0\r\n'])
    const after = await client.pipeline([
      ...copied,
      ['XADD', stream, '2-1', 'c', 'd'],
      ['FLUSHALL'],
      ['EXISTS', stream],
    ])
    t.strictSame(after.slice(-3).map(String), ['$3\r\n2-1\r\n', '+OK\r\n', ':0\r\n'])
  }
})
