import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import t from 'tap'
import { ConfigError, loadConfig } from '../../src/config/config.js'
import { freePorts } from '../../src/local/ports.js'
import { Authority } from '../helpers/authority.js'
import { WARN } from '../helpers/log-lines.js'
import { startRedis } from '../helpers/proxy.js'
import { command, RawClient } from '../helpers/raw-client.js'
import { shown, TestCertificates, TlsDoor } from '../helpers/tls-door.js'
import { until } from '../helpers/until.js'

/** How clients with TLS are received: each setting, each wrong certificate, and who speaks something else. */

const certificates = new TestCertificates(t)
const { authority, dir, own, client } = certificates
const stranger = new Authority(dir, 'stranger')

t.test('with authClients yes, the default, everybody needs a certificate of the authority that is valid', async (t) => {
  const door = await TlsDoor.open(t, certificates)
  t.equal(await door.meets(certificates.options()), '+PONG')
  t.match(await door.meets({ ca: readFileSync(authority.cert) }), /^closed/, 'none')
  t.match(await door.meets({ ...certificates.options(), ...shown(stranger.issue('x')) }), /^closed/, 'of another one')
  t.match(await door.meets(certificates.options(authority.issue('x', { days: -1 }))), /^closed/, 'expired')
  await until('all were logged', () => door.refusals.length === 3)
  t.match(door.refusals, [/no certificate/, /authority of the certificate is not trusted/, /has expired/])
  t.equal(await door.meets(certificates.options()), '+PONG')
})

t.test('with optional one that is shown is verified, with no nobody is asked', async (t) => {
  const optional = await TlsDoor.open(t, certificates, { authClients: 'optional' })
  const none = { ca: readFileSync(authority.cert) }
  const wrong = { ...none, ...shown(stranger.issue('x')) }
  t.equal(await optional.meets(none), '+PONG')
  t.equal(await optional.meets(certificates.options()), '+PONG')
  t.match(await optional.meets(wrong), /^closed/)
  const no = await TlsDoor.open(t, certificates, { authClients: 'no' })
  t.equal(await no.meets(none), '+PONG')
  t.equal(await no.meets(wrong), '+PONG')
})

t.test('a client sees whether it is the right proxy', async (t) => {
  const elsewhere = authority.issue('the proxy', { names: 'DNS:elsewhere' })
  const door = await TlsDoor.open(t, certificates, { certFile: elsewhere.cert, keyFile: elsewhere.key })
  t.match(await door.meets(certificates.options()), /does not match certificate's altnames/)
  t.equal(await door.meets({ ...certificates.options(), servername: 'elsewhere' }), '+PONG')
  t.match(await door.meets({ ...certificates.options(), ca: readFileSync(stranger.cert) }), /^closed/)
  await until('it was logged', () => door.refusals.length > 0)
})

t.test('who is called as a user by the certificate is logged in as that', async (t) => {
  const config = {
    auth: { password: 'secret' },
    acl: { users: ['user application on >secret +ping +acl|whoami', 'user away off +@all'] },
  }
  const door = await TlsDoor.open(t, certificates, { authClientsUser: 'CN' }, config)
  const named = certificates.options(authority.issue('application'))
  const client = await door.connect(named)
  t.equal(String(await client.ask('ACL', 'WHOAMI')), '$11\r\napplication\r\n')
  t.match(String(await client.ask('GET', 'a')), /^-NOPERM/)
  for (const other of ['away', 'nobody', 'appli']) {
    t.match(await door.meets(certificates.options(authority.issue(other))), /NOAUTH/, other)
  }
  const off = await TlsDoor.open(t, certificates, {}, config)
  t.match(await off.meets(named), /NOAUTH/)
  const asks = await off.connect()
  t.equal(String(await asks.ask('AUTH', 'secret')), '+OK\r\n')
})

t.test('versions of TLS and ciphers', async (t) => {
  const settings = { protocols: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256' }
  const door = await TlsDoor.open(t, certificates, { ...settings, preferServerCiphers: 'yes' })
  const old = await door.connect({
    ...certificates.options(),
    ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384',
  })
  const socket = old.socket as TLSSocket
  t.equal(socket.getProtocol(), 'TLSv1.2')
  t.equal(socket.getCipher().name, 'ECDHE-ECDSA-AES256-GCM-SHA384', 'the first of the list of the proxy')
  t.match(await door.meets({ ...certificates.options(), minVersion: 'TLSv1.3' }), /^closed/)
  t.match(await door.meets({ ...certificates.options(), ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' }), /^closed/)
  const suites = await TlsDoor.open(t, certificates, {
    protocols: 'TLSv1.3',
    ciphersuites: 'TLS_CHACHA20_POLY1305_SHA256',
  })
  const modern = (await suites.connect()).socket as TLSSocket
  t.equal(modern.getCipher().name, 'TLS_CHACHA20_POLY1305_SHA256')
  t.match(await suites.meets({ ...certificates.options(), maxVersion: 'TLSv1.2' }), /^closed/)
})

t.test('sessions are resumed, unless they are not to be', async (t) => {
  const resumes = async (door: TlsDoor, maxVersion: 'TLSv1.2' | 'TLSv1.3') => {
    const options = { ...certificates.options(), maxVersion }
    const socket = connectTls({ port: door.port, host: '127.0.0.1', ...options })
    const session = await new Promise<Buffer | undefined>((resolve) => {
      socket.once('session', resolve)
      socket.write('PING\r\n')
      socket.once('data', () => setTimeout(resolve, 100, undefined))
    })
    socket.destroy()
    if (session === undefined) return false
    const again = await door.connect({ ...options, session })
    t.equal(String(await again.ask('PING')), '+PONG\r\n')
    return (again.socket as TLSSocket).isSessionReused()
  }
  const door = await TlsDoor.open(t, certificates)
  t.ok(await resumes(door, 'TLSv1.2'))
  t.ok(await resumes(door, 'TLSv1.3'))
  const off = await TlsDoor.open(t, certificates, { sessionCaching: 'no' })
  t.notOk(await resumes(off, 'TLSv1.2'))
  t.notOk(await resumes(off, 'TLSv1.3'))
})

t.test('a key with a password, of a setting or of a file', async (t) => {
  const locked = authority.issue('the proxy', { password: 'pass word' })
  const paths = { certFile: locked.cert, keyFile: locked.key }
  const door = await TlsDoor.open(t, certificates, { ...paths, keyPassword: 'pass word' })
  t.equal(await door.meets(certificates.options()), '+PONG')
  const shownSettings = String(await (await door.connect()).ask('CONFIG', 'GET', 'tls-*'))
  t.notMatch(shownSettings, 'pass word')
  t.notMatch(shownSettings, locked.key)
  t.match(shownSettings, `tls-port\r\n$${String(door.port).length}\r\n${door.port}\r\n`)
  t.match(shownSettings, locked.cert)
  const refuses = (more: object, message: RegExp) =>
    t.rejects(TlsDoor.open(t, certificates, { ...paths, ...more }), { name: 'UserError', message })
  await refuses({}, /the password of the key is not right/)
  await refuses({ keyPassword: 'wrong' }, /the password of the key is not right/)
  await refuses({ keyPassword: 'pass word', keyFile: client.key }, /does not belong to the certificate/)
  await refuses({ keyPasswordFile: '/nowhere/at/all' }, /tls.keyPasswordFile cannot be read: .*no such file/)
  await refuses({ caFile: locked.key, keyPassword: 'pass word' }, /tls.caFile holds no certificate/)
  await refuses(
    { keyPassword: 'pass word', protocols: 'TLSv1.2', ciphers: 'nonsense' },
    /no cipher of the list is known/,
  )
})

t.test('settings that do not go together name each other', async (t) => {
  const wrong = (tls: object, message: string, listen = {}) =>
    t.throws(() => loadConfig({ env: {}, overrides: { tls, listen } }), new ConfigError(message))
  wrong({ port: 6379 }, 'tls.certFile must be given with tls.port')
  wrong({ certFile: 'a' }, 'tls.keyFile must be given with certFile, whose key it is')
  const paths = { certFile: 'a', keyFile: 'b' }
  wrong(
    { ...paths, port: 6379 },
    'tls.caFile must be given, to verify the certificates of clients (tls.authClients: no asks them for none)',
  )
  wrong(
    { protocols: 'SSLv3' },
    'tls.protocols must be one or more of TLSv1.2, TLSv1.3, with spaces between them, not "SSLv3"',
  )
  const both = { ...paths, port: 6379, authClients: 'no' }
  wrong(
    both,
    'tls.port must be another one than listen.port; with listen.port 0 clients without TLS have none, not 6379',
    {
      port: 6379,
    },
  )
})

t.test('a port for TLS beside the plain one, or instead of it', async (t) => {
  const door = await TlsDoor.open(t, certificates)
  t.match(door.proxy.address, { port: 0, tlsPort: door.port })
  const info = String(await (await door.connect()).ask('CONFIG', 'GET', 'port'))
  t.match(info, /port\r\n\$1\r\n0\r\n/)
})

t.test('who does not speak TLS there is closed, and twenty of them are one line of the log', async (t) => {
  const door = await TlsDoor.open(t, certificates)
  for (let i = 0; i < 20; i++) {
    const plain = await RawClient.connect(door.port)
    plain.send('*1\r\n$4\r\nPING\r\n')
    await plain.closed
  }
  await until('it is logged', () => door.refusals.length > 0)
  t.same(door.refusals, ['what came is no TLS'])
  t.equal(await door.meets(certificates.options()), '+PONG')
})

t.test('half a handshake is closed after its time, however slowly its bytes come', async (t) => {
  const door = await TlsDoor.open(t, certificates, { handshakeTimeoutMs: 400 })
  const startedAt = performance.now()
  const silent = connect({ port: door.port, host: '127.0.0.1' })
  const slow = connect({ port: door.port, host: '127.0.0.1' })
  // A record of a handshake that is announced and never whole.
  slow.write(Buffer.from([0x16, 3, 1, 0x10, 0]))
  const drip = setInterval(() => slow.write('\0'), 50)
  const gone = (socket: typeof slow) =>
    new Promise((resolve) =>
      socket
        .on('error', () => {})
        .once('close', resolve)
        .resume(),
    )
  await Promise.all([gone(silent), gone(slow)])
  clearInterval(drip)
  const ms = performance.now() - startedAt
  t.ok(ms >= 400 && ms < 5000, `${Math.round(ms)} ms`)
  await until('it is logged', () => door.refusals.length > 0)
  t.same(door.refusals, ['the handshake was not ended in time'])
})

t.test(
  'who says nothing and does not read is closed after `timeout`, who takes a large reply slowly is not',
  async (t) => {
    const door = await TlsDoor.open(t, certificates, {}, { limits: { idleTimeoutMs: 1500 } })
    const [unread, slow] = await Promise.all([door.connect(), door.connect()])
    // More than the buffers of the network hide; each is answered by the proxy itself.
    const echoes = Array.from({ length: 24 }, () => command('ECHO', Buffer.alloc(1024 * 1024)))
    let isGone = false
    for (const client of [unread, slow]) {
      client.socket.pause()
      client.send(Buffer.concat(echoes))
    }
    let next = 0
    slow.socket.on('data', () => {
      if (slow.receivedBytes >= next) slow.socket.pause()
    })
    const slowly = setInterval(() => {
      next = slow.receivedBytes + 256 * 1024
      slow.socket.resume()
    }, 200)
    const operator = await door.connect()
    await until('who does not read is gone', async () => {
      isGone = /\r\nconnected_clients:2\r\n/.test(String(await operator.ask('INFO', 'clients')))
      await sleep(100)
      return isGone
    })
    t.notOk(await Promise.race([slow.closed.then(() => true), sleep(500, false)]))
    clearInterval(slowly)
  },
)

t.test('a proxy that stops does not wait for handshakes', async (t) => {
  const door = await TlsDoor.open(t, certificates)
  const half = connect({ port: door.port, host: '127.0.0.1' }).on('error', () => {})
  await new Promise((resolve) => half.once('connect', resolve))
  await sleep(50)
  const startedAt = performance.now()
  await door.proxy.stop()
  t.ok(performance.now() - startedAt < 3000)
})

t.test('who speaks TLS at a port without it is answered as by Redis', async (t) => {
  const redis = await startRedis(t)
  const [port] = await freePorts(1)
  const door = await TlsDoor.open(t, certificates, { authClients: 'no' }, { listen: { port } })
  // There is a NUL in every ClientHello, behind which both look for no end of a line [redis-facts Framing].
  const hello = Buffer.concat([Buffer.from([0x16, 3, 1, 0, 205, 1, 0, 0, 201, 3, 3]), Buffer.alloc(199, 0xa1)])
  const raw = await Promise.all([redis.port, door.proxy.address.port].map((to) => RawClient.connect(to)))
  for (const each of raw) each.send(Buffer.concat([hello, Buffer.from('\r\nPING\r\n')]))
  await sleep(200)
  t.same(
    raw.map(({ receivedBytes }) => receivedBytes),
    [0, 0],
  )
  for (const each of raw) each.close()
  const other = await RawClient.connect(door.proxy.address.port)
  t.equal(String(await other.ask('PING')), '+PONG\r\n')
  other.close()
})

t.test('other files are used without a restart, and wrong ones change nothing', async (t) => {
  const moving = { cert: `${dir}/moving.crt`, key: `${dir}/moving.key` }
  const put = (issued: { cert: string; key: string }) => {
    copyFileSync(issued.cert, moving.cert)
    copyFileSync(issued.key, moving.key)
  }
  put(own)
  const door = await TlsDoor.open(t, certificates, { certFile: moving.cert, keyFile: moving.key, authClients: 'no' })
  const nameShown = async () => {
    const client = await door.connect()
    return (client.socket as TLSSocket).getPeerCertificate().subject.CN
  }
  const early = await door.connect()
  t.equal(await nameShown(), 'the proxy')
  put(authority.issue('the next one'))
  await until('it is read', () => door.lines.about(/has been read anew/).length === 1)
  t.equal(await nameShown(), 'the next one')
  t.equal(String(await early.ask('PING')), '+PONG\r\n', 'who was there stays')
  writeFileSync(moving.cert, 'nonsense')
  await until(
    'it is refused',
    () => door.lines.about(/stays as it was: tls.certFile holds no certificate/).length === 1,
  )
  put({ cert: own.cert, key: client.key })
  await until('it is refused', () => door.lines.about(/stays as it was: .*does not belong/).length === 1)
  put(authority.issue('the proxy', { days: -1 }))
  await until('it is refused', () => door.lines.about(/stays as it was: tls.certFile has expired/).length === 1)
  t.equal(await nameShown(), 'the next one')
  t.equal(door.lines.lines.filter(({ level }) => level > WARN).length, 0)
})
