import t, { type Test } from 'tap'
import { breakLink } from '../helpers/break-link.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { counter, keyOn, outstanding } from '../helpers/ring-state.js'
import { declareDown } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * Commands that need whole values of keys on several servers: one of these executes them, the others' values are its guests for one
 * MULTI, and what is stored is written like any other value [design §7 Several keys].
 */

interface Story {
  readonly proxy: TestProxy
  readonly watcher: RawClient
  readonly lines: LogLines
  /** On dt-1 and dt-2 alone, on dt-3 and dt-4 alone, and on dt-2 and dt-3 alone. */
  readonly a: string
  readonly b: string
  readonly d: string
}

async function begin(t: Test, config = {}): Promise<Story> {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 4, replicas: 1, config, log: lines.log })
  const watcher = await proxy.connect()
  const [a, b] = [await keyOn(watcher, 'a', 'dt-1', 'dt-2'), await keyOn(watcher, 'b', 'dt-3', 'dt-4')]
  await watcher.ask('SADD', a, 'x', 'y')
  await watcher.ask('SADD', b, 'y', 'z')
  return { proxy, watcher, lines, a, b, d: await keyOn(watcher, 'd', 'dt-2', 'dt-3') }
}

const STILL_GATED =
  /^-TRYAGAIN it has waited for 500 ms, at the end for other commands that have one of its keys; the command was not applied, try again\r\n$/

/** Sends a command that looks at something which a member that stands still has. */
async function lookAtStill({ proxy, watcher }: Story, member: string, ...args: string[]) {
  proxy.ring.pause(member)
  const reply = (await proxy.connect()).ask(...args).then(String)
  await until('it looks', async () => (await outstanding(watcher, member)) > 0)
  return { reply }
}

async function membersOfSet(client: RawClient, key: string): Promise<string> {
  return (String(await client.ask('SMEMBERS', key)).match(/^[a-z]\w*(?=\r)/gm) ?? []).sort().join(' ')
}

t.test('guests are seen by nobody, neither while the commands run nor afterwards', async (t) => {
  const { proxy, watcher, a, b, d } = await begin(t)
  let over = false
  const seen: string[] = []
  const members = ['dt-1', 'dt-2', 'dt-3', 'dt-4']
  const lookers = members.map(async (name) => {
    const member = await proxy.connectTo(name)
    for (let looks = 0; !over || looks < 10; looks++) {
      const found = String(await member.ask('KEYS', '*dt:pieces*'))
      if (found !== '*0\r\n') seen.push(`${name}: ${found}`)
    }
  })
  for (let i = 0; i < 200; i++) {
    t.equal(String(await watcher.ask('SUNIONSTORE', d, a, b)), ':3\r\n')
    t.equal(String(await watcher.ask('SINTERCARD', '2', a, b)), ':1\r\n')
  }
  over = true
  await Promise.all(lookers)
  t.same(seen, [])
  t.equal(await membersOfSet(watcher, d), 'x y z')
  t.same((await ringSnapshot(proxy)).faults, [])
  t.equal(await counter(watcher, 'gathers'), 400)
})

t.test('what others write meanwhile comes behind it', async (t) => {
  const story = await begin(t)
  const { proxy, watcher, a, b, d } = story
  const { reply } = await lookAtStill(story, 'dt-3', 'SUNIONSTORE', d, a, b)
  const [one, other, third] = [await proxy.connect(), await proxy.connect(), await proxy.connect()]
  const written = one.ask('SADD', a, 'later')
  const set = other.ask('SET', d, 'text')
  const all = third.pipeline([['MULTI'], ['SADD', a, 'later'], ['SADD', b, 'later'], ['EXEC']])
  await until('they wait', async () => (await counter(watcher, 'gate_waits')) > 1)
  proxy.ring.resume('dt-3')
  t.equal(await reply, ':3\r\n')
  t.match(String(await written), /^:[01]\r\n$/)
  t.equal(String(await set), '+OK\r\n')
  await all
  t.equal(String(await watcher.ask('GET', d)), '$4\r\ntext\r\n')
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test('who only reads does not keep others from reading', async (t) => {
  const story = await begin(t)
  const { proxy, watcher, a, b } = story
  const { reply } = await lookAtStill(story, 'dt-3', 'SINTER', a, b)
  t.equal(await membersOfSet(watcher, a), 'x y')
  proxy.ring.resume('dt-3')
  t.equal(await reply, '*1\r\n$1\r\ny\r\n')
})

t.test('those who wait for its keys wait as long as for a server, and are told that nothing was applied', async (t) => {
  const story = await begin(t, { limits: { unavailableTimeoutMs: 500, gatherMs: 20_000 } })
  const { proxy, watcher, a, b, d } = story
  await watcher.ask('SET', d, 'before')
  const { reply } = await lookAtStill(story, 'dt-3', 'SUNIONSTORE', d, a, b)
  const behind: string[][][] = [
    [['SET', d, 'text']],
    [['GET', d]],
    [['SADD', a, 'later']],
    [['MSETNX', a, '1', d, '2']],
    [['SINTERSTORE', a, d, b]],
    [['RENAME', d, a]],
    [['SWAPDB', '0', '1']],
    [['EVAL', 'return redis.call("SET", KEYS[1], 1)', '1', d]],
  ]
  const waiting = behind.map(async (commands) => (await proxy.connect()).pipeline(commands))
  const block = (await proxy.connect()).pipeline([['MULTI'], ['SET', d, 'text'], ['SADD', a, 'later'], ['EXEC']])
  for (const [i, replies] of (await Promise.all(waiting)).entries())
    t.match(String(replies[0]), STILL_GATED, behind[i].join(' '))
  t.match(String((await block)[3]), STILL_GATED)
  t.equal(await counter(watcher, 'gates'), 1, 'they have left')
  t.equal(await membersOfSet(watcher, a), 'x y', 'which is only read, and nobody waits for it any more')
  proxy.ring.resume('dt-3')
  t.equal(await reply, ':3\r\n')
  t.equal(await membersOfSet(watcher, a), 'x y')
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test('who copies does not keep others from reading, nor from copying, what he copies', async (t) => {
  const story = await begin(t)
  const { proxy, watcher, a, b, d } = story
  const { reply } = await lookAtStill(story, 'dt-3', 'COPY', b, d)
  const other = (await proxy.connect()).ask('COPY', b, a, 'REPLACE')
  const read = (await proxy.connect()).ask('SCARD', b)
  await until('all of them look', async () => (await outstanding(watcher, 'dt-3')) > 2)
  t.equal(await counter(watcher, 'gate_waits'), 0)
  proxy.ring.resume('dt-3')
  t.same([await reply, String(await other), String(await read)], [':1\r\n', ':1\r\n', ':2\r\n'])
  t.equal(await membersOfSet(watcher, a), 'y z')
})

for (const sweep of [['FLUSHALL'], ['SWAPDB', '0', '1']]) {
  t.test(`${sweep[0]} comes before it or behind it`, async (t) => {
    const story = await begin(t)
    const { proxy, watcher, a, b, d } = story
    const { reply } = await lookAtStill(story, 'dt-3', 'SUNIONSTORE', d, a, b)
    const swept = (await proxy.connect()).ask(...sweep)
    await until('it waits', async () => (await counter(watcher, 'gates')) === 2)
    proxy.ring.resume('dt-3')
    t.equal(await reply, ':3\r\n')
    t.equal(String(await swept), '+OK\r\n')
    t.equal(String(await watcher.ask('EXISTS', d)), ':0\r\n')
    t.same((await ringSnapshot(proxy)).faults, [])
  })
}

t.test('a server that stands still is waited for as long as the limit says, with an error that is true', async (t) => {
  const story = await begin(t, { limits: { gatherMs: 300 } })
  const { proxy, watcher, a, b, d } = story
  const { reply } = await lookAtStill(story, 'dt-3', 'SUNIONSTORE', d, a, b)
  t.match(await reply, /^-ERR 'sunionstore' .* limits.gatherMs, 300 ms; the command was not applied/)
  t.equal(await counter(watcher, 'gates'), 0)
  t.equal(String(await watcher.ask('SADD', a, 'later')), ':1\r\n', 'its keys are free')
  proxy.ring.resume('dt-3')
  t.equal(String(await watcher.ask('EXISTS', d)), ':0\r\n')
})

t.test('a server that dies before, or in the middle: the others go on when it is known to be dead', async (t) => {
  const story = await begin(t)
  const { proxy, watcher, a, b, d } = story
  const { reply } = await lookAtStill(story, 'dt-3', 'SUNIONSTORE', d, a, b)
  await proxy.ring.kill('dt-3')
  await until('it is noticed', async () => (await counter(watcher, 'links_up')) === 3)
  // The destination has a copy there.
  await until('it waits, without its gates', async () => (await counter(watcher, 'gates')) === 0)
  t.equal(String(await watcher.ask('SINTER', a, b)), '*1\r\n$1\r\ny\r\n', 'what is only read is read from the others')
  await declareDown(proxy.ring, 'dt-3')
  t.equal(await reply, ':3\r\n')
  t.equal(await membersOfSet(watcher, d), 'x y z')
})

t.test('values that are too large are refused, with the largest one’s name and what can be done', async (t) => {
  const story = await begin(t, { limits: { gatherBytes: '50kb' } })
  const { proxy, watcher, a, b, d, lines } = story
  const large = `large{${b}}`
  await watcher.ask('SET', large, 'x'.repeat(100_000))
  t.match(
    String(await watcher.ask('BITOP', 'OR', d, large, `large{${a}}`)),
    /^:100000/,
    'who has the large one executes it',
  )
  const other = `other{${a}}`
  await watcher.ask('SET', other, 'x'.repeat(90_000))
  t.match(
    String(await watcher.ask('BITOP', 'OR', d, large, other)),
    new RegExp(
      `^-ERR 'bitop' .* limits.gatherBytes is 51200; the key "${large}" has \\d+ of them; the command was not applied`,
    ),
  )
  t.equal(String(await watcher.ask('STRLEN', d)), ':100000\r\n')
  t.equal(lines.about(/copied/).length, 0)
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test('commands over several servers can be refused as Redis Cluster refuses them', async (t) => {
  const { watcher, a, b, d } = await begin(t, { commands: { crossServer: 'refuse' } })
  for (const command of [
    ['SINTER', a, b],
    ['SUNIONSTORE', d, a, b],
    ['PFCOUNT', a, b],
    ['RENAME', a, b],
    ['COPY', a, b],
  ]) {
    t.equal(String(await watcher.ask(...command)), "-CROSSSLOT Keys in request don't hash to the same slot\r\n")
  }
  t.equal(String(await watcher.ask('SINTER', a, `{${a}}2`)), '*0\r\n', 'not on the same servers')
})

t.test('a server without memory takes no guests, and a destination without memory is not written', async (t) => {
  const { proxy, watcher, a, b, d } = await begin(t)
  const limit = async (name: string, bytes: string) => {
    const member = await proxy.connectTo(name)
    await member.ask('CONFIG', 'SET', 'maxmemory', bytes)
    await breakLink(member)
  }
  const isUp = () => until('it is back', async () => (await counter(watcher, 'links_up')) === 4)
  for (const name of ['dt-1', 'dt-3']) {
    await limit(name, '1')
    await isUp()
  }
  t.equal(String(await watcher.ask('SINTER', a, b)), '*1\r\n$1\r\ny\r\n', 'somebody else has memory')
  t.match(String(await watcher.ask('SUNIONSTORE', d, a, b)), /^-OOM /, 'a copy of the destination is on dt-3')
  t.equal(String(await watcher.ask('EXISTS', d)), ':0\r\n')
  for (const name of ['dt-2', 'dt-4']) {
    await limit(name, '1')
    await isUp()
  }
  t.match(String(await watcher.ask('SINTER', a, b)), /^-OOM /)
})

t.test('a server without memory reads what it has, and needs nothing from others for that', async (t) => {
  const { proxy, watcher, a, d } = await begin(t)
  // dt-2 has both, and nobody else.
  await watcher.ask('SADD', d, 'y', 'z')
  const fill = async (name: string) => {
    const member = await proxy.connectTo(name)
    await member.ask('CONFIG', 'SET', 'maxmemory', '1')
    await breakLink(member)
    await until('it is back', async () => (await counter(watcher, 'links_up')) === 4)
  }
  for (const names of [['dt-2'], ['dt-1', 'dt-3', 'dt-4']]) {
    for (const name of names) await fill(name)
    t.equal(String(await watcher.ask('SINTER', a, d)), '*1\r\n$1\r\ny\r\n')
    t.equal(String(await watcher.ask('SINTERCARD', '2', a, d)), ':1\r\n')
    t.equal(await counter(watcher, 'gather_bytes'), 0, 'nothing was copied')
  }
  t.match(String(await watcher.ask('SUNIONSTORE', `{${a}}2`, a, d)), /^-OOM /, 'what is stored takes memory')
})

t.test('elements that go from set to set are seen once, in one or the other, while a member dies', async (t) => {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1 })
  const watcher = await proxy.connect()
  const sets = Array.from({ length: 8 }, (_, i) => `set:${i}`)
  const elements = Array.from({ length: 40 }, (_, i) => `e${i}`)
  for (const [i, element] of elements.entries()) await watcher.ask('SADD', sets[i % sets.length], element)
  const seed = (i: number) => Math.floor(Math.abs(Math.sin(i) * 1e6))
  let over = false
  let unions = 0
  const faults: string[] = []
  const movers = Array.from({ length: 3 }, async (_, n) => {
    const client = await proxy.connect()
    for (let i = n * 10_000; !over; i++) {
      const [from, to] = [sets[seed(i) % 8], sets[seed(i + 5000) % 8]]
      const reply = String(await client.ask('SMOVE', from, to, elements[seed(i + 9000) % 40]))
      if (reply.startsWith('-')) faults.push(reply)
    }
  })
  const unite = async (command: string[], stored?: string) => {
    const client = await proxy.connect()
    while (!over) {
      const reply = String(await client.ask(...command))
      if (stored === undefined && (reply.match(/^e\d+/gm) ?? []).length !== 40) faults.push(reply)
      if (stored !== undefined && reply !== ':40\r\n') faults.push(reply)
      if (stored !== undefined) {
        const size = String(await client.ask('SCARD', stored))
        if (size !== ':40\r\n') faults.push(`stored ${size}`)
      }
      unions++
    }
  }
  const readers = [
    unite(['SUNION', ...sets]),
    unite(['SUNIONSTORE', 'all:1', ...sets], 'all:1'),
    unite(['SUNIONSTORE', 'all:2', ...sets], 'all:2'),
  ]
  await until('they are seen', () => unions > 100)
  proxy.ring.pause('dt-2')
  await new Promise((resolve) => setTimeout(resolve, 100))
  await proxy.ring.kill('dt-2')
  await declareDown(proxy.ring, 'dt-2')
  const before = unions
  await until('they are seen again', () => unions > before + 100)
  over = true
  await Promise.all([...movers, ...readers])
  t.same(faults, [])
  t.equal(await counter(watcher, 'gates'), 0)
})

t.test('a name that goes round: the value is under one of them, with its deadline, while a member dies', async (t) => {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1 })
  const watcher = await proxy.connect()
  const names = Array.from({ length: 10 }, (_, i) => `name:${i}`)
  await watcher.ask('SET', names[0], 'the one', 'PXAT', '4102444800123')
  await watcher.ask('SET', names[1], 'another', 'PXAT', '4102444800123')
  let over = false
  let renames = 0
  const faults: string[] = []
  const movers = Array.from({ length: 4 }, async (_, n) => {
    const client = await proxy.connect()
    for (let i = n; !over; i += 7) {
      const [from, to] = [names[i % 10], names[(i * 3 + 1) % 10]]
      if (from === to) continue
      const reply = String(await client.ask('RENAMENX', from, to))
      if (!/^(:[01]|-ERR no such key)\r\n$/.test(reply)) faults.push(reply)
      if (reply === ':1\r\n') renames++
    }
  })
  const reader = (async () => {
    const client = await proxy.connect()
    while (!over) {
      const replies = await client.pipeline([['MULTI'], ...names.map((name) => ['GET', name]), ['EXEC']])
      const reply = String(replies.at(-1))
      const found = reply.match(/the one|another/g)?.sort() ?? []
      if (String(found) !== 'another,the one') faults.push(reply)
    }
  })()
  await until('they are renamed', () => renames > 100)
  proxy.ring.pause('dt-2')
  await new Promise((resolve) => setTimeout(resolve, 100))
  await proxy.ring.kill('dt-2')
  await declareDown(proxy.ring, 'dt-2')
  const before = renames
  await until('they are renamed again', () => renames > before + 100)
  over = true
  await Promise.all([...movers, reader])
  t.same(faults, [])
  const deadlines: string[] = []
  for (const name of names) deadlines.push(String(await watcher.ask('PEXPIRETIME', name)))
  t.equal(deadlines.filter((reply) => reply === ':4102444800123\r\n').length, 2)
  t.equal(await counter(watcher, 'gates'), 0)
})

t.test('a backup that has all keys executes it, but tells nothing that a master has not done', async (t) => {
  const { proxy, watcher, a, d } = await begin(t)
  await watcher.ask('SADD', d, 'new')
  const bytes = await counter(watcher, 'gather_bytes')
  t.equal(String(await watcher.ask('SINTER', a, d)), '*0\r\n')
  t.equal(await counter(watcher, 'gather_bytes'), bytes, 'dt-2 has both of them')
  proxy.ring.pause('dt-1')
  const written = (await proxy.connect()).ask('SADD', a, 'new')
  await until('dt-2 has it', async () => (await outstanding(watcher, 'dt-1')) > 0)
  let reply = ''
  const read = (await proxy.connect()).ask('SINTER', a, d).then((bytes) => {
    reply = String(bytes)
  })
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(reply, '', 'if the proxy crashed now, the master’s word would count')
  proxy.ring.resume('dt-1')
  t.equal(String(await written), ':1\r\n')
  await read
  t.equal(reply, '*1\r\n$3\r\nnew\r\n')
  await watcher.ask('PEXPIRE', a, '1500')
  t.equal(String(await watcher.ask('SINTER', a, d)), '*1\r\n$3\r\nnew\r\n')
  t.ok((await counter(watcher, 'gather_bytes')) > bytes, 'of a key that soon expires the master is asked')
})

t.test(
  'sizes are asked once a second, also of what is not there, and of what is written or lies together',
  async (t) => {
    const { proxy, watcher, a, b, d } = await begin(t)
    const members = await Promise.all(['dt-1', 'dt-2', 'dt-3', 'dt-4'].map((name) => proxy.connectTo(name)))
    const timesOf = async (command: string) => {
      const stats = await Promise.all(members.map((member) => member.ask('INFO', 'commandstats')))
      const pattern = new RegExp(`cmdstat_${command}:calls=(\\d+)`)
      return stats.reduce((sum, each) => sum + Number(pattern.exec(String(each))?.[1] ?? 0), 0)
    }
    const TIMES = 30
    const stories = {
      'one is not there': [['SUNIONSTORE', d, a, `{${b}}:nothing`]],
      'one was stored before': [
        ['SUNIONSTORE', d, a, b],
        ['SINTERSTORE', `{${a}}:other`, d, b],
      ],
      'all sources are on one server': [['SUNIONSTORE', d, b, `{${b}}:nothing`]],
    }
    for (const [title, commands] of Object.entries(stories)) {
      for (const member of members) await member.ask('CONFIG', 'RESETSTAT')
      const beganMs = performance.now()
      for (let i = 0; i < TIMES; i++)
        for (const command of commands) t.match(String(await watcher.ask(...command)), /^:[123]\r\n$/)
      const seconds = 1 + Math.floor((performance.now() - beganMs) / 1000)
      const keys = new Set(commands.flatMap((command) => command.slice(1))).size
      const most = seconds * keys
      const asked = await timesOf('memory\\|usage')
      t.ok(asked <= 2 * most, `${title}: sizes are asked ${asked} times in ${seconds} s, of ${keys} keys`)
      const looked = await timesOf('eval')
      t.ok(looked <= most, `${title}: results are looked at ${looked} times`)
    }
  },
)

t.test('a SORT with patterns holds the keys that these name', async (t) => {
  const story = await begin(t)
  const { proxy, watcher } = story
  await watcher.ask('RPUSH', 'numbers', '1', '2', '3')
  const weights = ['1', '2', '3'].map((n) => `w_${n}`)
  for (const [i, weight] of weights.entries()) await watcher.ask('SET', weight, String(i + 1))
  let over = false
  const faults: string[] = []
  const writer = (async () => {
    const client = await proxy.connect()
    // Either all rise or all fall, for whoever looks at all of them at once.
    for (let i = 0; !over; i++) {
      const values = i % 2 === 0 ? ['1', '2', '3'] : ['3', '2', '1']
      await client.pipeline([['MULTI'], ...weights.map((weight, k) => ['SET', weight, values[k]]), ['EXEC']])
    }
  })()
  for (let i = 0; i < 200; i++) {
    const reply = String(await watcher.ask('SORT', 'numbers', 'BY', 'w_*', 'GET', '#', 'GET', 'w_*'))
    const items = [...reply.matchAll(/\$1\r\n(\d)/g)].map(([, item]) => item).join('')
    // Elements with their weights, by weight.
    if (!['112233', '312213'].includes(items)) faults.push(items)
  }
  over = true
  await writer
  t.same(faults, [])
  t.equal(await counter(watcher, 'gates'), 0)
})

t.test('keys that are known only when others were looked at are gated as well, before they are asked', async (t) => {
  const story = await begin(t)
  const { proxy, watcher, a, b } = story
  const [list, other, d] = [`{${a}}list`, `{${b}}1`, `{${a}}d`]
  await watcher.pipeline([
    ['RPUSH', list, '1'],
    ['SET', other, '5'],
  ])
  // Which key that is nobody can learn from an earlier run.
  const script = "redis.call('LLEN', KEYS[1]) return redis.call('GET', ARGV[1] .. '1')"
  const commands: [string[], string][] = [
    [['SORT', list, 'BY', `{${b}}*`, 'GET', `{${b}}*`], '*1\r\n$1\r\n5\r\n'],
    [['SORT', list, 'BY', `{${b}}*`, 'GET', `{${b}}*`, 'STORE', d], ':1\r\n'],
    [['EVAL', script, '1', list, `{${b}}`], '$1\r\n5\r\n'],
  ]
  const backup = await proxy.connectTo('dt-4')
  for (const [command, expected] of commands) {
    t.equal(String(await watcher.ask(...command)), expected)
    const { reply } = await lookAtStill(story, 'dt-3', ...command)
    const written = (await proxy.connect()).ask('SET', other, '6')
    await until('it stands at the gates', async () => (await counter(watcher, 'gates')) > 1, 5000)
    t.equal(String(await backup.ask('GET', other)), '$1\r\n5\r\n', 'it waits at the gate')
    proxy.ring.resume('dt-3')
    t.equal(await reply, expected)
    t.equal(String(await written), '+OK\r\n')
    await watcher.ask('SET', other, '5')
  }
  t.equal(await counter(watcher, 'gates'), 0)
})

t.test('so two that need what the other one has do not wait for each other', async (t) => {
  const { proxy, watcher, a, b } = await begin(t, { limits: { unavailableTimeoutMs: 1000 } })
  const crossing = [a, b].map((own, i) => {
    const others = [b, a][i]
    return ['SORT', `{${own}}list`, 'BY', `{${others}}d*`, 'STORE', `{${own}}d1`]
  })
  for (const own of [a, b]) await watcher.ask('RPUSH', `{${own}}list`, '1')
  const replies = await Promise.all(
    crossing.map(async (command) => {
      const client = await proxy.connect()
      const own: string[] = []
      for (let i = 0; i < 50; i++) own.push(String(await client.ask(...command)))
      return own
    }),
  )
  t.same(new Set(replies.flat()), new Set([':1\r\n']))
  t.equal(await counter(watcher, 'gates'), 0)
})
