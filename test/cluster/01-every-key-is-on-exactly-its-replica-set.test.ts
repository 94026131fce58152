import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Random } from '../chaos/random.js'
import { startProxy } from '../helpers/proxy.js'
import { randomWrite } from '../helpers/random-writes.js'
import { counter, replicasOf } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'

const WRITES = 10_000
const BATCH = 50
/** The database of each client. */
const CLIENTS = [0, 0, 0, 1, 1, 15]
/** Writes on what is not there, or is of another type. */
const REFUSALS =
  /^-(WRONGTYPE|BUSYGROUP|NOGROUP|ERR no such key|ERR index out of range|ERR value is not an integer|ERR hash value|ERR The ID specified in XADD)/

t.test('after 10,000 random writes every key is on exactly its replica set, and equal there', async (t) => {
  const proxy = await startProxy(t, { nodes: 5, replicas: 2 })
  const refusals = new Map<string, number>()
  let replies = 0
  const writer = async (db: number, name: string) => {
    const client = await proxy.connect()
    await client.ask('SELECT', String(db))
    const random = new Random(1, name)
    for (let done = 0; done < WRITES / CLIENTS.length; done += BATCH) {
      for (const reply of await client.pipeline(Array.from({ length: BATCH }, () => randomWrite(random)))) {
        replies++
        if (reply[0] !== 0x2d) continue
        const text = reply.toString('latin1').trim()
        refusals.set(text, (refusals.get(text) ?? 0) + 1)
      }
    }
  }
  await Promise.all(CLIENTS.map((db, i) => writer(db, `client ${i}`)))
  t.ok(replies >= WRITES, `${replies} replies`)
  const refused = [...refusals.values()].reduce((sum, count) => sum + count, 0)
  t.ok(refused < WRITES / 8, `${refused} of them are errors`)
  const unexpected = [...refusals.keys()].filter((text) => !REFUSALS.test(text))
  t.same(unexpected, [], 'of the kinds that were asked for')

  // The brief ones live for 200 ms at most.
  await sleep(300)
  const { keys, faults } = await ringSnapshot(proxy)
  t.same(faults, [])
  const count = (holds: (id: string, type: string, expiresAtMs: number) => boolean) =>
    [...keys].filter(([id, { type, expiresAtMs }]) => holds(id, type, expiresAtMs)).length
  for (const type of ['string', 'list', 'hash', 'set', 'zset', 'stream']) {
    t.ok(count((_, held) => held === type) > 20, `${count((_, held) => held === type)} keys are a ${type}`)
  }
  for (const db of [0, 1, 3, 15]) t.ok(count((id) => id.startsWith(`${db} `)) > 20, `keys in database ${db}`)
  t.ok(count((_id, _type, expiresAtMs) => expiresAtMs > 0) > 50, 'keys that expire')
  t.equal(
    count((id) => id.includes('brief')),
    0,
    'what expired is gone everywhere',
  )

  const client = await proxy.connect()
  t.equal(String(await client.ask('DBSIZE')), `:${count((id) => id.startsWith('0 '))}\r\n`)
  t.equal(await counter(client, 'differences'), 0)

  // The check itself: it sees a copy too many, one that differs, one that expires at another time, and one too few.
  const [id] = [...keys].find(([id, { type }]) => type === 'string' && /^0 s:\d+$/.test(id))!
  const key = id.slice(2)
  const replicas = await replicasOf(client, key)
  const other = proxy.view.members.find((member) => !replicas.includes(member.name))!.name
  const faultsAfter = async (member: string, ...command: string[]) => {
    await (await proxy.connectTo(member)).ask(...command)
    return (await ringSnapshot(proxy)).faults.join('\n')
  }
  const holders = (...names: string[]) =>
    `"${id}" belongs to ${replicas.join(' ')} and is held by ${names.sort().join(' ')}`
  t.match(await faultsAfter(other, 'SET', key, 'too many'), holders(...replicas, other))
  t.equal(await faultsAfter(other, 'DEL', key), '')
  t.match(await faultsAfter(replicas[1], 'APPEND', key, 'different'), `"${id}" is a string`)
  t.match(await faultsAfter(replicas[2], 'DEL', key), holders(replicas[0], replicas[1]))
  t.match(await faultsAfter(replicas[0], 'PEXPIREAT', key, '9999999999999'), 'expires at 9999999999999')
})
