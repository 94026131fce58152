import { readFileSync, renameSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { TestCertificates } from '../helpers/tls-door.js'
import { until } from '../helpers/until.js'

const certificates = new TestCertificates(t)
const { cert, key } = certificates.own
const config = { admin: { port: 0, token: 'to be said', tlsCertFile: cert, tlsKeyFile: key } }
const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1, config })
const { host, port } = proxy.proxy.adminAddress as { host: string; port: number }

interface Answer {
  readonly status: number
  readonly body: string
  readonly shown: PeerCertificate
}

function ask(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const ca = readFileSync(certificates.authority.cert)
  return new Promise((resolve, reject) => {
    const asking = request({ host, port, path, headers, ca, agent: false }, async (response) => {
      const shown = (response.socket as TLSSocket).getPeerCertificate()
      let body = ''
      for await (const chunk of response) body += chunk
      resolve({ status: response.statusCode ?? 0, body, shown })
    })
    asking.on('error', reject).end()
  })
}

t.test('with a certificate the port for monitoring speaks HTTPS, and nothing else', async (t) => {
  t.match(await ask('/healthz'), { status: 200, body: 'ok\n' })
  t.equal((await ask('/metrics')).status, 401)
  const metrics = await ask('/metrics', { authorization: 'Bearer to be said' })
  t.match(metrics, { status: 200, body: /^dt_ready 1$/m, shown: { subject: { CN: 'the proxy' } } })
  await t.rejects(fetch(`http://${host}:${port}/healthz`))
})

t.test('who is silent, or many, does not keep others out', async (t) => {
  const sockets = Array.from({ length: 150 }, () => connect(port, host).on('error', () => {}))
  t.teardown(() => sockets.map((socket) => socket.destroy()))
  t.match(await ask('/healthz'), { status: 200 })
})

t.test('the certificate is read anew when it changes', async (t) => {
  const next = certificates.authority.issue('the next one')
  renameSync(next.key, key)
  renameSync(next.cert, cert)
  await until('it is shown', async () => (await ask('/healthz')).shown.subject.CN === 'the next one')
  t.equal((await ask('/readyz')).status, 200)
})
