import t from 'tap'
import { freePorts } from '../../src/local/ports.js'
import { AnotherProxy, PausableProxy } from '../helpers/another-proxy.js'
import { PEERS, PEERS_OF_PROCESS, reaches, startFront } from '../helpers/fronts.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { TestCertificates } from '../helpers/tls-door.js'
import { until } from '../helpers/until.js'

/*
 * Fronts: proxies that stand by and have `peers.port` set. They accept clients, and send them on to the one that owns the ring.
 */

type Tap = Parameters<typeof startRing>[0]
type Ring = Awaited<ReturnType<typeof startRing>>

/** Starts a front, and resolves when it reaches the owner. */
async function front(t: Tap, ring: Ring): Promise<{ readonly proxy: AnotherProxy; readonly started: Promise<void> }> {
  const started = await startFront(t, ring)
  await reaches(started.proxy)
  return started
}

async function readyz({ proxy }: AnotherProxy): Promise<{ readonly status: number; readonly text: string }> {
  const { host, port } = proxy.adminAddress!
  const answer = await fetch(`http://${host}:${port}/readyz`)
  return { status: answer.status, text: await answer.text() }
}

t.test('a client of a front is a client of the owner in all that it does', async (t) => {
  const ring = await startRing(t)
  const owner = await AnotherProxy.started(t, ring, { config: PEERS })
  const { proxy } = await front(t, ring)
  const [direct, client] = [await owner.connect(), await proxy.connect()]

  t.equal(String(await client.ask('SET', 'k', 'v')), '+OK\r\n')
  t.equal(String(await direct.ask('GET', 'k')), '$1\r\nv\r\n')
  const large = 'x'.repeat(3_000_000)
  t.equal(String(await client.ask('SET', 'large', large)), '+OK\r\n')
  t.equal((await client.ask('GET', 'large')).length, large.length + 12)
  t.equal(String(await direct.ask('STRLEN', 'large')), ':3000000\r\n')

  await client.ask('CLIENT', 'SETNAME', 'of-the-front')
  const [line] = String(await direct.ask('CLIENT', 'LIST'))
    .split('\n')
    .filter((line) => line.includes('of-the-front'))
  t.match(line, ` addr=127.0.0.1:${client.socket.localPort} laddr=127.0.0.1:${proxy.port} `)

  await client.ask('MULTI')
  await client.ask('INCR', 'n')
  t.equal(String(await client.ask('EXEC')), '*1\r\n:1\r\n')

  const waiting = client.ask('BLPOP', 'list', '0')
  await until('it waits', async () => String(await direct.ask('INFO', 'clients')).includes('blocked_clients:1'))
  await direct.ask('RPUSH', 'list', 'element')
  t.match(String(await waiting), /list\r\n.*\r\nelement/)

  const listener = await proxy.connect(3)
  await listener.ask('SUBSCRIBE', 'c')
  t.equal(String(await direct.ask('PUBLISH', 'c', 'm')), ':1\r\n')
  t.match(String(await listener.reply()), /message\r\n.*\r\nc\r\n.*\r\nm/)

  const caching = await proxy.connect(3)
  await caching.ask('CLIENT', 'TRACKING', 'ON')
  await caching.ask('GET', 'k')
  await direct.ask('SET', 'k', 'w')
  t.match(String(await caching.reply()), /invalidate\r\n.*\r\n.*\r\nk/)

  const id = String(await client.ask('CLIENT', 'ID')).slice(1, -2)
  await direct.ask('CLIENT', 'KILL', 'ID', id)
  await client.closed
  const others = String(await direct.ask('CLIENT', 'LIST'))
    .trim()
    .split('\n').length
  listener.close()
  caching.close()
  await until('they have gone', async () => {
    return (
      String(await direct.ask('CLIENT', 'LIST'))
        .trim()
        .split('\n').length ===
      others - 2
    )
  })
})

t.test('who sends its last byte gets all its answers', async (t) => {
  const ring = await startRing(t)
  await AnotherProxy.started(t, ring, { config: PEERS })
  const { proxy } = await front(t, ring)
  const client = await proxy.connect()
  client.send('INCR n\r\n'.repeat(10_000))
  client.end()
  t.match(String(await client.rest()), /:10000\r\n$/)
})

t.test('a client that reads nothing holds up nobody, and gets all in the end', async (t) => {
  const ring = await startRing(t)
  const owner = await AnotherProxy.started(t, ring, { config: PEERS })
  const { proxy } = await front(t, ring)
  const direct = await owner.connect()
  await direct.ask('SET', 'k', 'x'.repeat(1_000_000))
  const slow = await proxy.connect()
  slow.socket.pause()
  slow.send('GET k\r\n'.repeat(40))
  const other = await proxy.connect()
  for (let i = 0; i < 100; i++) t.equal(String(await other.ask('INCR', 'n')), `:${i + 1}\r\n`)
  slow.socket.resume()
  for (let i = 0; i < 40; i++) t.equal((await slow.reply()).length, 1_000_012)
})

t.test('the owner is killed: who waits hears that nobody knows, and a front goes on', async (t) => {
  const ring = await startRing(t)
  const owner = await PausableProxy.start(t, ring, PEERS_OF_PROCESS)
  const { proxy, started } = await front(t, ring)
  const [busy, waiting] = [await proxy.connect(), await proxy.connect()]
  let acknowledged = 0
  for (; acknowledged < 500; acknowledged++) await busy.ask('INCR', 'n')
  waiting.send('BLPOP nothing 0\r\n')
  await until('it waits', async () => String(await busy.ask('INFO', 'clients')).includes('blocked_clients:1'))
  busy.send('INCR n\r\n'.repeat(100))
  owner.child.kill('SIGKILL')
  t.match(String(await waiting.rest()), /^-ERR the outcome of this command, .* is unknown: /)
  const answers = String(await busy.rest()).split('\r\n')
  t.ok(answers.length <= 101, `${answers.length} answers`)

  const next = await proxy.connect()
  const value = Number(String(await next.ask('INCR', 'n')).slice(1)) - 1
  t.ok(value >= 500 && value <= 600, `${value}: it waited, and all that was acknowledged is there`)
  await started
})

t.test('the owner is killed: who waits for nothing notices nothing', async (t) => {
  const ring = await startRing(t)
  const owner = await PausableProxy.start(t, ring, PEERS_OF_PROCESS)
  const fronts = [await front(t, ring), await front(t, ring)]
  const port = fronts[0].proxy.port
  const [quiet, unused] = [await RawClient.connect(port, 3), await RawClient.connect(port)]
  await quiet.ask('SELECT', '5')
  await quiet.ask('CLIENT', 'SETNAME', 'quiet')
  const id = String(await quiet.ask('CLIENT', 'ID'))
  await quiet.ask('SET', 'k', 'v')
  const others = await Promise.all([1, 2, 3].map(() => RawClient.connect(port)))
  for (const [i, words] of [['MULTI'], ['SUBSCRIBE', 'c'], ['WATCH', 'k']].entries()) await others[i].ask(...words)
  owner.child.kill('SIGKILL')
  await until('that is noticed', () => fronts[0].proxy.log.about(/^the proxy that owns the ring is not reached at/)[0])
  t.equal(String(await quiet.ask('GET', 'k')), '$1\r\nv\r\n', 'in its database')
  t.equal(String(await quiet.ask('CLIENT', 'GETNAME')), '$5\r\nquiet\r\n')
  t.equal(String(await quiet.ask('CLIENT', 'ID')), id)
  t.equal(String(await quiet.ask('GET', 'none')), '_\r\n', 'in its protocol')
  t.equal(String(await unused.ask('PING')), '+PONG\r\n')
  for (const client of others)
    t.equal(String(await client.rest()), '', 'what it has is lost, which the end of its connection says')
  await Promise.any(fronts.map(({ started }) => started))
})

t.test(
  'the owner hangs: another one goes on with its clients, and it can tell them nothing when it wakes',
  async (t) => {
    const ring = await startRing(t)
    const owner = await PausableProxy.start(t, ring, PEERS_OF_PROCESS)
    const fronts = [await front(t, ring), await front(t, ring)]
    const { port } = fronts[0].proxy
    const [quiet, asking] = [await RawClient.connect(port), await RawClient.connect(port)]
    await quiet.ask('SET', 'k', 'before')
    await asking.ask('SELECT', '0')
    owner.pause()
    asking.send('SET k late\r\n')
    t.match(String(await asking.rest()), /^-ERR the outcome of this command, .* is unknown: /)
    const value = String(await quiet.ask('GET', 'k'))
    t.equal(value, '$6\r\nbefore\r\n')
    owner.wake()
    t.equal(await owner.exit, 1)
    t.equal(String(await quiet.ask('GET', 'k')), value)
    await Promise.any(fronts.map(({ started }) => started))
  },
)

t.test('the owner stops in order: clients of fronts are not closed, and nothing of what they ask fails', async (t) => {
  const ring = await startRing(t)
  const owner = await AnotherProxy.started(t, ring, { config: PEERS })
  const fronts = [await front(t, ring), await front(t, ring)]
  let isOver = false
  const writers = [0, 1, 2, 3, 4, 5].map(async (i) => {
    const client = await RawClient.connect(fronts[i % 2].proxy.port)
    let done = 0
    for (; !isOver; done += 3) {
      const answers = await client.pipeline(Array.from({ length: 3 }, () => ['INCR', `n${i}`]))
      t.equal(String(answers[2]), `:${done + 3}\r\n`)
    }
    return done
  })
  await until(
    'they write',
    async () => Number(String(await (await owner.connect()).ask('GET', 'n0')).split('\r\n')[1]) > 100,
  )
  await owner.proxy.stop(true)
  await Promise.any(fronts.map(({ started }) => started))
  const client = await fronts[0].proxy.connect()
  const after = Number(String(await client.ask('GET', 'n0')).split('\r\n')[1])
  await until('they go on', async () => Number(String(await client.ask('GET', 'n0')).split('\r\n')[1]) > after + 100)
  isOver = true
  const done = await Promise.all(writers)
  for (const [i, count] of done.entries())
    t.equal(String(await client.ask('GET', `n${i}`)).split('\r\n')[1], String(count))
})

t.test('the owner stops in order: a front goes on, and what it sends its clients says so', async (t) => {
  const ring = await startRing(t)
  const owner = await AnotherProxy.started(t, ring, { config: PEERS })
  const [first, second] = [await front(t, ring), await front(t, ring)]
  const listed = async (port: number) => {
    const client = await RawClient.connect(port, 3)
    const said = String(await client.ask('DT', 'PROXIES'))
    client.close()
    return [...said.matchAll(/role\r\n\$\d+\r\n(owner|front)/g)].map(([, role]) => role)
  }
  t.same(await listed(first.proxy.port), ['owner', 'front', 'front'])
  t.same(await readyz(first.proxy), { status: 200, text: 'ready\n' })
  await owner.proxy.stop(true)
  const next = await Promise.any([first, second].map(async (each) => each.started.then(() => each)))
  const other = next === first ? second : first
  await reaches(other.proxy, 2)
  const client = await other.proxy.connect()
  t.equal(String(await client.ask('SET', 'k', 'v')), '+OK\r\n')
  t.equal(String(await (await next.proxy.connect()).ask('GET', 'k')), '$1\r\nv\r\n')
  t.same(await listed(other.proxy.port), ['owner', 'front'])
  t.same(next.proxy.log.about(/did not stop in order/), [])
})

t.test('TLS and the PROXY protocol end at the front, and the owner knows who it is', async (t) => {
  const ring = await startRing(t)
  const users = ['user app on nopass allcommands allkeys allchannels', 'user default off']
  const acl = { acl: { users } }
  const owner = await AnotherProxy.started(t, ring, { config: { ...PEERS, ...acl, tls: { authClientsUser: 'CN' } } })
  const certificates = new TestCertificates(t)
  const [tlsPort] = await freePorts(1)
  const secure = AnotherProxy.of(t, ring, {
    standby: true,
    config: { ...PEERS, ...acl, tls: { ...certificates.settings(tlsPort), authClientsUser: 'CN' } },
  })
  secure.start().catch(() => {}) // It stands by until the test ends.
  await reaches(secure)
  const client = await RawClient.secure(tlsPort, certificates.options(certificates.authority.issue('app')))
  t.equal(String(await client.ask('ACL', 'WHOAMI')), '$3\r\napp\r\n')
  const large = 'x'.repeat(2_000_000)
  t.equal(String(await client.ask('SET', 'k', large)), '+OK\r\n')
  for (let i = 0; i < 3; i++) t.equal((await client.ask('GET', 'k')).length, large.length + 12)
  client.close()

  const announced = AnotherProxy.of(t, ring, {
    standby: true,
    config: { ...PEERS, ...acl, listen: { proxyProtocol: 'yes' } },
  })
  await announced.listens()
  await reaches(announced)
  const balanced = await announced.connect()
  balanced.send('PROXY TCP4 203.0.113.7 198.51.100.1 4711 6380\r\nAUTH app x\r\n')
  t.equal(String(await balanced.reply()), '+OK\r\n')
  t.match(String(await balanced.ask('CLIENT', 'INFO')), / addr=203.0.113.7:4711 laddr=198.51.100.1:6380 /)
  t.equal(owner.log.about(/internal/).length, 0)
})

t.test('who comes from elsewhere is refused by the owner where nobody has to say a password', async (t) => {
  const ring = await startRing(t)
  await AnotherProxy.started(t, ring, { config: PEERS })
  const config = { ...PEERS, listen: { proxyProtocol: 'yes' as const } }
  const proxy = AnotherProxy.of(t, ring, { standby: true, config })
  await proxy.listens()
  await reaches(proxy)
  const client = await proxy.connect()
  client.send('PROXY TCP4 203.0.113.7 198.51.100.1 4711 6380\r\nPING\r\n')
  t.match(String(await client.rest()), /^-DENIED /)
})

t.test('a front that does not reach the owner says so, and a wrong password is refused', async (t) => {
  const ring = await startRing(t)
  const owner = await AnotherProxy.started(t, ring, { config: PEERS })
  const proxy = AnotherProxy.of(t, ring, {
    standby: true,
    unavailableTimeoutMs: 300,
    config: { peers: { port: 0, password: 'another password of them' } },
  })
  await proxy.listens()
  const client = await proxy.connect()
  t.match(
    String(await client.ask('GET', 'k')),
    /^-CLUSTERDOWN nothing is served yet: it stands by: run [0-9a-f]{40}, .* serves the ring, and the proxy that owns the ring is not reached at 127.0.0.1:\d+: it refuses this proxy: it has another peers.password; the command was not applied/,
  )
  t.match(owner.log.about(/another peers.password/), [{ level: 40 }])
  t.equal(String(await client.ask('PING')), '+PONG\r\n')
})

t.test('nobody gets in by the port of the peers without the password', async (t) => {
  const ring = await startRing(t)
  const owner = await AnotherProxy.started(t, ring, { config: PEERS })
  const [, port] = /accepted on 127.0.0.1:(\d+)$/.exec(owner.log.about(/^other proxies are accepted on/)[0].msg)!
  const open = Buffer.alloc(16)
  open[0] = 3
  open.writeUInt32LE(1, 4)
  for (const bytes of ['PING\r\n'.repeat(10), open, Buffer.alloc(16), Buffer.alloc(100, 0xff)]) {
    const stranger = await RawClient.connect(Number(port))
    stranger.send(bytes)
    t.notMatch(String(await stranger.rest()), /PONG/)
  }
})
