import t from 'tap'
import { type ScriptedRing, startScriptedRing } from '../helpers/scripted-ring.js'
import { bulk, type ScriptedServer } from '../helpers/scripted-server.js'

/*
 * Writes with words that newer servers bring [design §7], as Redis 8.6 and Valkey 9.1 were seen to take them: what nobody
 * can tell from the words alone is done by the master and copied, or refused; it never reaches the replicas as it is, nor
 * some server that happens to be first.
 */

const REDIS_86 = { redis_version: '8.6.3' }
/** The commands of a test that change something, and those of a copy. */
const ABOUT_KEYS = /^(XADD|XTRIM|XLEN|XREADGROUP|SET|EXPIRE|SORT|ZADD|COPY|PEXPIRETIME|DUMP|RESTORE|UNLINK)$/

function scripted(args: string[]): string | undefined {
  switch (args[0]) {
    case 'XADD':
      return bulk('5-1')
    case 'EXPIRE':
    case 'ZADD':
    case 'COPY':
    case 'XTRIM':
      return ':1\r\n'
    case 'XLEN':
      return ':7\r\n'
    case 'XREADGROUP':
      return '_\r\n'
    case 'PEXPIRETIME':
      return ':-1\r\n'
    case 'DUMP':
      return bulk('payload')
    case 'COMMAND':
      return '*0\r\n'
  }
  return undefined
}

/** What a server was told of keys since it was last asked. */
function told(server: ScriptedServer): string[] {
  return server.received.splice(0).flatMap((args) => (ABOUT_KEYS.test(args[0]) ? [args.join(' ')] : []))
}

/** What the master of a key and its first backup were told because of one command, and what was answered. */
async function outcome(ring: ScriptedRing, key: string, command: string) {
  const [master, backup] = ring.replicasOf(key)
  for (const server of ring.servers) server.received.length = 0
  const reply = await ring.ask(...command.split(' '))
  return { reply, master: told(master), backup: told(backup) }
}

t.test('the master alone executes what the table cannot read, and the others get copies', async (t) => {
  const ring = await startScriptedRing(t, scripted, { info: REDIS_86 })
  for (const command of [
    'XREADGROUP GROUP g c COUNT 5 CLAIM 100 STREAMS k >',
    'XADD k IDMP p i * f v',
    'XADD k IDMPAUTO p * f v',
    'XADD k NEWER 5-1 f v',
    'XADD k ACKED MAXLEN ~ 5 * f v',
    'XTRIM k MINID ~ 5 LIMIT 10 ACKED',
    'SET k v NEWER EX 5',
    'EXPIRE k 5 NEWER',
    'ZADD k NEWER 1 m',
  ]) {
    const { reply, master, backup } = await outcome(ring, 'k', command)
    t.notMatch(reply, /^-/, command)
    const look = ['PEXPIRETIME k', 'XLEN k']
    t.same(master, [...look, command, 'PEXPIRETIME k', 'DUMP k'])
    t.same(backup, [...look, 'RESTORE k 0 payload REPLACE ABSTTL'])
  }
  const copied = await outcome(ring, '{k}', 'COPY {k} {k}d NEWER')
  t.same(copied.master[4], 'COPY {k} {k}d NEWER', 'behind the look at both keys')
  t.same(copied.backup.slice(4).sort(), [
    'RESTORE {k} 0 payload REPLACE ABSTTL',
    'RESTORE {k}d 0 payload REPLACE ABSTTL',
  ])
})

t.test('words that are known go to all replicas, with what the master chose', async (t) => {
  const ring = await startScriptedRing(t, scripted, { info: REDIS_86 })
  for (const word of ['KEEPREF', 'DELREF', 'ACKED']) {
    const { reply, master, backup } = await outcome(ring, 'k', `XADD k MAXLEN 5 ${word} * f v`)
    t.equal(reply, bulk('5-1'))
    t.same(master, [`XADD k MAXLEN 5 ${word} * f v`])
    t.same(backup, [`XADD k MAXLEN 5 ${word} 5-1 f v`])
  }
  for (const word of ['KEEPREF', 'DELREF']) {
    const { reply, master, backup } = await outcome(ring, 'k', `XTRIM k MAXLEN ~ 5 ${word}`)
    t.equal(reply, ':1\r\n')
    t.same(master, [`XTRIM k MAXLEN ~ 5 ${word}`, 'XLEN k'])
    t.same(backup, [`XTRIM k MAXLEN = 7 ${word}`])
  }
  const { master, backup } = await outcome(ring, 'k', 'SET k v IFEQ EX PX 100000')
  t.match(master[0], /^SET k v IFEQ EX PXAT \d+$/, 'a value is not taken for a word')
  t.same(backup, master)
})

t.test('when its keys are not certain a command is refused, and no server hears of it', async (t) => {
  const ring = await startScriptedRing(t, scripted, { info: REDIS_86 })
  for (const command of [
    'XREADGROUP GROUP g c NEWER 1 STREAMS k >',
    'XREAD NEWER 1 STREAMS k 0',
    'SORT k NEWER d',
    'GEORADIUS k 1 2 3 m NEWER d',
  ]) {
    const name = command.split(' ')[0].toLowerCase()
    const reply = await ring.ask(...command.split(' '))
    t.equal(
      reply,
      `-ERR this proxy does not know an argument of '${name}', so that it is not certain which keys it concerns; it was not applied\r\n`,
    )
  }
  t.same(ring.servers.flatMap(told), [])
})

t.test('a server of the version of which the table was made says itself what is wrong', async (t) => {
  const ring = await startScriptedRing(t, (args) => (args[0] === 'SORT' ? '-ERR syntax error\r\n' : undefined))
  t.equal(await ring.ask('SORT', 'k', 'NEWER', 'd'), '-ERR syntax error\r\n')
})
