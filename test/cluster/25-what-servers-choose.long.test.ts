import t, { type Test } from 'tap'
import { Random } from '../chaos/random.js'
import { PATIENT, whileLinksBreak } from '../helpers/break-link.js'
import { chosenWrites } from '../helpers/chosen-writes.js'
import { killInTurn } from '../helpers/kill-in-turn.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { counter, nodeStates } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

const BATCH = 20
/** The database of each client. */
const CLIENTS = [0, 0, 0, 0, 2]
/** Writes on what is not there, or is of another type than a command needs. */
const REFUSALS =
  /^-(WRONGTYPE|BUSYGROUP|NOGROUP|ERR no such key|ERR value is not a valid float|ERR The ID specified in XADD|ERR The XGROUP subcommand requires the key|ERR hash value is not a float|ERR One or more scores)/
const UNKNOWN = /^-ERR the outcome of this write is unknown/
const NOT_APPLIED = /^-CLUSTERDOWN .* was not applied/

interface Told {
  commands: number
  refused: number
  unknown: number
  notApplied: number
  readonly unexpected: string[]
}

/** Lets all clients write until `isOver` says so. */
async function write(proxy: TestProxy, seed: number, isOver: (told: Told) => boolean): Promise<Told> {
  const told: Told = { commands: 0, refused: 0, unknown: 0, notApplied: 0, unexpected: [] }
  const next = await chosenWrites(await proxy.connect())
  await Promise.all(
    CLIENTS.map(async (db, i) => {
      const client = await proxy.connect()
      const random = new Random(seed, `client ${i}`)
      await client.ask('SELECT', String(db))
      while (!isOver(told)) {
        const commands = Array.from({ length: BATCH }, () => next(random))
        const replies = await client.pipeline(commands)
        for (const [i, reply] of replies.entries()) {
          told.commands++
          if (reply[0] !== 0x2d) continue
          const text = reply.toString('latin1')
          if (UNKNOWN.test(text)) told.unknown++
          else if (NOT_APPLIED.test(text)) told.notApplied++
          else if (REFUSALS.test(text)) told.refused++
          else told.unexpected.push(`${commands[i].slice(0, 3).join(' ')}: ${text}`)
        }
      }
    }),
  )
  return told
}

async function allIsEqual(t: Test, proxy: TestProxy): Promise<void> {
  const { keys, faults } = await ringSnapshot(proxy)
  t.same(faults, [])
  for (const type of ['string', 'list', 'hash', 'set', 'zset', 'stream']) {
    t.ok([...keys].filter(([, held]) => held.type === type).length > 3, `there are a few of type ${type}`)
  }
  t.ok([...keys].filter(([, { expiresAtMs }]) => expiresAtMs > 0).length > 10, 'and some that expire')
  const streams = [...keys].filter(([, { type, value }]) => type === 'stream' && /"thief"|"you"/.test(value))
  t.ok(streams.length > 0, 'streams have entries that were claimed')
  t.match(await verify(await proxy.connect()), { state: 'done', differences: 0, complete: 1 })
}

for (const seed of [1, 2]) {
  t.test(`after any mix of what servers choose all replicas are equal: seed ${seed}`, async (t) => {
    const proxy = await startProxy(t, { nodes: 4, replicas: 2 })
    const told = await write(proxy, seed, ({ commands }) => commands >= 8000)
    t.same(told.unexpected.slice(0, 5), [])
    t.equal(told.unknown + told.notApplied, 0)
    t.ok(told.refused < told.commands / 4, `${told.refused} of ${told.commands} are refused`)
    t.equal(await counter(await proxy.connect(), 'differences'), 0)
    await allIsEqual(t, proxy)
  })
}

t.test('also when links break all the time', async (t) => {
  const proxy = await startProxy(t, PATIENT)
  const [told, broken] = await whileLinksBreak(
    proxy,
    () => true,
    async (broken) => {
      const told = await write(proxy, 3, ({ commands }) => commands >= 8000 && broken() >= 40)
      return [told, broken()] as const
    },
  )
  t.same(told.unexpected.slice(0, 5), [])
  t.comment(`${told.commands} commands, ${told.unknown} unknown outcomes, ${broken} broken links`)
  const client = await proxy.connect()
  await until('all serve', async () => Object.values(await nodeStates(client)).every((state) => state === 'up'))
  await until('nothing is in doubt', async () => (await ringSnapshot(proxy)).faults.length === 0)
  await allIsEqual(t, proxy)
})

t.test('also when a server is killed and comes back', async (t) => {
  const proxy = await startProxy(t, { nodes: 4, replicas: 2 })
  let isOver = false
  const killing = killInTurn(proxy).finally(() => {
    isOver = true
  })
  const told = await write(proxy, 4, () => isOver)
  await killing
  t.same(told.unexpected.slice(0, 5), [])
  t.comment(`${told.commands} commands, ${told.unknown} unknown outcomes`)
  await until('nothing is in doubt', async () => (await ringSnapshot(proxy)).faults.length === 0, 30_000)
  await allIsEqual(t, proxy)
})

t.test('what XAUTOCLAIM has claimed is claimed on all replicas, and the stream is not copied for that', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 2 })
  const client = await proxy.connect()
  await client.pipeline(Array.from({ length: 500 }, (_, i) => ['XADD', 's', `${i + 1}-1`, 'f', 'v'.repeat(100)]))
  await client.ask('XGROUP', 'CREATE', 's', 'g', '0')
  await client.ask('XREADGROUP', 'GROUP', 'g', 'first', 'COUNT', '100', 'STREAMS', 's', '>')
  await client.ask('XDEL', 's', '2-1', '5-1')
  t.match(String(await client.ask('XAUTOCLAIM', 's', 'g', 'second', '0', '0', 'COUNT', '10')), /8-1.*2-1/s)
  t.match(String(await client.ask('XAUTOCLAIM', 's', 'g', 'third', '0', '11-1', 'COUNT', '10', 'JUSTID')), /20-1/)
  t.match(String(await client.ask('XAUTOCLAIM', 's', 'g', 'fourth', '100000', '0')), /^\*3/)
  for (const { name } of proxy.view.members) {
    const member = await proxy.connectTo(name)
    t.notMatch(String(await member.ask('INFO', 'commandstats')), /cmdstat_dump/, name)
    t.match(String(await member.ask('XPENDING', 's', 'g', '3-1', '3-1', '1')), /3-1\r\n\$6\r\nsecond\r\n:\d+\r\n:2\r\n/)
    t.match(
      String(await member.ask('XPENDING', 's', 'g', '11-1', '11-1', '1')),
      /11-1\r\n\$5\r\nthird\r\n:\d+\r\n:1\r\n/,
    )
    t.equal(String(await member.ask('XPENDING', 's', 'g', '2-1', '2-1', '1')), '*0\r\n', 'its entry is gone')
    member.close()
  }
  t.equal(await counter(client, 'differences'), 0)
  t.match(await verify(client), { state: 'done', differences: 0, complete: 1 })
})
