import t from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy } from '../helpers/proxy.js'
import { keysAt } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * The master of a key has lost it without a trace. A command over several servers overwrites values with what it has computed from a look:
 * what one has lost must not be lost on all [design §7 Differences].
 */

t.test('what is computed from the little that is left does not overwrite what the others have', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 4, replicas: 2, log: lines.log })
  const [client, member] = [await proxy.connect(), await proxy.connectTo('dt-2')]
  const ours = await keysAt(client, 'dt-2', 0, 30)
  const others = await keysAt(client, 'dt-4', 0, 30)
  const push = "for i = 1, #KEYS do redis.call('rpush', KEYS[i], 'new') end return redis.call('llen', KEYS[1])"
  const pushUndeclared = push.replaceAll('KEYS', 'ARGV')
  const list = ['RPUSH', '1', '2', '3']
  const set = ['SADD', '1', '2', '3']
  const text = ['SET', 'ours']
  // What is written to both keys before, the command, what it answers, and what the first key holds then.
  const cases: readonly [string[], (a: string, b: string) => string[], string, string[], string][] = [
    [list, (a, b) => ['EVAL', push, '2', a, b], ':4', ['LRANGE', '0', '-1'], '1 2 3 new'],
    [list, (a, b) => ['EVAL', pushUndeclared, '0', a, b], ':4', ['LRANGE', '0', '-1'], '1 2 3 new'],
    [text, (a, b) => ['MSETNX', a, 'new', `${b}x`, 'new'], ':0', ['GET'], 'ours'],
    [text, (a, b) => ['RENAMENX', b, a], ':0', ['GET'], 'ours'],
    [text, (a, b) => ['COPY', b, a], ':0', ['GET'], 'ours'],
    [text, (a, b) => ['BITOP', 'XOR', a, a, b], ':4', ['GET'], '\0\0\0\0'],
    [set, (a, b) => ['SUNIONSTORE', a, a, b], ':3', ['SORT'], '1 2 3'],
    [list, (a, b) => ['SORT', a, 'BY', `${b}*`, 'GET', '#', 'STORE', a], ':3', ['LRANGE', '0', '-1'], '1 2 3'],
  ]
  for (const [i, [[write, ...values], command, answered, [read, ...words], held]] of cases.entries()) {
    const [a, b] = [ours[i], others[i]]
    await client.pipeline([a, b].map((key) => [write, key, ...values]))
    await member.ask('DEL', a)
    const name = command(a, b)[0]
    t.equal(String(await client.ask(...command(a, b))), `${answered}\r\n`, name)
    const found = String(await client.ask(read, a, ...words))
    t.equal(
      found
        .split('\r\n')
        .filter((_, k) => k > 0 && (found[0] === '$' || k % 2 === 0))
        .join(' ')
        .trim(),
      held,
      name,
    )
  }
  // And in the midst of a transaction.
  const [a, b] = [ours[20], others[20]]
  await client.pipeline([a, b].map((key) => ['RPUSH', key, '1', '2']))
  await member.ask('DEL', a)
  const replies = await client.pipeline([['MULTI'], ['SET', `${b}n`, '1'], ['EVAL', push, '2', a, b], ['EXEC']])
  t.equal(String(replies.at(-1)), '*2\r\n+OK\r\n:3\r\n')
  await until('all copies are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
})

t.test('who overwrites nothing by what a look has found asks nobody what the others have', async (t) => {
  const proxy = await startProxy(t, { nodes: 4, replicas: 2 })
  const client = await proxy.connect(3)
  const [a, b] = [(await keysAt(client, 'dt-2', 0, 1))[0], (await keysAt(client, 'dt-4', 0, 1))[0]]
  const members = await Promise.all(proxy.view.members.map(({ name }) => proxy.connectTo(name)))
  /** How often the servers were asked for deadlines by a command, all together. */
  const questionsOf = async (...command: string[]) => {
    for (const member of members) await member.ask('CONFIG', 'RESETSTAT')
    t.notMatch(String(await client.ask(...command)), /^-/, command.join(' '))
    const stats = await Promise.all(members.map(async (member) => String(await member.ask('INFO', 'commandstats'))))
    return stats.reduce((sum, text) => sum + Number(/cmdstat_pexpiretime:calls=(\d+)/.exec(text)?.[1] ?? 0), 0)
  }
  for (const command of [
    ['LMPOP', '2', a, b, 'LEFT'],
    ['ZMPOP', '2', a, b, 'MIN', 'COUNT', '2'],
    ['LMOVE', a, b, 'LEFT', 'RIGHT'],
    ['SMOVE', a, b, 'member'],
    ['BLMPOP', '0.01', '2', a, b, 'LEFT'],
  ])
    t.equal(await questionsOf(...command), 0, `${command.join(' ')}, and nothing is there`)
  await client.pipeline([
    ['RPUSH', `${a}`, '0', '1'],
    ['SADD', `{${a}}set`, 'member'],
    ['SET', `{${a}}text`, '0'],
  ])
  t.equal(await questionsOf('LMOVE', a, b, 'LEFT', 'RIGHT'), 0, 'nor is the destination')
  t.equal(await questionsOf('SMOVE', `{${a}}set`, `{${b}}set`, 'member'), 0)
  t.equal(await questionsOf('MSETNX', `{${a}}text`, 'x', `{${b}}text`, 'x'), 0, 'it sets nothing')
  t.equal(await questionsOf('RENAME', `{${a}}text`, `{${b}}text`), 1, 'what has no deadline is there')
  t.equal(
    await questionsOf('MSETNX', `{${a}}new`, 'x', `{${b}}new`, 'x'),
    6,
    'each key is asked about on three servers',
  )
})
