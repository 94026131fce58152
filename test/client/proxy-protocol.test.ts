import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { loadConfig } from '../../src/config/config.js'
import { inSubnets } from '../../src/config/subnets.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy } from '../helpers/proxy.js'

/* Clients that come through a balancer, which says who they are. */

const lines = new LogLines()
const listen = { proxyProtocol: 'yes', proxyTrusted: '127.0.0.1' } as const
const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1, log: lines.log, config: { listen } })

/** All that is answered to these bytes until the connection is closed. */
async function exchange(bytes: string, localAddress = '127.0.0.1'): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: proxy.port, localAddress })
  let text = ''
  socket.on('data', (chunk) => {
    text += String(chunk)
  })
  socket.on('error', () => {})
  socket.write(bytes)
  await once(socket, 'close')
  return text
}

const FROM = 'PROXY TCP4 198.51.100.7 203.0.113.9 4711 6379\r\n'

t.test('protected mode asks who the client is, not through whom it comes', async (t) => {
  t.match(await exchange(`${FROM}PING\r\nQUIT\r\n`), /^-DENIED /)
  t.equal(await exchange('PROXY UNKNOWN\r\nPING\r\nQUIT\r\n'), '+PONG\r\n+OK\r\n', 'the balancer is of this machine')
  await exchange('PROXY UNKNOWN\r\nCONFIG SET protected-mode no\r\nQUIT\r\n')
})

t.test('CLIENT LIST shows the true address', async (t) => {
  t.match(await exchange(`${FROM}CLIENT INFO\r\nQUIT\r\n`), / addr=198\.51\.100\.7:4711 laddr=203\.0\.113\.9:6379 /)
})

t.test(
  'who is not announced, or by somebody who is not trusted, is closed without an answer, and logged',
  async (t) => {
    const warnings = () => lines.lines.map(({ msg }) => msg).filter((text) => /PROXY protocol/.test(text))
    t.equal(await exchange('PING\r\n'), '')
    t.equal(await exchange('PING\r\n'), '')
    t.equal(await exchange(`${FROM}PING\r\n`, '127.0.0.2'), '')
    t.same(warnings(), [
      'a client is refused by the PROXY protocol: its first bytes are no PROXY header',
      'a client is refused by the PROXY protocol: it is none of listen.proxyTrusted',
    ])
  },
)

t.test('who is trusted may be a subnet; beside TLS there is no such header', async (t) => {
  const isTrusted = inSubnets('10.0.0.0/8 2001:db8::/32 ::1')
  for (const host of ['10.1.2.3', '2001:db8::9', '::1']) t.ok(isTrusted(host), host)
  for (const host of ['11.1.2.3', '2001:db9::9', '', '127.0.0.1']) t.notOk(isTrusted(host), host)
  const load = (env: Record<string, string>) => () => loadConfig({ env: { DT_LISTEN_PROXY_PROTOCOL: 'yes', ...env } })
  for (const wrong of ['x', '10.0.0.0/33', '10.0.0.1/8/8'])
    t.throws(load({ DT_LISTEN_PROXY_TRUSTED: wrong }), /subnets/)
  const tls = { DT_TLS_PORT: '6390', DT_TLS_CERT_FILE: 'a', DT_TLS_KEY_FILE: 'a', DT_TLS_CA_FILE: 'a' }
  t.throws(load(tls), /before TLS is not read/)
})
