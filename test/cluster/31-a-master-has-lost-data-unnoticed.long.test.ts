import t from 'tap'
import { RawClient } from '../helpers/raw-client.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { settled } from '../helpers/settled.js'
import { until } from '../helpers/until.js'

/*
 * A server is emptied by hand while no proxy is there: it did not restart and its marks are what they were, so nothing says
 * that it has less than the others, but the others.
 */

const KEYS = Array.from({ length: 600 }, (_, i) => `key:${i}`)

async function begin(t: Parameters<typeof ServeProcess.start>[0]) {
  const serve = await ServeProcess.start(t, { nodes: 4 })
  const client = await serve.connect()
  const set = await client.pipeline(KEYS.map((key, i) => ['SET', key, String(i)]))
  if (set.some((reply) => String(reply) !== '+OK\r\n')) throw new Error('not written')
  await serve.kill()
  const emptied = await RawClient.connect(serve.ring.server('dt-2').port)
  await emptied.ask('FLUSHALL')
  emptied.close()
  await serve.startAgain()
  return { serve, client: await serve.connect() }
}

t.test('what it was the master of is there at the first touch, for reads and for writes', async (t) => {
  const { serve, client } = await begin(t)
  const touches = KEYS.map((key, i) => (i % 2 === 0 ? ['GET', key] : ['INCR', key]))
  const replies = await client.pipeline(touches)
  for (const [i, reply] of replies.entries()) {
    const expected = i % 2 === 0 ? `$${String(i).length}\r\n${i}\r\n` : `:${i + 1}\r\n`
    if (String(reply) !== expected) t.equal(String(reply), expected, KEYS[i])
  }
  await until('nothing is in doubt any more', () => serve.output.includes('no key is in doubt any more'))
  t.equal(await settled(serve.ring), KEYS.length)
  t.match(serve.output, /dt-2 lacks keys that it is the master of, and that all their other replicas have/)
})

t.test('the look at all copies gives it back what nobody touches', async (t) => {
  const { serve, client } = await begin(t)
  await until('nothing is in doubt any more', () => serve.output.includes('no key is in doubt any more'))
  t.equal(await settled(serve.ring), KEYS.length)
  t.match(serve.output, /masters have something else than all backups/)
  for (const [i, reply] of (await client.pipeline(KEYS.map((key) => ['GET', key]))).entries()) {
    if (!String(reply).endsWith(`\n${i}\r\n`)) t.equal(String(reply), String(i))
  }
})
