import t from 'tap'
import { parse } from 'yaml'
import { twemproxyConfig } from '../../bench/compare/twemproxy.js'

t.test('twemproxy spreads the keys over all servers by consistent hashing, one process without ejection', async (t) => {
  t.same(parse(twemproxyConfig(7000, [7001, 7002])), {
    bench: {
      listen: '127.0.0.1:7000',
      redis: true,
      hash: 'fnv1a_64',
      distribution: 'ketama',
      preconnect: true,
      auto_eject_hosts: false,
      servers: ['127.0.0.1:7001:1 server-1', '127.0.0.1:7002:1 server-2'],
    },
  })
})
