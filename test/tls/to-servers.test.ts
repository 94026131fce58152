import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import t from 'tap'
import { SingleConnection } from '../../src/backend/single-connection.js'
import { silentLogger } from '../../src/base/log.js'
import { onceOpen, openSocket, TlsToServers } from '../../src/tls/to-servers.js'
import { Authority } from '../helpers/authority.js'
import { shown, TestCertificates } from '../helpers/tls-door.js'
import { until } from '../helpers/until.js'

const certificates = new TestCertificates(t)
const stranger = new Authority(certificates.dir, 'stranger')

t.test('who pretends to be a server hears no password, with either version of TLS', async (t) => {
  const settings = { tls: 'yes', tlsVerify: 'yes', tlsCaFile: certificates.authority.cert } as const
  const tls = new TlsToServers('backend', settings, silentLogger())
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    let heard = ''
    let ended = false
    const impostor = createServer({ ...shown(stranger.issue('x')), maxVersion }, (socket) => {
      socket.on('error', () => {}).on('data', (chunk) => (heard += chunk))
    })
    impostor.on('connection', (socket) => socket.once('close', () => (ended = true)))
    await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve))
    t.teardown(() => impostor.close())
    const { port } = impostor.address() as AddressInfo
    const endpoint = { host: '127.0.0.1', port, password: 'secret', tls }
    await t.rejects(SingleConnection.open(endpoint, { connectMs: 5000 }), /authority of the certificate is not trusted/)
    await until('it is over', () => ended)
    t.equal(heard, '', maxVersion)
  }
})

t.test(
  'a server is told which name is meant: that of the settings, or of the host unless that is an address',
  async (t) => {
    const { cert, key } = certificates.authority.issue('servers', {
      names: 'DNS:localhost,DNS:one.example,IP:127.0.0.1',
    })
    const asked: (string | undefined)[] = []
    const server = createServer({ ...shown({ cert, key }) }, (socket) => {
      asked.push(socket.servername || undefined)
      socket.on('error', () => {}).on('data', () => socket.end('-ERR no\r\n'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const { port } = server.address() as AddressInfo
    for (const [host, tlsServerName] of [
      ['127.0.0.1', 'one.example'],
      ['localhost', 'one.example'],
      ['localhost', undefined],
      ['127.0.0.1', undefined],
    ] as const) {
      const settings = { tls: 'yes', tlsVerify: 'yes', tlsCaFile: certificates.authority.cert, tlsServerName } as const
      const tls = new TlsToServers('backend', settings, silentLogger())
      await t.rejects(SingleConnection.open({ host, port, password: 'secret', tls }, { connectMs: 5000 }))
    }
    t.same(asked, ['one.example', 'one.example', 'localhost', undefined])
  },
)

t.test('what is said to a server leaves at once, and one that has gone is noticed', async (t) => {
  const server = createServer(shown(certificates.own), (socket) => socket.on('error', () => {}))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const settings = { tls: 'yes', tlsVerify: 'yes', tlsCaFile: certificates.authority.cert } as const
  const tls = new TlsToServers('backend', settings, silentLogger())
  const socket = openSocket({ host: '127.0.0.1', port, noDelay: true, keepAlive: true }, tls)
  t.teardown(() => socket.destroy())
  await new Promise<void>((resolve) => onceOpen(socket, resolve))
  // What Node keeps of it, as the kernel cannot be asked.
  const kept = new Map(Object.getOwnPropertySymbols(socket).map((symbol) => [symbol.description, symbol]))
  for (const name of ['kSetNoDelay', 'kSetKeepAlive']) {
    t.equal((socket as unknown as Record<symbol, unknown>)[kept.get(name)!], true, name)
  }
})
