import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { freePorts } from '../../src/local/ports.js'
import { Authority } from '../helpers/authority.js'
import { startRedis } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { TlsRing } from '../helpers/tls-ring.js'
import { until } from '../helpers/until.js'

/** Servers and Sentinels that speak TLS, with real ones. */

/** The number of clients of each server that came by its plain port: the test alone. */
async function plainClients(port: number): Promise<number> {
  const client = await RawClient.connect(port)
  const list = String(await client.ask('CLIENT', 'LIST'))
  client.close()
  return list.split('\n').filter((line) => line.includes(` laddr=127.0.0.1:${port} `)).length
}

t.test('a ring behind TLS, from the Sentinel to the repair of keys', async (t) => {
  const ring = await TlsRing.start(t, 3)
  const [port] = await freePorts(1)
  const { authority, own } = ring.certificates
  const tls = { port, certFile: own.cert, keyFile: own.key, caFile: authority.cert }
  const { proxy } = ring.proxy({ tls, limits: { scriptMs: 30_000 } })
  t.match(await proxy.start(), { port: 0, tlsPort: port })
  const clients: RawClient[] = []
  t.teardown(() => {
    for (const client of clients) client.close()
  })
  const connect = async () => {
    const client = await RawClient.secure(port, ring.certificates.options())
    clients.push(client)
    return client
  }
  const client = await connect()

  await t.test('values of all sizes, transactions, scripts, messages', async (t) => {
    for (const size of [1, 1000, 16_384, 65_537, 5_000_000]) {
      const value = 'v'.repeat(size)
      t.equal(String(await client.ask('SET', `key:${size}`, value)), '+OK\r\n')
      t.equal(String(await client.ask('GET', `key:${size}`)), `$${size}\r\n${value}\r\n`)
    }
    const pipeline = Array.from({ length: 5000 }, (_, i) => ['INCR', `counter:${i % 50}`])
    t.equal(String((await client.pipeline(pipeline)).at(-1)), ':100\r\n')
    t.equal(String(await client.ask('EVAL', "return redis.call('GET', KEYS[1])", '1', 'key:1')), '$1\r\nv\r\n')
    await client.pipeline([['MULTI'], ['SET', 'a', '1'], ['SET', 'b', '2'], ['EXEC']])
    t.equal(String(await client.ask('MGET', 'a', 'b')), '*2\r\n$1\r\n1\r\n$1\r\n2\r\n')
    const listener = await connect()
    await listener.ask('SUBSCRIBE', 'news')
    await client.ask('PUBLISH', 'news', 'it works')
    t.match(String(await listener.reply()), 'it works')
    const waiting = connect().then((other) => other.ask('BLPOP', 'list', '10'))
    await client.ask('RPUSH', 'list', 'x')
    t.match(String(await waiting), 'list')
  })

  await t.test('nobody but the test uses a plain port', async (t) => {
    for (const { port } of ring.members) t.equal(await plainClients(port), 1)
  })

  await t.test('a server that joins is looked at, asked and filled by TLS', async (t) => {
    const [secure] = await freePorts(1)
    const files = ['--tls-port', String(secure), '--tls-cert-file', own.cert, '--tls-key-file', own.key]
    const more = [...files, '--tls-ca-cert-file', authority.cert, '--maxmemory-policy', 'noeviction']
    const added = await startRedis(t, ...more, '--tls-replication', 'yes')
    t.match(String(await client.ask('DT', 'PLAN', 'ADD', 'dt-9', `127.0.0.1:${secure}`)), /keys/)
    t.match(String(await client.ask('DT', 'ADD', 'dt-9', `127.0.0.1:${secure}`)), /dt-9/)
    await until('it has its part', async () => {
      const view = String(await client.ask('DT', 'VIEW'))
      return view.includes('dt-9') && /pending-ranges\r\n:0\r\n/.test(view)
    })
    t.equal(await plainClients(added.port), 1)
    t.match(String(await client.ask('DT', 'VERIFY')), /\$7\r\nrunning|differ|keys/)
    await client.ask('DT', 'REMOVE', 'dt-9')
    await until('it has left', async () => !String(await client.ask('DT', 'NODES')).includes('dt-9'))
  })

  await t.test('a long script is asked about, and ended, by TLS', async (t) => {
    for (const { port } of ring.members) {
      const member = await RawClient.connect(port)
      await member.ask('CONFIG', 'SET', 'busy-reply-threshold', '50')
      member.close()
    }
    const busy = (await connect()).ask('EVAL', 'while true do end', '1', 'key:1')
    await until('it is ended', async () => String(await client.ask('SCRIPT', 'KILL')) === '+OK\r\n')
    t.match(String(await busy), /^-ERR Script killed by user/)
  })

  await t.test('a connection that broke is made again', async (t) => {
    const member = await RawClient.connect(ring.members[0].port)
    await member.ask('CLIENT', 'KILL', 'SKIPME', 'yes')
    member.close()
    await until('it is up', async () => String(await client.ask('INFO', 'dt')).match(/dt-1.*/) !== null)
    const keys = Array.from({ length: 50 }, (_, i) => ['INCR', `counter:${i}`])
    t.ok((await client.pipeline(keys)).every((reply) => String(reply) === ':101\r\n'))
  })
})

t.test('what does not fit is said, and nothing is served by it', async (t) => {
  const ring = await TlsRing.start(t)
  const { dir, authority } = ring.certificates
  const stranger = new Authority(dir, 'stranger')
  const foreign = stranger.issue('x')
  const says = async (config: Parameters<TlsRing['proxy']>[0], pattern: RegExp) => {
    const { proxy, lines } = ring.proxy({ ring: { stateFile: 'none' }, ...config })
    proxy.start().catch(() => {})
    const reason = ({ msg, reason }: { msg: string; reason?: unknown }) => `${msg} ${reason ?? ''}`
    const said = () => lines.lines.map(reason).join(' | ')
    await until('it is said', () => pattern.test(said()), 8000).catch(() => {})
    t.match(said(), pattern)
    await proxy.stop()
  }
  await says({ sentinel: { tls: 'no' } }, /Sentinel .* cannot be reached/)
  await says({ sentinel: { tlsCaFile: stranger.cert } }, /self-signed|unable to (verify|get)|not trusted/)
  await says({ sentinel: { tlsServerName: 'elsewhere' } }, /altname/)
  await says({ sentinel: { tlsCertFile: foreign.cert, tlsKeyFile: foreign.key } }, /unknown ca|authority|closed/i)
  await says({ backend: { tlsCaFile: stranger.cert } }, /authority of the certificate is not trusted/)
  await says({ backend: { tlsServerName: 'elsewhere' } }, /the certificate is not for this name/)
  await says({ backend: { tlsCertFile: foreign.cert, tlsKeyFile: foreign.key } }, /does not trust the authority/)
  await says({ backend: { tls: 'no' } }, /handshake|closed|unusable|read/i)
  await ring.certify('dt-1', authority.issue('x', { days: -1 }))
  await says({}, /the certificate has expired/)
  await ring.certify('dt-1', authority.issue('x', { names: 'DNS:elsewhere' }))
  await says({}, /the certificate is not for this name/)

  const { proxy, lines } = ring.proxy({ ring: { stateFile: 'none' }, backend: { tlsVerify: 'no' } })
  await proxy.start()
  t.equal(lines.about(/not verified \(backend.tlsVerify\)/).length, 1)
  await proxy.stop()

  const named = ring.proxy({ ring: { stateFile: 'none' }, backend: { tlsServerName: 'elsewhere' } })
  await ring.certify('dt-2', authority.issue('x', { names: 'DNS:elsewhere' }))
  await named.proxy.start()
  t.pass('a name that all of them have instead of their addresses')
  await named.proxy.stop()
})

t.test('what the proxy shows, and trusts, is read anew for the next connection', async (t) => {
  const ring = await TlsRing.start(t)
  const { dir, authority, client } = ring.certificates
  const moving = { cert: join(dir, 'moving.crt'), key: join(dir, 'moving.key') }
  copyFileSync(client.cert, moving.cert)
  copyFileSync(client.key, moving.key)
  const paths = { tlsCertFile: moving.cert, tlsKeyFile: moving.key }
  const { proxy, lines } = ring.proxy({ backend: paths, sentinel: paths })
  const { port } = await proxy.start()
  const raw = await RawClient.connect(port)
  t.teardown(() => raw.close())
  await raw.ask('SET', 'a', '1')
  const next = authority.issue('the proxy of tomorrow')
  copyFileSync(next.cert, moving.cert)
  copyFileSync(next.key, moving.key)
  await until('both have read it', () => lines.about(/has been read anew/).length === 2)
  const member = await RawClient.connect(ring.members[0].port)
  await member.ask('CLIENT', 'KILL', 'SKIPME', 'yes')
  member.close()
  await until('it is served', async () => String(await raw.ask('GET', 'a')) === '$1\r\n1\r\n')
  t.equal(String(await raw.ask('SET', 'a', '2')), '+OK\r\n')
})
