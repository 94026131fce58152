import t, { type Test } from 'tap'
import { throughRelay } from '../helpers/relayed-ring.js'
import { membersOf, replicasOf } from '../helpers/ring-state.js'
import { declareDown } from '../helpers/sentinels.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

/*
 * A client goes on when the master has executed its script. The worst that can come then: a backup gets nothing of what the script did,
 * what the client sent next is executed all the same, and the master is gone.
 *
 *     dt-1   [the script] [APPEND]  gone
 *     dt-2                [what it did] [APPEND]      where there are two backups
 *     dt-9   ········································ kept back, and delivered late, or lost
 */

/** It names keys that it has not declared: it is stopped for them when it runs first. */
const SCRIPT = `
redis.call('SET', KEYS[1] .. '', ARGV[1])
redis.call('INCRBYFLOAT', KEYS[1] .. ':runs', '1')
return redis.call('RPUSH', KEYS[1] .. ':log', ARGV[1])`
const UNKNOWN = /^-ERR the outcome of this write is unknown/

/** The script, and what its client sends behind it, are executed, by dt-9 not yet; then dt-1 is killed. */
async function wentOn(t: Test, replicas: 1 | 2) {
  const { proxy, relay, client } = await throughRelay(t, { replicas })
  const watcher = await proxy.connect()
  const isFit = ([first, ...others]: string[]) => first === 'dt-1' && others.includes('dt-9')
  let i = 0
  while (!isFit(await replicasOf(watcher, `{k${i}}`))) i++
  const key = `{k${i}}`
  t.equal(String(await client.ask('EVAL', SCRIPT, '1', key, 'before')), ':1\r\n')
  relay.stallRequests('a-text-of-its-own')
  const replies = client.pipeline([
    ['EVAL', SCRIPT, '1', key, 'a-text-of-its-own'],
    ['APPEND', key, ' and more'],
  ])
  for (const member of replicas === 1 ? ['dt-1'] : ['dt-1', 'dt-2']) {
    const direct = await proxy.connectTo(member)
    await until(`${member} has executed what came next`, async () => {
      return String(await direct.ask('GET', key)) === '$26\r\na-text-of-its-own and more\r\n'
    })
  }
  await until('dt-9 is held up', async () => relay.isStalling)
  await proxy.ring.kill('dt-1')
  const left = async () => {
    await declareDown(proxy.ring, 'dt-1')
    await until('dt-1 has left', async () => (await membersOf(watcher)) === 'dt-2 dt-9')
    const found = await watcher.pipeline([
      ['GET', key],
      ['GET', `${key}:runs`],
      ['LRANGE', `${key}:log`, '0', '-1'],
    ])
    t.match(await verify(watcher), { state: 'done', differences: 0, complete: 1 })
    return found.map(String)
  }
  return { relay, replies, left }
}

const ALL = [
  '$26\r\na-text-of-its-own and more\r\n',
  '$1\r\n2\r\n',
  '*2\r\n$6\r\nbefore\r\n$17\r\na-text-of-its-own\r\n',
]
const NOTHING = ['$6\r\nbefore\r\n', '$1\r\n1\r\n', '*1\r\n$6\r\nbefore\r\n']

for (const replicas of [1, 2] as const) {
  t.test(`the master fails, and the one backup that was held up gets it late; r = ${replicas}`, async (t) => {
    const { relay, replies, left } = await wentOn(t, replicas)
    relay.resume()
    t.same((await replies).map(String), [':2\r\n', ':26\r\n'])
    t.same(await left(), ALL)
  })
}

t.test('the backup that was held up never gets it: it is repaired from the other one', async (t) => {
  const { relay, replies, left } = await wentOn(t, 2)
  relay.loseHeld()
  t.same((await replies).map(String), [':2\r\n', ':26\r\n'])
  t.same(await left(), ALL)
})

t.test('the only backup never gets it: nothing of it is there, and nobody was told that it is', async (t) => {
  const { relay, replies, left } = await wentOn(t, 1)
  relay.loseHeld()
  const found = left()
  for (const reply of await replies) t.match(String(reply), UNKNOWN)
  t.same(await found, NOTHING)
})
