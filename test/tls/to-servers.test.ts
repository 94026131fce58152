import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import t from 'tap'
import { SingleConnection } from '../../src/backend/single-connection.js'
import { silentLogger } from '../../src/base/log.js'
import { TlsToServers } from '../../src/tls/to-servers.js'
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
