import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Random } from '../chaos/random.js'
import { breakLink, PATIENT, whileLinksBreak } from '../helpers/break-link.js'
import { chosenWrites } from '../helpers/chosen-writes.js'
import { killInTurn } from '../helpers/kill-in-turn.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { Arg, RawClient } from '../helpers/raw-client.js'
import { throughRelay } from '../helpers/relayed-ring.js'
import { counter, keysAt, nodeStates, outstanding } from '../helpers/ring-state.js'
import { argumentsOf, INTERPRETER } from '../helpers/script-programs.js'
import { declareDown } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

const MEMBER = 'dt-2'
const UNKNOWN = /^-ERR the outcome of this write is unknown/
const NOT_APPLIED =
  /^-(CLUSTERDOWN .* was not applied|TRYAGAIN .* was not applied|ERR the script was not (executed|answered)|ERR .* not answered: .* was not applied)/

interface Told {
  scripts: number
  unknown: number
  notApplied: number
  readonly unexpected: string[]
}

/**
 * A script of some writes whose effect the server chooses, of which the first key is declared: of keys with one tag, or with any, which
 * are on several servers.
 */
function chosenScript(random: Random, next: (random: Random) => Arg[]): Arg[] {
  const tagOf = random.chance(0.3)
    ? () => `{t${random.below(4)}}`
    : (
        (tag) => () =>
          tag
      )(`{t${random.below(4)}}`)
  const tag = tagOf()
  const commands = Array.from({ length: random.between(1, 4) }, () => {
    return next(random).map((arg, i) => {
      if (typeof arg !== 'string' || i === 0) return Buffer.from(arg)
      const isKey = /^(\{t\d\})?(s|f|h|l|set|z|geo|x):\w+$/.test(arg)
      return Buffer.from(isKey ? `${tagOf()}${arg.replace(/^\{t\d\}/, '')}` : arg)
    })
  })
  return ['EVAL', INTERPRETER, '1', `${tag}s:1`, ...argumentsOf(commands)]
}

async function write(proxy: TestProxy, seed: number, isOver: (told: Told) => boolean): Promise<Told> {
  const told: Told = { scripts: 0, unknown: 0, notApplied: 0, unexpected: [] }
  const next = await chosenWrites(await proxy.connect())
  await Promise.all(
    [0, 0, 0, 2].map(async (db, i) => {
      const client = await proxy.connect()
      const random = new Random(seed, `client ${i}`)
      await client.ask('SELECT', String(db))
      while (!isOver(told)) {
        const scripts = Array.from({ length: 10 }, () => chosenScript(random, next))
        // Plain writes of the same keys come in between.
        const replies = await client.pipeline([...scripts, ['INCRBYFLOAT', '{t1}f:1', '0.5'], ['SPOP', '{t2}set:1']])
        for (const reply of replies) {
          told.scripts++
          const text = reply.toString('latin1')
          if (reply[0] !== 0x2d || /^-WRONGTYPE|^-ERR value is not a valid float/.test(text)) continue
          if (UNKNOWN.test(text)) told.unknown++
          else if (NOT_APPLIED.test(text)) told.notApplied++
          else told.unexpected.push(text)
        }
      }
    }),
  )
  return told
}

async function allIsEqual(t: Test, proxy: TestProxy): Promise<void> {
  const client = await proxy.connect()
  await until('all serve', async () => Object.values(await nodeStates(client)).every((state) => state === 'up'))
  await until('nothing is in doubt', async () => (await ringSnapshot(proxy)).faults.length === 0, 30_000)
  t.match(await verify(client), { state: 'done', differences: 0, complete: 1 })
}

t.test('whatever scripts choose, all replicas are equal', async (t) => {
  const proxy = await startProxy(t, { nodes: 4, replicas: 2 })
  const told = await write(proxy, 1, ({ scripts }) => scripts >= 1500)
  t.same(told.unexpected.slice(0, 5), [])
  t.equal(told.unknown + told.notApplied, 0)
  await allIsEqual(t, proxy)
})

t.test('also when links break all the time, and scripts are flushed on the servers', async (t) => {
  const proxy = await startProxy(t, PATIENT)
  const flushing = async (member: RawClient, random: Random) => {
    await member.ask('SCRIPT', 'FLUSH')
    return !random.chance(0.5)
  }
  const [told, broken] = await whileLinksBreak(proxy, flushing, async (broken) => {
    const told = await write(proxy, 3, ({ scripts }) => scripts >= 800 && broken() >= 12)
    return [told, broken()] as const
  })
  t.same(told.unexpected.slice(0, 5), [])
  t.comment(`${told.scripts} scripts, ${told.unknown} unknown outcomes, ${broken} broken links`)
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
  t.comment(`${told.scripts} scripts, ${told.unknown} unknown outcomes`)
  await allIsEqual(t, proxy)
})

t.test('a server dies of a script, or while it runs: nobody else gets it', async (t) => {
  const proxy = await startProxy(t, { downAfterMs: 20_000 })
  const [client, reader, watcher] = [await proxy.connect(), await proxy.connect(), await proxy.connect()]
  const [key] = await keysAt(watcher, MEMBER, 0, 1)
  const busy = 'local n = 0 while n < 3e8 do n = n + 1 end'
  const written = client.ask('EVAL', `redis.call('incr', KEYS[1]) ${busy}`, '1', key)
  await until('it is in flight', async () => (await outstanding(watcher, MEMBER)) > 0)
  const read = reader.ask('EVAL_RO', `redis.call('get', KEYS[1]) ${busy}`, '1', key)
  await sleep(100)
  await proxy.ring.kill(MEMBER)
  await declareDown(proxy.ring, MEMBER)
  t.match(String(await read), /^-ERR the (script|read) was not answered/)
  t.match(String(await written), UNKNOWN)
  t.equal(String(await watcher.ask('GET', key)), '$-1\r\n', 'the others have executed nothing')
  t.equal(String(await client.ask('EVAL', "return redis.call('incr', KEYS[1])", '1', key)), ':1\r\n')
})

t.test('a script is refused in the middle: nothing of it stays', async (t) => {
  const proxy = await startProxy(t)
  const client = await proxy.connect()
  const key = '{a}list'
  await client.ask('RPUSH', key, 'a', 'b')
  await client.ask('PEXPIREAT', key, '33000000000000')
  const source = `redis.call('rpop', KEYS[1]) redis.call('persist', KEYS[1])
    for i = 1, 200 do redis.call('set', '{a}' .. i, i) end`
  t.match(
    String(await client.ask('EVAL', source, '1', key)),
    /^-ERR the script touched more than 100 keys that were not among its keys, .* nothing was applied/,
  )
  t.equal(String(await client.ask('LRANGE', key, '0', '-1')), '*2\r\n$1\r\na\r\n$1\r\nb\r\n')
  t.equal(String(await client.ask('PEXPIRETIME', key)), ':33000000000000\r\n')
  t.equal(String(await client.ask('DBSIZE')), ':1\r\n')
  t.match(
    String(await client.ask('EVAL', "redis.call('set', '\\0dt:pieces:0', 1)", '0')),
    /^-ERR the script touched a name that begins with/,
  )
  const [one, whole] = await client.pipeline([
    ['EVAL', "redis.call('set', '{u}' .. ARGV[1], 'first')", '0', 'x'],
    ['GET', '{u}x'],
  ])
  t.same([String(one), String(whole)], ['$-1\r\n', '$5\r\nfirst\r\n'], 'what its client sends next comes behind it')
  await allIsEqual(t, proxy)
})

t.test(
  'what its client sends next waits until its server has executed it, not until the others have what it did',
  async (t) => {
    const { proxy, relay, client } = await throughRelay(t)
    const watcher = await proxy.connect()
    const [key] = await keysAt(watcher, 'dt-1', 0, 1)
    const source = "return redis.call('SET', KEYS[1] .. '', ARGV[1])"
    await client.ask('EVAL', source, '1', key, 'known')
    relay.stallRequests('a-text-of-its-own')
    const replies = client.pipeline([
      ['EVAL', source, '1', key, 'a-text-of-its-own'],
      ['APPEND', key, ' and more'],
    ])
    await until('the next one is executed', async () => {
      return String(await watcher.ask('GET', key)) === '$26\r\na-text-of-its-own and more\r\n'
    })
    t.ok(relay.isStalling)
    relay.resume()
    t.same((await replies).map(String), ['+OK\r\n', ':26\r\n'])
    await allIsEqual(t, proxy)
  },
)

t.test('a script that asks for very much is ended', async (t) => {
  const proxy = await startProxy(t)
  const client = await proxy.connect()
  const source = `redis.call('SET', KEYS[1], 'x')
    for i = 1, 2000 do redis.call('INFO', 'everything', 'x' .. i) end`
  t.match(
    String(await client.ask('EVAL', source, '1', 'key')),
    /^-ERR the script asked for more than 1000 things .* or for more than 1 MB .* nothing was applied/,
  )
  t.equal(String(await client.ask('EXISTS', 'key')), ':0\r\n')
})

t.test('a server is full: a script frees memory, and takes none', async (t) => {
  const proxy = await startProxy(t)
  const client = await proxy.connect()
  const [key] = await keysAt(client, MEMBER, 1, 1)
  await client.ask('RPUSH', key, 'a', 'b')
  const member = await proxy.connectTo(MEMBER)
  await member.ask('CONFIG', 'SET', 'maxmemory', '1')
  await breakLink(member)
  await until('it is known', async () => /^-OOM/.test(String(await client.ask('INCR', key))))
  t.match(
    String(await client.ask('EVAL', "return redis.call('rpush', KEYS[1], 'c')", '1', key)),
    /^-OOM command not allowed when used memory > 'maxmemory'\. script: [0-9a-f]{40}, on @user_script:1\./,
  )
  t.match(
    String(await client.ask('EVAL', "#!lua\nreturn redis.call('rpop', KEYS[1])", '1', key)),
    /^-OOM command not allowed when used memory/,
  )
  const freed =
    "redis.call('rpop', KEYS[1]) redis.call('rpush', KEYS[1], 'd') return redis.call('lrange', KEYS[1], 0, -1)"
  t.equal(
    String(await client.ask('EVAL', freed, '1', key)),
    '*2\r\n$1\r\na\r\n$1\r\nd\r\n',
    'as in Redis once it has written',
  )
  await member.ask('CONFIG', 'SET', 'maxmemory', '0')
  await allIsEqual(t, proxy)
  t.equal(String(await client.ask('LRANGE', key, '0', '-1')), '*2\r\n$1\r\na\r\n$1\r\nd\r\n')
})

t.test('what a script has done is too much to be noted: its keys are copied', async (t) => {
  const proxy = await startProxy(t, { config: { limits: { scriptEffectsBytes: '100kb', loadedScriptsBytes: 50 } } })
  const client = await proxy.connect()
  const source =
    "for i = 1, 200 do redis.call('rpush', KEYS[1], string.rep('x', 1000)) end return redis.call('llen', KEYS[1])"
  t.equal(String(await client.ask('EVAL', source, '1', '{k}a')), ':200\r\n')
  t.equal(String(await client.ask('LLEN', '{k}a')), ':200\r\n')
  t.equal(await counter(client, 'scripts_copied'), 1)
  t.match(String(await client.ask('SCRIPT', 'LOAD', 'return 1')), /^\$40/)
  t.match(
    String(await client.ask('SCRIPT', 'LOAD', `return '${'x'.repeat(50)}'`)),
    /^-ERR no more scripts can be loaded: limits.loadedScriptsBytes is 50;/,
  )
  t.equal((await ringSnapshot(proxy)).faults.join('\n'), '')
})

t.test('a script gives deadlines that pass at once: all replicas agree', async (t) => {
  const proxy = await startProxy(t)
  const clients = await Promise.all([1, 2, 3].map(() => proxy.connect()))
  const limiter = `local n = redis.call('incr', KEYS[1])
    if n == 1 then redis.call('pexpire', KEYS[1], ARGV[1]) end
    redis.call('append', KEYS[2], n)
    return n`
  await Promise.all(
    clients.map(async (client, c) => {
      for (let i = 0; i < 150; i++) {
        const calls = Array.from({ length: 4 }, (_, j) => [
          'EVAL',
          limiter,
          '2',
          `{r${j}}n`,
          `{r${j}}log`,
          String(1 + ((i + c) % 4)),
        ])
        for (const reply of await client.pipeline(calls)) if (reply[0] !== 0x3a) t.fail(String(reply))
        await sleep(i % 3)
      }
    }),
  )
  await allIsEqual(t, proxy)
})

t.test('a watched key that a script changes is changed, declared or not', async (t) => {
  const proxy = await startProxy(t)
  const [client, other] = [await proxy.connect(), await proxy.connect()]
  const watched = async (...script: string[]) => {
    await client.ask('WATCH', '{w}k')
    await other.ask(...script)
    return String((await client.pipeline([['MULTI'], ['GET', '{w}k'], ['EXEC']])).at(-1))
  }
  t.equal(await watched('EVAL', "redis.call('set', KEYS[1], 1)", '1', '{w}k'), '*-1\r\n')
  t.equal(await watched('EVAL', "redis.call('set', '{w}k', 2)", '0'), '*-1\r\n')
  t.equal(await watched('EVAL', "return redis.call('get', '{w}k')", '0'), '*1\r\n$1\r\n2\r\n')
})
