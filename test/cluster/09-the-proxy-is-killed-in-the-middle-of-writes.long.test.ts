import t from 'tap'
import { RawClient } from '../helpers/raw-client.js'
import { getSmallReplies, replicasOf } from '../helpers/ring-state.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { until } from '../helpers/until.js'

/** More than the sockets between the proxy and a stopped server hold, so that some of it dies with the proxy. */
const KEYS = 60
const VALUE = 'x'.repeat(1024 * 1024)

t.test('writes that were sent to some replicas only are found and mended by the next start', async (t) => {
  const serve = await ServeProcess.start(t, { nodes: 4, downAfterMs: 30_000 })
  const client = await serve.connect()
  const keys = Array.from({ length: KEYS }, (_, i) => `{same}:${i}`)
  for (const key of keys) await client.ask('SET', key, 'old')
  const [master, backup] = await replicasOf(client, '{same}')

  const writer = await serve.connect()
  await getSmallReplies(writer)
  serve.ring.pause(backup)
  writer.socket.on('error', () => {}) // The proxy is killed while it is written to.
  for (const key of keys)
    writer.send(Buffer.from(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${VALUE.length}\r\n${VALUE}\r\n`))
  const onMaster = await RawClient.connect(serve.ring.server(master).port)
  await until(
    'the master has some of them',
    async () => String(await onMaster.ask('STRLEN', keys[20])) === `:${VALUE.length}\r\n`,
  )
  await serve.kill()
  serve.ring.resume(backup)
  const onBackup = await RawClient.connect(serve.ring.server(backup).port)
  t.teardown(() => {
    onMaster.close()
    onBackup.close()
  })
  const lengths = async (replica: RawClient) => {
    const replies = await replica.pipeline(keys.map((key) => ['STRLEN', key]))
    return replies.map((reply) => Number(reply.toString().slice(1)))
  }
  // What lies in the sockets is still executed; then the two differ, and stay so.
  let before = await lengths(onBackup)
  await until('the backup has what it was sent', async () => {
    const now = await lengths(onBackup)
    const still = now.join() === before.join()
    before = now
    return still
  })
  const masterHas = await lengths(onMaster)
  const differing = keys.filter((_, i) => masterHas[i] !== before[i])
  t.ok(differing.length > 0, `${differing.length} of ${KEYS} keys differ`)

  await serve.startAgain()
  const reader = await serve.connect()
  const touched = differing[0]
  const read = await reader.ask('STRLEN', touched)
  t.equal(String(await onBackup.ask('STRLEN', touched)), String(read), 'a key that was read is equal everywhere')
  await until(
    'all others are mended, too',
    async () => (await lengths(onBackup)).join() === (await lengths(onMaster)).join(),
  )
  await until('the log says so', () => serve.output.includes('no key is in doubt any more'))
})

t.test('a stop in order leaves nothing in doubt', async (t) => {
  const serve = await ServeProcess.start(t, { nodes: 4 })
  const client = await serve.connect()
  await client.ask('SET', 'key', 'value')
  await serve.stop()
  await serve.startAgain()
  const again = await serve.connect()
  t.equal(String(await again.ask('GET', 'key')), '$5\r\nvalue\r\n')
  t.notMatch(serve.output, 'did not stop in order')
})

t.test(
  'the proxy is killed while names change and sets are united: no value is lost, and no guest stays',
  async (t) => {
    const serve = await ServeProcess.start(t, { nodes: 4 })
    const client = await serve.connect()
    const names = Array.from({ length: 6 }, (_, i) => [`name:${i}`, `other:${i}`] as const)
    for (const [i, [name]] of names.entries()) await client.ask('SET', name, `value ${i}`)
    for (let i = 0; i < 4; i++) await client.ask('SADD', `set:${i}`, 'a', `b${i}`)
    let renames = 0
    let unions = 0
    // They end with the proxy.
    const movers = names.map(async ([one, other]) => {
      const mover = await serve.connect()
      mover.socket.on('error', () => {})
      for (let i = 0; ; i++, renames++) await mover.ask('RENAME', ...(i % 2 === 0 ? [one, other] : [other, one]))
    })
    const uniting = async () => {
      const writer = await serve.connect()
      for (; ; unions++) await writer.ask('SUNIONSTORE', `all:${unions % 3}`, 'set:0', 'set:1', 'set:2', 'set:3')
    }
    const ended = Promise.allSettled([...movers, uniting()])
    await until('they are at it', () => renames > 200 && unions > 30)
    await serve.kill()
    await ended
    await serve.startAgain()
    const reader = await serve.connect()
    for (const [i, both] of names.entries()) {
      const found = String(await reader.ask('MGET', ...both)).match(/value \d/g) ?? []
      t.ok(found.length > 0 && found.every((value) => value === `value ${i}`), `${both}: ${found}`)
    }
    for (let i = 0; i < 3; i++) t.equal(String(await reader.ask('SCARD', `all:${i}`)), ':5\r\n')
    await until('all copies are looked at', () => serve.output.includes('no key is in doubt any more'))
    for (const { port } of serve.ring.members) {
      const member = await RawClient.connect(port)
      t.equal(String(await member.ask('KEYS', '*dt:*')), '*0\r\n')
      member.close()
    }
  },
)
