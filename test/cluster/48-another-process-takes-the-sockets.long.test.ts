import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { passedVariables } from '../../src/base/passed-sockets.js'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { boundSocket } from '../helpers/bound-socket.js'
import type { Teardown } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { MAIN, ServeProcess } from '../helpers/serve-process.js'
import { serves } from '../helpers/serves.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

/* Another process goes on with the sockets on which clients come in: nobody is refused, and no write is lost or done twice. */

const RING = { nodes: 2, sentinels: 1 }

/** Counts with INCR, one after the other, and connects again whenever its connection ends. */
class Counting {
  acknowledged = 0
  refused: string[] = []
  /** Connections that ended before an answer. */
  unanswered = 0
  wrong: string[] = []
  readonly answeredAtMs: number[] = []
  private stopped = false

  constructor(
    private readonly port: number,
    readonly key: string,
  ) {}

  async run(): Promise<void> {
    while (!this.stopped) {
      let client: RawClient
      try {
        client = await RawClient.connect(this.port)
      } catch (error) {
        this.refused.push((error as Error).message)
        await sleep(5)
        continue
      }
      await this.count(client)
      client.close()
    }
  }

  stop(): void {
    this.stopped = true
  }

  private async count(client: RawClient): Promise<void> {
    while (!this.stopped) {
      let reply: string
      try {
        reply = String(await client.ask('INCR', this.key))
      } catch {
        this.unanswered++
        return
      }
      if (reply === `:${this.acknowledged + 1}\r\n`) this.acknowledged++
      else this.wrong.push(reply)
      this.answeredAtMs.push(performance.now())
      await sleep(1)
    }
  }
}

async function askOnce(port: number, ...words: string[]): Promise<string> {
  const client = await RawClient.connect(port)
  try {
    return String(await client.ask(...words))
  } finally {
    client.close()
  }
}

/** The process that listens there now. */
async function processOf(port: number): Promise<number> {
  return Number(/\nprocess_id:(\d+)\r/.exec(await askOnce(port, 'INFO', 'server'))?.[1])
}

t.test('at SIGUSR2 a successor takes the sockets over under load', async (t) => {
  const serve = await ServeProcess.start(t, RING, { 'ring.replicas': '1', 'log.level': 'info' })
  const counting = ['a', 'b', 'c', 'd'].map((key) => new Counting(serve.port, key))
  const running = counting.map((each) => each.run())
  await until('they count', () => counting.every(({ acknowledged }) => acknowledged > 20))
  const first = serve.child
  const exited = once(first, 'exit')
  first.kill('SIGUSR2')
  const successor = await successorOf(t, serve)
  t.same(await exited, [0, null], 'the first one has stopped in order')
  const before = counting.map(({ acknowledged }) => acknowledged)
  await until('they count again', () => counting.every(({ acknowledged }, i) => acknowledged > before[i] + 20))
  t.equal(await processOf(serve.port), successor)
  for (const each of counting) each.stop()
  await Promise.all(running)
  for (const { key, acknowledged, refused, wrong } of counting) {
    t.same([refused, wrong], [[], []], key)
    t.equal(await askOnce(serve.port, 'GET', key), bulk(acknowledged), `${key} is what was acknowledged`)
  }
  const times = counting.flatMap(({ answeredAtMs }) => answeredAtMs).sort((a, b) => a - b)
  const gapMs = Math.max(...times.map((time, i) => time - (times[i - 1] ?? time)))
  t.comment(`nobody was served for ${Math.round(gapMs)} ms`)
  t.ok(gapMs < 10_000)
  t.notMatch(serve.output, /did not stop in order|taking over|in place of another/)
})

t.test('others that stand by leave the ring to the successor', async (t) => {
  const serve = await ServeProcess.start(t, RING, { 'ring.replicas': '1', 'log.level': 'info' })
  const standbys = [0, 1, 2].map(() => AnotherProxy.of(t, serve.ring, { replicas: 1, standby: true }))
  const starts = standbys.map((each) => each.start())
  for (const start of starts) start.catch(() => {}) // Who waits for it hears of it.
  const says = (pattern: RegExp) => standbys.every(({ log }) => log.about(pattern).length > 0)
  await until('they stand by', () => says(/^it stands by: run [0-9a-f]{40}, .* serves the ring$/))
  const exited = once(serve.child, 'exit')
  serve.child.kill('SIGUSR2')
  const successor = await successorOf(t, serve)
  t.same(await exited, [0, null])
  t.equal(await processOf(serve.port), successor)
  const served = new RegExp(`^it stands by: run [0-9a-f]{40}, process ${successor} on .* serves the ring$`)
  await until('they stand by behind it', () => says(served))
  t.same(
    standbys.map(({ port }) => port),
    [0, 0, 0],
  )
  t.same(
    standbys.flatMap(({ log }) => log.about(/in place of/)),
    [],
  )
  t.equal(await askOnce(serve.port, 'INCR', 'n'), ':1\r\n')
})

t.test('a successor that does not start changes nothing', async (t) => {
  const file = join(temporaryDirectory(t), 'dt.yaml')
  writeFileSync(file, 'log:\n  level: info\n')
  const serve = await ServeProcess.start(t, RING, { 'ring.replicas': '1', 'config.file': file })
  const client = await serve.connect()
  writeFileSync(file, 'log:\n  level: nosuch\n')
  serve.child.kill('SIGUSR2')
  await until('it says so', () => serve.output.includes('the successor does not follow: it has ended (1)'))
  t.equal(String(await client.ask('INCR', 'n')), ':1\r\n')
  t.equal(String(await askOnce(serve.port, 'INCR', 'n')), ':2\r\n')
})

t.test('a successor that the ring does not fit, or that could not be reached, changes nothing', async (t) => {
  const file = join(temporaryDirectory(t), 'dt.yaml')
  writeFileSync(file, 'log:\n  level: info\n')
  const taken = createServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port: adminPort } = taken.address() as AddressInfo
  const serve = await ServeProcess.start(t, RING, { 'ring.replicas': '1', 'config.file': file })
  const client = await serve.connect()
  let n = 0
  for (const [settings, said] of [
    ['ring:\n  virtualNodes: 7\n', /the ring has \d+ virtual nodes a member: set ring\.virtualNodes to that, not 7/],
    ['ring:\n  keyGroups: ["bull:{*}:*"]\n', /set ring\.keyGroups to that/],
    ['ring:\n  id: other\n', /is not seen on the servers of the ring other/],
    [`admin:\n  port: ${adminPort}\n`, /admin\.port \d+ of \S+ cannot be listened on/],
  ] as const) {
    writeFileSync(file, settings)
    serve.output = ''
    serve.child.kill('SIGUSR2')
    await until('it says so', () => /the successor does not follow: it has ended \(1\)/.test(serve.output))
    t.match(serve.output, said)
    t.ok(serve.alive)
    t.equal(String(await client.ask('INCR', 'n')), `:${++n}\r\n`)
    t.equal(String(await askOnce(serve.port, 'INCR', 'n')), `:${++n}\r\n`)
  }
})

for (const [signal, how] of [
  ['SIGTERM', 'is told to stop'],
  ['SIGKILL', 'is killed'],
] as const) {
  t.test(`when the proxy ${how} before its successor is ready that does not go on`, async (t) => {
    const serve = await ServeProcess.start(t, RING, { 'ring.replicas': '1', 'log.level': 'info' })
    const exited = once(serve.child, 'exit')
    serve.child.kill('SIGUSR2')
    const successor = await successorOf(t, serve)
    serve.child.kill(signal)
    t.same(await exited, signal === 'SIGTERM' ? [0, null] : [null, signal])
    await until('the successor has ended', () => !isThere(successor))
    if (signal === 'SIGTERM') t.match(serve.output, 'the successor does not follow: this proxy was told to stop')
  })
}

t.test('clients that come while the service manager starts the proxy anew are not refused', async (t) => {
  const ring = await startRing(t, 2)
  const { port, fd } = boundSocket()
  const monitoring = boundSocket()
  const children: ChildProcess[] = []
  t.teardown(async () => {
    for (const child of children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  })
  const launch = (...more: string[]) => {
    const env = {
      PATH: process.env.PATH,
      DT_LISTEN_PORT: '1', // It does not count.
      DT_SENTINEL_ADDRESSES: ring.sentinelAddresses.join(','),
      DT_RING_STATE_FILE: join(dir, 'state.json'),
      DT_RING_REPLICAS: '1',
      DT_LOG_LEVEL: 'warn',
      ...passedVariables([
        { fd, name: 'clients' },
        { fd: monitoring.fd, name: 'admin' },
      ]),
    }
    const child = spawn(process.execPath, [MAIN, 'serve', ...more], {
      env,
      stdio: ['ignore', 'inherit', 'inherit', fd, monitoring.fd],
    })
    children.push(child)
    return child
  }
  const dir = temporaryDirectory(t)
  const first = launch()
  await serves(port)
  t.equal(await askOnce(port, 'SET', 'k', 'v'), '+OK\r\n')
  t.notOk(has(first.pid!, monitoring.fd), 'a socket for what it does not do is closed')
  const exited = once(first, 'exit')
  first.kill('SIGTERM')
  await exited
  const early = await RawClient.connect(port)
  const answer = early.ask('GET', 'k')
  const second = launch()
  t.equal(String(await answer), '$1\r\nv\r\n')

  const third = launch('--standby')
  await sleep(1500)
  t.equal(await processOf(port), second.pid, 'who stands by leaves clients to the one before it')
  const gone = once(second, 'exit')
  second.kill('SIGTERM')
  await gone
  t.equal(await askOnce(port, 'GET', 'k'), '$1\r\nv\r\n')
  t.equal(await processOf(port), third.pid)
})

function bulk(value: number): string {
  return `$${String(value).length}\r\n${value}\r\n`
}

/** The process that is to follow; it is gone in the end. */
async function successorOf(t: Teardown, serve: ServeProcess): Promise<number> {
  await until('there is a successor', () => /"successor":\d+/.test(serve.output))
  const successor = Number(/"successor":(\d+)/.exec(serve.output)?.[1])
  t.teardown(async () => {
    if (isThere(successor)) process.kill(successor, 'SIGKILL')
    await until('it is gone', () => !isThere(successor))
  })
  return successor
}

/** Whether a process has this socket of ours. */
function has(pid: number, fd: number): boolean {
  const socket = readlinkSync(`/proc/self/fd/${fd}`)
  return readdirSync(`/proc/${pid}/fd`).some((each) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${each}`) === socket
    } catch {
      return false // It has been closed meanwhile.
    }
  })
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
