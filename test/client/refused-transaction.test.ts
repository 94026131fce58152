import t from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'

t.test('nothing of a transaction is executed while transactions are not supported', async (t) => {
  const proxy = await startProxy(t)
  const client = await proxy.connect()
  const other = await proxy.connect()
  const replies = async (...commands: string[][]) => {
    return (await client.pipeline(commands)).map((reply) => reply.toString().trim())
  }

  await t.test('from MULTI to EXEC', async (t) => {
    const [multi, set, get, exec, after] = await replies(['MULTI'], ['SET', 'k', '1'], ['GET', 'k'], ['EXEC'], ['PING'])
    t.equal(multi, '+OK')
    t.equal(set, "-ERR 'set' is not supported yet by this proxy between MULTI and EXEC")
    t.match(get, /^-ERR 'get' is not supported yet/)
    t.equal(exec, '-EXECABORT Transaction discarded because of previous errors.')
    t.equal(after, '+PONG')
    t.equal(String(await other.ask('EXISTS', 'k')), ':0\r\n')
  })

  await t.test('DISCARD, RESET and a new connection end it', async (t) => {
    t.match(await replies(['MULTI'], ['DISCARD'], ['SET', 'k', '1']), ['+OK', '+OK', '+OK'])
    t.match(await replies(['MULTI'], ['RESET'], ['SET', 'k', '2']), ['+OK', '+RESET', '+OK'])
    t.equal(String(await other.ask('SET', 'k', '3')), '+OK\r\n')
  })
  await t.test('otherwise the replies are those of Redis', async (t) => {
    const redis = await (await startRedis(t)).connect()
    const stories = [
      [['EXEC'], ['DISCARD'], ['PING']],
      [['MULTI'], ['EXEC'], ['PING']],
      [['MULTI'], ['MULTI'], ['EXEC'], ['EXEC']],
      [['MULTI'], ['WATCH', 'k'], ['EXEC'], ['PING']],
      [['MULTI'], ['NOSUCH'], ['EXEC'], ['PING']],
      [['MULTI'], ['GET'], ['DISCARD'], ['PING']],
      [['MULTI'], ['EXEC', 'x'], ['EXEC'], ['PING']],
      [['MULTI', 'x'], ['EXEC']],
    ]
    for (const story of stories) {
      const expected = (await redis.pipeline(story)).map(String)
      t.same((await client.pipeline(story)).map(String), expected, story.map((args) => args.join(' ')).join(', '))
    }
  })
})
