import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import t from 'tap'
import { operatorCommands } from '../../src/cli/operate.js'
import { freePorts } from '../../src/local/ports.js'
import { replicaSetOfKey } from '../../src/view/build-view.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { ScriptedServer } from '../helpers/scripted-server.js'
import { until } from '../helpers/until.js'

const KEYS = 2000
const PASSWORD = 'a secret'

process.env.DT_AUTH_PASSWORD = PASSWORD
const proxy = await startProxy(t, {
  ...{ nodes: 3, replicas: 1, sentinels: 1 },
  config: { auth: { password: PASSWORD }, migration: { maxBytesPerSecond: 150_000 } },
})
const where = ['--proxy', `127.0.0.1:${proxy.port}`]
const client = await proxy.connect(2)
await client.ask('AUTH', PASSWORD)
await client.pipeline(Array.from({ length: KEYS }, (_, i) => ['SET', `key:${i}`, 'x'.repeat(100)]))

interface Ran {
  readonly code: number
  readonly text: string
}

/** What a command writes, to a terminal or not, and its exit code; who asks is shown what was written so far. */
async function dt(argv: readonly string[], terminal = false, shown: (text: string) => void = () => {}): Promise<Ran> {
  const [name, ...rest] = argv
  let text = ''
  const write = (part: string) => {
    text += part
    shown(text)
  }
  const out = { isTTY: terminal, columns: 200, hasColors: () => terminal, write }
  const code = await operatorCommands[name].run([...rest, ...where], out)
  return { code, text }
}

async function asJson(
  ...argv: string[]
): Promise<{ code: number; value: Record<string, unknown> & Record<string, unknown>[] }> {
  const { code, text } = await dt([...argv, '--json'])
  return { code, value: JSON.parse(text) }
}

t.test('dt nodes and dt ring are tables, and JSON for scripts', async (t) => {
  const nodes = await dt(['nodes'])
  t.equal(nodes.code, 0)
  const lines = nodes.text.trimEnd().split('\n')
  t.match(lines[0], /^name +address +state +link +version +share +keys$/)
  t.equal(lines.length, 4)
  t.match(lines[1], /^dt-1 +127\.0\.0\.1:[0-9]+ +up +up +[0-9.]+ +[0-9.]+ % +[0-9,]+$/)
  t.match((await dt(['nodes'], true)).text, '\x1b[32mup')
  const { value } = await asJson('nodes')
  t.same(
    value.map(({ name }) => name),
    ['dt-1', 'dt-2', 'dt-3'],
  )
  t.equal(
    value.reduce((sum, node) => sum + (node['keys-mastered'] as number), 0),
    KEYS,
  )

  const ring = (await dt(['ring'])).text
  t.match(ring, /^member +ranges +master of +holds\ndt-1 +64 +[0-9.]+ % +[0-9.]+ %\n/)
  t.match(ring, /\nRing dt, epoch [0-9]+: 192 token ranges, each on 2 members\.\n$/)
  t.equal((await dt(['ring', '--ranges'])).text.split('\n').length, ring.split('\n').length + 194)
  t.equal(((await asJson('ring')).value.ranges as unknown[]).length, 192)
})

t.test('dt locate tells who has a key, its master first', async (t) => {
  const { code, text } = await dt(['locate', 'key:1'])
  t.equal(code, 0)
  const key = Buffer.from('key:1')
  const [master, backup] = replicaSetOfKey(proxy.view, key, 0, key.length).natural.map(({ name }) => name)
  const place = new RegExp(
    `^role +name +address +state\nmaster +${master} +127\\.0\\.0\\.1:[0-9]+ +up\nbackup +${backup} +127\\.0\\.0\\.1:[0-9]+ +up\n`,
  )
  t.match(text, place)
  t.match((await asJson('locate', 'key:1')).value, { key: 'key:1', replicas: [{ name: master }, { name: backup }] })
  await t.rejects(dt(['locate']), { message: 'KEY is missing' })
})

t.test('dt slowlog tells what was slow, the latest last', async (t) => {
  await client.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
  await client.ask('SLOWLOG', 'RESET')
  t.match((await dt(['slowlog'])).text, /^No command was slow; /)
  await client.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
  await client.ask('GET', 'key:1')
  await client.ask('ECHO', 'x'.repeat(300))
  await client.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
  const lines = (await dt(['slowlog'])).text.trimEnd().split('\n')
  t.match(lines[0], /^when +ms +waiting +server +proxy +slowest +client +command$/)
  t.match(lines.at(-2), /^[0-9:]{8} +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +dt-[1-3] +127\.0\.0\.1:[0-9]+ +GET key:1$/)
  t.match(lines.at(-1), / ECHO x{100}/)
  t.match((await dt(['slowlog'], true)).text, / ECHO x+[.]?…\n$/, 'a terminal has a line for each')
  t.match((await asJson('slowlog')).value.slice(1), [{ command: ['GET', 'key:1'] }])
  await client.ask('SLOWLOG', 'RESET')
})

t.test('dt ping asks the proxy that is named', async (t) => {
  t.same(await dt(['ping']), { code: 0, text: 'PONG\n' })
  t.match(await asJson('ping'), { code: 0, value: { answers: true } })
  const [free] = await freePorts(1)
  const out = { write: () => {} }
  await t.rejects(operatorCommands.ping.run(['--proxy', `127.0.0.1:${free}`], out), {
    message: /^nothing answers on port/,
  })
})

t.test('a plan that takes long says so on a terminal', async (t) => {
  const slow = await ScriptedServer.start(t, ([name]) => (name === 'DT' ? Buffer.alloc(0) : undefined))
  let text = ''
  const out = { isTTY: true, columns: 80, write: (part: string) => (text += part) }
  const planning = operatorCommands.plan.run(['remove', 'dt-1', '--proxy', `127.0.0.1:${slow.port}`], out)
  planning.catch(() => {})
  await until('it is said', () => text.includes('the keys are counted, for 1 s so far'))
})

t.test('dt migrations says when nothing moves', async (t) => {
  t.same(await dt(['migrations']), { code: 0, text: 'No data moves.\n' })
  t.same((await asJson('migrations')).value, [])
})

t.test('a server is planned, added, verified and removed', async (t) => {
  const { port } = await startRedis(t)
  const address = `127.0.0.1:${port}`

  const plan = await dt(['plan', 'add', address, '--name', 'dt-4'])
  t.match(plan.text, /^from +to +ranges +keys +memory\ndt-1 +dt-4 +[0-9]+ +[0-9,]+ +[0-9.]+ kB\n/)
  t.match(plan.text, /\n[0-9,]+ copies, [0-9.]+ kB, in about [0-9]+ s\.\n/)
  t.match(plan.text, /[0-9,]+ keys would get another master: [0-9.]+ % of all \(K\/N, an even share: 25\.0 %\)\.\n$/)
  const { value } = await asJson('plan', 'add', address, '--name', 'dt-4')
  t.equal(value['ideal-share'], 0.25)

  const added = await dt(['add', address, '--name', 'dt-4'], true)
  t.equal(added.code, 0)
  t.match(
    added.text,
    /dt-4 +[█░]{30} +[0-9]+ % +[0-9,]+ of ~[0-9,]+ keys, .*\(join, from dt-1 dt-2 dt-3\)\n\r\x1b\[1A\x1b\[0J/,
  )
  t.match(
    added.text,
    /\x1b\[32mdt-4 is a member\x1b\[39m after [0-9.]+ s: it is the master of [0-9]+ keys \([0-9.]+ %\)\n$/,
  )

  const verified = await dt(['verify'], true)
  t.match(verified, { code: 0, text: /2,000 keys compared in [0-9.]+ s: all copies are equal/ })

  const removing = dt(['remove', 'dt-4'])
  await until('its data moves', async () => (await asJson('migrations')).value.length > 0)
  const ended = t.rejects(removing, { message: 'dt-4 stays: its removal was taken back (dt cancel)' })
  t.match(await dt(['cancel', 'dt-4']), { code: 0, text: /^dt-4 stays/ })
  await ended

  t.match((await dt(['plan', 'remove', 'dt-4'])).text, /\n[0-9,]+ copies/)
  const removed = await asJson('remove', 'dt-4')
  t.match(removed, { code: 0, value: { name: 'dt-4', state: 'removed' } })
  t.same(
    (await asJson('nodes')).value.map(({ name }) => name),
    ['dt-1', 'dt-2', 'dt-3'],
  )
})

t.test('dt verify tells what is wrong, and repairs it', async (t) => {
  const key = Buffer.from('key:7')
  const backup = await proxy.connectTo(replicaSetOfKey(proxy.view, key, 0, key.length).natural[1].name)
  await backup.ask('SET', key, 'damaged')
  await backup.ask('PEXPIRE', key, '1000000')
  const found = await dt(['verify'])
  t.equal(found.code, 1)
  t.match(found.text, /^difference +copies +meaning\nvalue +1 +another value than on the master\n/)
  t.match(found.text, /\nfor example +member +db +key\nvalue +dt-[123] +0 +key:7\n/)
  t.match(found.text, /: 1 difference left; dt verify --repair mends them\n$/)
  t.match(await asJson('verify'), { code: 1, value: { value: 1, left: 1, examples: [{ key: 'key:7' }] } })
  const repaired = await dt(['verify', '--repair'], true)
  t.match(repaired, { code: 0, text: /: 1 difference repaired\x1b\[39m\n$/ })
  t.match(await asJson('verify'), { code: 0, value: { differences: 0, complete: 1 } })

  const tricky = Buffer.from([0x1b, 0x5b, 0x32, 0x4a, 0xff])
  const holder = await proxy.connectTo(replicaSetOfKey(proxy.view, tricky, 0, tricky.length).natural[1].name)
  await holder.ask('SET', tricky, 'extra')
  t.match((await dt(['verify', '--repair'])).text, '\\x1b[2J\\xff', 'a key plays no tricks with the terminal')
})

t.test('dt doctor tells what is wrong with this ring, and what to do', async (t) => {
  const { code, text } = await dt(['doctor'])
  t.match(text, /^unwise {2}all servers are on one machine \(127\.0\.0\.1\)/m)
  t.match(text, /^unwise {2}there is one Sentinel/m)
  t.match(text, /^ {8}do: /m)
  t.equal(code, /^wrong/m.test(text) ? 1 : 0)
  const { value } = await asJson('doctor')
  t.ok(value.some(({ level }) => level === 'unwise'))
})

t.test('dt events tells what happened, the latest last', async (t) => {
  const { code, text } = await dt(['events'])
  t.equal(code, 0)
  t.match(text, /\d\d:\d\d:\d\d {2}dt-4 is known, and up\n(.*\n)*\d\d:\d\d:\d\d {2}dt-4 is not known any more\n/)
  const told = (await asJson('events')).value.map(({ what }) => what)
  t.ok(
    told.indexOf('dt-4 is known, and up') > told.indexOf('dt-4 is not known any more'),
    'scripts get the latest first',
  )
})

t.test('dt top shows the ring at work, once for scripts and again and again on a terminal', async (t) => {
  const once = await dt(['top', '--once', '--interval', '0.1'])
  t.match(once.text, /\n\d\d:\d\d:\d\d {2}dt-4 is not known any more\n/, 'what happened before it began')
  t.equal(once.code, 0)
  t.match(once.text, /^Diminished Triad \S+ {2}ring dt {2}epoch \d+ {2}serving\n/)
  t.match(once.text, /\ncommands [\d,]+\/s {2}reads /)
  t.match(once.text, /\ndt-2 +up +up /)
  const { value } = await asJson('top', '--once', '--interval', '0.1')
  t.type((value.rates as Record<string, unknown>).commands, 'number')
  t.equal((value.nodes as unknown[]).length, 3)
  // Ctrl-C when the picture was written over.
  let isOver = false
  const live = await dt(['top', '--interval', '0.1'], true, (text) => {
    if (isOver || !/\x1b\[\d+A\x1b\[0J/.test(text)) return
    isOver = true
    process.emit('SIGINT')
  })
  t.equal(live.code, 0)
  t.ok(isOver)
  await t.rejects(dt(['top', '--interval', 'often']), { name: 'UsageError', message: /--interval must be a number/ })
})

t.test('dt top goes on when the proxy goes away and another one answers', async (t) => {
  let text = ''
  const out = { isTTY: true, columns: 200, hasColors: () => false, write: (part: string) => (text += part) }
  let back: Server | undefined
  const sockets = new Set<Socket>()
  const door = async (port: number) => {
    back = createServer((near) => {
      const far = connect(proxy.port, '127.0.0.1')
      for (const socket of [near, far]) sockets.add(socket.on('error', () => {}))
      near.pipe(far).pipe(near)
    }).listen(port, '127.0.0.1')
    await once(back, 'listening')
    return (back.address() as AddressInfo).port
  }
  const close = () => {
    back?.close()
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(close)
  const port = await door(0)
  const watching = operatorCommands.top.run(['--interval', '0.1', '--proxy', `127.0.0.1:${port}`], out)
  watching.catch(() => {})
  await until('a picture', () => text.includes('Diminished Triad'))
  close()
  await until('it says so', () =>
    /no proxy answers: .*\nconnecting again for \d s so far; this was seen last:\n\nDimin/.test(text),
  )
  text = ''
  await door(port)
  await until('it goes on', () => text.includes('the proxy answers again'))
  process.emit('SIGINT')
  t.equal(await watching, 0)
  text = ''
  close()
  await t.rejects(operatorCommands.top.run(['--proxy', `127.0.0.1:${port}`], out), { message: /^no proxy answers/ })
})

t.test('what cannot be done is one sentence', async (t) => {
  await t.rejects(dt(['add', '127.0.0.1:1', '--name', 'dt-9']), { message: /cannot be a member: it cannot be reached/ })
  await t.rejects(dt(['remove', 'dt-9']), { message: 'dt-9 is no member of the ring' })
  await t.rejects(dt(['cancel', 'dt-1']), { message: 'dt-1 neither joins nor leaves' })
  for (const [argv, message] of [
    [['add', '127.0.0.1:1'], '--name is missing'],
    [['add', '--name', 'x'], 'host:port is missing'],
    [['add', '127.0.0.1', '--name', 'x'], "'127.0.0.1' is no host:port"],
    [['add', '127.0.0.1:0', '--name', 'x'], "'127.0.0.1:0' is no host:port"],
    [['plan', 'add', 'there', '--name', 'x'], "'there' is no host:port"],
    [['plan', 'upgrade', '127.0.0.1:70000'], "'127.0.0.1:70000' is no host:port"],
    [['nodes', 'all'], "unexpected argument 'all'"],
    [['verify', '--mend'], "unknown option '--mend'"],
    [['plan', 'move', 'dt-1'], "there is no plan to 'move'"],
  ] as [string[], string][]) {
    await t.rejects(dt(argv), { name: 'UsageError', message }, argv.join(' '))
  }
})

t.test('where no proxy answers, it says so', async (t) => {
  const out = { write: () => {} }
  const at = (address: string) => operatorCommands.nodes.run(['--proxy', address], out)
  const run = (port: number) => at(`127.0.0.1:${port}`)
  await t.rejects(at('here'), { name: 'UsageError', message: "'here' is no host:port" })
  await t.rejects(run(1), { name: 'UserError', message: /^no proxy answers: 127\.0\.0\.1:1: ECONNREFUSED/ })
  const server = createServer((socket) => socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n'))).listen(0)
  await once(server, 'listening')
  await t.rejects(run((server.address() as { port: number }).port), { message: /it does not speak the Redis protocol/ })
  server.close()
  const wants = (what: string) =>
    `127.0.0.1:${proxy.port} wants ${what} password: give it as DT_AUTH_PASSWORD, or with --config FILE`
  process.env.DT_AUTH_PASSWORD = 'a guess'
  await t.rejects(run(proxy.port), { name: 'UserError', message: wants('another') })
  delete process.env.DT_AUTH_PASSWORD
  await t.rejects(run(proxy.port), { name: 'UserError', message: wants('a') })
  const redis = await startRedis(t)
  await t.rejects(run(redis.port), {
    message: `what answers on 127.0.0.1:${redis.port} is a Redis server and no proxy; --proxy HOST:PORT says where one is`,
  })
})

t.test('where no Sentinel answers, no table without rows is shown', async (t) => {
  const lonely = await ScriptedServer.start(t, ([name]) => (name === 'DT' ? '*0\r\n' : undefined))
  let text = ''
  const out = { write: (part: string) => (text += part) }
  const code = await operatorCommands.nodes.run(['--proxy', `127.0.0.1:${lonely.port}`], out)
  t.equal(code, 1)
  t.match(text, /^No server is known: no Sentinel of the settings answers/)
})

t.test('while nothing is served yet dt verify waits, and dt migrations does not say that no data moves', async (t) => {
  const map = (fields: readonly string[]) => `%${fields.length / 2}\r\n${fields.join('')}`
  const text = (value: string) => `$${value.length}\r\n${value}\r\n`
  const view = ['ring', 'dt', 'why', 'no Sentinel answers'].map(text)
  for (const name of ['epoch', 'replicas', 'copies', 'pending-ranges', 'serving']) view.push(text(name), ':0\r\n')
  view.push(text('members'), '*0\r\n')
  let isOver = false
  const proxy = await ScriptedServer.start(t, ([name, what, ...rest]) => {
    if (name !== 'DT') return undefined
    if (what === 'VIEW') return map(view)
    if (what === 'MIGRATIONS') return '*0\r\n'
    if (rest[0] === 'STATUS') return '_\r\n'
    return isOver ? undefined : Buffer.alloc(0)
  })
  let said = ''
  const out = { isTTY: true, columns: 200, write: (part: string) => (said += part) }
  const at = ['--proxy', `127.0.0.1:${proxy.port}`]
  const verifying = operatorCommands.verify.run(at, out)
  verifying.catch(() => {})
  await until('it says so', () => said.includes('verify  waits: nothing is served yet: no Sentinel answers\n'))
  isOver = true
  for (const connection of proxy.connections) connection.destroy()
  await t.rejects(verifying, { name: 'UserError', message: /^no proxy answers/ })
  said = ''
  t.equal(await operatorCommands.migrations.run(at, out), 1)
  t.equal(said, 'Nothing is served yet: no Sentinel answers.\n')
})

t.test('an answer that lacks what a command needs is told in a sentence, by every command', async (t) => {
  const commands = [
    ...[['nodes'], ['ring'], ['top', '--once'], ['hotkeys', '--seconds', '1'], ['bigkeys'], ['doctor'], ['migrations']],
    ...[['verify'], ['add', '127.0.0.1:1', '--name', 'dt-9'], ['remove', 'dt-9'], ['cancel', 'dt-9']],
    ...[
      ['plan', 'remove', 'dt-9'],
      ['plan', 'upgrade', '127.0.0.1:1'],
    ],
  ]
  for (const answer of ['_\r\n', '%0\r\n', '*1\r\n%0\r\n']) {
    const other = await ScriptedServer.start(t, ([name]) => (name === 'DT' ? answer : undefined))
    for (const [name, ...rest] of commands) {
      const running = operatorCommands[name].run([...rest, '--proxy', `127.0.0.1:${other.port}`], { write: () => {} })
      await t.rejects(
        running,
        {
          name: 'UserError',
          message: /^the proxy on \S+ answers DT [A-Z]+ with.*of another version than this dt\. Run the dt/,
        },
        `${name}: ${JSON.stringify(answer)}`,
      )
    }
  }
})

t.test('every command has a summary and its options explained', async (t) => {
  for (const [name, { summary, usage }] of Object.entries(operatorCommands)) {
    t.match(usage, new RegExp(`^Usage: dt ${name} `))
    for (const option of name === 'config' ? ['--config', '--json'] : ['--proxy', '--config', '--json']) {
      t.match(usage, option)
    }
    t.ok(summary.length > 10 && summary.length < 70, `${name}: ${summary}`)
  }
})
