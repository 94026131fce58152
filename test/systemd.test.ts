import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { loadConfig } from '../src/config/config.js'
import { temporaryDirectory } from './helpers/temporary-directory.js'

/* The unit of systemd that is shipped: nothing here starts it, for there may be no systemd. */

const repository = fileURLToPath(new URL('../../', import.meta.url))
const text = readFileSync(join(repository, 'conf/dt.service'), 'utf8')

/** The values of each `Name=value` below each `[Section]`. */
function parseUnit(unit: string): Record<string, Record<string, string[]>> {
  const sections: Record<string, Record<string, string[]>> = {}
  let section: Record<string, string[]> | undefined
  for (const line of unit.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const heading = /^\[(\w+)\]$/.exec(line)
    const setting = /^(\w+)=(.*)$/.exec(line)
    if (heading) section = sections[heading[1]] = {}
    else if (section === undefined || setting === null) throw new Error(`what is ${line}?`)
    else section[setting[1]] = [...(section[setting[1]] ?? []), setting[2]]
  }
  return sections
}

const { Service: service, Install: install } = parseUnit(text)
const one = (name: string) => service[name]?.join(' | ')

t.test('it starts `dt serve`, with settings that we know', async (t) => {
  const [, script, command] = service.ExecStart[0].split(' ')
  t.match(script, /^\/opt\/dt\//)
  t.ok(existsSync(join(repository, script.replace('/opt/dt/', ''))))
  t.equal(command, 'serve')
  const env = Object.fromEntries(service.Environment.map((pair) => pair.split('=')))
  t.equal(env.DT_CONFIG_FILE, '/etc/dt/dt.yaml')
  const { ring } = loadConfig({ file: join(repository, 'conf/dt.yaml'), env: { ...env, DT_CONFIG_FILE: undefined } })
  t.equal(ring.stateFile, `%S/${one('StateDirectory')}/dt-state.json`, 'the state file is where the service may write')
  t.same(install, { WantedBy: ['multi-user.target'] })
})

t.test('what it says only as a comment is right, too', async (t) => {
  const credentials = text.replace(/^#(LoadCredential|Environment)=/gm, '$1=')
  const { Service: all } = parseUnit(credentials)
  const names = all.LoadCredential.map((credential) => credential.split(':')[0])
  t.same(all.Environment.slice(-2), [`DT_AUTH_PASSWORD_FILE=%d/${names[0]}`, `DT_BACKEND_PASSWORD_FILE=%d/${names[1]}`])
})

t.test('it stops in order, and nobody loses patience before the proxy does', async (t) => {
  const { limits } = loadConfig({ env: {} })
  t.equal(one('KillSignal'), 'SIGTERM')
  t.equal(one('ExecReload'), '/bin/kill -HUP $MAINPID')
  // Some seconds for the last replies, and for what the servers still owe, come behind it.
  t.ok(Number(one('TimeoutStopSec')) * 1000 >= limits.drainTimeoutMs + 10_000)
  t.ok(Number(one('LimitNOFILE')) >= limits.maxClients + 100)
})

t.test('it may do what the proxy needs, and not much else', async (t) => {
  for (const name of ['DynamicUser', 'NoNewPrivileges', 'PrivateTmp', 'PrivateDevices', 'ProtectHome']) {
    t.equal(one(name), 'yes', name)
  }
  t.equal(one('ProtectSystem'), 'strict')
  t.equal(one('CapabilityBoundingSet'), '', 'no capability')
  t.equal(one('MemoryDenyWriteExecute'), 'no', 'V8 makes code')
  const families = one('RestrictAddressFamilies')?.split(' ') ?? []
  for (const needed of ['AF_INET', 'AF_INET6', 'AF_UNIX']) t.ok(families.includes(needed), needed)
})

t.test('the socket is for the service, and is passed to it as one for clients', async (t) => {
  const { Socket: socket, Install: where } = parseUnit(readFileSync(join(repository, 'conf/dt.socket'), 'utf8'))
  const { listen } = loadConfig({ env: {} })
  t.same(socket.ListenStream, [`${listen.host}:${listen.port}`])
  t.same(socket.Backlog, [String(listen.backlog)])
  t.notOk(['tls', 'admin'].includes(socket.FileDescriptorName[0]))
  t.same(where, { WantedBy: ['sockets.target'] })
})

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0

t.test('systemd finds nothing wrong with it', { skip: !hasAnalyze && 'there is no systemd-analyze' }, async (t) => {
  const path = join(temporaryDirectory(t), 'dt.service')
  // The program has to be there for it.
  writeFileSync(path, text.replace('/usr/bin/node', process.execPath))
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8' })
  t.notMatch(`${verified.stdout}${verified.stderr}`, /dt\.service/)
  t.equal(verified.status, 0, verified.stderr)
})
