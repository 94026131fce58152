import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { version } from '../src/base/version.js'
import { ask as askWithin } from '../src/local/ask.js'
import { LocalRing } from '../src/local/local-ring.js'
import { freePorts, isFree } from '../src/local/ports.js'
import { startMark } from '../src/local/process-mark.js'
import { serves } from './helpers/serves.js'
import { temporaryDirectory } from './helpers/temporary-directory.js'
import { until } from './helpers/until.js'
import { freeBasePort } from './local/base-port.js'

/** One command to a server or proxy of this machine, which may take its time. */
const ask = (host: string, port: number, command: string, timeoutMs = 30_000) => {
  return askWithin(host, port, command, timeoutMs)
}

const main = fileURLToPath(new URL('../bin/dt.js', import.meta.url))

/** A `dt` command on its way. */
class Dt {
  out = ''
  err = ''
  readonly child: ChildProcess
  readonly exit: Promise<[number | null, string | null]>

  constructor(t: Test, argv: string[], env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [main, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, ...env },
    })
    this.child.stdout?.on('data', (text) => (this.out += text))
    this.child.stderr?.on('data', (text) => (this.err += text))
    this.exit = once(this.child, 'close') as Promise<[number | null, string | null]>
    t.teardown(() => this.child.kill('SIGKILL'))
  }

  signal(name: NodeJS.Signals): Promise<[number | null, string | null]> {
    this.child.kill(name)
    return this.exit
  }
}

async function run(t: Test, argv: string[], env?: Record<string, string>): Promise<Dt & { code: number | null }> {
  const dt = new Dt(t, argv, env)
  const [code] = await dt.exit
  return Object.assign(dt, { code })
}

interface UpPlace {
  dir: string
  port: number
  basePort: number
  argv: string[]
}

/** A directory and ports for a ring of two, with all that is left of it ended at the end of the test. */
async function place(t: Test): Promise<UpPlace> {
  const dir = join(temporaryDirectory(t), 'data')
  const [[port], basePort] = await Promise.all([freePorts(1), freeBasePort(2)])
  const argv = ['up', '--nodes', '2', '--dir', dir, '--port', String(port), '--base-port', String(basePort)]
  t.teardown(() => endServers(basePort))
  return { dir, port, basePort, argv }
}

const serverPorts = (basePort: number) => [1, 2, 10_001, 10_002, 10_003].map((i) => basePort + i)

async function endServers(basePort: number): Promise<void> {
  for (const port of serverPorts(basePort)) await ask('127.0.0.1', port, 'SHUTDOWN NOSAVE', 200)
}

async function nothingListens(t: Test, basePort: number): Promise<void> {
  for (const port of serverPorts(basePort)) t.ok(await isFree(port), `nothing listens on ${port}`)
}

const isUp = (dt: Dt) => until('dt up is up', () => dt.out.includes('try:') || dt.child.exitCode !== null)

t.test('dt help lists the commands, dt help up its options', async (t) => {
  const help = await run(t, ['help'])
  t.equal(help.code, 0)
  for (const command of ['up', 'serve', 'ping', 'nodes', 'add', 'verify', 'simulate', 'help', 'version']) {
    t.match(help.out, new RegExp(`^  ${command} +\\S`, 'm'))
  }
  t.equal((await run(t, [])).out, help.out, 'so does dt alone')
  t.equal((await run(t, ['--help'])).out, help.out)
  const up = await run(t, ['help', 'up'])
  for (const option of ['--port', '--nodes', '--replicas', '--dir', '--base-port', '--fresh']) t.match(up.out, option)
  t.equal((await run(t, ['up', '--help'])).out, up.out)
  t.match((await run(t, ['help', 'simulate'])).out, /^Usage: dt simulate/)
  const names = [...help.out.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name)
  for (const text of [
    help.out,
    ...(await Promise.all(names.map(async (name) => (await run(t, ['help', name])).out))),
  ]) {
    const wide = text.split('\n').filter((line) => line.length > 80)
    t.same(wide, [], 'help fits a terminal of 80 columns')
  }
})

t.test('exit codes are 0, 1 and 2, and dt help says what they mean', async (t) => {
  const { out } = await run(t, ['help'])
  t.match(
    out,
    /Exit codes:\n {4}0 {2}it was done.*\n {4}1 {2}it could not be done.*\n {4}2 {2}the command line is wrong/,
  )
  const [port] = await freePorts(1)
  const nobody = ['--proxy', `127.0.0.1:${port}`]
  const asking = [
    'ping',
    'nodes',
    'ring',
    'events',
    'slowlog',
    'top',
    'doctor',
    'migrations',
    'verify',
    'hotkeys',
    'bigkeys',
  ]
  const lines = [
    ...asking.map((name) => [name]),
    ...[
      ['add', '127.0.0.1:1', '--name', 'dt-9'],
      ['remove', 'dt-9'],
      ['cancel', 'dt-9'],
      ['plan', 'remove', 'dt-9'],
    ],
    ['locate', 'a key'],
    ['import', 'redis://127.0.0.1:1'],
  ]
  const tried = await Promise.all(lines.map((line) => run(t, [...line, ...nobody])))
  for (const [i, { code, err }] of tried.entries()) {
    t.equal(code, 1, `${lines[i].join(' ')}: nobody answers`)
    t.match(err, /^dt: .*127\.0\.0\.1/)
  }
  for (const line of [['ping'], ['import', 'redis://127.0.0.1:1']]) {
    t.equal((await run(t, [...line, ...nobody, '--no-such-option'])).code, 2, `${line.join(' ')}: a wrong option`)
  }
})

t.test('dt version says the version', async (t) => {
  for (const argv of [['version'], ['--version'], ['-v']]) t.equal((await run(t, argv)).out, `${version}\n`)
})

t.test('a mistake in the arguments is one sentence, where to read more, and exit code 2', async (t) => {
  const mistakes: [string[], string][] = [
    [['nonsense'], "dt: there is no command 'nonsense'\ndt: see dt help\n"],
    [['up', '--nodes', 'four'], "dt: --nodes must be a whole number from 1 to 100, not 'four'\ndt: see dt help up\n"],
    [['up', '--nodes', '0'], "dt: --nodes must be a whole number from 1 to 100, not '0'\ndt: see dt help up\n"],
    [['up', '--port', '-1'], /^dt: .*--port.*\ndt: see dt help up\n$/ as unknown as string],
    [['up', '--fast'], "dt: unknown option '--fast'\ndt: see dt help up\n"],
    [
      ['serve', '--standby', '--takeover'],
      'dt: --standby waits for another proxy, --takeover does not: give one of them\ndt: see dt help serve\n',
    ],
    [['serve', 'conf/dt.yaml'], "dt: unexpected argument 'conf/dt.yaml'\ndt: see dt help serve\n"],
    [['simulate', 'leave'], "dt: there is no 'leave' to simulate\ndt: see dt help simulate\n"],
    [['constructor'], "dt: there is no command 'constructor'\ndt: see dt help\n"],
  ]
  for (const [argv, message] of mistakes) {
    const dt = await run(t, argv)
    t.match(dt.err, message, argv.join(' '))
    t.same([dt.code, dt.out], [2, ''])
  }
})

t.test('dt serve names wrong settings with their lines', async (t) => {
  const file = join(t.testdir(), 'dt.yaml')
  writeFileSync(file, 'listen:\n  port: high\n')
  const dt = await run(t, ['serve', '--config', file], { DT_RING_REPLICAS: 'many' })
  t.equal(dt.code, 1)
  t.equal(
    dt.err,
    `dt: ${file}:2: listen.port must be a whole number from 0 to 65535, not "high"\n` +
      'dt: DT_RING_REPLICAS must be a whole number from 0 to 15, not "many"\n',
  )
})

t.test('dt ping says whether a proxy answers', async (t) => {
  const answers: Record<string, string> = { '+PONG\r\n': 'PONG\n', '-NOAUTH Authentication required.\r\n': 'PONG\n' }
  for (const [answer, out] of Object.entries(answers)) {
    const server = createServer((socket) => socket.on('data', () => socket.end(answer))).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const dt = await run(t, ['ping'], { DT_LISTEN_PORT: String(port), DT_LISTEN_HOST: '127.0.0.1' })
    t.same([dt.code, dt.out], [0, out])
    server.close()
  }
  const [port] = await freePorts(1)
  const dt = await run(t, ['ping'], { DT_LISTEN_PORT: String(port) })
  t.same([dt.code, dt.err], [1, `dt: nothing answers on port ${port} of 127.0.0.1\n`])
})

t.test('dt up starts a ring that answers, Ctrl-C stops all of it, and the next one finds the data', async (t) => {
  const { dir, port, basePort, argv } = await place(t)
  const first = new Dt(t, argv)
  await isUp(first)
  for (const line of [
    `address    127.0.0.1:${port}`,
    `members    dt-1 on ${basePort + 1}, dt-2 on ${basePort + 2}`,
    'copies     2 of every key (its master and 1 backup; 2 backups need 3 members)',
    `data       ${dir}`,
    `try:       redis-cli -p ${port} set hello world`,
  ]) {
    t.ok(first.out.includes(`  ${line}\n`), line)
  }
  t.notMatch(first.out, '\x1b', 'no colours but on a terminal')
  const logLines = first.out.split('\n').filter((line) => line.startsWith('{'))
  t.ok(logLines.length > 0 && logLines.every((line) => JSON.parse(line).msg), 'the log is JSON but on a terminal')
  t.equal(await ask('127.0.0.1', port, 'SET hello world'), '+OK')
  t.same(await first.signal('SIGINT'), [0, null])
  t.equal(first.err, '')
  await nothingListens(t, basePort)

  const second = new Dt(t, argv)
  await isUp(second)
  t.equal(await ask('127.0.0.1', port, 'GET hello'), 'world')
  t.same(await second.signal('SIGTERM'), [0, null])

  const fresh = new Dt(t, [...argv, '--fresh'])
  await isUp(fresh)
  t.equal(await ask('127.0.0.1', port, 'GET hello'), '$-1')
  t.same(await fresh.signal('SIGHUP'), [0, null])
  await nothingListens(t, basePort)
})

t.test('the servers are out of Ctrl-C’s reach: dt stops them itself', async (t) => {
  const { port, basePort, argv } = await place(t)
  const child = spawn(process.execPath, [main, ...argv], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', (text) => (out += text))
  await until('dt up is up', () => out.includes('try:'))
  await ask('127.0.0.1', port, 'SET hello world')
  // A terminal sends the signal to the whole process group; npm then sends it once more.
  process.kill(-(child.pid as number), 'SIGINT')
  child.kill('SIGINT')
  t.same(await closed, [0, null])
  t.notMatch(out, 'has stopped (', 'no server died of it')
  await nothingListens(t, basePort)
})

t.test('a signal during the start stops what has been started', async (t) => {
  const { basePort, argv } = await place(t)
  for (const delayMs of [150, 250, 350]) {
    const dt = new Dt(t, argv)
    await sleep(delayMs)
    const [code, signal] = await dt.signal('SIGINT')
    t.ok(code === 0 || signal === 'SIGINT', `after ${delayMs} ms: ${code ?? signal} ${dt.err}`)
    await nothingListens(t, basePort)
  }
})

t.test('servers of a dt up that was killed do not stop the next one from starting', async (t) => {
  const { port, basePort, argv } = await place(t)
  const first = new Dt(t, argv)
  await isUp(first)
  await ask('127.0.0.1', port, 'SET hello world')
  await first.signal('SIGKILL')
  t.equal(await ask('127.0.0.1', basePort + 1, 'PING'), '+PONG', 'its servers live on')
  const second = new Dt(t, argv)
  await isUp(second)
  t.equal(await ask('127.0.0.1', port, 'GET hello'), 'world')
  t.same(await second.signal('SIGINT'), [0, null])
  await nothingListens(t, basePort)
})

t.test('a taken port is one sentence, and no server is left', async (t) => {
  const { port, basePort, argv } = await place(t)
  const holder = createServer().listen(port, '127.0.0.1')
  t.teardown(() => holder.close())
  await once(holder, 'listening')
  const proxyPort = await run(t, argv)
  t.same(
    [proxyPort.code, proxyPort.err],
    [1, `dt: port ${port} of 127.0.0.1 is taken (is dt running already?); --port chooses another\n`],
  )
  t.equal(proxyPort.out, '', 'nor is anything said about servers that stopped')
  const memberPort = await run(t, [...argv, '--port', '0', '--base-port', String(port - 1)])
  t.equal(memberPort.code, 1)
  t.match(memberPort.err, /^dt: port \d+, for dt-1, is taken by another program; --base-port chooses others\n$/)
  await nothingListens(t, basePort)
  const both = await run(t, [...argv, '--base-port', String(port - 2)])
  t.match(both.err, /^dt: port \d+ cannot be the proxy's and a server's at once: choose another --base-port\n$/)
})

t.test('a fresh start that fails after the data is gone leaves nothing that speaks of it', async (t) => {
  const { dir, port, basePort, argv } = await place(t)
  const first = new Dt(t, argv)
  await isUp(first)
  await first.signal('SIGINT')
  const holder = createServer().listen(basePort + 2, '127.0.0.1')
  await once(holder, 'listening')
  const failed = await run(t, [...argv, '--fresh'])
  t.match(failed.err, /^dt: port \d+, for dt-2, is taken by another program; .*\n$/)
  t.notOk(
    readdirSync(dir).some((name) => name.endsWith('.json')),
    'no note of the old data is left',
  )
  holder.close()
  const second = new Dt(t, argv)
  await isUp(second)
  t.equal(await ask('127.0.0.1', port, 'GET hello'), '$-1', 'a new ring is served')
  t.same(await second.signal('SIGINT'), [0, null])
})

t.test('a note of the ring’s shape that cannot be read is one sentence', async (t) => {
  const { dir, argv } = await place(t)
  mkdirSync(dir)
  for (const text of ['', 'null', '{"nodes":2}']) {
    writeFileSync(join(dir, 'ring.json'), text)
    const dt = await run(t, argv)
    t.equal(dt.code, 1)
    t.match(dt.err, /^dt: .*ring\.json, .*, cannot be used; delete it and give .*--nodes and --replicas, .*--fresh\n$/)
  }
})

t.test('a running ring keeps its directory for itself', async (t) => {
  const { dir, argv } = await place(t)
  const first = new Dt(t, argv)
  await isUp(first)
  const second = await run(t, ['up', '--nodes', '2', '--dir', dir, '--port', '0'])
  t.same(
    [second.code, second.err],
    [1, `dt: the ring in ${dir} is running already (process ${first.child.pid}); --dir chooses another directory\n`],
  )
  t.not(startMark(first.child.pid as number), undefined)
  t.same(await first.signal('SIGINT'), [0, null])
})

t.test('a missing redis-server is one sentence', async (t) => {
  const { dir, argv } = await place(t)
  const bin = join(dirname(dir), 'bin')
  mkdirSync(bin)
  symlinkSync(process.execPath, join(bin, 'node'))
  const dt = await run(t, argv, { PATH: bin })
  t.equal(dt.code, 1)
  t.match(dt.err, /^dt: redis-server is not on the PATH; install Redis 7.0 or newer, .*\n$/)
})

t.test('an old redis-server is one sentence', async (t) => {
  const { dir, argv } = await place(t)
  const bin = join(dirname(dir), 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'redis-server'), '#!/bin/sh\necho Redis server v=6.0.16 sha=0 malloc=x bits=64\n', {
    mode: 0o755,
  })
  const dt = await run(t, argv, { PATH: `${bin}:${process.env.PATH}` })
  t.same([dt.code, dt.err], [1, 'dt: redis-server on the PATH is 6.0.16; Redis 7.0 or newer is needed\n'])
})

t.test('an exception that nobody caught ends dt up in order, with its servers', async (t) => {
  const { basePort, port, argv } = await place(t)
  const program = join(temporaryDirectory(t), 'failing.mjs')
  writeFileSync(program, "process.on('SIGUSR2', () => Promise.reject(new Error('injected')))")
  const dt = new Dt(t, argv, { NODE_OPTIONS: `--import=${program}` })
  await isUp(dt)
  t.equal(await ask('127.0.0.1', port, 'SET hello world'), '+OK')
  t.same(await dt.signal('SIGUSR2'), [1, null])
  t.match(dt.err, /^dt: this is a mistake in dt itself: Error: injected\n/)
  t.match(dt.out, /an exception that nobody caught: the proxy stops/)
  await nothingListens(t, basePort)
  const again = new Dt(t, argv)
  await isUp(again)
  t.equal(await ask('127.0.0.1', port, 'GET hello'), 'world')
  t.same(await again.signal('SIGINT'), [0, null])
})

t.test('a ring with data is not started with another number of members or copies', async (t) => {
  const { dir, basePort, argv } = await place(t)
  const first = new Dt(t, [...argv, '--replicas', '1'])
  await isUp(first)
  await first.signal('SIGINT')
  const ports = argv.slice(-4)
  const other = await run(t, ['up', '--nodes', '3', '--dir', dir, ...ports])
  t.equal(other.code, 1)
  t.match(
    other.err,
    /^dt: .* holds a ring of 2 members, 1 backups .*: use --nodes 2 --replicas 1, or begin .*--fresh\n$/,
  )
  const same = new Dt(t, ['up', '--dir', dir, ...ports])
  await isUp(same)
  t.match(same.out, `members    dt-1 on ${basePort + 1}, dt-2 on ${basePort + 2}\n`, 'it is remembered')
  t.match(same.out, 'copies     2 of every key (its master and 1 backup)\n')
  t.same(await same.signal('SIGINT'), [0, null])
})

t.test('dt serve before servers that are there answers; a second one refuses to start, or takes over', async (t) => {
  const dir = temporaryDirectory(t)
  const ring = new LocalRing({ dir: join(dir, 'data'), nodes: 3, sentinels: 1 })
  t.teardown(() => ring.stop())
  await ring.start()
  const [port, otherPort] = await freePorts(2)
  const argsFor = (name: string, listenPort: number) => {
    const file = join(dir, name)
    writeFileSync(
      file,
      [
        `sentinel: { addresses: ["${ring.sentinelAddresses[0]}"] }`,
        `listen: { port: ${listenPort} }`,
        `ring: { stateFile: ${join(dir, 'state.json')} }`,
      ].join('\n'),
    )
    return ['--config', file]
  }
  const first = new Dt(t, ['serve', ...argsFor('first.yaml', port)])
  await serves(port)
  t.equal((await run(t, ['ping', ...argsFor('first.yaml', port)])).out, 'PONG\n')
  const file = argsFor('first.yaml', port)[1]
  t.equal((await run(t, ['ping'], { DT_CONFIG_FILE: file })).out, 'PONG\n', 'as the health check of a container asks')
  t.equal(await ask('127.0.0.1', port, 'SET hello world'), '+OK')

  const second = await run(t, ['serve', ...argsFor('second.yaml', otherPort)])
  t.equal(second.code, 1)
  t.match(
    second.err,
    /^dt: another proxy serves the ring dt: run [0-9a-f]{40}, process \d+ on \S+, connected to dt-\d from 127.0.0.1:\d+; stop it first, or take over with --takeover\n$/,
  )
  t.match(second.err, `process ${first.child.pid} on`)
  t.equal(await ask('127.0.0.1', port, 'GET hello'), 'world', 'nothing has happened to the first')
  const waiting = new Dt(t, ['serve', '--standby', ...argsFor('second.yaml', otherPort)])
  await until('it stands by', () => waiting.out.includes('it stands by'))
  t.same(await waiting.signal('SIGTERM'), [0, null])

  const third = new Dt(t, ['serve', '--takeover', ...argsFor('second.yaml', otherPort)])
  await serves(otherPort)
  t.same(await first.exit, [1, null])
  t.match(
    first.err,
    /^dt: another proxy has taken over the ring dt: process \d+ on \S+ \(run [0-9a-f]{40}\) is the owner of dt-\d\n$/,
  )
  t.match(first.err, `process ${third.child.pid} on`)
  t.equal(await ask('127.0.0.1', otherPort, 'GET hello'), 'world')
  t.same(await third.signal('SIGTERM'), [0, null])
  t.equal(third.err, '')
})
