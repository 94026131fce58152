import { type SpanContext, SpanKind, SpanStatusCode, type TracerProvider, trace } from '@opentelemetry/api'
import t from 'tap'
import { tracing } from '../../src/backend/tracing.js'
import { identifierOfKey } from '../../src/ring/identifier.js'
import { breakLink } from '../helpers/break-link.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'

/* Traces of commands, with the exporter of the SDK that keeps them in memory. */

interface ReadableSpan {
  readonly name: string
  readonly kind: SpanKind
  readonly parentSpanId?: string
  readonly attributes: Readonly<Record<string, string | number>>
  readonly links: readonly { readonly context: SpanContext }[]
  readonly status: { readonly code: SpanStatusCode }
  spanContext(): SpanContext
}

// No more of its types is needed than this.
const SDK: string = '@opentelemetry/sdk-trace-base'
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = await import(SDK)
const exporter: { reset(): void; getFinishedSpans(): ReadableSpan[] } = new InMemorySpanExporter()
const provider: TracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })

t.test('without an SDK nothing is traced', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1, config: { traces: { sampleRatio: 1 } } })
  const client = await proxy.connect()
  await client.ask('SET', 'a', '1')
  t.notOk(tracing.isOn)
})

t.test('with one', async (t) => {
  trace.setGlobalTracerProvider(provider)
  t.teardown(() => tracing.turnOff())
  const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1, config: { traces: { sampleRatio: 1 } } })
  const client = await proxy.connect()
  const [one, other] = keysOnOthers(proxy)

  /** What a command leaves. */
  const traced = async (...command: string[]) => {
    exporter.reset()
    const reply = String(await client.ask(...command))
    await until('its children have ended as well', () => ended(command[0]).length > 0)
    return { reply, spans: exporter.getFinishedSpans() }
  }
  const ended = (name: string) =>
    exporter.getFinishedSpans().filter((span) => isRoot(span) && span.name.startsWith(name))

  await t.test('a span for each command, and below it one for each replica', async (t) => {
    const { spans } = await traced('SET', one, 'a secret')
    const [root] = spans.filter(isRoot)
    const children = spans.filter((span) => !isRoot(span))
    t.match(root, { name: 'SET', kind: SpanKind.SERVER, status: { code: SpanStatusCode.UNSET } })
    const { attributes } = root
    t.match(attributes, { 'db.system.name': 'redis', 'db.operation.name': 'SET', 'db.namespace': '0' })
    t.equal(attributes['client.address'], `127.0.0.1:${client.socket.localPort}`)
    t.same(children.map(({ attributes }) => attributes['dt.member']).sort(), membersOf(proxy, one).sort())
    for (const child of children) {
      t.match(child, { name: 'SET', kind: SpanKind.CLIENT, parentSpanId: root.spanContext().spanId })
      t.equal(child.spanContext().traceId, root.spanContext().traceId)
      const { port } = proxy.ring.server(String(child.attributes['dt.member']))
      t.match(child.attributes, { 'server.address': '127.0.0.1', 'server.port': port, 'db.system.name': 'redis' })
    }
    t.notMatch(JSON.stringify(spans.map(({ name, attributes }) => [name, attributes])), 'a secret')
    t.equal((await traced('GET', one)).spans.length, 2, 'a read is one of a single server')
  })

  await t.test('an error has its code', async (t) => {
    const { reply, spans } = await traced('LPUSH', one, 'x')
    t.match(reply, /^-WRONGTYPE/)
    const root = spans.find(isRoot)
    t.match(root, { status: { code: SpanStatusCode.ERROR } })
    const said = { 'error.type': 'WRONGTYPE', 'db.response.status_code': 'WRONGTYPE' }
    t.match(root?.attributes, said)
    const children = spans.filter((span) => !isRoot(span))
    t.equal(children.length, 2)
    for (const child of children) {
      t.match(child, { name: 'LPUSH', status: { code: SpanStatusCode.ERROR }, attributes: said }, 'each member said so')
    }
  })

  await t.test('what a server chooses is sent on for the same command', async (t) => {
    await client.ask('SADD', 'set', 'a', 'b', 'c')
    const { spans } = await traced('SPOP', 'set')
    t.same(names(spans), ['SPOP', 'SPOP', 'SREM'])
    t.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1)
  })

  await t.test('what the proxy answers itself has a span alone', async (t) => {
    t.match((await traced('CONFIG', 'GET', 'port')).spans, [{ name: 'CONFIG GET', kind: SpanKind.SERVER }])
    t.match((await traced('PUBLISH', 'channel', 'x')).spans, [{ name: 'PUBLISH' }])
    t.match((await traced('PING')).spans, [{ name: 'PING' }])
    t.match((await traced('PING', 'x')).spans, [{ name: 'PING' }])
  })

  await t.test('so has what it refuses, or answers with an error, and that has a code', async (t) => {
    const failed = async (code: string, name: string, ...command: string[]) => {
      const { reply, spans } = await traced(...command)
      t.match(reply, new RegExp(`^-${code} `), name)
      t.match(spans, [{ name, kind: SpanKind.SERVER, status: { code: SpanStatusCode.ERROR } }], name)
      t.match(spans[0]?.attributes, { 'error.type': code, 'db.response.status_code': code }, name)
      t.equal(spans.length, 1, name)
    }
    await failed('ERR', 'CONFIG SET', 'CONFIG', 'SET', 'port', '1')
    await failed('ERR', 'GET', 'GET')
    await failed('ERR', 'EXEC', 'EXEC')
    await failed('ERR', 'PUBSUB CHANNELS', 'PUBSUB', 'CHANNELS', 'x', 'y')
    await failed('ERR', 'SHUTDOWN', 'SHUTDOWN')
    await failed('WRONGPASS', 'AUTH', 'AUTH', 'nobody', 'a guess')
    await client.ask('ACL', 'SETUSER', 'reader', 'on', 'nopass', '~*', '+@read', '+auth')
    await client.ask('AUTH', 'reader', '')
    await failed('NOPERM', 'SET', 'SET', one, 'x')
    await client.ask('AUTH', 'default', '')
    const nobody = '_OTHER'
    exporter.reset()
    t.match(String(await client.ask('NO-SUCH-COMMAND', 'x')), /^-ERR unknown command/)
    t.match(exporter.getFinishedSpans(), [{ name: nobody, status: { code: SpanStatusCode.ERROR } }])
  })

  await t.test('in a transaction what is refused, and that nothing was done', async (t) => {
    exporter.reset()
    client.send('MULTI\r\nSET a\r\nSET a 1\r\nEXEC\r\nPING x\r\nSUBSCRIBE c\r\nUNSUBSCRIBE c\r\n')
    for (let i = 0; i < 7; i++) await client.reply()
    const spans = exporter.getFinishedSpans().map(({ name, status, attributes }) => {
      return [name, status.code, attributes['error.type']]
    })
    t.same(spans, [
      ['MULTI', SpanStatusCode.UNSET, undefined],
      ['SET', SpanStatusCode.ERROR, 'ERR'],
      ['EXEC', SpanStatusCode.ERROR, 'EXECABORT'],
      ['PING', SpanStatusCode.UNSET, undefined],
      ['SUBSCRIBE', SpanStatusCode.UNSET, undefined],
      ['UNSUBSCRIBE', SpanStatusCode.UNSET, undefined],
    ])
  })

  await t.test('bringing values together is a work of its own, linked to the command', async (t) => {
    const { spans } = await traced('RENAME', one, other)
    const root = spans.find(({ name }) => name === 'RENAME')!
    const work = spans.find(({ name }) => name === 'gather RENAME')!
    t.match(work.links, [{ context: { spanId: root.spanContext().spanId, traceId: root.spanContext().traceId } }])
    const sent = spans.filter(({ parentSpanId }) => parentSpanId === work.spanContext().spanId)
    t.ok(sent.length >= 2, names(spans).join())
  })

  await t.test('an error that a member answers for a gather is on its span, too', async (t) => {
    await client.ask('SADD', 'of text', 'a', 'b')
    const { reply, spans } = await traced('SORT', 'of text', 'GET', 'of *')
    t.match(reply, /^-ERR One or more scores/)
    const work = spans.find(({ name }) => name === 'gather SORT')
    t.match(work, { status: { code: SpanStatusCode.ERROR }, attributes: { 'error.type': 'ERR' } })
    const failed = spans.filter(({ status, kind }) => status.code === SpanStatusCode.ERROR && kind === SpanKind.CLIENT)
    t.ok(failed.length > 0, names(spans).join())
    for (const { attributes } of failed) t.equal(attributes['db.response.status_code'], 'ERR')
  })

  await t.test('a transaction', async (t) => {
    const [watch] = (await traced('WATCH', one)).spans.filter(isRoot)
    t.match(watch, { name: 'WATCH', kind: SpanKind.SERVER })
    exporter.reset()
    client.send('MULTI\r\nSET a 1\r\nGET a\r\nEXEC\r\n')
    for (let i = 0; i < 4; i++) await client.reply()
    const [root] = ended('EXEC')
    t.ok(exporter.getFinishedSpans().some(({ parentSpanId }) => parentSpanId === root.spanContext().spanId))
  })

  await t.test('in a pipeline each has its own children', async (t) => {
    exporter.reset()
    await client.pipeline(Array.from({ length: 50 }, (_, i) => ['SET', `k${i}`, 'x']))
    const spans = exporter.getFinishedSpans()
    const roots = spans.filter(isRoot)
    t.equal(roots.length, 50)
    for (const root of roots) {
      t.equal(spans.filter(({ parentSpanId }) => parentSpanId === root.spanContext().spanId).length, 2)
    }
  })

  await t.test('a connection that breaks is seen', async (t) => {
    const [member] = membersOf(proxy, one)
    const direct = await proxy.connectTo(member)
    exporter.reset()
    await direct.ask('CLIENT', 'PAUSE', '300', 'WRITE')
    const writing = client.ask('SET', one, 'x')
    await breakLink(direct)
    await writing
    const lost = exporter.getFinishedSpans().find(({ attributes }) => attributes['error.type'] === 'connection lost')
    t.match(lost, { name: 'SET', kind: SpanKind.CLIENT, status: { code: SpanStatusCode.ERROR } })
  })
})

t.test('a part of them is chosen', async (t) => {
  t.teardown(() => tracing.turnOff())
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1, config: { traces: { sampleRatio: 0.2 } } })
  const client = await proxy.connect()
  exporter.reset()
  await client.pipeline(Array.from({ length: 1000 }, () => ['GET', 'a']))
  const roots = exporter.getFinishedSpans().filter(isRoot).length
  t.ok(roots > 120 && roots < 280, `${roots}`)
})

function isRoot({ parentSpanId }: ReadableSpan): boolean {
  return parentSpanId === undefined
}

function names(spans: readonly ReadableSpan[]): string[] {
  return spans.map(({ name }) => name).sort()
}

function membersOf({ view }: TestProxy, key: string): string[] {
  const { ring, setOfRange } = view
  return setOfRange[ring.rangeOf(identifierOfKey(Buffer.from(key), 0, key.length))].natural.map(({ name }) => name)
}

/** Two keys that have different masters. */
function keysOnOthers(proxy: TestProxy): [string, string] {
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
  const [first] = keys
  return [first, keys.find((key) => membersOf(proxy, key)[0] !== membersOf(proxy, first)[0])!]
}
