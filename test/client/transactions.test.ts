import t, { type Test } from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { ringSnapshot } from '../helpers/snapshot.js'

t.test('who ends its own connection inside gets all answers first, each in its place', async (t) => {
  const proxy = await startProxy(t)
  const redis = await startRedis(t)
  const login = [
    ['ACL', 'SETUSER', 'u', 'reset', 'on', 'nopass', '+@all', '~*', '&*'],
    ['AUTH', 'u', ''],
    ['MULTI'],
    ['SET', 'k', '1'],
  ]
  const ends: string[][] = [
    ['CLIENT', 'KILL', 'USER', 'u', 'SKIPME', 'no'],
    ['ACL', 'DELUSER', 'u'],
  ]
  for (const proto of [2, 3] as const) {
    for (const end of ends) {
      const [ours, theirs] = await Promise.all([proxy.connect(proto), redis.connect(proto)])
      const story = [...login, end, ['EXEC']]
      t.same((await ours.pipeline(story)).map(String), (await theirs.pipeline(story)).map(String), end.join(' '))
      await Promise.all([ours.closed, theirs.closed])
    }
    const client = await proxy.connect(proto)
    const replies = await client.pipeline([...login, ends[0], ['GET', 'k'], ['EXEC']])
    t.equal(String(replies.at(-1)), '*3\r\n+OK\r\n:1\r\n$1\r\n1\r\n', 'Redis leaves out what stands behind it')
    await client.closed
  }
})

t.test('transactions are answered as by Redis', async (t) => {
  const proxy = await startProxy(t)
  const redis = await startRedis(t)

  const same = async (t: Test, ...stories: string[][][]) => {
    for (const proto of [2, 3] as const) {
      const [ours, theirs] = await Promise.all([proxy.connect(proto), redis.connect(proto)])
      for (const story of stories) {
        const expected = (await theirs.pipeline(story)).map(String)
        t.same((await ours.pipeline(story)).map(String), expected, story.map((args) => args.join(' ')).join(', '))
        await Promise.all([ours.ask('SELECT', '0'), theirs.ask('SELECT', '0')])
      }
      await Promise.all([ours.ask('FLUSHALL'), theirs.ask('FLUSHALL')])
    }
    t.same((await ringSnapshot(proxy)).faults, [])
  }

  await t.test('their states', async (t) => {
    await same(
      t,
      [['EXEC'], ['DISCARD'], ['PING']],
      [['MULTI'], ['EXEC'], ['PING']],
      [['MULTI'], ['MULTI'], ['SET', 'k', '1'], ['EXEC'], ['EXEC'], ['GET', 'k']],
      [['MULTI'], ['WATCH', 'k'], ['GET', 'k'], ['EXEC'], ['PING']],
      [['MULTI'], ['SET', 'k', '2'], ['NOSUCH'], ['SET', 'k', '3'], ['EXEC'], ['GET', 'k']],
      [['MULTI'], ['SET', 'k', '2'], ['CLIENT', 'NOSUCH'], ['EXEC'], ['GET', 'k']],
      [['MULTI'], ['SET', 'k', '2'], ['SAVE'], ['EXEC'], ['GET', 'k']],
      [['MULTI'], ['SET', 'k', '2'], ['GET'], ['DISCARD'], ['GET', 'k']],
      [['MULTI'], ['SET', 'k', '2'], ['DISCARD', 'x'], ['EXEC'], ['GET', 'k']],
      [['MULTI'], ['SET', 'k', '2'], ['EXEC', 'x'], ['EXEC'], ['GET', 'k']],
      [['MULTI'], ['SET', 'k', '2'], ['DISCARD'], ['MULTI'], ['GET', 'k'], ['EXEC']],
      [['MULTI', 'x'], ['EXEC']],
    )
  })

  await t.test('errors of commands are elements, and the others are executed', async (t) => {
    await same(
      t,
      [
        ['MULTI'],
        ...[
          ['SET', 's', 'x'],
          ['LPUSH', 's', '1'],
          ['INCR', 's'],
          ['LPUSH', 'l', '1'],
          ['GET', 'l'],
          ['GET', 's'],
        ],
        ['EXEC'],
      ],
      [['MULTI'], ['SET', 'a', '1'], ['MSETNX', 'a', '1', 'b'], ['MSETNX', '{a}', '1', '{a}b'], ['GET', 'a'], ['EXEC']],
      [['MULTI'], ['MSET', 'a', '1', 'b'], ['LMPOP', '0', 'x', 'LEFT'], ['SET', 'a', '1', 'EX', '0'], ['EXEC']],
    )
  })

  await t.test('keys of many servers, cut commands and keys that come twice', async (t) => {
    const keys = Array.from({ length: 46 }, (_, i) => `key:${i}`)
    await same(
      t,
      [['MULTI'], ...keys.map((key) => ['SET', key, key]), ...keys.slice(2).map((key) => ['STRLEN', key]), ['EXEC']],
      [['MULTI'], ['MGET', ...keys], ['DEL', 'key:1', 'key:1', ''], ['EXISTS', ...keys, 'key:2'], ['EXEC']],
      [['MULTI'], ['DEL', 'k', ''], ['MSET', 'a', '1', 'b', '2', 'a', '3'], ['MGET', 'a', 'b', ''], ['EXEC']],
      [['MULTI'], ['HSET', '{x}h', 'f', 'v'], ['RENAME', '{x}h', '{x}g'], ['HGETALL', '{x}g'], ['EXEC']],
    )
  })

  await t.test('what the proxy answers itself, in its place', async (t) => {
    await same(
      t,
      [['MULTI'], ['PING'], ['ECHO', 'x'], ['CLIENT', 'SETNAME', 'n'], ['CLIENT', 'GETNAME'], ['PING', 'y'], ['EXEC']],
      [['MULTI'], ['AUTH', 'x'], ['CONFIG', 'GET', 'maxmemory-policy'], ['SET', 'k', '1'], ['ECHO', 'z'], ['EXEC']],
      [['MULTI'], ['SELECT', 'x'], ['SELECT', '99'], ['SET', 'k', '2'], ['EXEC'], ['GET', 'k']],
    )
  })

  await t.test('databases', async (t) => {
    await same(
      t,
      [
        ['MULTI'],
        ['SET', 'k', '0'],
        ['SELECT', '3'],
        ['SET', 'k', '3'],
        ['EXEC'],
        ['GET', 'k'],
        ['SELECT', '0'],
        ['GET', 'k'],
      ],
      [
        ['SELECT', '2'],
        ['MULTI'],
        ['SELECT', '3'],
        ['GET', 'k'],
        ['SELECT', '0'],
        ['GET', 'k'],
        ['EXEC'],
        ['GET', 'k'],
      ],
      [['MULTI'], ['SELECT', '5'], ['NOSUCH'], ['EXEC'], ['SET', 'k', 'in 0'], ['DISCARD']],
      [['MULTI'], ['SELECT', '5'], ['SET', 'k', '5'], ['MOVE', 'k', '6'], ['SELECT', '6'], ['GET', 'k'], ['EXEC']],
    )
  })

  await t.test('the protocol changes in the middle, and not when nothing is executed', async (t) => {
    const answers = [
      ['HGETALL', 'h'],
      ['GET', 'nosuch'],
    ]
    const before = [
      ['HELLO', '2'],
      ['HSET', 'h', 'f', 'v'],
    ]
    const masked = (reply: Buffer) => String(reply).replace(/:\d+\r\n(?=\$4\r\nmode)/g, ':id\r\n')
    for (const proto of [2, 3] as const) {
      const [ours, theirs] = await Promise.all([proxy.connect(proto), redis.connect(proto)])
      for (const story of [
        [
          ...before,
          ['MULTI'],
          ...answers,
          ['HELLO', '3'],
          ...answers,
          ['HELLO', '2'],
          ...answers,
          ['EXEC'],
          ...answers,
        ],
        [...before, ['MULTI'], ...answers, ['HELLO', '3'], ...answers, ['EXEC'], ...answers],
        [...before, ['MULTI'], ['HELLO', '4'], ['HELLO', '3', 'SETNAME'], ...answers, ['EXEC'], ...answers],
        [...before, ['WATCH', 'h'], ['HSET', 'h', 'f', 'w'], ['MULTI'], ['HELLO', '3'], ['EXEC'], ...answers],
        [...before, ['MULTI'], ['HELLO', '3'], ['NOSUCH'], ['EXEC'], ...answers],
      ]) {
        const [a, b] = await Promise.all([ours.pipeline(story), theirs.pipeline(story)])
        t.same(a.slice(2).map(masked), b.slice(2).map(masked), story.map((args) => args.join(' ')).join(', '))
      }
      await Promise.all([ours.ask('FLUSHALL'), theirs.ask('FLUSHALL')])
    }
  })

  await t.test('commands on all keys', async (t) => {
    await same(
      t,
      [
        ['SET', 'a', '1'],
        ['MULTI'],
        ['KEYS', '*'],
        ['FLUSHALL'],
        ['GET', 'a'],
        ['KEYS', '*'],
        ['SET', 'b', '2'],
        ['KEYS', '*'],
        ['EXEC'],
        ['KEYS', '*'],
      ],
      [
        ['MULTI'],
        ['FLUSHALL', 'x'],
        ['FLUSHALL', 'ASYNC'],
        ['FLUSHDB', 'SYNC'],
        ['FLUSHDB', 'a', 'b'],
        ['KEYS', 'a*'],
        ['EXEC'],
        ['KEYS', '*'],
      ],
      [
        ['SET', 'a', '0'],
        ['SELECT', '3'],
        ['SET', 'a', '3'],
        ['MULTI'],
        ['SADD', 's', 'x'],
        ['SPOP', 's'],
        ['FLUSHDB'],
        ['GET', 'a'],
        ['SADD', 's', 'y'],
        ['SPOP', 's'],
        ['KEYS', '*'],
        ['EXEC'],
        ['SELECT', '0'],
        ['GET', 'a'],
      ],
      [
        ['MULTI'],
        ['SELECT', '4'],
        ['SET', 'a', '4'],
        ['SELECT', '5'],
        ['SET', 'b', '5'],
        ['KEYS', '*'],
        ['FLUSHDB'],
        ['SELECT', '4'],
        ['KEYS', '*'],
        ['EXEC'],
        ['GET', 'a'],
      ],
      [['MULTI'], ['FLUSHALL'], ['EXEC'], ['MULTI'], ['KEYS', '*'], ['EXEC'], ['MULTI'], ['KEYS'], ['EXEC']],
      [
        ['XGROUP', 'CREATE', 'x', 'g', '0', 'MKSTREAM'],
        ['XADD', 'x', '1-1', 'f', 'v'],
        ['MULTI'],
        ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'x', '>'],
        ['XCLAIM', 'x', 'g', 'd', '0', '1-1'],
        ['FLUSHALL'],
        ['SET', 'x', 'now'],
        ['EXEC'],
        ['GET', 'x'],
      ],
    )
  })

  await t.test('what the master chooses and what is copied from it', async (t) => {
    await same(
      t,
      [
        ['MULTI'],
        ['SADD', 's', 'a'],
        ['SPOP', 's'],
        ['SADD', 's', 'b'],
        ['SPOP', 's', '5'],
        ['SMEMBERS', 's'],
        ['EXEC'],
      ],
      [
        ['XGROUP', 'CREATE', 'x', 'g', '0', 'MKSTREAM'],
        ['MULTI'],
        ...[
          ['XADD', 'x', '1-1', 'f', 'v'],
          ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'x', '>'],
        ],
        ...[
          ['XCLAIM', 'x', 'g', 'd', '0', '1-1'],
          ['SADD', 's', 'a', 'b'],
          ['XADD', 'x', '1-2', 'f', 'w'],
          ['XLEN', 'x'],
        ],
        ['EXEC'],
        ['SCARD', 's'],
      ],
    )
    const client = await proxy.connect()
    const exec = async (...commands: string[][]) =>
      String((await client.pipeline([['MULTI'], ...commands, ['EXEC']])).at(-1))
    const added = await exec(
      ...[
        ['XADD', 'chosen', '*', 'f', '1'],
        ['SET', 'other', '1'],
        ['XADD', 'chosen', '*', 'f', '2'],
        ['XLEN', 'chosen'],
      ],
      ...[
        ['EXPIRE', 'chosen', '1000'],
        ['TTL', 'chosen'],
      ],
    )
    t.match(added, /^\*6\r\n\$\d+\r\n\d+-\d+\r\n\+OK\r\n\$\d+\r\n\d+-\d+\r\n:2\r\n:1\r\n:(1000|999)\r\n$/)
    t.same((await ringSnapshot(proxy)).faults, [])
  })
})

t.test('what cannot be in a transaction says so, and the transaction is not executed', async (t) => {
  const proxy = await startProxy(t, { replicas: 1 })
  const client = await proxy.connect()
  const unfit = [
    ...[
      ['CLIENT', 'REPLY', 'OFF'],
      ['DT', 'VIEW'],
    ],
  ]
  for (const command of unfit) {
    const replies = await client.pipeline([['MULTI'], ['SET', 'k', '1'], command, ['EXEC'], ['EXISTS', 'k']])
    const [, queued, refused, exec, exists] = replies.map(String)
    t.equal(queued, '+QUEUED\r\n')
    t.match(refused, /^-ERR '[^']+' is not supported yet by this proxy/, command.join(' '))
    t.equal(exec, '-EXECABORT Transaction discarded because of previous errors.\r\n')
    t.equal(exists, ':0\r\n')
  }
})

t.test('a client shows that it is in a transaction, and may not keep more than its query buffer', async (t) => {
  const proxy = await startProxy(t, {
    nodes: 1,
    replicas: 0,
    config: { limits: { queryBufferBytes: 2 * 1024 * 1024 } },
  })
  const [client, watcher] = [await proxy.connect(), await proxy.connect()]
  await client.pipeline([['CLIENT', 'SETNAME', 'it'], ['MULTI'], ['SET', 'k', 'v'], ['GET', 'k']])
  t.match(String(await watcher.ask('CLIENT', 'LIST')), /name=it .* flags=x .* multi=2 /)
  t.match(String(await client.ask('EXEC')), /^\*2\r\n/)
  t.match(String(await watcher.ask('CLIENT', 'LIST')), /name=it .* flags=N .* multi=-1 /)

  await client.ask('MULTI')
  const large = 'x'.repeat(1024 * 1024)
  t.equal(String(await client.ask('SET', 'k', large)), '+QUEUED\r\n')
  client.ask('SET', 'k', large).catch(() => {})
  await client.closed
  t.equal(String(await watcher.ask('STRLEN', 'k')), ':1\r\n', 'nothing of it was executed')
})

t.test('RESET, and the end of the connection, forget the commands', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0 })
  const [client, other] = [await proxy.connect(), await proxy.connect()]
  const replies = await client.pipeline([['MULTI'], ['SET', 'k', '1'], ['RESET'], ['EXEC'], ['MULTI'], ['EXEC']])
  t.same(replies.map(String), [
    '+OK\r\n',
    '+QUEUED\r\n',
    '+RESET\r\n',
    '-ERR EXEC without MULTI\r\n',
    '+OK\r\n',
    '*0\r\n',
  ])
  await client.pipeline([['MULTI'], ['SET', 'k', '1']])
  client.close()
  t.equal(String(await other.ask('EXISTS', 'k')), ':0\r\n')
})
