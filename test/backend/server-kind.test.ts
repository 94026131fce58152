import t from 'tap'
import { cannotTake, kindOf, nameOfKind, type ServerKind } from '../../src/backend/server-kind.js'

/** The last bytes of FUNCTION DUMP: the version of the payload, and a checksum. */
function payload(version: number): Buffer {
  return Buffer.concat([Buffer.from([version & 0xff, version >> 8]), Buffer.alloc(8, 7)])
}

const vectorset = 'module:name=vectorset,ver=1,api=1,filters=0,usedby=[],using=[],options=[handle-io-errors]\r\n'
const redis = (version: string, payloadVersion: number, more = '') =>
  kindOf(`# Server\r\nredis_version:${version}\r\nredis_mode:standalone\r\n${more}`, payload(payloadVersion))
const valkey = (version: string, payloadVersion: number, more = '') =>
  kindOf(
    `redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:${version}\r\nserver_mode:standalone\r\n${more}`,
    payload(payloadVersion),
  )

/** As these servers were observed [redis-facts Versions]. */
const servers = {
  r70: redis('7.0.15', 10),
  r802: redis('8.0.2', 12, vectorset),
  r806: redis('8.0.6', 12, vectorset),
  r863: redis('8.6.3', 13, vectorset),
  v811: valkey('8.1.1', 11),
  v912: valkey('9.1.2', 80, 'module:name=lua,ver=1,api=1,filters=0,usedby=[],using=[],options=[]\r\n'),
}

t.test(
  'a server is known by its product, its own version, its payloads, and modules with values of their own',
  async (t) => {
    t.same(servers.r802, { product: 'Redis', version: '8.0.2', payloadVersion: 12, modules: ['vectorset'] })
    t.same(servers.v912, { product: 'Valkey', version: '9.1.2', payloadVersion: 80, modules: [] })
    t.equal(nameOfKind(servers.v811), 'Valkey 8.1.1')
    t.equal(kindOf('redis_version:7.0.15', Buffer.from('short')).payloadVersion, undefined)
  },
)

t.test('who takes whose values is as observed', async (t) => {
  const takes: Record<keyof typeof servers, string> = {
    r70: 'r70',
    r802: 'r70 r802 v811',
    r806: 'r70 r802 r806 v811',
    r863: 'r70 r802 r806 r863 v811',
    v811: 'r70 v811',
    v912: 'r70 v811 v912',
  }
  const names = Object.keys(servers) as (keyof typeof servers)[]
  for (const target of names) {
    const taken = names.filter((source) => {
      // Whether modules are there is another question than whether a payload can be read.
      const plain: ServerKind = { ...servers[target], modules: servers.r802.modules }
      return cannotTake(plain, servers[source]) === undefined
    })
    t.equal(taken.join(' '), takes[target], target)
  }
})

t.test('the reason names both servers and what stands between them', async (t) => {
  t.equal(
    cannotTake(servers.r70, servers.v811),
    'it is Redis 7.0.15, which cannot take the values of Valkey 8.1.1 (payloads of version 11, and it reads those up to 10)',
  )
  t.match(
    cannotTake(servers.v912, servers.r802),
    /payloads of version 12, and it reads those up to 11 and from 80 to 80/,
  )
  t.equal(
    cannotTake(servers.r802, servers.r806),
    'it is Redis 8.0.2, whose vectorset cannot take all that Redis 8.0.6 writes',
    'although their payloads have one version',
  )
  t.match(
    cannotTake({ ...servers.r863, modules: [] }, servers.r802),
    /Redis 8\.6\.3 without vectorset, which Redis 8\.0\.2 has/,
  )
  t.equal(cannotTake(redis('7.0.9', 10), servers.r70), undefined, 'an older patch reads the same')
  t.equal(cannotTake({ ...servers.r70, payloadVersion: undefined }, servers.r863), undefined, 'nothing is known')
})
