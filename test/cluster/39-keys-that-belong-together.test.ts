import t from 'tap'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { startRing } from '../helpers/ring.js'
import { replicasOf } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

/* `ring.keyGroups`: keys of one group have the same servers, and a ring is only served with its own groups [design §3]. */

const GROUPS = ['bull:{*}', 'bull:{*}:*', 'session:{*}']
const QUEUES = Array.from({ length: 12 }, (_, i) => `q${i}`)
const keysOf = (queue: string) => [`bull:${queue}`, `bull:${queue}:wait`, `bull:${queue}:17:lock`]

t.test(
  'keys of a group are on the same servers, also after a restart, and the ring is not served without it',
  async (t) => {
    const ring = await startRing(t, 4)
    const first = await AnotherProxy.started(t, ring, { replicas: 1, keyGroups: GROUPS })
    const client = await first.connect()
    const all = QUEUES.flatMap(keysOf)
    for (const key of all) await client.ask('SET', key, key)
    const places = new Set<string>()
    for (const queue of QUEUES) {
      const [own, ...others] = await Promise.all(
        keysOf(queue).map(async (key) => String(await replicasOf(client, key))),
      )
      t.ok(others.every((replicas) => replicas === own))
      places.add(own)
    }
    t.ok(places.size > 1, 'groups have servers of their own')
    t.match(String(await client.ask('DT', 'LOCATE', 'bull:q1:wait')), /group\r\n\$7\r\nbull:q1\r\n/)
    t.notMatch(String(await client.ask('DT', 'LOCATE', 'bull:{q1}:wait')), /group/, 'a tag goes before')
    t.match(String(await client.ask('DT', 'VIEW')), /key-groups\r\n\*3\r\n\$8\r\nbull:\{\*\}\r\n/)
    for (const queue of QUEUES) {
      t.equal(String(await client.ask('RENAME', `bull:${queue}:wait`, `bull:${queue}:active`)), '+OK\r\n')
    }
    t.match(String(await client.ask('INFO', 'dt')), /dt_gathers:0\r\n/, 'no value was copied for that')
    t.equal(String(await client.ask('DBSIZE')), `:${all.length}\r\n`)
    t.equal(String(await client.ask('KEYS', 'bull:*:active')).split('bull:').length - 1, QUEUES.length)
    t.same((await verify(client)).examples, [])
    await first.proxy.stop()

    const second = AnotherProxy.of(t, ring, { replicas: 1, unavailableTimeoutMs: 500 })
    const { started } = await second.listens()
    const other = await second.connect()
    const refusal =
      /placed by the groups \[bull:\{\*\}, bull:\{\*\}:\*, session:\{\*\}\]: set ring.keyGroups to that, not \[\]/
    await until('it says why', async () => refusal.test(String(await other.ask('DT', 'VIEW'))))
    t.match(String(await other.ask('GET', all[0])), /^-CLUSTERDOWN/)
    await second.proxy.stop()
    await started.catch(() => {})

    const third = await AnotherProxy.started(t, ring, { replicas: 1, keyGroups: [...GROUPS].reverse() })
    const again = await third.connect()
    for (const queue of QUEUES) {
      t.match(String(await again.ask('MGET', `bull:${queue}`, `bull:${queue}:active`)), `bull:${queue}:wait`)
    }
    t.same((await verify(again)).examples, [])
  },
)
