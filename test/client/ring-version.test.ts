import t from 'tap'
import { kindOf } from '../../src/backend/server-kind.js'
import { versionOf } from '../../src/client/ring-version.js'

const redis = (version: string) => kindOf(`redis_version:${version}`, null)
const valkey = (version: string) =>
  kindOf(`redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:${version}`, null)

t.test('a ring is as new as its oldest member', async (t) => {
  const is = (...kinds: ReturnType<typeof redis>[]) => versionOf(undefined, kinds)
  t.same(is(), { server: 'redis', version: '7.0.15', redisVersion: '7.0.15' }, 'while nothing is known')
  t.equal(is(redis('8.0.6'), redis('7.2.10'), redis('8.6.3')).version, '7.2.10', 'by number, not by letter')
  t.same(is(valkey('9.1.2'), valkey('8.1.1')), { server: 'valkey', version: '8.1.1', redisVersion: '7.2.4' })
  t.same(is(valkey('9.1.2'), redis('8.0.6')), { server: 'redis', version: '7.2.4', redisVersion: '7.2.4' })
  t.equal(is(valkey('9.1.2'), redis('7.0.15')).version, '7.0.15')
})

t.test('a setting pins it', async (t) => {
  const pinned = { server: 'redis', version: '7.0.0', redisVersion: '7.0.0' }
  t.same(versionOf('7.0.0', [valkey('9.1.2')]), pinned)
})
