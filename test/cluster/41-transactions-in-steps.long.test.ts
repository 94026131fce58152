import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { breakLink, linkIdOn } from '../helpers/break-link.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { counter, keyOn, outstanding } from '../helpers/ring-state.js'
import { declareDown } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * Transactions with commands that take turns of their own, such as RENAME between servers, DBSIZE and SWAPDB: one step for
 * everybody else [design §7 Transactions].
 */

interface Story {
  readonly proxy: TestProxy
  readonly watcher: RawClient
  /** On dt-1 and dt-2 alone, and on dt-3 and dt-4 alone. */
  readonly a: string
  readonly b: string
}

async function begin(t: Test, config = {}): Promise<Story> {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1, config, log: new LogLines().log })
  const watcher = await proxy.connect()
  const [a, b] = [await keyOn(watcher, 'a', 'dt-1', 'dt-2'), await keyOn(watcher, 'b', 'dt-3', 'dt-4')]
  return { proxy, watcher, a, b }
}

async function exec(client: RawClient, ...commands: readonly string[][]): Promise<string> {
  return String((await client.pipeline([['MULTI'], ...commands, ['EXEC']])).at(-1))
}

async function values(client: RawClient, ...keys: readonly string[]): Promise<string[]> {
  const reply = String(await client.ask('MGET', ...keys))
  return [...reply.matchAll(/\$\d+\r\n(\w+)|\$-1/g)].map(([, value]) => value ?? '')
}

t.test('others see all of it or nothing, also who looks at all keys, and a FLUSHALL in between', async (t) => {
  const { proxy, watcher, a, b } = await begin(t)
  const [n, m] = [`{${a}}n`, `{${b}}m`]
  const faults: string[] = []
  let over = false
  const counts = { moved: 0, seen: 0, flushed: 0 }
  await watcher.ask('SET', a, 'value')
  const mover = async (from: string, to: string) => {
    const client = await proxy.connect()
    while (!over) {
      const reply = await exec(
        client,
        ['INCR', n],
        ['RENAME', from, to],
        ['INCR', m],
        ['DBSIZE'],
        ['SMOVE', 's', 't', 'x'],
      )
      if (/^\*5\r\n:\d+\r\n\+OK\r\n:\d+\r\n:3\r\n:0\r\n$/.test(reply)) counts.moved++
      else if (!/^\*5\r\n:\d+\r\n-ERR no such key\r\n:\d+\r\n:[23]\r\n:0\r\n$/.test(reply)) faults.push(reply)
    }
  }
  const look = async (commands: string[][], isRight: (reply: string) => boolean) => {
    const client = await proxy.connect()
    while (!over) {
      const reply = String((await client.pipeline(commands)).at(-1))
      if (!isRight(reply)) faults.push(`${commands.join(' ')}: ${reply}`)
      counts.seen++
    }
  }
  // Both numbers are equal, and one of the names is there, or there is nothing but numbers.
  const isWhole = (reply: string) => {
    const [one, other, ...names] = [...reply.matchAll(/\$\d+\r\n(\w+)|\$-1|_/g)].map(([, value]) => value ?? '')
    return one === other && names.length === 2 && names.filter((name) => name === 'value').length <= 1
  }
  const all = [
    mover(a, b),
    mover(b, a),
    look([['MGET', n, m, a, b]], isWhole),
    look([['MULTI'], ['GET', n], ['GET', m], ['MGET', a, b], ['EXEC']], isWhole),
    look(
      [['KEYS', '*']],
      (reply) =>
        !reply.includes(n) === !reply.includes(m) && !(reply.includes(`\n${a}\r`) && reply.includes(`\n${b}\r`)),
    ),
    look([['MULTI'], ['KEYS', '*'], ['EXEC']], (reply) => !reply.includes(n) === !reply.includes(m)),
    look([['DBSIZE']], (reply) => /^:[023]\r\n$/.test(reply)),
  ]
  await until('they have moved it', () => counts.moved > 60)
  for (; counts.flushed < 10; counts.flushed++) {
    await watcher.pipeline([['MULTI'], ['FLUSHALL'], ['SET', a, 'value'], ['SET', n, '0'], ['SET', m, '0'], ['EXEC']])
    const before = counts.moved
    await until('they move it again', () => counts.moved > before + 5)
  }
  over = true
  await Promise.all(all)
  t.same(faults.slice(0, 3), [])
  t.equal(await counter(watcher, 'gates'), 0)
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test('a member dies in the middle: what was told is so, and nothing is half without being told', async (t) => {
  const { proxy, watcher, a, b } = await begin(t)
  const lists = [a, b, `{${a}}2`, `{${b}}2`]
  await watcher.ask('RPUSH', a, ...Array.from({ length: 20 }, (_, i) => `e${i}`))
  let over = false
  let done = 0
  const faults: string[] = []
  const unsure: string[] = []
  const count = `{${b}}count`
  const movers = [0, 1, 2].map(async (c) => {
    const client = await proxy.connect()
    for (let i = c; !over; i++) {
      const [from, to] = [lists[i % 4], lists[(i + 1 + c) % 4]]
      const reply = await exec(client, ['LMOVE', from, to, 'LEFT', 'RIGHT'], ['INCR', count], ['INCR', `{${a}}count`])
      if (/^\*3\r\n(\$\d+\r\ne\d+|\$-1)\r\n:\d+\r\n:\d+\r\n$/.test(reply)) done++
      else if (/^-ERR (the outcome of this transaction is unknown|the transaction was executed in part)/.test(reply))
        unsure.push(reply)
      else faults.push(reply)
    }
  })
  const sum = async (client: RawClient) => {
    const replies = await client.pipeline([['MULTI'], ...lists.map((list) => ['LLEN', list]), ['EXEC']])
    return [...String(replies.at(-1)).matchAll(/:(\d+)/g)].reduce((all, [, length]) => all + Number(length), 0)
  }
  await until('they are moved', () => done > 60)
  proxy.ring.pause('dt-3')
  await new Promise((resolve) => setTimeout(resolve, 100))
  await proxy.ring.kill('dt-3')
  await declareDown(proxy.ring, 'dt-3')
  const before = done
  await until('they are moved again', () => done > before + 60)
  over = true
  await Promise.all(movers)
  t.same(faults.slice(0, 3), [])
  const length = await sum(watcher)
  t.ok(length >= 20 && length <= 20 + unsure.length, `${length} elements, ${unsure.length} times not sure`)
  const [one, other] = await values(watcher, count, `{${a}}count`)
  t.ok(Math.abs(Number(one) - Number(other)) <= unsure.length, `${one} ${other}`)
  t.equal(await counter(watcher, 'gates'), 0)
})

t.test(
  'a server that is away before: all of it waits without its keys, and nothing is applied if in vain',
  async (t) => {
    const { proxy, watcher, a, b } = await begin(t, { limits: { unavailableTimeoutMs: 600 } })
    await watcher.ask('SET', a, 'value')
    await proxy.ring.kill('dt-3')
    await until('it is noticed', async () => (await counter(watcher, 'links_up')) === 3)
    const waiting = exec(
      await proxy.connect(),
      ['SET', `{${a}}n`, '1'],
      ['SELECT', '3'],
      ['SELECT', '0'],
      ['RENAME', a, b],
    )
    await until('it waits', async () => (await counter(watcher, 'waits')) > 0)
    t.equal(String(await watcher.ask('SET', `{${a}}n`, '2')), '+OK\r\n', 'nobody waits behind it')
    t.match(await waiting, /^-CLUSTERDOWN .* the command was not applied, try again\r\n$/)
    t.same(await values(watcher, `{${a}}n`, a), ['2', 'value'])
  },
)

t.test('a server that is lost in the middle, and does not come back: it says which were executed', async (t) => {
  const { proxy, watcher, a, b } = await begin(t, { limits: { unavailableTimeoutMs: 800 } })
  await watcher.ask('SET', b, 'value')
  proxy.ring.pause('dt-3')
  const client = await proxy.connect()
  const reply = exec(client, ['SET', `{${a}}n`, '1'], ['RENAME', b, a], ['SET', `{${a}}n`, '2'])
  await until('it looks at the value', async () => (await outstanding(watcher, 'dt-3')) > 0)
  await proxy.ring.kill('dt-3')
  t.match(
    await reply,
    /^-ERR the transaction was executed in part: the commands before 'rename', which is number 2 of them, were executed, and this one and those behind it were not: a server that holds this key is not reachable .*; read its keys before you send it again\r\n$/,
  )
  t.same(await values(watcher, `{${a}}n`, a, b), ['1', '', 'value'])
  t.equal(await counter(watcher, 'gates'), 0)
})

t.test('values that are too large: nothing is executed if that can be known before, else it ends there', async (t) => {
  const { watcher, a, b } = await begin(t, { limits: { gatherBytes: '50kb' } })
  const [large, n] = [randomBytes(67_500).toString('base64'), `{${a}}n`]
  await watcher.pipeline([
    ['SET', a, large],
    ['SET', b, large],
  ])
  for (const before of [[], [['INCR', n]]]) {
    t.match(
      await exec(watcher, ...before, ['BITOP', 'OR', `{${b}}d`, a, b]),
      /^-EXECABORT Transaction discarded because of: 'bitop' .* limits.gatherBytes is 51200; .* the command was not applied/,
    )
  }
  t.same(await values(watcher, n), [''])
  await watcher.ask('DEL', a)
  t.match(
    await exec(watcher, ['INCR', n], ['SET', a, large], ['BITOP', 'OR', `{${b}}d`, a, b], ['DEL', a, b]),
    /^-ERR the transaction was executed in part: the commands before 'bitop', which is number 3 of them, were executed, .* limits.gatherBytes is 51200; .* read its keys/,
  )
  t.equal(String(await watcher.ask('STRLEN', b)), ':90000\r\n', 'what stands behind it was not executed')
  t.same(await values(watcher, n), ['1'])
})

t.test('watched keys: it is executed if none has changed', async (t) => {
  const { proxy, watcher, a, b } = await begin(t)
  const client = await proxy.connect()
  await client.ask('SET', a, 'value')
  const tries: [string[] | undefined, RegExp][] = [
    [undefined, /^\*2\r\n\+OK\r\n:1\r\n$/],
    [['SET', b, 'value'], /^\*-1\r\n$/],
    [['INCR', 'another'], /^\*2\r\n\+OK\r\n:\d\r\n$/],
    [['SWAPDB', '0', '1'], /^\*-1\r\n$/],
  ]
  for (const [between, expected] of tries) {
    await watcher.pipeline([
      ['SET', a, 'value'],
      ['DEL', b],
    ])
    await client.ask('WATCH', a, b)
    if (between !== undefined) await watcher.ask(...between)
    t.match(
      await exec(client, ['RENAME', a, b], ['SCARD', 'none'], ['INCR', `{${a}}n`]).then((r) =>
        r.replace(':0\r\n', '').replace('*3', '*2'),
      ),
      expected,
    )
  }
})

/*
 * Between the question whether a watched key has changed, and the first write, a server may be asked, and take its time.
 */
for (const how of ['expires', 'cannot be told of any more'] as const) {
  t.test(`a watched key ${how} before anything is written: nothing is`, async (t) => {
    const { proxy, watcher, a, b } = await begin(t, { limits: { unavailableTimeoutMs: 90_000, gatherMs: 90_000 } })
    const [watched, result] = [`{${a}}watched`, `{${a}}result`]
    const master = await proxy.connectTo('dt-1')
    const changes = async () => {
      if (how === 'expires') {
        await until('it has expired', async () => String(await master.ask('EXISTS', watched)) === ':0\r\n')
        // What the proxy is answered on that link comes behind the news.
        await watcher.ask('EXISTS', `{${a}}nothing`)
        return
      }
      const before = await linkIdOn(master)
      await breakLink(master)
      await until('it has another link', async () => {
        const id = await linkIdOn(master)
        return id !== undefined && id !== before && (await counter(watcher, 'links_up')) === 4
      })
    }
    const lists = [`{${b}}list`, `{${a}}list`]
    for (const commands of [
      [
        ['SET', result, '1'],
        ['RENAME', b, `{${a}}renamed`],
      ],
      [['RENAME', b, `{${a}}renamed`]],
      [['LMOVE', lists[0], lists[1], 'LEFT', 'RIGHT']],
      [['EVAL', "redis.call('SET', KEYS[1], 1) return redis.call('GET', KEYS[2])", '2', result, b]],
      [
        ['SUNION', `{${a}}set`, `{${b}}set`],
        ['INCR', result],
      ],
    ]) {
      await watcher.pipeline([
        ['SET', b, 'value'],
        ['DEL', ...lists],
        ['RPUSH', lists[0], 'e'],
        ['SADD', `{${b}}set`, 'm'],
        ['SET', watched, 'value', ...(how === 'expires' ? ['PX', '2000'] : [])],
      ])
      const client = await proxy.connect()
      await client.ask('WATCH', watched)
      t.equal(String(await client.ask('GET', watched)), '$5\r\nvalue\r\n')
      proxy.ring.pause('dt-3')
      const reply = exec(client, ...commands)
      await until('it looks', async () => (await outstanding(watcher, 'dt-3')) > 0)
      await changes()
      proxy.ring.resume('dt-3')
      t.equal(await reply, '*-1\r\n', commands.join('; '))
      t.same(await values(watcher, result, `{${a}}renamed`, b), ['', '', 'value'])
      t.equal(String(await watcher.ask('LLEN', lists[0])), ':1\r\n')
      t.equal(await counter(watcher, 'gates'), 0)
    }
    t.same((await ringSnapshot(proxy)).faults, [])
  })
}

t.test(
  'KEYS in a transaction waits for those that are in the middle, and not for those that come after it',
  async (t) => {
    const { proxy, watcher, a, b } = await begin(t, { limits: { unavailableTimeoutMs: 90_000, gatherMs: 90_000 } })
    const master = await proxy.connectTo('dt-1')
    const moves = (n: number) => [
      ['SET', `{${a}}${n}`, 'x'],
      ['RENAME', `{${a}}${n}`, `{${b}}${n}`],
    ]
    proxy.ring.pause('dt-3')
    const first = exec(await proxy.connect(), ...moves(1))
    await until('it is in the middle', async () => String(await master.ask('EXISTS', `{${a}}1`)) === ':1\r\n')
    const before = await counter(watcher, 'waits')
    const keys = exec(await proxy.connect(), ['KEYS', '*'])
    await until('it waits', async () => (await counter(watcher, 'waits')) > before)
    const gates = await counter(watcher, 'gates')
    const second = exec(await proxy.connect(), ...moves(2))
    await until('it is at its gates', async () => (await counter(watcher, 'gates')) > gates)
    // So that what it asks dt-1 before its first write is answered.
    for (let i = 0; i < 3; i++) await watcher.ask('GET', a)
    proxy.ring.resume('dt-3')
    t.equal(await keys, `*1\r\n*1\r\n$${b.length + 3}\r\n{${b}}1\r\n`)
    for (const reply of [first, second]) t.equal(await reply, '*2\r\n+OK\r\n+OK\r\n')
  },
)

t.test('KEYS that has waited for servers looks into no transaction that has begun meanwhile', async (t) => {
  const { proxy, watcher, a } = await begin(t, { limits: { unavailableTimeoutMs: 90_000, gatherMs: 90_000 } })
  const c = await keyOn(watcher, 'c', 'dt-2', 'dt-1')
  const master = await proxy.connectTo('dt-1')
  for (const name of ['dt-3', 'dt-4']) await proxy.ring.kill(name)
  await until('it is noticed', async () => (await counter(watcher, 'links_up')) === 2)
  const keys = (await proxy.connect()).ask('KEYS', '*').then(String)
  for (let i = 0; i < 3; i++) await watcher.ask('GET', a)
  proxy.ring.pause('dt-2')
  const moved = exec(
    await proxy.connect(),
    ['SET', `{${a}}1`, 'x'],
    ['RENAME', `{${a}}1`, `{${c}}1`],
    ['SET', `{${a}}2`, 'x'],
  )
  await until('it is in the middle', async () => String(await master.ask('EXISTS', `{${a}}1`)) === ':1\r\n')
  await Promise.all(['dt-3', 'dt-4'].map((name) => proxy.ring.restart(name)))
  await until('they are back', async () => (await counter(watcher, 'links_up')) === 4)
  for (let i = 0; i < 3; i++) await watcher.ask('GET', a)
  proxy.ring.resume('dt-2')
  t.equal(await moved, '*3\r\n+OK\r\n+OK\r\n+OK\r\n')
  t.same([...(await keys).matchAll(/^\{.*\}\d/gm)].map(String).sort(), [`{${a}}2`, `{${c}}1`])
})

t.test('where commands over several servers are refused, they are when they are queued', async (t) => {
  const { watcher, a, b } = await begin(t, { commands: { crossServer: 'refuse' } })
  for (const command of [
    ['RENAME', a, b],
    ['SORT', a, 'BY', 'w_*'],
  ]) {
    const replies = (await watcher.pipeline([['MULTI'], ['SET', a, '1'], command, ['EXEC']])).map(String)
    t.match(replies.slice(2), [/^-CROSSSLOT /, /^-EXECABORT /])
  }
})

t.test('the patterns of SORT_RO name keys of other servers, also where nothing else is asked', async (t) => {
  const { watcher, a, b } = await begin(t)
  await watcher.ask('RPUSH', a, '1', '2', '3')
  await watcher.ask('MSET', `{${b}}1`, '9', `{${b}}2`, '8', `{${b}}3`, '7')
  const sorted = '*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n'
  const sort = ['SORT_RO', a, 'BY', `{${b}}*`]
  t.equal(String(await watcher.ask(...sort)), sorted)
  t.equal(await exec(watcher, sort), `*1\r\n${sorted}`)
  t.equal(await exec(watcher, ['LLEN', a], sort), `*2\r\n:3\r\n${sorted}`)
})

t.test('scripts are steps: others see all of it, whichever keys they touch, and errors are their own', async (t) => {
  const { proxy, watcher, a, b } = await begin(t)
  const source = `redis.call('INCR', KEYS[1]); return redis.call('INCR', ARGV[1])`
  const sha = String(await watcher.ask('SCRIPT', 'LOAD', source)).split('\r\n')[1]
  const names = [1, 2, 3, 4].map((i) => (i % 2 === 0 ? `{${a}}${i}` : `{${b}}${i}`))
  const faults: string[] = []
  let over = false
  let seen = 0
  const reader = (async () => {
    const client = await proxy.connect()
    while (!over) {
      const found = await values(client, ...names)
      if (new Set(found).size !== 1) faults.push(found.join(' '))
      seen++
    }
  })()
  const movers = [1, 2].map(async () => {
    const client = await proxy.connect()
    for (let i = 0; i < 40; i++) {
      const one = ['EVALSHA', sha, '1', names[0], names[1]]
      const other =
        i % 2 === 0 ? ['EVALSHA', sha, '1', names[2], names[3]] : ['EVAL', source, '2', names[2], names[3], names[3]]
      const reply = await exec(client, one, ['EVALSHA', 'f'.repeat(40), '0'], ['EVAL', 'return {1', '0'], other)
      if (!/^\*4\r\n:(\d+)\r\n-NOSCRIPT [^\r]*\r\n-ERR Error compiling script [^\r]*\r\n:\1\r\n$/.test(reply))
        faults.push(reply)
    }
  })
  await Promise.all(movers)
  over = true
  await reader
  t.same(faults.slice(0, 3), [])
  t.ok(seen > 10, `${seen} times seen`)
  t.same(await values(watcher, ...names), ['80', '80', '80', '80'])
  t.equal(await counter(watcher, 'gates'), 0)
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test('functions are steps, too: also loaded, called and deleted in one transaction', async (t) => {
  const { proxy, watcher, a, b } = await begin(t)
  const library = `#!lua name=steps
    redis.register_function('swap', function(keys, args)
      local one, other = redis.call('GET', keys[1]), redis.call('GET', args[1])
      redis.call('SET', keys[1], other); redis.call('SET', args[1], one)
      return one .. other
    end)`
  await watcher.ask('MSET', a, '1', b, '2')
  t.equal(
    await exec(
      watcher,
      ['FUNCTION', 'LOAD', library],
      ['FCALL', 'swap', '1', a, b],
      ['GET', a],
      ['FUNCTION', 'DELETE', 'steps'],
      ['FCALL', 'swap', '1', a, b],
    ),
    '*5\r\n$5\r\nsteps\r\n$2\r\n12\r\n$1\r\n2\r\n+OK\r\n-ERR Function not found\r\n',
  )
  t.same(await values(watcher, a, b), ['2', '1'])
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test('a script that asks for all keys is told what the commands before it have left', async (t) => {
  const { watcher, a, b } = await begin(t)
  const source = "redis.call('SET', KEYS[1], 1) return redis.call('DBSIZE') + #redis.call('KEYS', '*')"
  const reply = await exec(watcher, ['SET', a, '1'], ['EVAL', source, '1', b], ['DEL', a])
  t.equal(reply, '*3\r\n+OK\r\n:4\r\n:1\r\n')
})

t.test('the server of a script is lost in the middle: the outcome is unknown, and it is not sent again', async (t) => {
  const { proxy, watcher, a, b } = await begin(t)
  const client = await proxy.connect()
  await client.ask('EVAL', "return redis.call('INCR', KEYS[1])", '1', b)
  proxy.ring.pause('dt-3')
  const reply = exec(client, ['INCR', a], ['EVAL', "return redis.call('INCR', KEYS[1])", '1', b], ['INCR', a])
  await until('it is in flight', async () => (await outstanding(watcher, 'dt-3')) > 0)
  await proxy.ring.kill('dt-3')
  await declareDown(proxy.ring, 'dt-3')
  t.match(await reply, /^-ERR the outcome of this transaction is unknown: /)
  t.same(await values(watcher, a, b), ['1', '1'])
})
