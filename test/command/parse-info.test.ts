import t from 'tap'
import type { CommandInfo } from '../../src/command/command-info.js'
import { COMMANDS } from '../../src/command/commands.generated.js'
import { helpReply } from '../../src/command/help.js'
import { parseCommandReply } from '../../src/command/parse-info.js'
import { learn } from '../../src/command/table.js'
import { decodeReply } from '../../src/resp/decode.js'
import { encodeReply } from '../../src/resp/encode.js'
import { startRedis } from '../helpers/proxy.js'

const redis = await startRedis(t)

const inOrder = (infos: readonly CommandInfo[]): CommandInfo[] =>
  infos.map((info) => ({ ...info, subcommands: inOrder(info.subcommands) })).sort((a, b) => (a.name < b.name ? -1 : 1))

for (const proto of [2, 3] as const) {
  t.test(`what a server says in COMMAND is read from RESP${proto}, and the generated table is the same`, async (t) => {
    const conn = await redis.connect(proto)
    const reply = await conn.ask('COMMAND')
    conn.close()
    const infos = parseCommandReply(decodeReply(reply, 0, reply.length))
    t.same(inOrder(infos), COMMANDS)
    t.same(learn(infos), [], 'there is nothing to learn from a Redis 7.0')
  })
}

t.test('what is no answer to COMMAND gives nothing', async (t) => {
  t.same(parseCommandReply('text'), [])
  t.same(parseCommandReply(null), [])
  t.same(parseCommandReply(['get', ['get', 2, []], 5]), [])
  const [odd] = parseCommandReply([[null, 'x', null, null, null, null, null, null, [null, ['flags']], null]])
  t.match(odd, { name: '', arity: 0, flags: [], subcommands: [] })
  t.equal(odd.keySpecs[0].beginSearch.type, 'unknown')
})

t.test('a HELP of ours is laid out like one of Redis', async (t) => {
  const conn = await redis.connect()
  const theirs = await conn.ask('XINFO', 'HELP')
  conn.close()
  const lines = theirs.toString().split('\r\n').slice(2, -3)
  const found = encodeReply(
    helpReply(
      'xinfo',
      lines.map((line) => line.slice(1)),
    ),
    2,
  )
  t.equal(found.toString(), theirs.toString())
})
