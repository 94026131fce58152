import { Redis } from 'ioredis'
import t from 'tap'
import { freePorts } from '../../src/local/ports.js'
import { TestCertificates } from '../helpers/tls-door.js'
import { tellOfIoredis } from './ioredis-story.js'

t.test('ioredis 5 by TLS, with a certificate of its own', async (t) => {
  const certificates = new TestCertificates(t)
  const [port] = await freePorts(1)
  await tellOfIoredis(t, Redis, { settings: { ...certificates.settings(port), port }, options: certificates.options() })
})
