import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { freePorts } from '../src/local/ports.js'
import { MAIN } from './helpers/serve-process.js'
import { temporaryDirectory } from './helpers/temporary-directory.js'
import { until } from './helpers/until.js'

/** The file of docs/traces.md, with packages in the place of the SDK that write down what they are told. */

const dir = temporaryDirectory(t)

function writePackage(name: string, text: string): void {
  const place = join(dir, 'node_modules', '@opentelemetry', name)
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'package.json'), '{"type":"module","exports":"./index.js"}')
  writeFileSync(join(place, 'index.js'), text)
}

t.test('what was traced before a stop is sent', async (t) => {
  const page = readFileSync(new URL('../../docs/traces.md', import.meta.url), 'utf8')
  const [example] = /^ {4}\/\/ tracing\.mjs\n(?:(?: {4}.*)?\n)+/m.exec(page) ?? []
  t.ok(example)
  writeFileSync(join(dir, 'tracing.mjs'), (example ?? '').replaceAll(/^ {4}/gm, ''))
  const told = join(dir, 'told')
  writePackage('exporter-trace-otlp-http', 'export class OTLPTraceExporter {}')
  const tell = (what: string) => `appendFileSync(${JSON.stringify(told)}, '${what} ')`
  writePackage(
    'sdk-node',
    `import { appendFileSync } from 'node:fs'
export class NodeSDK { start() { ${tell('started')} } async shutdown() { ${tell('shut')} } }`,
  )
  const [port, nobody] = await freePorts(2)
  const env = {
    PATH: process.env.PATH,
    NODE_OPTIONS: `--import ${join(dir, 'tracing.mjs')}`,
    DT_LISTEN_PORT: String(port),
    DT_SENTINEL_ADDRESSES: `127.0.0.1:${nobody}`,
    DT_RING_STATE_FILE: join(dir, 'state.json'),
  }
  const proxy = spawn(process.execPath, [MAIN, 'serve'], { cwd: dir, env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => proxy.kill('SIGKILL'))
  let log = ''
  proxy.stdout.on('data', (text) => (log += text))
  await until('it has started', () => existsSync(told) && log.includes('starts as process'))
  const ended = once(proxy, 'exit')
  proxy.kill('SIGTERM')
  t.same(await ended, [0, null])
  t.equal(readFileSync(told, 'utf8'), 'started shut ')
})
