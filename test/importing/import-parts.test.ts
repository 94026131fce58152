import t from 'tap'
import { Conversation } from '../../src/importing/conversation.js'
import { Copier } from '../../src/importing/copier.js'
import { Follower } from '../../src/importing/follower.js'
import { KeySet } from '../../src/importing/key-set.js'
import { Node, scan } from '../../src/importing/node.js'
import { meaningOf } from '../../src/importing/same-value.js'
import { Tally } from '../../src/importing/tally.js'
import { valuesOf } from '../../src/importing/values.js'
import { Verification } from '../../src/importing/verification.js'
import { startRedis } from '../helpers/proxy.js'
import { bulk, type Script, ScriptedServer } from '../helpers/scripted-server.js'
import { until } from '../helpers/until.js'

/** The parts of `dt import`, with servers that answer what a test wants. */

const GATED = '-TRYAGAIN an operation has this key for itself\r\n'

const ask = async (t: Parameters<typeof ScriptedServer.start>[0], script: Script) => {
  const server = await ScriptedServer.start(t, script)
  const ring = await Conversation.open({ host: '127.0.0.1', port: server.port }, 'the proxy')
  t.teardown(() => ring.close())
  return { server, ring }
}

t.test(
  'a key that an operation has for itself is asked for again, and no other value is taken for its own',
  async (t) => {
    let gated = 2
    const { ring } = await ask(t, ([name, key]) => {
      if (name === 'PEXPIRETIME') return ':-1\r\n'
      if (name !== 'DUMP') return undefined
      return key === 'a' && gated-- > 0 ? GATED : bulk(`dump of ${key}`)
    })
    const copier = new Copier(ring, [], { replace: false, largestBytes: 1e6 }, new Tally())
    const values = await copier.valuesInRing(0, [Buffer.from('a'), Buffer.from('b')])
    t.strictSame(
      values.map(({ key, dump }) => `${key}: ${dump}`),
      ['a: dump of a', 'b: dump of b'],
    )
    gated = 2
    const atSource = await valuesOf(ring, 0, [Buffer.from('a')], { knowsDeadlines: true, knowsSizes: false })
    t.equal(String(atSource[0]?.dump), 'dump of a', 'also when the source is a proxy')
  },
)

t.test('while servers of the ring are away its keys are listed, and looked at, later', async (t) => {
  let away = 2
  let isSilent = true
  const { server, ring } = await ask(t, ([name]) => {
    if (name === 'SCAN') return away-- > 0 ? '-CLUSTERDOWN not now\r\n' : `*2\r\n${bulk('0')}*1\r\n${bulk('a')}`
    if (name === 'TYPE') return '+string\r\n'
    if (name !== 'GET') return undefined
    isSilent = !isSilent
    return isSilent ? bulk('value') : '-CLUSTERDOWN not now\r\n'
  })
  const keys: string[] = []
  for await (const part of scan(ring, 0)) keys.push(...part.map(String))
  t.strictSame(keys, ['a'])
  t.equal(server.commands('SCAN').length, 3)
  const meaning = await meaningOf(ring, 0, Buffer.from('a'))
  t.equal(server.commands('GET').length, 2)
  t.equal(await meaningOf(ring, 0, Buffer.from('a')), meaning)
})

t.test('a score is the same however a server writes it, and no other one', async (t) => {
  const scored = async (...scores: string[]) => {
    const { ring } = await ask(t, ([name]) => {
      if (name === 'TYPE') return '+zset\r\n'
      if (name !== 'ZRANGE') return undefined
      return `*${2 * scores.length}\r\n${scores.map((score, i) => bulk(`m${i}`) + bulk(score)).join('')}`
    })
    return meaningOf(ring, 0, Buffer.from('z'))
  }
  const old = await scored('-inf', '0.10000000000000001', '0.66666666666666663', '3')
  t.equal(old, await scored('-inf', '0.1', '0.6666666666666666', '3'))
  for (const other of [
    ['-inf', '0.10000000000000002', '0.6666666666666666', '3'],
    ['-inf', '0.1', '0.6666666666666666', 'inf'],
    ['inf', '0.1', '0.6666666666666666', '3'],
  ])
    t.not(old, await scored(...other), other.join(' '))
})

t.test('a key that the ring does not understand counts once', async (t) => {
  const redis = await startRedis(t)
  await (await redis.connect()).ask('SET', 'k', 'v')
  const node = await Node.open({ host: '127.0.0.1', port: redis.port }, new KeySet(), undefined)
  t.teardown(() => node.close())
  const { ring } = await ask(t, ([name]) => {
    if (name === 'RESTORE') return '-ERR DUMP payload version or checksum are wrong\r\n'
    if (name === 'PEXPIRETIME') return ':-2\r\n'
    if (name === 'DUMP') return '$-1\r\n'
    if (name === 'DBSIZE') return ':0\r\n'
    return name === 'SCAN' ? `*2\r\n${bulk('0')}*0\r\n` : undefined
  })
  const tally = new Tally()
  const copier = new Copier(ring, [node.mine], { replace: false, largestBytes: 1e6 }, tally)
  for (let times = 0; times < 3; times++) await copier.copy(node, 0, [Buffer.from('k')])
  const verification = new Verification([node], ring, copier, new Set([0]), () => {}, 10)
  await verification.walk()
  await verification.lookAgain(async () => {})
  t.equal(verification.refused.count, 1)
  t.equal(verification.differences.missing.count, 0, 'it is named once')
  t.match(tally.refusal, /DUMP payload/)
})

t.test('which key an XGROUP changes is seen in the stream', async (t) => {
  const redis = await startRedis(t)
  const keys: string[] = []
  let everything = 0
  const follower = await Follower.open(
    { host: '127.0.0.1', port: redis.port },
    { key: (_, key) => keys.push(String(key)), everything: () => everything++, libraries: () => {} },
  )
  t.teardown(() => follower.stop())
  await (await redis.connect()).pipeline([
    ['XGROUP', 'CREATE', 'stream', 'group', '0', 'MKSTREAM'],
    ['XGROUP', 'CREATECONSUMER', 'stream', 'group', 'someone'],
    ['SET', 'last', '1'],
  ])
  await until('all is told', () => keys.includes('last'))
  t.strictSame(keys, ['stream', 'stream', 'last'])
  t.equal(everything, 0)
})

for (const command of ['REPLCONF', 'PSYNC']) {
  t.test(`a source that closes the connection at ${command} cannot be followed`, async (t) => {
    const server = await ScriptedServer.start(t, ([name], socket) => {
      if (name === command) socket.destroy()
      return undefined
    })
    server.info = { repl_backlog_active: '1', master_replid: 'a'.repeat(40), master_repl_offset: '0' }
    const endpoint = { host: '127.0.0.1', port: server.port }
    await t.rejects(Follower.open(endpoint, { key: () => {}, everything: () => {}, libraries: () => {} }), {
      name: 'UserError',
      message: /does not let its changes be followed: .*clos.*Nothing was copied\. --until-equal copies without that$/,
    })
  })
}
