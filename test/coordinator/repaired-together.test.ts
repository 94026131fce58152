import t from 'tap'
import type { Router } from '../../src/order/router.js'
import { Ties } from '../../src/order/ties.js'
import { type Unit, unitOf } from '../../src/order/unit-repair.js'
import type { Teardown } from '../helpers/proxy.js'
import { RingInMemory } from '../helpers/ring-in-memory.js'
import { until } from '../helpers/until.js'

/** The only backup has executed a RENAME that the master refused, and is to get both keys from there. */
async function renamed(t: Teardown) {
  const ring = new RingInMemory(t, ['dt-1', 'dt-2'], 1)
  const [master, backup] = ring.replicas
  const client = ring.client()
  client.send('RENAME k l')
  master.answers('-MISCONF its disk is full')
  backup.answers('+OK')
  await until('both keys are asked of the master', () => master.asked.length === 4)
  return { ring, master, backup, client }
}

t.test('what one write has left in two keys is repaired in one turn', async (t) => {
  const { master, backup, client } = await renamed(t)
  t.same(master.asked, ['PEXPIRETIME k', 'DUMP k', 'PEXPIRETIME l', 'DUMP l'])
  master.answers(':-1', '$4\r\ndump')
  t.same(backup.asked, [], 'not the one before the other is known')
  master.answers(':-2', '_')
  t.same(backup.asked, ['RESTORE k 0 dump REPLACE ABSTTL', 'UNLINK l'])
  t.same(client.heard, [])
  backup.answers('+OK', ':1')
  t.same(client.heard, ['RENAME k l: -MISCONF its disk is full'])
})

t.test('when the one who has it fails in between, neither of the keys is touched', async (t) => {
  const { ring, master, backup } = await renamed(t)
  master.answers(':-1', '$4\r\ndump')
  ring.breaks(master)
  t.same(backup.asked, [], 'else the value would be there under both names')
})

t.test('when one of the keys is not taken, both are copied again', async (t) => {
  const { master, backup, client } = await renamed(t)
  master.answers(':-1', '$4\r\ndump', ':-2', '_')
  backup.answers('-OOM no memory', ':1')
  await until('they are asked of the master again', () => master.asked.length === 4)
  master.answers(':-1', '$4\r\ndump', ':-2', '_')
  t.same(backup.asked, ['RESTORE k 0 dump REPLACE ABSTTL', 'UNLINK l'])
  t.match(client.heard, [/^RENAME k l: -ERR the outcome of this write is unknown: dt-\d has no memory/])
})

t.test('keys are tied by the writes that name them, but not without end', async (t) => {
  const ties = new Ties()
  const tied = (id: string) => [...(ties.of(id) ?? [])].sort().join(' ')
  ties.tie(new Set(['0:a', '0:b']))
  ties.tie(new Set(['0:b', '1:c']))
  ties.tie(new Set(['0:x']))
  t.equal(tied('1:c'), '0:a 0:b 1:c')
  t.equal(ties.of('0:x'), undefined)
  const here = new Map([['0:a', 0]])
  t.same(ties.with(['1:c', '0:x'], here), ['1:c', '0:x', '0:a'], 'those that are in doubt there')
  ties.untie('0:b')
  t.equal(tied('0:a'), '0:a 1:c')
  ties.untie('0:a')
  t.notOk(ties.any)
  for (let i = 0; i < 200; i++) ties.tie(new Set([`0:${i}`, `0:${i + 1}`]))
  t.equal(tied('0:0').split(' ').length, 100)
})

t.test('keys of several databases are not: when one is emptied nobody waits for its keys any more', async (t) => {
  const ties = new Ties()
  ties.tie(new Set(['0:k', '0:l', '1:k']))
  const natural: never[] = []
  const router = { routeOf: () => ({ natural }) } as unknown as Router
  const doubts = new Map(['0:k', '0:l', '1:k'].map((id) => [id, { copying: false }])) as unknown as Unit
  t.same([...unitOf(ties, doubts, router, '0:k').keys()], ['0:k', '0:l'])
  t.same([...unitOf(ties, doubts, router, '1:k').keys()], ['1:k'])
})
