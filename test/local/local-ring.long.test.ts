import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { ask } from '../../src/local/ask.js'
import { LocalRing, LocalRingError, type LocalRingOptions } from '../../src/local/local-ring.js'
import { isFree } from '../../src/local/ports.js'
import { startMark } from '../../src/local/process-mark.js'
import { PATIENT_MS } from '../helpers/sentinels.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'
import { freeBasePort } from './base-port.js'

function ringFor(t: Test, options: Partial<LocalRingOptions> = {}): LocalRing {
  const ring = new LocalRing({ nodes: 2, ...options, dir: options.dir ?? join(temporaryDirectory(t), 'data') })
  t.teardown(() => ring.stop())
  return ring
}

const allOf = (ring: LocalRing) => [...ring.members, ...ring.sentinels]
const PATIENCE_MS = 30_000
const say = (ring: LocalRing, name: string, command: string) => {
  return ask('127.0.0.1', ring.server(name).port, command, PATIENCE_MS)
}

async function cli(ring: LocalRing, name: string, ...command: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('redis-cli', ['-p', String(ring.server(name).port), ...command])
  return stdout
}

async function holdPort(t: Test, port: number): Promise<Server> {
  const server = createServer()
  t.teardown(() => server.close())
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** A ring in a process of its own, which is killed with SIGKILL and leaves its servers behind. */
async function abandonedRing(t: Test, dir: string, basePort: number, nodes: number): Promise<number[]> {
  const holder = fileURLToPath(new URL('./ring-holder.js', import.meta.url))
  const child: ChildProcess = spawn(process.execPath, [holder, dir, String(basePort), String(nodes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data')
  const pids = String(line).trim().split(' ').map(Number)
  t.teardown(() => {
    for (const pid of pids) if (startMark(pid) !== undefined) process.kill(pid, 'SIGKILL')
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.ok(
    pids.every((pid) => startMark(pid) !== undefined),
    `${pids.length} servers outlive the process that started them`,
  )
  return pids
}

t.test('a ring starts, its Sentinels have their quorum at once, and it stops without leaving anything', async (t) => {
  const dir = temporaryDirectory(t)
  // Nobody takes another one for dead only because it starts slowly.
  const ring = ringFor(t, { dir, nodes: 4, downAfterMs: PATIENT_MS })
  await ring.start()
  t.same(
    allOf(ring).map(({ name }) => name),
    ['dt-1', 'dt-2', 'dt-3', 'dt-4', 'sentinel-1', 'sentinel-2', 'sentinel-3'],
  )
  for (const { name } of ring.members) t.equal(await say(ring, name, 'PING'), '+PONG', name)
  for (const { name } of ring.sentinels) {
    t.match(await say(ring, name, 'SENTINEL CKQUORUM dt-4'), /^\+OK 3 usable Sentinels/, name)
  }
  const pids = allOf(ring).map(({ pid }) => pid as number)
  t.ok(existsSync(join(dir, 'dt.pid')))
  await ring.stop()
  for (const pid of pids) t.equal(startMark(pid), undefined)
  for (const { port, name } of allOf(ring)) t.ok(await isFree(port), `the port of ${name}`)
  t.notOk(existsSync(join(dir, 'dt.pid')))
})

t.test('members keep everything on disk and throw nothing away', async (t) => {
  const ring = ringFor(t, { nodes: 1, sentinels: 1, memberConfig: ['databases 3'] })
  await ring.start()
  const settings = ['appendonly yes', 'appendfsync everysec', 'maxmemory-policy noeviction', 'databases 3', 'save ""']
  for (const setting of settings) {
    const [name, value] = setting.split(' ')
    const reply = await cli(ring, 'dt-1', 'CONFIG', 'GET', name)
    t.equal(reply, `${name}\n${value.replaceAll('"', '')}\n`)
  }
})

t.test('the data are found again by the next ring, unless it starts afresh', async (t) => {
  const dir = join(temporaryDirectory(t), 'data with "quotes"')
  const first = ringFor(t, { dir })
  await first.start()
  await say(first, 'dt-2', 'SET hello world')
  await first.stop()
  mkdirSync(join(dir, 'dt-x'))
  writeFileSync(join(dir, 'dt-x', 'notes'), 'mine')

  const second = ringFor(t, { dir })
  await second.start()
  t.equal(await say(second, 'dt-2', 'GET hello'), 'world')
  await second.stop()

  const third = ringFor(t, { dir, fresh: true })
  await third.start()
  t.equal(await say(third, 'dt-2', 'GET hello'), '$-1')
  t.ok(existsSync(join(dir, 'dt-x', 'notes')), 'what is not ours is not thrown away')
})

t.test('a ring that was stopped starts again on the same ports', async (t) => {
  const ring = ringFor(t)
  await ring.start()
  const ports = allOf(ring).map(({ port }) => port)
  await ring.stop()
  await ring.stop()
  await ring.start()
  t.same(
    allOf(ring).map(({ port }) => port),
    ports,
  )
  t.equal(await say(ring, 'dt-1', 'PING'), '+PONG')
})

t.test('a member that is killed is down for the Sentinels, and is back with its data or empty', async (t) => {
  const ring = ringFor(t, { downAfterMs: 300 })
  await ring.start()
  await say(ring, 'dt-1', 'SET hello world')
  await ring.kill('dt-1')
  t.equal(ring.server('dt-1').pid, undefined)
  t.equal(await say(ring, 'dt-1', 'PING'), undefined)
  await until('all Sentinels together call it down', async () =>
    (await cli(ring, 'sentinel-1', 'SENTINEL', 'MASTER', 'dt-1')).includes('o_down'),
  )
  await ring.restart('dt-1')
  t.equal(await say(ring, 'dt-1', 'GET hello'), 'world')
  await ring.restart('dt-1', { empty: true })
  t.equal(await say(ring, 'dt-1', 'GET hello'), '$-1')
})

t.test('a paused member keeps its connections and says nothing', async (t) => {
  const ring = ringFor(t)
  await ring.start()
  ring.pause('dt-2')
  t.equal(await ask('127.0.0.1', ring.server('dt-2').port, 'PING', 200), undefined)
  ring.resume('dt-2')
  t.equal(await say(ring, 'dt-2', 'PING'), '+PONG')
  ring.pause('dt-2')
  const { logFile } = ring.server('dt-2')
  await ring.stop()
  t.match(readFileSync(logFile, 'utf8'), /ready to exit, bye bye/, 'and it is stopped like any other')
})

t.test('a taken port is one sentence, and nothing is left running', async (t) => {
  const basePort = await freeBasePort(3)
  await holdPort(t, basePort + 2)
  const ring = ringFor(t, { basePort, nodes: 3 })
  await t.rejects(ring.start(), {
    name: 'LocalRingError',
    message: `port ${basePort + 2}, for dt-2, is taken by another program; --base-port chooses others`,
  })
  t.ok(await isFree(basePort + 1))
  t.ok(await isFree(basePort + 3))
  t.same(
    allOf(ring).map(({ pid }) => pid),
    Array(6).fill(undefined),
  )
})

t.test('a server that dies at its start is one sentence with its last words', async (t) => {
  const ring = ringFor(t, { memberConfig: ['no-such-setting yes'] })
  const error: Error = await ring.start().then(
    () => new Error('it started'),
    (reason) => reason,
  )
  t.type(error, LocalRingError)
  t.match(error.message, /^dt-[12] stopped at once: Bad directive or wrong number of arguments \(see .*redis.log\)$/)
  for (const { port } of allOf(ring)) t.ok(await isFree(port))
})

t.test('two processes, or two rings, cannot have one directory', async (t) => {
  const dir = join(temporaryDirectory(t), 'data')
  const first = ringFor(t, { dir })
  await first.start()
  const second = ringFor(t, { dir })
  await t.rejects(second.start(), {
    message: `the ring in ${dir} is running already (process ${process.pid}); --dir chooses another directory`,
  })
  t.equal(await say(first, 'dt-1', 'PING'), '+PONG', 'the first one goes on')
})

t.test('stopping during the start ends it', async (t) => {
  const ring = ringFor(t, { nodes: 4 })
  for (const delayMs of [0, 10, 30, 60]) {
    const started = ring.start().then(
      () => 'started',
      () => 'given up',
    )
    await sleep(delayMs)
    await ring.stop()
    t.match(await started, /started|given up/)
    for (const { port, name } of allOf(ring)) t.ok(await isFree(port), `the port of ${name} after ${delayMs} ms`)
  }
})

t.test('servers of a process that was killed are stopped by the next ring, and their data are kept', async (t) => {
  const basePort = await freeBasePort(3)
  const dir = join(temporaryDirectory(t), 'data')
  const pids = await abandonedRing(t, dir, basePort, 3)
  await ask('127.0.0.1', basePort + 1, 'SET hello world', PATIENCE_MS)
  process.kill(pids[1], 'SIGSTOP')
  // A ring of two, so that one of the servers has no successor that would want its port.
  const ring = ringFor(t, { dir, basePort, nodes: 2 })
  await ring.start()
  for (const pid of pids) t.equal(startMark(pid), undefined)
  t.equal(await say(ring, 'dt-1', 'GET hello'), 'world')
})

t.test('so they are when the pid files are lost', async (t) => {
  const basePort = await freeBasePort(2)
  const dir = join(temporaryDirectory(t), 'data')
  const pids = await abandonedRing(t, dir, basePort, 2)
  rmSync(dir, { recursive: true })
  const ring = ringFor(t, { dir, basePort, nodes: 2 })
  await ring.start()
  for (const pid of pids) t.equal(startMark(pid), undefined)
})

t.test('so they are by a ring in another directory that wants their ports', async (t) => {
  const basePort = await freeBasePort(2)
  const dir = temporaryDirectory(t)
  const pids = await abandonedRing(t, join(dir, 'naïve'), basePort, 2)
  const ring = ringFor(t, { dir: join(dir, 'data'), basePort, nodes: 2 })
  await ring.start()
  for (const pid of pids) t.equal(startMark(pid), undefined)
  await ring.stop()
})

t.test('but not those of a ring that runs in another directory', async (t) => {
  const basePort = await freeBasePort(2)
  const dir = temporaryDirectory(t)
  const first = ringFor(t, { dir: join(dir, 'naïve'), basePort, nodes: 2 })
  await first.start()
  const second = ringFor(t, { dir: join(dir, 'data'), basePort, nodes: 2 })
  const { pid, configFile } = first.server('dt-1')
  await t.rejects(second.start(), {
    message: `port ${basePort + 1}, for dt-1, is taken by a redis-server of ${configFile} (process ${pid}); --base-port chooses others`,
  })
  for (const { name } of first.members) t.equal(await say(first, name, 'PING'), '+PONG')
})

t.test('somebody else’s redis-server on our port is not touched', async (t) => {
  const basePort = await freeBasePort(2)
  const dir = temporaryDirectory(t)
  const stranger = spawn('redis-server', ['--port', String(basePort + 1), '--dir', dir, '--save', ''], {
    stdio: 'ignore',
  })
  t.teardown(() => stranger.kill('SIGKILL'))
  while ((await ask('127.0.0.1', basePort + 1, 'PING')) === undefined) await sleep(10)
  const ring = ringFor(t, { dir: join(dir, 'data'), basePort, nodes: 2 })
  await t.rejects(ring.start(), {
    message: `port ${basePort + 1}, for dt-1, is taken by a redis-server (process ${stranger.pid}); --base-port chooses others`,
  })
  t.equal(await ask('127.0.0.1', basePort + 1, 'PING', PATIENCE_MS), '+PONG')
})

t.test('a server that dies while the ring runs is reported with the command that starts it again', async (t) => {
  const lines: string[] = []
  const log = { debug() {}, warn: (_fields: object, line: string) => lines.push(line) } as unknown as NonNullable<
    LocalRingOptions['log']
  >
  const ring = ringFor(t, { log })
  await ring.start()
  const member = ring.server('dt-2')
  process.kill(member.pid as number, 'SIGKILL')
  while (member.pid !== undefined) await sleep(5)
  t.same(lines, [`dt-2 has stopped (SIGKILL); to start it again: redis-server ${member.configFile}`])
})
