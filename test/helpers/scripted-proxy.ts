import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, silentLogger } from '../../src/base/log.js'
import { loadConfig } from '../../src/config/config.js'
import { createProxy } from '../../src/proxy.js'
import type { RingProxy } from '../../src/service.js'
import type { Teardown } from './proxy.js'
import { RawClient } from './raw-client.js'
import { bulk, type Script, ScriptedServer } from './scripted-server.js'
import { until } from './until.js'

/** A whole proxy over servers and a Sentinel that say exactly what a test wants. */
export interface ScriptedProxy {
  readonly proxy: RingProxy
  readonly servers: readonly ScriptedServer[]
  readonly sentinel: ScriptedServer
  connect(): Promise<RawClient>
  /** Resolves when the proxy serves with all of them. */
  serves(): Promise<unknown>
}

/** What a Sentinel answers to SENTINEL MASTERS. */
export function mastersReply(masters: readonly { name: string; host?: string; port: number | string }[]): string {
  const one = ({ name, host = '127.0.0.1', port }: (typeof masters)[number]) =>
    `%4\r\n${['name', name, 'ip', host, 'port', String(port), 'flags', 'master'].map(bulk).join('')}`
  return `*${masters.length}\r\n${masters.map(one).join('')}`
}

/** What `script` does not answer, servers answer as healthy masters do that keep the marks of the ring. */
export async function startScriptedProxy(
  t: Teardown,
  script: Script,
  { nodes = 2, log = silentLogger() }: { nodes?: number; log?: Logger } = {},
): Promise<ScriptedProxy> {
  const servers = await Promise.all(
    Array.from({ length: nodes }, async (_, i) => {
      const keeps = queueing(keepingMarks())
      const server = await ScriptedServer.start(t, (args, socket) => script(args, socket) ?? keeps(args, socket))
      server.info = { run_id: String(i).repeat(40) }
      return server
    }),
  )
  const members = servers.map(({ port }, i) => ({ name: `dt-${i + 1}`, port }))
  const sentinel = await ScriptedServer.start(t, ([name, sub]) =>
    name === 'SENTINEL' && sub === 'MASTERS' ? mastersReply(members) : undefined,
  )
  const dir = mkdtempSync(join(tmpdir(), 'dt-test-'))
  const overrides = {
    listen: { port: 0 },
    ring: { stateFile: join(dir, 'state.json'), replicas: 1 },
    sentinel: { addresses: [`127.0.0.1:${sentinel.port}`], pollMs: 100 },
    backend: { pingIntervalMs: 100, reconnectMinMs: 10, reconnectMaxMs: 50 },
    limits: { unavailableTimeoutMs: 300 },
  }
  const settings = loadConfig({ env: {}, overrides })
  const proxy = createProxy(settings, log, { readConfig: () => settings })
  const clients: RawClient[] = []
  t.teardown(async () => {
    for (const client of clients) client.close()
    await proxy.stop()
    rmSync(dir, { recursive: true, force: true })
  })
  const { port } = await proxy.start()
  const connect = async () => {
    const client = await RawClient.connect(port)
    clients.push(client)
    return client
  }
  const asking = await connect()
  return {
    proxy,
    servers,
    sentinel,
    connect,
    serves: () =>
      until('the proxy serves with all members', async () => {
        const nodes = String(await asking.ask('DT', 'NODES'))
        return nodes.split('in the ring').length >= 0 && String(await asking.ask('SET', 'a', '1')) === '+OK\r\n'
      }),
  }
}

/** What a server answers to FUNCTION, with the libraries that it was given. */
function keepingMarks(): Script {
  const libraries = new Map<string, string>()
  return ([name, sub, ...rest]) => {
    if (name !== 'FUNCTION') return undefined
    if (sub === 'LOAD') {
      const code = rest.at(-1)!
      const library = /^#!lua name=(\S+)/.exec(code)![1]
      libraries.set(library, code)
      return bulk(library)
    }
    if (sub === 'LIST') {
      const shown = [...libraries].filter(([library]) => /^dt_[gmo]/.test(library))
      const one = ([library, code]: [string, string]) =>
        `%2\r\n${['library_name', library, 'library_code', code].map(bulk).join('')}`
      return rest.includes('dt_[gmo]*') ? `*${shown.length}\r\n${shown.map(one).join('')}` : '*0\r\n'
    }
    return '+OK\r\n'
  }
}

/** MULTI and EXEC around what `script` answers. */
function queueing(script: Script): Script {
  const queues = new Map<Socket, string[][]>()
  return (args, socket) => {
    const queue = queues.get(socket)
    if (args[0] === 'MULTI') queues.set(socket, [])
    else if (queue !== undefined && args[0] === 'EXEC') {
      queues.delete(socket)
      return `*${queue.length}\r\n${queue.map((each) => script(each, socket) ?? '+OK\r\n').join('')}`
    } else if (queue !== undefined) {
      queue.push(args)
      return '+QUEUED\r\n'
    }
    return args[0] === 'MULTI' ? '+OK\r\n' : script(args, socket)
  }
}
