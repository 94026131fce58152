import t from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/* What CLIENT LIST says of a client in each state, in the field `flags`. */

const servers = { Redis: await startRedis(t), DT: await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1 }) }

interface Side {
  readonly client: RawClient
  readonly other: RawClient
  /** The id of `other`. */
  readonly otherId: string
}

interface State {
  /** In what protocol the client speaks. */
  readonly proto?: 2 | 3
  /** What it sends and is answered. */
  readonly says?: (side: Side) => readonly string[]
  /** What another client does then. */
  readonly next?: (side: Side) => Promise<unknown>
  /** What it sends last, and is not answered. */
  readonly waits?: string
  readonly flags: string
}

const said =
  (...commands: string[]) =>
  () =>
    commands
const group = said('XGROUP CREATE s g $ MKSTREAM')
const writes = ({ other }: Side) => other.ask('SET', 'w', '1')
const redirected = ({ otherId }: Side) => [`CLIENT TRACKING ON REDIRECT ${otherId}`, 'GET w']

const STATES: Readonly<Record<string, State>> = {
  'has said nothing': { flags: 'N' },
  'is between MULTI and EXEC': { says: said('MULTI', 'SET a 1'), flags: 'x' },
  'has had a command refused there': { says: said('MULTI', 'NOSUCH'), flags: 'x' },
  'listens to a channel': { says: said('SUBSCRIBE c'), flags: 'P' },
  'listens to a pattern, with RESP3': { proto: 3, says: said('PSUBSCRIBE c*'), flags: 'P' },
  'listens to a shard channel': { says: said('SSUBSCRIBE c'), flags: 'P' },
  'listens no more': { says: said('SUBSCRIBE c', 'UNSUBSCRIBE c'), flags: 'N' },
  monitors: { says: said('MONITOR'), flags: 'O' },
  ...Object.fromEntries(
    [
      ...['BLPOP a b 0', 'BRPOP a 0', 'BLMOVE a b LEFT LEFT 0', 'BRPOPLPUSH a b 0', 'BLMPOP 0 1 a LEFT'],
      ...['BZPOPMIN a 0', 'BZPOPMAX a 0', 'BZMPOP 0 1 a MIN', 'XREAD BLOCK 0 STREAMS a $', 'WAIT 9 0'],
    ].map((waits) => [`waits with ${waits}`, { waits, flags: 'b' }]),
  ),
  'waits in a group': { says: group, waits: 'XREADGROUP GROUP g c BLOCK 0 STREAMS s >', flags: 'b' },
  'waits, and has a cache': { proto: 3, says: said('CLIENT TRACKING ON'), waits: 'BLPOP a 0', flags: 'bt' },
  'waits for the end of a pause': {
    next: ({ other }) => other.ask('CLIENT', 'PAUSE', '100000', 'WRITE'),
    waits: 'SET a 1',
    flags: 'b',
  },
  'has a cache': { proto: 3, says: said('CLIENT TRACKING ON'), flags: 't' },
  'has one by prefixes': { proto: 3, says: said('CLIENT TRACKING ON BCAST PREFIX a'), flags: 'tB' },
  'has one by choice': { proto: 3, says: said('CLIENT TRACKING ON OPTIN NOLOOP'), flags: 't' },
  'has one no more': { proto: 3, says: said('CLIENT TRACKING ON', 'CLIENT TRACKING OFF'), flags: 'N' },
  'has another told': { says: redirected, next: writes, flags: 't' },
  watches: { says: said('WATCH w'), flags: 'N' },
  'watches a key that has changed': { says: said('WATCH w'), next: writes, flags: 'd' },
  'has begun a transaction in vain': { says: said('WATCH w', 'MULTI'), next: writes, flags: 'xd' },
  'is not to be evicted': { says: said('CLIENT NO-EVICT ON'), flags: 'e' },
  'is so, and listens': { says: said('CLIENT NO-EVICT ON', 'SUBSCRIBE c'), flags: 'Pe' },
  'has many of them': {
    proto: 3,
    says: said('CLIENT NO-EVICT ON', 'CLIENT TRACKING ON BCAST', 'SUBSCRIBE c', 'WATCH w', 'MULTI'),
    next: writes,
    flags: 'PxtBde',
  },
  'has them no more': { says: said('SUBSCRIBE c', 'RESET'), flags: 'N' },
}

for (const [what, { proto = 2, says, next, waits, flags }] of Object.entries(STATES)) {
  t.test(`a client that ${what}`, async (t) => {
    for (const [name, server] of Object.entries(servers)) {
      const [client, other, admin] = await Promise.all([server.connect(proto), server.connect(), server.connect()])
      await admin.ask('FLUSHALL')
      const idOf = async (each: RawClient) =>
        String(await each.ask('CLIENT', 'ID'))
          .slice(1)
          .trim()
      const [id, otherId] = [await idOf(client), await idOf(other)]
      const side = { client, other, otherId }
      for (const command of says?.(side) ?? []) await client.ask(...command.split(' '))
      await next?.(side)
      if (waits !== undefined) client.send(`${waits}\r\n`)
      const shown = async () => / flags=(\S+) /.exec(String(await admin.ask('CLIENT', 'LIST', 'ID', id)))?.[1]
      await until(`${name} shows ${flags}`, async () => (await shown()) === flags, 5000).catch(() => {})
      t.equal(await shown(), flags, name)
      await admin.ask('CLIENT', 'UNPAUSE')
      for (const each of [client, other, admin]) each.close()
    }
  })
}

t.test('a client whose cache is told by one that has gone', async (t) => {
  for (const server of Object.values(servers)) {
    const [client, told, admin] = await Promise.all([server.connect(), server.connect(), server.connect()])
    const id = String(await client.ask('CLIENT', 'ID'))
      .slice(1)
      .trim()
    const toldId = String(await told.ask('CLIENT', 'ID'))
      .slice(1)
      .trim()
    await client.ask('CLIENT', 'TRACKING', 'ON', 'REDIRECT', toldId)
    await client.ask('GET', 'w')
    told.close()
    const list = async (...words: string[]) => String(await admin.ask('CLIENT', 'LIST', 'ID', ...words))
    await until('it has gone', async () => !/^id=/m.test((await list(toldId)).replace(/^\$\d+\r\n/, '')))
    await admin.ask('SET', 'w', '2')
    await until('that is known', async () => / flags=tR /.test(await list(id)), 3000)
    for (const each of [client, admin]) each.close()
  }
  t.end()
})
