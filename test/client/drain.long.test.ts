import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePorts } from '../../src/local/ports.js'
import { command, RawClient } from '../helpers/raw-client.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { until } from '../helpers/until.js'

/* What becomes of clients when the proxy is told to stop. */

const RING = { nodes: 1, sentinels: 1 }
const ONE_COPY = { 'ring.replicas': '0' }

/** Whether nobody is let in any more. */
async function isShut(port: number): Promise<boolean> {
  try {
    const client = await RawClient.connect(port)
    client.close()
    return false
  } catch {
    return true
  }
}

t.test('on SIGTERM what runs is finished, who waits is told so, and the exit code is 0', async (t) => {
  const serve = await ServeProcess.start(t, RING, ONE_COPY)
  const [idle, running, waiting, resp3, listening] = await Promise.all([
    serve.connect(),
    serve.connect(),
    serve.connect(),
    serve.connect(3),
    serve.connect(),
  ])
  await idle.ask('PING')
  await listening.ask('SUBSCRIBE', 'c')
  for (const client of [waiting, resp3]) client.send(command('BLPOP', 'nothing', '0'))
  await until('they wait', async () => /blocked_clients:2/.test(String(await idle.ask('INFO', 'clients'))))
  // What they have asked for first has been answered.
  await idle.ask('DBSIZE')
  const server = serve.ring.server('dt-1')
  server.pause()
  running.send(Buffer.concat([command('SET', 'k', 'v'), command('GET', 'k'), command('PING')]))
  await sleep(100)
  const exited = once(serve.child, 'exit')
  serve.child.kill('SIGTERM')
  await Promise.all([idle.closed, listening.closed])
  t.equal((await listening.rest()).toString(), '', 'who listens is not sent what it would take for an answer')
  t.ok(await isShut(serve.port), 'nobody else comes in')
  for (const client of [waiting, resp3]) {
    t.match(
      (await client.rest()).toString(),
      /^-UNBLOCKED the proxy stops, nothing has come and nothing was applied: .*\r\n$/,
    )
  }
  server.resume()
  t.equal((await running.rest()).toString(), '+OK\r\n$1\r\nv\r\n+PONG\r\n')
  t.same(await exited, [0, null])
})

t.test('commands that came with one that waits, or takes long, are served before the end', async (t) => {
  const serve = await ServeProcess.start(t, RING, ONE_COPY)
  const [waiting, working, ended] = await Promise.all([serve.connect(), serve.connect(), serve.connect()])
  // What is answered at once stands before what is not.
  const behind = [command('PING'), command('SET', 'k', 'v'), command('PING'), command('GET', 'k')]
  const long = command('EVAL', "local n = 0 for i = 1, 3e7 do n = n + i end return 'done'", '1', 'k')
  waiting.send(Buffer.concat([command('BLPOP', 'nothing', '0'), ...behind]))
  await until('it waits', async () => /blocked_clients:1/.test(String(await ended.ask('INFO', 'clients'))))
  working.send(Buffer.concat([long, ...behind]))
  ended.send(Buffer.concat([long, ...behind]))
  ended.end()
  await sleep(100)
  const exited = once(serve.child, 'exit')
  serve.child.kill('SIGTERM')
  const answers = '+PONG\r\n+OK\r\n+PONG\r\n$1\r\nv\r\n'
  t.match((await waiting.rest()).toString(), new RegExp(`^-UNBLOCKED .*\r\n${answers.replace(/[+$]/g, '\\$&')}$`))
  for (const client of [working, ended]) t.equal((await client.rest()).toString(), `$4\r\ndone\r\n${answers}`)
  t.same(await exited, [0, null])
})

t.test(
  'who comes to wait only when the proxy stops gets what is there, or is told so; nothing is taken for nobody',
  async (t) => {
    const serve = await ServeProcess.start(t, RING, ONE_COPY)
    const [filled, empty, other] = await Promise.all(Array.from({ length: 3 }, () => serve.connect()))
    await other.ask('RPUSH', 'filled', 'one', 'two')
    const long = command('EVAL', "local n = 0 for i = 1, 3e7 do n = n + i end return 'done'", '1', 'k')
    filled.send(Buffer.concat([long, command('BLPOP', 'filled', '0'), command('PING')]))
    empty.send(Buffer.concat([long, command('BLPOP', 'empty', '0'), command('PING')]))
    await sleep(100)
    const exited = once(serve.child, 'exit')
    serve.child.kill('SIGTERM')
    t.equal((await filled.rest()).toString(), '$4\r\ndone\r\n*2\r\n$6\r\nfilled\r\n$3\r\none\r\n+PONG\r\n')
    t.match((await empty.rest()).toString(), /^\$4\r\ndone\r\n-UNBLOCKED the proxy stops, .*\r\n\+PONG\r\n$/)
    t.same(await exited, [0, null])
  },
)

/** A proxy that is to wait so long for what runs, and somebody whose write no server answers. */
async function waitingForASilentServer(t: Test, drainTimeoutMs: number, more: Record<string, string> = {}) {
  const settings = { ...ONE_COPY, 'limits.drainTimeoutMs': String(drainTimeoutMs), ...more }
  const serve = await ServeProcess.start(t, RING, settings)
  const client = await serve.connect()
  const server = serve.ring.server('dt-1')
  server.pause()
  t.teardown(() => server.resume())
  client.send(command('SET', 'k', 'v'))
  await sleep(100)
  return { serve, client }
}

t.test('what takes longer than limits.drainTimeoutMs is not waited for', async (t) => {
  const { serve, client } = await waitingForASilentServer(t, 500)
  const exited = once(serve.child, 'exit')
  const startedMs = performance.now()
  serve.child.kill('SIGTERM')
  t.equal((await client.rest()).toString(), '', 'it is closed without an answer, as nobody knows one')
  t.ok(performance.now() - startedMs >= 450)
  t.same(await exited, [0, null])
})

t.test('balancers are told at once that it is not ready any more, as long as it finishes what runs', async (t) => {
  const [port] = await freePorts(1)
  const { serve, client } = await waitingForASilentServer(t, 60_000, { 'admin.port': String(port) })
  const ready = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`)
    return [response.status, (await response.text()).split('\n')[0]]
  }
  t.same(await ready(), [200, 'ready'])
  const exited = once(serve.child, 'exit')
  serve.child.kill('SIGTERM')
  await until('it is not ready', async () => (await ready())[0] === 503, 5000)
  t.same(await ready(), [503, 'not ready: the proxy stops'])
  serve.ring.server('dt-1').resume()
  t.equal((await client.rest()).toString(), '+OK\r\n')
  t.same(await exited, [0, null])
})

t.test('a second signal ends it at once', async (t) => {
  const { serve } = await waitingForASilentServer(t, 60000)
  const exited = once(serve.child, 'exit')
  serve.child.kill('SIGTERM')
  await sleep(1200)
  t.ok(serve.alive)
  serve.child.kill('SIGTERM')
  t.same(await exited, [1, null])
})

t.test('SIGHUP does not stop it, and the settings are read anew', async (t) => {
  const serve = await ServeProcess.start(t, RING, ONE_COPY)
  const client = await serve.connect()
  serve.child.kill('SIGHUP')
  await until('the log says so', () => serve.output.includes('the settings have been read anew'))
  t.equal((await client.ask('PING')).toString(), '+PONG\r\n')
})
