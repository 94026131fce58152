import t from 'tap'
import { answersAlike } from '../../helpers/alike.js'
import { startProxy, startRedis } from '../../helpers/proxy.js'
import { itemsOf, readReply, textOf } from '../../helpers/raw-reply.js'

const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })
const redis = await startRedis(t)

for (const proto of [2, 3] as const) {
  t.test(`COMMAND and its subcommands reach the clients of RESP${proto} as Redis's do`, async (t) => {
    const [ours, theirs] = await Promise.all([proxy.connect(proto), redis.connect(proto)])
    await answersAlike(t, ours, theirs, [
      ['COMMAND', 'NOSUCH'],
      ['COMMAND', 'COUNT', 'x'],
      ['COMMAND', 'HELP'],
      ['COMMAND', 'INFO', 'get', 'nosuch', 'CLIENT|LIST', 'xadd'],
      ['COMMAND', 'DOCS', 'get', 'nosuch', 'CLIENT|LIST', 'sort'],
      ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'XRANG?'],
      ['COMMAND', 'LIST', 'FILTERBY', 'x', 'y'],
      ['COMMAND', 'LIST', 'x'],
      ['COMMAND', 'GETKEYS'],
      ['COMMAND', 'GETKEYS', 'mset', 'a', '1', 'b', '2'],
      ['COMMAND', 'GETKEYS', 'mset', 'a'],
      ['COMMAND', 'GETKEYS', 'ping'],
      ['COMMAND', 'GETKEYS', 'nosuch'],
      ['COMMAND', 'GETKEYSANDFLAGS', 'set', 'a', 'b', 'GET'],
    ])
    const count = async (client: typeof ours) => Number(textOf(readReply(await client.ask('COMMAND', 'COUNT'))))
    t.equal(await count(ours), (await count(theirs)) + 2, 'and DT and SENTINEL')
    t.equal(itemsOf(readReply(await ours.ask('COMMAND'))).length, await count(ours))
  })
}
