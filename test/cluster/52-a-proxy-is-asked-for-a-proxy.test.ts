import t from 'tap'
import { freePorts } from '../../src/local/ports.js'
import { AnotherProxy, PausableProxy } from '../helpers/another-proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'
import { startRing } from '../helpers/ring.js'
import { TestCertificates } from '../helpers/tls-door.js'
import { until } from '../helpers/until.js'

/*
 * Several proxies of a ring, each of which is asked where one is as if it were a Sentinel.
 */

const PASSWORD = 'known to all proxies of the ring'
const PEERS = { peers: { port: 0, password: PASSWORD } }

type Tap = Parameters<typeof startRing>[0]
type Ring = Awaited<ReturnType<typeof startRing>>

async function front(t: Tap, ring: Ring, config: object = {}): Promise<AnotherProxy> {
  const proxy = AnotherProxy.of(t, ring, { standby: true, config: { ...PEERS, ...config } })
  await proxy.listens()
  await reaches(proxy)
  return proxy
}

function reaches(proxy: AnotherProxy): Promise<unknown> {
  return until('it reaches the owner', () => proxy.log.about(/^clients are served by the proxy at/)[0])
}

async function ask(client: RawClient, ...words: string[]): Promise<string[]> {
  return itemsOf(readReply(await client.ask('SENTINEL', ...words))).map(textOf)
}

/** The addresses of the proxies that are told of besides that which is asked. */
async function others(client: RawClient): Promise<string[][]> {
  const listed = itemsOf(readReply(await client.ask('SENTINEL', 'SENTINELS', 'dt')))
  return listed.map((each) => itemsOf(each).map(textOf)).map(([, , , ip, , port]) => [ip, port])
}

const addressOf = (client: RawClient) => ask(client, 'GET-MASTER-ADDR-BY-NAME', 'dt')

t.test('each names itself, and lists the others', async (t) => {
  const ring = await startRing(t)
  const owner = await AnotherProxy.started(t, ring, { config: PEERS })
  const announced = { listen: { announceHost: 'dt.example.org', announcePort: 16380 } }
  const [first, second] = [await front(t, ring), await front(t, ring, announced)]
  const all = [owner, first, second]
  const addresses = [
    ['127.0.0.1', String(owner.port)],
    ['127.0.0.1', String(first.port)],
    ['dt.example.org', '16380'],
  ]
  const ids = new Set<string>()
  for (const [i, proxy] of all.entries()) {
    const client = await proxy.connect()
    t.same(await addressOf(client), addresses[i])
    t.same(await others(client), addresses.toSpliced(i, 1))
    ids.add(textOf(readReply(await client.ask('SENTINEL', 'MYID'))))
    const quorum = String(await client.ask('SENTINEL', 'CKQUORUM', 'dt'))
    t.equal(quorum, '+OK 3 usable Sentinels. Quorum and failover authorization can be reached\r\n')
    t.match(String(await client.ask('ROLE')), /^\*3\r\n\$6\r\nmaster\r\n/)
  }
  t.equal(ids.size, 3)
})

t.test('who came by TLS is told the ports of TLS', async (t) => {
  const ring = await startRing(t)
  const certificates = new TestCertificates(t)
  const [ownerPort, frontPort] = await freePorts(2)
  const tls = (port: number) => ({ tls: { ...certificates.settings(port), authClients: 'no' as const } })
  await AnotherProxy.started(t, ring, { config: { ...PEERS, ...tls(ownerPort) } })
  const proxy = AnotherProxy.of(t, ring, { standby: true, config: { ...PEERS, ...tls(frontPort) } })
  proxy.start().catch(() => {}) // It stands by until the test ends.
  await reaches(proxy)
  for (const [port, other] of [
    [ownerPort, frontPort],
    [frontPort, ownerPort],
  ]) {
    const client = await RawClient.secure(port, certificates.options())
    t.same(await addressOf(client), ['127.0.0.1', String(port)])
    t.same(await others(client), [['127.0.0.1', String(other)]])
    client.close()
  }
})

t.test('a front comes and goes: who listens for that is told, and of another one, each of his own', async (t) => {
  const ring = await startRing(t)
  const owner = await AnotherProxy.started(t, ring, { config: PEERS })
  const there = await front(t, ring)
  const [direct, byFront, other] = [await owner.connect(), await there.connect(3), await owner.connect(3)]
  await direct.ask('SUBSCRIBE', '+switch-master')
  await byFront.ask('PSUBSCRIBE', '+s*')
  await other.ask('SUBSCRIBE', 'switch-master')
  const said = async (client: RawClient) => itemsOf(readReply(await client.reply())).map(textOf)

  const gone = await front(t, ring)
  const about = `127.0.0.1 ${gone.port} @ dt 127.0.0.1 ${there.port}`
  const [, pattern, channel, joined] = await said(byFront)
  t.same([pattern, channel], ['+s*', '+sentinel'])
  t.match(joined, new RegExp(`^sentinel [0-9a-f]{40} ${about}$`))

  await gone.proxy.stop(true)
  const news = (port: number) => `dt 127.0.0.1 ${gone.port} 127.0.0.1 ${port}`
  t.same(await said(direct), ['message', '+switch-master', news(owner.port)])
  t.same(await said(byFront), ['pmessage', '+s*', '+sdown', joined])
  t.same(await said(byFront), ['pmessage', '+s*', '+switch-master', news(there.port)])
  t.equal(String(await other.ask('PING')), '+PONG\r\n', 'others are told nothing')
})

t.test('the owner stops in order: who listens there is told of a front before his connection ends', async (t) => {
  const ring = await startRing(t)
  const owner = await AnotherProxy.started(t, ring, { config: PEERS })
  const proxy = await front(t, ring)
  const listener = await owner.connect()
  await listener.ask('SUBSCRIBE', '+switch-master')
  const stopped = owner.proxy.stop(true)
  const said = itemsOf(readReply(await listener.reply())).map(textOf)
  t.same(said, ['message', '+switch-master', `dt 127.0.0.1 ${owner.port} 127.0.0.1 ${proxy.port}`])
  t.equal(String(await listener.rest()), '')
  await stopped
  const client = await proxy.connect()
  t.same(await addressOf(client), ['127.0.0.1', String(proxy.port)])
  t.equal(String(await client.ask('SET', 'k', 'v')), '+OK\r\n')
})

t.test('the owner is killed: a front names itself, and what it is asked waits until somebody serves', async (t) => {
  const ring = await startRing(t)
  const owner = await PausableProxy.start(t, ring, { DT_PEERS_PORT: '0', DT_PEERS_PASSWORD: PASSWORD })
  const proxy = await front(t, ring)
  owner.child.kill('SIGKILL')
  await owner.exit
  const client = await proxy.connect()
  t.same(await addressOf(client), ['127.0.0.1', String(proxy.port)])
  t.equal(String(await client.ask('SET', 'k', 'v')), '+OK\r\n')
  t.same(await others(client), [])
})

t.test('one that does not serve, and knows of nobody who does, says of itself that it is down', async (t) => {
  const ring = await startRing(t)
  await AnotherProxy.started(t, ring, { config: PEERS })
  const peers = { port: 0, password: 'another password of them' }
  const proxy = AnotherProxy.of(t, ring, { standby: true, unavailableTimeoutMs: 300, config: { peers } })
  await proxy.listens()
  const client = await proxy.connect()
  const master = () => ask(client, 'MASTER', 'dt')
  await until('it knows that nothing is served', async () => (await master()).includes('s-down-time'))
  const fields = await master()
  t.equal(fields[fields.indexOf('flags') + 1], 's_down,master')
  const address = String(await client.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'dt'))
  t.equal(address, '*-1\r\n', 'who looks at no flags asks the next one')
  t.match(String(await client.ask('SENTINEL', 'CKQUORUM', 'dt')), /^-NOQUORUM 0 usable Sentinels\. /)
})
