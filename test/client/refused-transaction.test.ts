import t from 'tap'
import { startProxy } from '../helpers/proxy.js'

t.test('nothing of a transaction is executed while transactions are not supported', async (t) => {
  const proxy = await startProxy(t)
  const client = await proxy.connect()
  const other = await proxy.connect()
  const replies = async (...commands: string[][]) => {
    return (await client.pipeline(commands)).map((reply) => reply.toString().trim())
  }

  await t.test('from MULTI to EXEC', async (t) => {
    const [multi, set, get, exec, after] = await replies(['MULTI'], ['SET', 'k', '1'], ['GET', 'k'], ['EXEC'], ['PING'])
    t.equal(multi, "-ERR 'multi' is not supported yet by this proxy")
    t.equal(set, "-ERR 'set' is not supported yet by this proxy between MULTI and EXEC; DISCARD ends that")
    t.match(get, /^-ERR 'get' is not supported yet/)
    t.equal(exec, "-ERR 'exec' is not supported yet by this proxy")
    t.equal(after, '+PONG')
    t.equal(String(await other.ask('EXISTS', 'k')), ':0\r\n')
  })

  await t.test('DISCARD, RESET and a new connection end it', async (t) => {
    t.match(await replies(['MULTI'], ['DISCARD'], ['SET', 'k', '1']), [/-ERR/, /-ERR/, '+OK'])
    t.match(await replies(['MULTI'], ['RESET'], ['SET', 'k', '2']), [/-ERR/, '+RESET', '+OK'])
    t.equal(String(await other.ask('SET', 'k', '3')), '+OK\r\n')
  })
})
