import t from 'tap'
import { Link } from '../../src/backend/link.js'
import { AssertionError } from '../../src/base/assert.js'
import { localCommands } from '../../src/client/commands/index.js'
import { Apply } from '../../src/serving/apply.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type Teardown, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/* Exceptions that nobody expects: an error for one client, a line in the log, and nothing for all others. */

const INTERNAL = /^-ERR internal error of the proxy: injected/
const UNKNOWN = /^-ERR the outcome of this write is unknown: internal error of the proxy: injected/

/** In the place of a method, until the end of the test: `before` may throw. */
function inject(t: Teardown, on: object, method: string, before: (self: never, args: unknown[]) => void): void {
  const methods = on as Record<string, (...args: unknown[]) => unknown>
  const original = methods[method]
  methods[method] = function (this: never, ...args) {
    before(this, args)
    return original.apply(this, args)
  }
  t.teardown(() => {
    methods[method] = original
  })
}

const isPoison = (bytes: Buffer) => bytes.includes('poison')

async function goesOn(test: Pick<typeof t, 'equal'>, proxy: TestProxy, client: RawClient): Promise<void> {
  const other = await proxy.connect()
  for (const each of [client, other]) {
    test.equal(String(await each.ask('SET', 'k', '1')), '+OK\r\n')
    test.equal(String(await each.ask('GET', 'k')), '$1\r\n1\r\n')
  }
}

t.test('a command that the proxy answers itself', async (t) => {
  const { log, lines } = new LogLines()
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, log })
  const client = await proxy.connect()
  const echo = localCommands.get('echo')!
  const commands = localCommands as Map<string, typeof echo>
  commands.set('echo', () => {
    throw new Error('injected')
  })
  t.teardown(() => commands.set('echo', echo))
  const [before, failed, after] = await client.pipeline([['PING'], ['ECHO', 'x'], ['PING']])
  t.equal(String(before), '+PONG\r\n')
  t.match(String(failed), INTERNAL)
  t.equal(String(after), '+PONG\r\n')
  const line = lines.find(({ msg }) => msg === 'something failed inside the proxy')
  t.match(line?.err, { message: 'injected', stack: /failures\.test/ })
  t.equal(line?.lastCommand, 'echo')
  await goesOn(t, proxy, client)
})

t.test('a write that was sent to some of its replicas', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 2 })
  const client = await proxy.connect()
  let emissions = 0
  inject(t, Link.prototype, 'emit', (_link, [buf, start, end]) => {
    if (isPoison((buf as Buffer).subarray(start as number, end as number)) && ++emissions === 2)
      throw new Error('injected')
  })
  const [failed, after] = await client.pipeline([['SET', 'k', 'poison'], ['PING']])
  t.match(String(failed), UNKNOWN)
  t.equal(String(after), '+PONG\r\n')
  const members = await Promise.all(proxy.view.members.map(({ name }) => proxy.connectTo(name)))
  await until('all replicas are equal again', async () => {
    const values = await Promise.all(members.map(async (member) => String(await member.ask('GET', 'k'))))
    return new Set(values).size === 1
  })
  await goesOn(t, proxy, client)
})

t.test('what is done with the answer of a replica', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 2 })
  const client = await proxy.connect()
  let replies = 0
  inject(t, Apply.prototype, 'onReply', (apply: { targets: Link[] }, [tag]) => {
    if (isPoison(apply.targets[tag as number].answering) && ++replies === 1) throw new Error('injected')
  })
  const [append, get] = await client.pipeline([
    ['APPEND', 'k', 'poison'],
    ['GET', 'k'],
  ])
  t.equal(String(append), ':6\r\n', 'it was mended like an answer that was lost')
  t.equal(String(get), '$6\r\npoison\r\n')
  t.equal(replies, 3)
  await goesOn(t, proxy, client)
})

t.test('what the proxy takes for granted and does not hold: it stops in order', async (t) => {
  const { proxy, connect } = await startProxy(t, { nodes: 1, replicas: 0 })
  const client = await connect()
  inject(t, Link.prototype, 'emit', (_link, [buf, start, end]) => {
    if (isPoison((buf as Buffer).subarray(start as number, end as number))) throw new AssertionError('injected')
  })
  t.match(String(await client.ask('SET', 'k', 'poison')), UNKNOWN)
  t.match(await proxy.ended, { message: 'injected' })
})
