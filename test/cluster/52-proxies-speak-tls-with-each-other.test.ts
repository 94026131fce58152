import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import type { ConfigInput } from '../../src/config/config.js'
import { freePorts } from '../../src/local/ports.js'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { Authority, type Issued, type Wanted } from '../helpers/authority.js'
import { PEERS, reaches, startFront } from '../helpers/fronts.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

/*
 * Between a front and the owner: `peers.tls`.
 */

type Tap = Parameters<typeof startRing>[0]
type PeerSettings = NonNullable<ConfigInput['peers']>

/** How long a front that does not reach the owner lets clients wait. */
const IMPATIENT_MS = 300

/** The certificate of one proxy and what it trusts, in files that can be replaced by others while it runs. */
class Identity {
  private readonly files: Issued & { readonly ca: string }

  constructor(name: string, authority: Authority, wanted?: Wanted) {
    const { dir } = authority
    this.files = { cert: join(dir, `${name}.crt`), key: join(dir, `${name}.key`), ca: join(dir, `${name}.ca`) }
    this.shows(authority.issue(name, wanted))
    this.trusts(authority)
  }

  shows({ cert, key }: Issued): void {
    copyFileSync(cert, this.files.cert)
    copyFileSync(key, this.files.key)
  }

  trusts({ cert }: Authority): void {
    copyFileSync(cert, this.files.ca)
  }

  config(more: PeerSettings = {}): ConfigInput {
    const { cert, key, ca } = this.files
    return { peers: { ...PEERS.peers, tls: 'yes', tlsCertFile: cert, tlsKeyFile: key, tlsCaFile: ca, ...more } }
  }
}

function authorityOf(t: Tap, name?: string): Authority {
  return new Authority(temporaryDirectory(t), name)
}

/** Why a front that does not reach the owner says that it does not: to its log, in INFO, in DT PROXIES and to clients. */
async function whyMissed({ log, connect }: { log: AnotherProxy['log']; connect: () => Promise<RawClient> }) {
  const line = await until('it says why', () => log.lines.find(({ event }) => event === 'owner-lost'))
  const client = await connect()
  const answer = String(await client.ask('SET', 'k', 'v'))
  const info = /^dt_owner_missed_why:(.*)\r$/m.exec(String(await client.ask('INFO', 'dt')))?.[1] ?? ''
  const proxies = String(await client.ask('DT', 'PROXIES'))
  client.close()
  return { said: line.msg, answer, info, proxies }
}

const port = (log: AnotherProxy['log']) =>
  Number(/accepted on .*:(\d+) with TLS$/.exec(log.about(/^other proxies are accepted on/)[0].msg)?.[1])

t.test('a front and the owner with TLS: all that clients of a front do, and much of it', async (t) => {
  const ring = await startRing(t)
  const authority = authorityOf(t)
  const of = (name: string) => new Identity(name, authority).config()
  const owner = await AnotherProxy.started(t, ring, { config: of('owner') })
  const { proxy } = await startFront(t, ring, of('front'))
  await reaches(proxy)
  t.match(proxy.log.about(/^clients are served by the proxy at .*, by TLS$/), [{ event: 'owner-reached' }])
  const direct = await owner.connect()
  const writers = [0, 1, 2, 3, 4, 5].map(async (i) => {
    const client = await proxy.connect()
    for (let round = 0; round < 3; round++) {
      const values = Array.from({ length: 40 }, (_, j) => randomBytes(j === 0 ? 3_000_000 : 10 + 997 * j))
      const said = await client.pipeline(values.map((value, j) => ['SET', `${i}:${j}`, value]))
      t.ok(said.every((reply) => String(reply) === '+OK\r\n'))
      const there = await client.pipeline(values.map((_, j) => ['GET', `${i}:${j}`]))
      t.ok(there.every((reply, j) => reply.subarray(reply.indexOf('\n') + 1, -2).equals(values[j])))
      t.ok((await direct.ask('GET', `${i}:0`)).subarray(-3_000_002, -2).equals(values[0]))
    }
    client.send('INCR n\r\n'.repeat(20_000))
    client.end()
    t.equal(String(await client.rest()).split('\r\n').length, 20_001)
  })
  await Promise.all(writers)
  t.equal(String(await direct.ask('GET', 'n')), '$6\r\n120000\r\n')

  const slow = await proxy.connect()
  slow.socket.pause()
  slow.send('GET 0:0\r\n'.repeat(20))
  const other = await proxy.connect()
  for (let i = 0; i < 100; i++)
    t.equal(String(await other.ask('PING')), '+PONG\r\n', 'who reads nothing is in nobody’s way')
  slow.socket.resume()
  for (let i = 0; i < 20; i++) t.equal((await slow.reply()).length, 3_000_012)

  const proxies = String(await other.ask('DT', 'PROXIES'))
  t.same(
    [...proxies.matchAll(/role\r\n\$\d+\r\n(owner|front)/g)].map(([, role]) => role),
    ['owner', 'front'],
  )
  await owner.proxy.stop(true)
  t.equal(String(await other.ask('GET', 'n')), '$6\r\n120000\r\n', 'the front has gone on, and kept its client')
})

t.test('the port of the peers speaks nothing but TLS, and to nobody without a certificate', async (t) => {
  const ring = await startRing(t)
  const authority = authorityOf(t)
  const owner = await AnotherProxy.started(t, ring, {
    config: new Identity('owner', authority).config(),
  })
  const stranger = await RawClient.connect(port(owner.log))
  stranger.send('PING\r\n'.repeat(10))
  t.notMatch(String(await stranger.rest()), /PONG/)
  await until('that is logged', () => owner.log.about(/refused by the port of the peers: what came is no TLS$/)[0])
  const socket = connectTls({ port: port(owner.log), host: '127.0.0.1', ca: readFileSync(authority.cert) })
  socket.on('error', () => {})
  socket.on('secureConnect', () => socket.write(Buffer.alloc(16, 1)))
  await new Promise((resolve) => socket.once('close', resolve))
  await until('so is that', () => owner.log.about(/refused by the port of the peers: it has shown no certificate$/)[0])
  const old = connectTls({ port: port(owner.log), host: '127.0.0.1', maxVersion: 'TLSv1.2', rejectUnauthorized: false })
  const [failure] = (await once(old, 'error').catch((error) => [error])) as [Error]
  t.match(failure.message, /protocol version/)
})

t.test('one side without TLS: both directions are told as what they are', async (t) => {
  const ring = await startRing(t)
  const authority = authorityOf(t)
  const encrypted = new Identity('proxy', authority).config()
  for (const [ofOwner, ofFront, expected] of [
    [PEERS, encrypted, /has no TLS for other proxies, which this one wants \(peers\.tls: yes\)/],
    [encrypted, PEERS, /wants TLS \(its peers\.tls is yes\), which this one has not/],
  ] as const) {
    const owner = await AnotherProxy.started(t, ring, { config: ofOwner })
    const { proxy } = await startFront(t, ring, ofFront, IMPATIENT_MS)
    const { said, answer, info, proxies } = await whyMissed({ log: proxy.log, connect: () => proxy.connect() })
    for (const text of [said, info, proxies]) t.match(text, expected)
    t.match(answer, /^-CLUSTERDOWN nothing is served yet: .*; the command was not applied/)
    t.match(answer, expected)
    await proxy.proxy.stop()
    await owner.proxy.stop(true)
  }
})

t.test('an authority that one of them does not trust, until it does', async (t) => {
  const ring = await startRing(t)
  const [authority, other] = [authorityOf(t), authorityOf(t, 'another authority')]
  for (const side of ['front', 'owner'] as const) {
    const [ofOwner, ofFront] = ['owner', 'front'].map((name) => new Identity(name, authority))
    const distrusting = side === 'front' ? ofFront : ofOwner
    distrusting.trusts(other)
    const owner = await AnotherProxy.started(t, ring, { config: ofOwner.config() })
    const { proxy } = await startFront(t, ring, ofFront.config(), IMPATIENT_MS)
    const { said, answer, info } = await whyMissed({ log: proxy.log, connect: () => proxy.connect() })
    const why = 'not taken: the authority of the certificate is not trusted here'
    const expected = new RegExp(
      side === 'front'
        ? `is not reached at 127.0.0.1:\\d+: its certificate is ${why}`
        : `it refuses this proxy: the certificate that it shows is ${why}`,
    )
    for (const text of [said, answer, info]) t.match(text, expected)
    if (side === 'owner') {
      t.match(owner.log.about(/^a client is refused by the port of the peers: the certificate/), [{ level: 40 }])
    }
    distrusting.trusts(authority)
    const { log, proxy: running } = side === 'front' ? proxy : owner
    running.reload()
    t.match(log.about(/^certificates were read again: 1 of 1 changed/), [{}], 'as at a SIGHUP')
    await reaches(proxy)
    t.equal(String(await (await proxy.connect()).ask('SET', 'k', 'v')), '+OK\r\n')
    await proxy.proxy.stop()
    await owner.proxy.stop(true)
  }
})

t.test('a certificate that has expired, until it is renewed; what is renewed ends nothing', async (t) => {
  const ring = await startRing(t)
  const authority = authorityOf(t)
  for (const side of ['front', 'owner'] as const) {
    const [ofOwner, ofFront] = ['owner', 'front'].map((name) => new Identity(name, authority))
    const late = side === 'front' ? ofFront : ofOwner
    late.shows(authority.issue(side, { days: -1 }))
    const owner = await AnotherProxy.started(t, ring, { config: ofOwner.config() })
    const { proxy } = await startFront(t, ring, ofFront.config(), IMPATIENT_MS)
    const { said, answer } = await whyMissed({ log: proxy.log, connect: () => proxy.connect() })
    for (const text of [said, answer]) t.match(text, /not taken: the certificate has expired/)
    late.shows(authority.issue(side))
    await reaches(proxy)
    const client = await proxy.connect()
    t.equal(String(await client.ask('SET', 'k', side)), '+OK\r\n')

    // Another authority for both: who is connected goes on, and a front that comes anew has to have it.
    const next = authorityOf(t, `the next authority of the ${side}`)
    for (const each of [ofOwner, ofFront]) {
      each.shows(next.issue('renewed'))
      each.trusts(next)
    }
    const isRead = ({ log }: AnotherProxy) => log.about(/^the certificate for other proxies has been read anew/).length
    await until('both have read it', () => isRead(owner) > 0 && isRead(proxy) > 0)
    t.equal(String(await client.ask('GET', 'k')), `$5\r\n${side}\r\n`)
    const another = await startFront(t, ring, ofFront.config())
    await reaches(another.proxy)
    t.equal(String(await (await another.proxy.connect()).ask('GET', 'k')), `$5\r\n${side}\r\n`)
    for (const each of [proxy, another.proxy]) await each.proxy.stop()
    await owner.proxy.stop(true)
  }
})

t.test('the name that has to be in the certificates of all', async (t) => {
  const ring = await startRing(t)
  const authority = authorityOf(t)
  const named = (name: string, names: string) => {
    return new Identity(name, authority, { names }).config({ tlsServerName: 'proxies.example' })
  }
  await AnotherProxy.started(t, ring, { config: named('owner', 'DNS:proxies.example') })
  const right = await startFront(t, ring, named('front', 'DNS:proxies.example,IP:127.0.0.1'))
  await reaches(right.proxy)
  const wrong = await startFront(t, ring, named('other', 'DNS:application.example,IP:127.0.0.1'), IMPATIENT_MS)
  const { said } = await whyMissed({ log: wrong.proxy.log, connect: () => wrong.proxy.connect() })
  t.match(said, /it refuses this proxy: .* the certificate is not for this name: .*proxies\.example/)
})

t.test('with a certificate and another password nobody gets in', async (t) => {
  const ring = await startRing(t)
  const authority = authorityOf(t)
  const identity = new Identity('proxy', authority)
  await AnotherProxy.started(t, ring, { config: identity.config() })
  const { proxy } = await startFront(t, ring, identity.config({ password: 'another password of them' }), IMPATIENT_MS)
  const { said } = await whyMissed({ log: proxy.log, connect: () => proxy.connect() })
  t.match(said, /it refuses this proxy: it has another peers\.password, or somebody is between the two$/)
})

/** Stands at 127.0.0.2 before the owner: gives what passes, and ends TLS with this certificate if there is one. */
async function between(t: Tap, port: number, ends: Issued | undefined): Promise<Buffer[]> {
  const seen: Buffer[] = []
  const sockets = new Set<Socket>()
  const pass = (near: Socket) => {
    const far =
      ends === undefined
        ? connect({ port, host: '127.0.0.1' })
        : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(from)
      from.on('data', (bytes) => {
        seen.push(bytes)
        to.write(bytes)
      })
      from.on('error', () => {})
      from.on('close', () => to.destroy())
    }
  }
  const shown = ends === undefined ? {} : { cert: readFileSync(ends.cert), key: readFileSync(ends.key) }
  const net = ends === undefined ? createServer(pass) : createTlsServer(shown, pass)
  net.listen(port, '127.0.0.2')
  await once(net, 'listening')
  t.teardown(() => {
    net.close()
    for (const socket of sockets) socket.destroy()
  })
  return seen
}

t.test('who stands between them reads nothing', async (t) => {
  const ring = await startRing(t)
  const authority = authorityOf(t)
  const identity = new Identity('proxy', authority, { names: 'IP:127.0.0.1,IP:127.0.0.2' })
  const [port] = await freePorts(1)
  const seen = await between(t, port, undefined)
  await AnotherProxy.started(t, ring, { config: identity.config({ port, announceHost: '127.0.0.2' }) })
  const { proxy } = await startFront(t, ring, identity.config())
  await reaches(proxy)
  const client = await proxy.connect()
  t.equal(String(await client.ask('SET', 'name-of-a-key', 'a-secret-value')), '+OK\r\n')
  t.equal(String(await client.ask('GET', 'name-of-a-key')), '$14\r\na-secret-value\r\n')
  const all = Buffer.concat(seen).toString('latin1')
  t.ok(all.length > 1000)
  t.notMatch(all, /secret|name-of|127\.0\.0\.1:|wanted|thrown/)
})

t.test('who stands between them and has a certificate that is taken does not get in either', async (t) => {
  const ring = await startRing(t)
  const authority = authorityOf(t)
  const identity = new Identity('proxy', authority)
  const [port] = await freePorts(1)
  const seen = await between(t, port, authority.issue('somebody'))
  const taken: PeerSettings = { tlsVerify: 'no' }
  const owner = await AnotherProxy.started(t, ring, {
    config: identity.config({ ...taken, port, announceHost: '127.0.0.2' }),
  })
  t.match(owner.log.about(/^the certificates of other proxies are not verified/), [{ level: 40 }])
  const { proxy } = await startFront(t, ring, identity.config(taken), IMPATIENT_MS)
  const { said } = await whyMissed({ log: proxy.log, connect: () => proxy.connect() })
  t.match(said, /it has another peers\.password, or somebody is between the two$/)
  t.match(Buffer.concat(seen).toString('latin1'), /"wanted":/, 'it has passed on what they say')
})
