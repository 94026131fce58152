import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'
import { fieldsOf, keysAt, membersOf } from '../helpers/ring-state.js'
import { comeBack, declareDown } from '../helpers/sentinels.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

/*
 * Scripts that were loaded and libraries of functions are kept by all members [design §7 Functions]: they outlive the proxy, and any
 * members, and a member that is empty gets them.
 */

const ALL = 'dt-1 dt-2 dt-3 dt-4'
const SHA = 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db'
const library = (name: string, says: string, more = '') =>
  `#!lua name=${name}\nredis.register_function('${name}_f', function(keys, args) redis.call('set', keys[1], '${says}') return '${says}' end)${more}`

async function namesOf(client: RawClient, ...which: string[]): Promise<string[]> {
  const list = itemsOf(readReply(await client.ask('FUNCTION', 'LIST', ...which)))
  return list.map((each) => textOf(fieldsOf(each).get('library_name')!)).sort()
}

/** What a member keeps, by name, apart from what is only executed. */
const keptBy = (direct: RawClient) => namesOf(direct, 'LIBRARYNAME', 'dt_[ksf]*')

async function allKeepTheSame(t: Test, ports: readonly number[], count: number): Promise<void> {
  await until('all keep the same', async () => {
    const direct = await Promise.all(ports.map((port) => RawClient.connect(port)))
    const kept = await Promise.all(direct.map(keptBy))
    for (const client of direct) client.close()
    return kept.every((names) => names.length === count && names.join() === kept[0].join())
  })
  t.pass('all keep the same')
}

t.test('they outlive a proxy that is killed, and FLUSHALL; what was deleted stays away', async (t) => {
  const serve = await ServeProcess.start(t, { nodes: 4 })
  const client = await serve.connect()
  t.equal(String(await client.ask('SCRIPT', 'LOAD', 'return 1')), `$40\r\n${SHA}\r\n`)
  t.equal(String(await client.ask('FUNCTION', 'LOAD', library('one', 'first'))), '$3\r\none\r\n')
  t.equal(String(await client.ask('FUNCTION', 'LOAD', library('two', 'second'))), '$3\r\ntwo\r\n')
  t.equal(String(await client.ask('FUNCTION', 'LOAD', 'REPLACE', library('one', 'third'))), '$3\r\none\r\n')
  t.equal(String(await client.ask('FUNCTION', 'DELETE', 'two')), '+OK\r\n')
  t.equal(String(await client.ask('FLUSHALL')), '+OK\r\n')
  await serve.kill()
  await serve.startAgain()
  const again = await serve.connect()
  t.equal(String(await again.ask('EVALSHA', SHA, '0')), ':1\r\n')
  t.equal(String(await again.ask('FCALL', 'one_f', '1', 'k')), '$5\r\nthird\r\n')
  t.equal(String(await again.ask('FCALL', 'two_f', '1', 'k')), '-ERR Function not found\r\n')
  t.same(await namesOf(again), ['one'])
  t.equal(String(await again.ask('SCRIPT', 'FLUSH')), '+OK\r\n')
  t.equal(String(await again.ask('FUNCTION', 'FLUSH')), '+OK\r\n')
  await serve.kill()
  await serve.startAgain()
  const last = await serve.connect()
  t.equal(String(await last.ask('SCRIPT', 'EXISTS', SHA)), '*1\r\n:0\r\n')
  t.same(await namesOf(last), [])
})

t.test('what a server has kept of another ring is not taken over', async (t) => {
  const serve = await ServeProcess.start(t, { nodes: 4 })
  const client = await serve.connect()
  await client.ask('SCRIPT', 'LOAD', 'return 1')
  await client.ask('FUNCTION', 'LOAD', library('one', 'first'))
  await serve.kill()
  const index = JSON.stringify({ ring: 'other', version: 9e15, generation: 7, libraries: [] })
  for (const { port } of serve.ring.members.slice(0, 2)) {
    const direct = await RawClient.connect(port)
    const code = `#!lua name=dt_kept\nredis.register_function('dt_kept',function() end) --${Buffer.from(index).toString('base64')}`
    t.equal(String(await direct.ask('FUNCTION', 'LOAD', 'REPLACE', code)), '$7\r\ndt_kept\r\n')
    direct.close()
  }
  await serve.startAgain()
  const again = await serve.connect()
  t.equal(String(await again.ask('EVALSHA', SHA, '0')), ':1\r\n')
  t.same(await namesOf(again), ['one'])
  await allKeepTheSame(
    t,
    serve.ring.members.map(({ port }) => port),
    3,
  )
})

t.test('a member that comes back with nothing, or whose functions somebody has flushed, gets them', async (t) => {
  const proxy = await startProxy(t, { memberConfig: ['appendonly no'] })
  const client = await proxy.connect()
  const [key] = await keysAt(client, 'dt-2', 0, 1)
  await client.ask('SCRIPT', 'LOAD', 'return 1')
  await client.ask('FUNCTION', 'LOAD', library('one', 'first'))
  t.equal(String(await client.ask('FCALL', 'one_f', '1', key)), '$5\r\nfirst\r\n')
  const ports = proxy.ring.members.map(({ port }) => port)
  await allKeepTheSame(t, ports, 3)
  const direct = await proxy.connectTo('dt-2')
  t.equal(String(await direct.ask('FUNCTION', 'FLUSH')), '+OK\r\n')
  t.equal(String(await client.ask('FCALL', 'one_f', '1', key)), '$5\r\nfirst\r\n')
  await allKeepTheSame(t, ports, 3)
  await proxy.ring.kill('dt-2')
  await declareDown(proxy.ring, 'dt-2')
  await until('it is out', async () => !(await membersOf(client)).includes('dt-2'))
  t.equal(String(await client.ask('FUNCTION', 'LOAD', library('two', 'second'))), '$3\r\ntwo\r\n')
  t.equal(String(await client.ask('FUNCTION', 'DELETE', 'one')), '+OK\r\n')
  await comeBack(proxy.ring, 'dt-2')
  await until('it is back', async () => (await membersOf(client)) === ALL)
  await allKeepTheSame(t, ports, 3)
  t.equal(String(await client.ask('FCALL', 'two_f', '1', key)), '$6\r\nsecond\r\n')
})

async function loadAtOnce(proxy: TestProxy, isOver: () => boolean): Promise<string[]> {
  const unexpected: string[] = []
  await Promise.all(
    [0, 1, 2].map(async (mine) => {
      const client = await proxy.connect()
      for (let i = 0; !isOver(); i++) {
        const name = `l${i % 3}`
        const replies = await client.pipeline([
          ['FUNCTION', 'LOAD', 'REPLACE', library(name, `${mine}-${i}`)],
          ['FCALL', `${name}_f`, '1', `k${i % 50}`],
          ['FUNCTION', 'DELETE', `l${(i + 1) % 3}`],
        ])
        for (const reply of replies.map(String)) {
          if (
            !/^(\$|\+OK|-ERR (Library|Function) not found|-CLUSTERDOWN|-ERR the outcome|-ERR the connection)/.test(
              reply,
            )
          ) {
            unexpected.push(reply)
          }
        }
      }
    }),
  )
  return unexpected
}

t.test(
  'three clients that load and delete at once, while a member dies and joins: all members end with the same',
  async (t) => {
    const proxy = await startProxy(t)
    const client = await proxy.connect()
    let isOver = false
    const loading = loadAtOnce(proxy, () => isOver)
    await sleep(500)
    await proxy.ring.kill('dt-3')
    await declareDown(proxy.ring, 'dt-3')
    await until('it is out', async () => !(await membersOf(client)).includes('dt-3'))
    await sleep(300)
    await comeBack(proxy.ring, 'dt-3')
    await until('it is back', async () => (await membersOf(client)) === ALL)
    await sleep(500)
    isOver = true
    t.same((await loading).slice(0, 5), [])
    const names = await namesOf(client)
    await allKeepTheSame(
      t,
      proxy.ring.members.map(({ port }) => port),
      names.length + 1,
    )
    for (const name of names) t.match(String(await client.ask('FCALL', `${name}_f`, '1', 'k')), /^\$\d\r\n\d-\d+\r\n$/)
  },
)

t.test('names that differ in case alone, and names of ours, are refused', async (t) => {
  const proxy = await startProxy(t)
  const client = await proxy.connect()
  const twice = "\nredis.register_function('ONE_F', function() end)"
  t.match(
    String(await client.ask('FUNCTION', 'LOAD', library('one', 'first', twice))),
    /^-ERR the library gives two functions names that differ in case/,
  )
  t.match(
    String(await client.ask('FUNCTION', 'LOAD', library('dt_marker', 'first'))),
    /^-ERR names of libraries that begin with dt_/,
  )
  t.same(await namesOf(client), [])
})

t.test('a function has keys of several servers, and such that were not declared', async (t) => {
  const proxy = await startProxy(t, { replicas: 1 })
  const client = await proxy.connect()
  const keys = [(await keysAt(client, 'dt-1', 0, 1))[0], (await keysAt(client, 'dt-3', 0, 1))[0]]
  const source = `#!lua name=wide
redis.register_function('move', function(keys, args)
  local v = redis.call('rpop', keys[1])
  redis.call('lpush', keys[2], v)
  redis.call('incr', args[1])
  return {v, redis.call('llen', keys[2])}
end)
redis.register_function{function_name='look', callback=function(keys) return redis.call('llen', keys[1]) + redis.call('llen', keys[2]) end, flags={'no-writes'}}`
  t.equal(String(await client.ask('FUNCTION', 'LOAD', source)), '$4\r\nwide\r\n')
  await client.ask('RPUSH', keys[0], 'a', 'b')
  for (const [i, element] of ['b', 'a'].entries()) {
    const moved = String(await client.ask('FCALL', 'MOVE', '2', ...keys, 'moved'))
    t.equal(moved, `*2\r\n$1\r\n${element}\r\n:${i + 1}\r\n`)
    t.equal(String(await client.ask('FCALL_RO', 'look', '2', ...keys)), ':2\r\n')
  }
  t.equal(String(await client.ask('GET', 'moved')), '$1\r\n2\r\n')
  t.match(
    String(await client.ask('FCALL_RO', 'move', '2', ...keys, 'moved')),
    /^-ERR Can not execute a script with write flag/,
  )
  t.match(await verify(client), { state: 'done', differences: 0, complete: 1 })
})

t.test('a function that takes long is shown by FUNCTION STATS, and killed by FUNCTION KILL alone', async (t) => {
  const proxy = await startProxy(t, { memberConfig: ['busy-reply-threshold 300'] })
  const [caller, client] = [await proxy.connect(), await proxy.connect()]
  const [key] = await keysAt(client, 'dt-2', 0, 1)
  const source = "#!lua name=long\nredis.register_function('Long', function() while true do end end)"
  t.equal(String(await client.ask('FUNCTION', 'LOAD', source)), '$4\r\nlong\r\n')
  const called = caller.ask('FCALL', 'long', '1', key, 'a')
  const direct = await proxy.connectTo('dt-2')
  const busy = '-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.\r\n'
  await until('its server says that it is busy', async () => String(await direct.ask('PING')) === busy)
  await sleep(600)
  t.equal(String(await client.ask('GET', key)), busy)
  t.match(
    String(await client.ask('FUNCTION', 'STATS')),
    new RegExp(`Long\\r\\n.*FCALL\\r\\n\\$4\\r\\nLong\\r\\n\\$1\\r\\n1\\r\\n.*${key}\\r\\n\\$1\\r\\na\\r\\n`, 's'),
  )
  t.equal(String(await client.ask('SCRIPT', 'KILL')), busy)
  t.equal(String(await client.ask('FUNCTION', 'KILL')), '+OK\r\n')
  t.equal(String(await called), '-ERR Script killed by user with SCRIPT KILL... script: Long, on @user_function:2.\r\n')
  t.equal(String(await client.ask('GET', key)), '$-1\r\n')
})

t.test('a function that has written cannot be killed, and what it wrote is there on all its servers', async (t) => {
  const proxy = await startProxy(t, { memberConfig: ['busy-reply-threshold 300'] })
  const [caller, client] = [await proxy.connect(), await proxy.connect()]
  const [key] = await keysAt(client, 'dt-2', 0, 1)
  const source = `#!lua name=long
redis.register_function('Long', function(keys)
  redis.call('incr', keys[1])
  local function now() local t = redis.call('time') return t[1] * 1000 + t[2] / 1000 end
  local till = now() + 5000
  while now() < till do end
  return redis.call('incr', keys[1])
end)`
  t.equal(String(await client.ask('FUNCTION', 'LOAD', source)), '$4\r\nlong\r\n')
  const called = caller.ask('FCALL', 'long', '1', key)
  const direct = await proxy.connectTo('dt-2')
  await until('its server says that it is busy', async () => String(await direct.ask('PING')).startsWith('-BUSY'))
  t.match(
    String(await client.ask('FUNCTION', 'KILL')),
    /^-UNKILLABLE Sorry the script already executed write commands against the dataset\. /,
  )
  t.equal(String(await called), ':2\r\n')
  t.equal(String(await client.ask('GET', key)), '$1\r\n2\r\n')
  t.equal(String(await client.ask('FUNCTION', 'KILL')), '-NOTBUSY No scripts in execution right now.\r\n')
  t.match(await verify(client), { state: 'done', differences: 0, complete: 1 })
})

t.test(
  'FUNCTION STATS shows what the client has called, also on keys of several servers and with an answer',
  async (t) => {
    const proxy = await startProxy(t, { memberConfig: ['busy-reply-threshold 300'], replicas: 1 })
    const [caller, client] = [await proxy.connect(), await proxy.connect()]
    const keys = [(await keysAt(client, 'dt-1', 0, 1))[0], (await keysAt(client, 'dt-3', 0, 1))[0]]
    const source =
      "#!lua name=long\nredis.register_function('Long', function() redis.call('publish', 'news', 'x') while true do end end)"
    t.equal(String(await client.ask('FUNCTION', 'LOAD', source)), '$4\r\nlong\r\n')
    const called = caller.ask('FCALL', 'long', '2', ...keys, 'a')
    const shown = await until('it is shown', async () => {
      const said = String(await client.ask('FUNCTION', 'STATS'))
      return said.includes('FCALL') ? said : undefined
    })
    const bulks = ['FCALL', 'Long', '2', ...keys, 'a'].map((word) => `$${word.length}\r\n${word}\r\n`)
    t.match(shown, `$4\r\nname\r\n$4\r\nLong\r\n$7\r\ncommand\r\n*6\r\n${bulks.join('')}$11\r\nduration_ms\r\n`)
    t.equal(String(await client.ask('FUNCTION', 'KILL')), '+OK\r\n')
    t.match(String(await called), /^-ERR Script killed by user/)
  },
)

t.test('a library that is loaded changes nothing of what others have in their variables', async (t) => {
  const proxy = await startProxy(t, { replicas: 1 })
  const client = await proxy.connect()
  const near = (await keysAt(client, 'dt-1', 0, 1))[0]
  const far = (await keysAt(client, 'dt-3', 0, 1))[0]
  const source = `#!lua name=counting
local n = 0
redis.register_function('count', function(keys) n = n + 1 redis.call('mset', keys[1], n, keys[2], n) return n end)`
  t.equal(String(await client.ask('FUNCTION', 'LOAD', source)), '$8\r\ncounting\r\n')
  for (const [i, name] of ['one', 'two', 'three'].entries()) {
    t.equal(String(await client.ask('FCALL', 'count', '2', near, far)), `:${i + 1}\r\n`)
    t.equal(String(await client.ask('FCALL', 'count', '2', near, `{${near}}`)), `:${i + 1}\r\n`)
    await client.ask('FUNCTION', 'LOAD', library(name, name))
  }
})
