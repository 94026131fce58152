import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { freePorts } from '../../src/local/ports.js'
import { RawClient } from '../helpers/raw-client.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { TestCertificates } from '../helpers/tls-door.js'
import { until } from '../helpers/until.js'

t.test('SIGHUP reads certificates again, and ends nothing', async (t) => {
  const certificates = new TestCertificates(t)
  const { dir, authority, own } = certificates
  const moving = { cert: join(dir, 'moving.crt'), key: join(dir, 'moving.key') }
  const put = ({ cert, key }: { cert: string; key: string }) => {
    copyFileSync(cert, moving.cert)
    copyFileSync(key, moving.key)
  }
  put(own)
  const [port] = await freePorts(1)
  const serve = await ServeProcess.start(
    t,
    { nodes: 1 },
    {
      'ring.replicas': '0',
      'tls.port': String(port),
      'tls.certFile': moving.cert,
      'tls.keyFile': moving.key,
      'tls.caFile': authority.cert,
    },
  )
  const client = await RawClient.secure(port, certificates.options())
  t.teardown(() => client.close())
  put(authority.issue('the next one'))
  serve.child.kill('SIGHUP')
  await until('it is read', () => /certificates were read again: 1 of 1 changed/.test(serve.output))
  const next = await RawClient.secure(port, certificates.options())
  t.teardown(() => next.close())
  t.equal((next.socket as TLSSocket).getPeerCertificate().subject.CN, 'the next one')
  t.equal(String(await client.ask('SET', 'a', '1')), '+OK\r\n')
  t.ok(serve.alive)
})
