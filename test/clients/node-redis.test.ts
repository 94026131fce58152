import { createClient, createClientPool, RESP_TYPES } from 'redis'
import t from 'tap'
import { startProxy } from '../helpers/proxy.js'

for (const RESP of [2, 3] as const) {
  t.test(`node-redis 5 in RESP${RESP}`, async (t) => {
    const proxy = await startProxy(t, { config: { auth: { password: 'secret' } } })
    const url = `redis://default:secret@${proxy.host}:${proxy.port}`
    const connect = async (options: { database?: number; name?: string; password?: string } = {}) => {
      const client = createClient({ url, RESP, ...options })
      client.on('error', () => {}) // Broken connections are part of the story.
      t.teardown(() => client.destroy())
      await client.connect()
      return client
    }
    const plain = await proxy.connect()
    await plain.ask('AUTH', 'secret')

    await t.test('it connects, logs in, chooses its database and its name', async (t) => {
      const client = await connect({ database: 4, name: 'the-application' })
      t.equal(await client.ping(), 'PONG')
      t.match(await client.clientInfo(), { name: 'the-application', db: 4, resp: RESP, user: 'default' })
      t.match(String(await plain.ask('CLIENT', 'LIST')), /name=the-application .* lib-name=node-redis lib-ver=5\./)
      const wrong = createClient({ url: url.replace('secret', 'wrong'), RESP, socket: { reconnectStrategy: false } })
      wrong.on('error', () => {})
      await t.rejects(wrong.connect(), /WRONGPASS/)
    })

    await t.test('values of all types, and bytes', async (t) => {
      const client = await connect()
      const bytes = Buffer.from([0, 13, 10, 255, 128])
      await client.set('bytes', bytes)
      const buffers = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
      t.ok(bytes.equals((await buffers.get('bytes'))!))
      t.equal(await client.get('nothing'), null)
      await client.hSet('hash', { a: '1', b: '2' })
      t.same({ ...(await client.hGetAll('hash')) }, { a: '1', b: '2' })
      await client.sAdd('set', ['x', 'y'])
      t.same((await client.sMembers('set')).sort(), ['x', 'y'])
      await client.zAdd('zset', [
        { score: 1.5, value: 'x' },
        { score: 2, value: 'y' },
      ])
      t.same(
        (await client.zRangeWithScores('zset', 0, -1)).map(({ score, value }) => [score, value]),
        [
          [1.5, 'x'],
          [2, 'y'],
        ],
      )
      t.equal(await client.zScore('zset', 'none'), null)
      await client.geoAdd('geo', { longitude: 13, latitude: 52, member: 'here' })
      t.match(await client.geoPos('geo', ['here', 'nowhere']), [{}, null])
      const id = await client.xAdd('stream', '*', { field: 'value' })
      t.match(await client.xRange('stream', '-', '+'), [{ id, message: { field: 'value' } }])
      t.equal(await client.set('once', '1', { expiration: { type: 'EX', value: 100 }, condition: 'NX' }), 'OK')
      t.ok((await client.ttl('once')) > 90)
      await t.rejects(client.lPush('once', 'x'), /WRONGTYPE/)
    })

    await t.test('pipelines', async (t) => {
      const client = await connect()
      const replies = await Promise.all(
        Array.from({ length: 5000 }, (_, i) => [client.set(`p:${i}`, String(i)), client.get(`p:${i}`)]).flat(),
      )
      t.ok(replies.every((reply, i) => reply === (i % 2 === 0 ? 'OK' : String((i - 1) / 2))))
      const batch = client.multi()
      for (let i = 0; i < 100; i++) batch.incr('counter')
      t.same(
        await batch.execAsPipeline(),
        Array.from({ length: 100 }, (_, i) => i + 1),
      )
      t.equal(await client.ping(), 'PONG')
    })

    await t.test('transactions over many keys', async (t) => {
      const client = await connect({ database: 4 })
      const batch = client.multi()
      for (let i = 0; i < 50; i++) batch.incr(`t:${i}`)
      t.same(await batch.get('t:7').select(3).set('t:7', 'x').exec(), [
        ...Array.from({ length: 50 }, () => 1),
        '1',
        'OK',
        'OK',
      ])
      t.equal(await client.get('t:7'), 'x', 'in the database that it has chosen')
      const failing = client.multi().set('text', 'a').lPush('text', 'b').get('text')
      await t.rejects(failing.exec(), /1 commands failed/)
      t.equal(await client.get('text'), 'a')
    })

    await t.test('scanIterator and its like give everything', async (t) => {
      const client = await connect({ database: 6 })
      const names = Array.from({ length: 2000 }, (_, i) => `k:${i}`)
      await client.mSet(names.map((name): [string, string] => [name, '1']))
      await client.hSet('hash', Object.fromEntries(names.map((name) => [name, '1'])))
      const found: string[] = []
      for await (const keys of client.scanIterator({ MATCH: 'k:*', COUNT: 100 })) found.push(...keys)
      t.same(new Set(found), new Set(names))
      const fields: string[] = []
      for await (const entries of client.hScanIterator('hash', { COUNT: 100 }))
        fields.push(...entries.map(({ field }) => field))
      t.same(new Set(fields), new Set(names))
      t.equal(await client.dbSize(), 2001)
    })

    await t.test('it connects again by itself', async (t) => {
      const client = await connect({ database: 2, name: 'restless' })
      await client.set('key', 'value')
      for (let i = 0; i < 2; i++) {
        const again = new Promise((resolve) => client.once('ready', resolve))
        const id = /^id=(\d+) .*name=restless /m.exec(String(await plain.ask('CLIENT', 'LIST')))?.[1]
        await plain.ask('CLIENT', 'KILL', 'ID', id!)
        await again
        t.equal(await client.get('key'), 'value', 'in the same database')
      }
    })

    await t.test('a pool of clients', async (t) => {
      const pool = createClientPool({ url, RESP }, { minimum: 5, maximum: 20 })
      pool.on('error', () => {})
      await pool.connect()
      t.teardown(() => pool.destroy())
      const counts = await Promise.all(Array.from({ length: 500 }, () => pool.incr('pooled')))
      t.same(
        counts.sort((a, b) => a - b),
        Array.from({ length: 500 }, (_, i) => i + 1),
      )
    })
  })
}
