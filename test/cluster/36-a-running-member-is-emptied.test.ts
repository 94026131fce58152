import t, { type Test } from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy } from '../helpers/proxy.js'
import { keysAt, nodeStates } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * A member loses data while it runs and serves: somebody empties it, or deletes keys there. The others have what was
 * acknowledged, and what is left on it must not get to them [design §8 Verify].
 */

async function begin(t: Test) {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 3, replicas: 2, log: lines.log })
  const [client, member] = [await proxy.connect(), await proxy.connectTo('dt-2')]
  const keys = await keysAt(client, 'dt-2', 0, 60)
  await client.pipeline(keys.map((key) => ['SET', key, '10']))
  return { proxy, lines, client, member, keys }
}

t.test('what a write makes of the little that is left does not get to the others', async (t) => {
  const { proxy, lines, client, member, keys } = await begin(t)
  const [first, ...others] = keys
  await member.ask('DEL', first)
  t.equal(String(await client.ask('INCR', first)), ':11\r\n')
  await until(
    'it is said',
    () => lines.about(/has something else of a key than all other replicas/, 'dt-2').length === 1,
  )
  await until('all copies are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
  await until('and were looked at', () => lines.about(/all copies were looked at: they are equal/).length === 1)
  t.equal(String(await client.ask('GET', first)), '$2\r\n11\r\n')
  t.same(lines.about(/is filled anew/), [])

  // Without that something was written to it, by the look at everything that the first key causes.
  await member.ask('DEL', ...others.slice(0, 5))
  t.equal(String(await client.ask('INCR', others[0])), ':11\r\n')
  await until(
    'they are there again',
    async () => String(await member.ask('EXISTS', ...others.slice(0, 5))) === ':5\r\n',
  )
})

t.test('a member that has lost many keys is one that came back with less', async (t) => {
  const { proxy, lines, client, member, keys } = await begin(t)
  await member.ask('DEL', ...keys)
  for (const reply of await client.pipeline(keys.map((key) => ['INCR', key]))) t.equal(String(reply), ':11\r\n')
  await until('it is filled anew', () => lines.about(/dt-2 is filled anew/, 'dt-2').length === 1)
  await until('it has everything', async () => (await ringSnapshot(proxy)).faults.length === 0)
  for (const reply of await client.pipeline(keys.map((key) => ['GET', key]))) t.equal(String(reply), '$2\r\n11\r\n')
})

t.test('one that somebody empties is noticed, though nobody writes to what it had', async (t) => {
  const { proxy, lines, client, member, keys } = await begin(t)
  // What clients empty is nothing to be noticed.
  await client.ask('SELECT', '3')
  await client.ask('SET', 'k', 'v')
  await client.ask('SWAPDB', '3', '4')
  await client.ask('FLUSHDB')
  await client.ask('SELECT', '0')
  await member.ask('FLUSHALL')
  await until('it is noticed', () => lines.about(/dt-2 is filled anew: somebody emptied/, 'dt-2').length === 1)
  for (const reply of await client.pipeline(keys.map((key) => ['GET', key]))) t.equal(String(reply), '$2\r\n10\r\n')
  await until('it has everything', async () => (await ringSnapshot(proxy)).faults.length === 0)
  t.equal((await nodeStates(client))['dt-2'], 'up')
  t.same(lines.about(/is filled anew/, 'dt-1').concat(lines.about(/is filled anew/, 'dt-3')), [])
})
