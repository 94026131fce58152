import t from 'tap'
import { startScriptedRing } from '../helpers/scripted-ring.js'
import { bulk } from '../helpers/scripted-server.js'

/*
 * Valkey 8.1 and newer say `expired`, right behind the reply, of a key that a command deletes because the deadline that it
 * gives it has passed already; all replicas do, and nothing about the key is uncertain [design §7 Expiry].
 */

const VALKEY = { redis_version: '7.2.4', server_name: 'valkey', valkey_version: '8.1.1' }

const EXPIRED = `>4\r\n${['pmessage', '__keyevent@*__:expired', '__keyevent@0__:expired', 'k'].map(bulk).join('')}`

function scripted(args: string[]): string | undefined {
  switch (args[0]) {
    case 'PEXPIREAT':
    case 'EXPIREAT':
      return `:1\r\n${EXPIRED}`
    case 'GETEX':
      return `${bulk('v')}${EXPIRED}`
    case 'SET':
      return `+OK\r\n${EXPIRED}`
    case 'HSET':
      return `:1\r\n${EXPIRED}`
    case 'PEXPIRETIME':
      return ':-2\r\n'
    case 'DUMP':
      return '_\r\n'
    case 'COMMAND':
      return '*0\r\n'
  }
  return undefined
}

t.test('a deadline in the past is no unequal expiry', async (t) => {
  const ring = await startScriptedRing(t, scripted, { info: VALKEY })
  for (const command of [
    'EXPIRE k -1',
    'PEXPIRE k -100',
    'EXPIREAT k 1',
    'PEXPIREAT k 1',
    'GETEX k PXAT 1',
    'SET k v PXAT 1',
  ]) {
    for (let times = 0; times < 20; times++) t.notMatch(await ring.ask(...command.split(' ')), /^-/, command)
    t.equal(ring.order.stats.unequalExpiries, 0, command)
    t.notOk(ring.order.doubts.any, command)
  }
  t.same(
    ring.servers.flatMap((server) => server.commands('DUMP')),
    [],
    'no key was copied',
  )
})

t.test('where a condition decides, or the command gives no deadline, nothing is known', async (t) => {
  for (const command of ['PEXPIREAT k 1 GT', 'HSET k f v', 'GETEX k']) {
    const ring = await startScriptedRing(t, scripted, { info: VALKEY })
    await ring.ask(...command.split(' '))
    t.equal(ring.order.stats.unequalExpiries, 1, command)
  }
})

t.test('what is given another value, or removed, is so whether it had expired before or not', async (t) => {
  for (const [command, isUnequal] of [
    ['DEL k', false],
    ['UNLINK k other', false],
    ['MSET other v k v', false],
    ['GETDEL k', false],
    ['APPEND k v', true],
  ] as const) {
    const ring = await startScriptedRing(t, () => undefined)
    const [name] = command.split(' ')
    const reply = name === 'MSET' ? '+OK\r\n' : name === 'GETDEL' ? '_\r\n' : ':0\r\n'
    for (const server of ring.servers) {
      // One of them has noticed it in the moment in which it executes this, as Redis 7.0 says it; the others had before.
      const before = server === ring.servers[0] ? EXPIRED : ''
      server.script = ([word]) => (word === name ? before + reply : word === 'DUMP' ? '_\r\n' : undefined)
    }
    await ring.ask(...command.split(' '))
    t.equal(ring.order.stats.unequalExpiries, isUnequal ? 1 : 0, command)
    t.equal(ring.servers.flatMap((server) => server.commands('DUMP')).length > 0, isUnequal, command)
  }
})
