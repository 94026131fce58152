import t from 'tap'
import { Users } from '../../src/acl/users.js'
import { CachedKeys } from '../../src/channels/cached-keys.js'
import { Clients } from '../../src/client/clients.js'
import { trackingCommands } from '../../src/client/commands/tracking.js'
import type { Connection } from '../../src/client/connection.js'
import type { Server } from '../../src/client/server.js'
import { Session } from '../../src/client/session.js'
import { startProxy, startRedis } from '../helpers/proxy.js'

t.test('who has gone before its turn in a transaction is not told of changed keys', (t) => {
  const server = { cachedKeys: new CachedKeys(10), clients: new Clients() } as unknown as Server
  const args = ['CLIENT', 'TRACKING', 'ON'].map((word) => Buffer.from(word))
  for (const closed of [true, false]) {
    const client = {
      closed,
      session: new Session(new Users({ allChannels: false }).default, true),
    } as unknown as Connection
    trackingCommands['client|tracking'](client, args, server)
    t.equal(server.cachedKeys.any, !closed)
  }
  t.end()
})

t.test('who waits while others are told in its place keeps nothing of that', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })
  const [client, listener, other] = [await proxy.connect(), await proxy.connect(), await proxy.connect()]
  const idOf = async (of: typeof client) => (await of.ask('CLIENT', 'ID')).toString().trim().slice(1)
  const [id, redirect] = [await idOf(client), await idOf(listener)]
  await listener.ask('SUBSCRIBE', '__redis__:invalidate')
  await client.ask('CLIENT', 'TRACKING', 'ON', 'BCAST', 'REDIRECT', redirect)
  client.send('GET k\r\nBLPOP list 0\r\n')
  await client.reply()
  for (let i = 0; i < 20; i++) {
    await other.ask('SET', 'k', String(i))
    t.match((await listener.reply()).toString(), /\$1\r\nk\r\n$/)
  }
  t.match((await other.ask('CLIENT', 'LIST', 'ID', id)).toString(), / oll=1 /)
  await other.ask('RPUSH', 'list', 'x')
  t.match((await client.reply()).toString(), /x\r\n$/)
  t.match((await client.ask('GET', 'k')).toString(), /19/)
})

t.test('what a transaction read before it wrote is told behind its reply', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })
  const [client, listener] = [await proxy.connect(), await proxy.connect()]
  const redirect = (await listener.ask('CLIENT', 'ID')).toString().trim().slice(1)
  await listener.ask('SUBSCRIBE', '__redis__:invalidate')
  await client.ask('CLIENT', 'TRACKING', 'ON', 'REDIRECT', redirect)
  for (const commands of [[], [['DBSIZE']]]) {
    await client.pipeline([['MULTI'], ['GET', 'k'], ['SET', 'k', '1'], ...commands, ['EXEC']])
    for (const when of ['before the reply', 'behind it']) {
      t.match((await listener.reply()).toString(), /\$1\r\nk\r\n$/, when)
    }
  }
})

t.test('what a message tells of is told to caches before it, as by Redis', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1 })
  const redis = await startRedis(t)
  const publish = ['PUBLISH', 'c', 'x']
  const publishes = "redis.call('PUBLISH', 'c', 'x')"
  const cases = new Map<string, (value: string) => readonly string[][]>([
    ['a pipeline', (value) => [['SET', 'k', value], publish]],
    ['several of them', (value) => [['SET', 'k', value], ['GET', 'j'], publish, publish, ['SET', 'j', value], publish]],
    ['a script', (value) => [['EVAL', `redis.call('SET', KEYS[1], ARGV[1]) return ${publishes}`, '1', 'k', value]]],
    [
      'one that gives nothing',
      (value) => [['EVAL', `redis.call('SET', KEYS[1], ARGV[1]) ${publishes}`, '1', 'k', value]],
    ],
    ['one that publishes nothing', (value) => [['EVAL', `redis.call('SET', KEYS[1], ARGV[1])`, '1', 'k', value]]],
    [
      'one that fails',
      (value) => [
        ['EVAL', `redis.call('SET', KEYS[1], ARGV[1]) return redis.call('LPUSH', KEYS[1], 1)`, '1', 'k', value],
      ],
    ],
    [
      'one of several servers',
      (value) => [
        ['EVAL', `redis.call('MSET', KEYS[1], ARGV[1], KEYS[2], ARGV[1]) ${publishes}`, '2', 'k', 'j', value],
      ],
    ],
    [
      'a script behind a write',
      (value) => [
        ['SET', 'k', value],
        ['EVAL', `return ${publishes}`, '1', 'j'],
      ],
    ],
    [
      'a script that only reads',
      (value) => [['SET', 'k', value], ['EVAL_RO', `return redis.call('GET', KEYS[1])`, '1', 'k'], publish],
    ],
    ['a transaction', (value) => [['MULTI'], ['SET', 'k', value], ['SET', 'j', value], publish, ['EXEC']]],
    [
      'one with a script between its messages',
      (value) => [
        ['MULTI'],
        ['SET', 'k', value],
        ['PUBLISH', 'c', 'before'],
        ['EVAL', `redis.call('SET', KEYS[1], ARGV[1]) return ${publishes}`, '1', 'k', value],
        ['PUBLISH', 'c', 'behind'],
        ['EXEC'],
      ],
    ],
    ['one behind a write', (value) => [['SET', 'k', value], ['MULTI'], publish, ['EXEC']]],
    ['its own', () => [['HELLO', '3'], ['SUBSCRIBE', 'c'], publish, ['EVAL', `return ${publishes}`, '0']]],
  ])
  for (const [i, [name, commandsOf]] of [...cases].entries()) {
    const heard = await Promise.all(
      [proxy, redis].map(async (server) => {
        const [reader, writer] = [await server.connect(3), await server.connect()]
        await reader.pipeline([
          ['CLIENT', 'TRACKING', 'ON'],
          ['SUBSCRIBE', 'c'],
          ['GET', 'k'],
          ['GET', 'j'],
        ])
        const said = await writer.pipeline(commandsOf(String(i)))
        await writer.ask('PUBLISH', 'c', 'end')
        const pushes: string[] = []
        while (pushes.at(-1)?.endsWith('end\r\n') !== true) pushes.push(String(await reader.reply()))
        for (const client of [reader, writer]) client.close()
        return { pushes, said: said.map(String).filter((text) => !text.startsWith('%')) }
      }),
    )
    t.same(heard[0], heard[1], name)
  }
})
