import t from 'tap'
import { startProxy } from '../../helpers/proxy.js'
import { RawClient } from '../../helpers/raw-client.js'
import { itemsOf, type Node, readReply, textOf } from '../../helpers/raw-reply.js'

/*
 * A proxy that is asked as if it were a Sentinel, beside one that really is one: the Sentinel of its ring, which monitors dt-1 and
 * others, where the proxy has the ring itself, `dt`.
 */

const proxy = await startProxy(t, { nodes: 2, replicas: 1, sentinels: 2 })
const [{ port: sentinelPort }] = proxy.ring.sentinels
const ASK = ['GET-MASTER-ADDR-BY-NAME', 'MASTER', 'REPLICAS', 'SLAVES', 'SENTINELS', 'CKQUORUM']

/** The proxy, and the Sentinel. */
async function both(proto: 2 | 3): Promise<readonly [RawClient, RawClient]> {
  return [await proxy.connect(proto), await RawClient.connect(sentinelPort, proto)]
}

/** A reply without its texts: of what types its parts are, with the names of fields. */
function shape(node: Node): unknown {
  if (!('items' in node)) return node.type
  const isOfFields = node.type === '%' || node.items[0]?.type === '$'
  return [node.type, ...node.items.map((item, i) => (isOfFields && i % 2 === 0 ? textOf(item) : shape(item)))]
}

function fieldsOf(node: Node): Record<string, string> {
  const texts = itemsOf(node).map(textOf)
  return Object.fromEntries(texts.flatMap((text, i) => (i % 2 === 0 ? [[text, texts[i + 1]]] : [])))
}

for (const proto of [2, 3] as const) {
  t.test(`what a proxy answers is made up as of a Sentinel, in RESP${proto}`, async (t) => {
    const [client, sentinel] = await both(proto)
    t.teardown(() => sentinel.close())
    for (const [name, ours, theirs] of [
      ['MASTER', ['dt'], ['dt-1']],
      ['MASTERS', [], []],
      ['REPLICAS', ['dt'], ['dt-1']],
      ['SLAVES', ['dt'], ['dt-1']],
      ['MYID', [], []],
      ['CKQUORUM', ['dt'], ['dt-1']],
    ] as const) {
      const found = shape(readReply(await client.ask('SENTINEL', name, ...ours)))
      const [expected] = [shape(readReply(await sentinel.ask('SENTINEL', name, ...theirs)))]
      // It monitors two, and the proxy is one.
      if (name === 'MASTERS' && Array.isArray(expected)) expected.length = 2
      t.same(found, expected, name)
    }
    const [host, port] = itemsOf(readReply(await client.ask('SENTINEL', 'get-master-addr-by-name', 'dt'))).map(textOf)
    t.same([host, port], ['127.0.0.1', String(proxy.port)], 'the address at which the client has reached it')
    const address = shape(readReply(await sentinel.ask('SENTINEL', 'get-master-addr-by-name', 'dt-1')))
    t.same(shape(readReply(await client.ask('SENTINEL', 'get-master-addr-by-name', 'dt'))), address)
  })

  t.test(`of what it does not know, and of wrong words, it says what a Sentinel says, in RESP${proto}`, async (t) => {
    const [client, sentinel] = await both(proto)
    t.teardown(() => sentinel.close())
    const unknown = ASK.map((name) => [name, 'no-such-ring'])
    const wrong = [...ASK, 'MASTERS x', 'MYID x', 'HELP x', 'MASTER dt x', 'NOTHING', 'nothing x', ''].map((words) =>
      words.split(' '),
    )
    for (const words of [...unknown, ['MASTER', 'DT'], ['MASTER', ''], ...wrong]) {
      const [found, expected] = [await client.ask('SENTINEL', ...words), await sentinel.ask('SENTINEL', ...words)]
      t.equal(String(found), String(expected), words.join(' '))
    }
    t.equal(String(await client.ask('SENTINEL')), String(await sentinel.ask('SENTINEL')))
  })
}

t.test('what it tells of itself', async (t) => {
  const client = await proxy.connect(3)
  const [, runId] = /^run_id:([0-9a-f]{40})\r$/m.exec(String(await client.ask('INFO', 'server')))!
  t.equal(String(await client.ask('SENTINEL', 'MYID')), `$40\r\n${runId}\r\n`)
  const master = fieldsOf(readReply(await client.ask('SENTINEL', 'MASTER', 'dt')))
  t.match(master, { name: 'dt', ip: '127.0.0.1', port: String(proxy.port), runid: runId, flags: 'master' })
  t.match(master, { 'num-slaves': '0', 'num-other-sentinels': '0', quorum: '1' })
  t.equal(
    String(await client.ask('SENTINEL', 'CKQUORUM', 'dt')),
    '+OK 1 usable Sentinels. Quorum and failover authorization can be reached\r\n',
  )
  t.equal(String(await client.ask('SENTINEL', 'SENTINELS', 'dt')), '*0\r\n')
  t.match(String(await client.ask('ROLE')), /^\*3\r\n\$6\r\nmaster\r\n/)
})

t.test('its help begins and ends as that of a Sentinel, and has its words of what there is', async (t) => {
  const [client, sentinel] = await both(2)
  t.teardown(() => sentinel.close())
  const lines = async (who: RawClient) => itemsOf(readReply(await who.ask('SENTINEL', 'HELP'))).map(textOf)
  const [ours, theirs] = [await lines(client), await lines(sentinel)]
  t.same([ours[0], ...ours.slice(-2)], [theirs[0], ...theirs.slice(-2)])
  for (const line of ours.filter((line) => !line.startsWith(' '))) t.ok(theirs.includes(line), line)
})

t.test('it is asked behind the login, by whoever may use the connection, also between MULTI and EXEC', async (t) => {
  const config = { auth: { password: 'secret' }, acl: { users: ['user app on >word ~* -@all +@connection'] } }
  const guarded = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1, config })
  const client = await guarded.connect()
  const ask = async () => String(await client.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'dt'))
  t.equal(await ask(), '-NOAUTH Authentication required.\r\n')
  t.equal(String(await client.ask('AUTH', 'app', 'word')), '+OK\r\n')
  t.match(await ask(), /^\*2\r\n\$9\r\n127\.0\.0\.1\r\n/)
  await client.ask('AUTH', 'default', 'secret')
  await client.ask('MULTI')
  t.equal(await ask(), '+QUEUED\r\n')
  t.match(String(await client.ask('EXEC')), /^\*1\r\n\*2\r\n\$9\r\n127\.0\.0\.1\r\n/)
})

t.test('it is answered while clients pause', async (t) => {
  const [client, other] = [await proxy.connect(), await proxy.connect()]
  await client.ask('CLIENT', 'PAUSE', '1000')
  let isOver = false
  const paused = client.ask('PING').then(() => (isOver = true))
  t.match(String(await other.ask('SENTINEL', 'MASTERS')), /^\*1\r\n/)
  t.notOk(isOver)
  await paused
})
