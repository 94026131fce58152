import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { loadConfig } from '../../src/config/config.js'
import { settingNames } from '../../src/config/settings.js'

const example = (name: string) => fileURLToPath(new URL(`../../../conf/${name}`, import.meta.url))

t.test('conf/dt.yaml says the default of every setting, but for the Sentinels of its local ring', async (t) => {
  const defaults = loadConfig({ env: {} })
  const config = loadConfig({ file: example('dt.yaml'), env: {} })
  t.equal(config.sentinel.addresses.length, 3)
  t.same({ ...config, sentinel: { ...config.sentinel, addresses: defaults.sentinel.addresses } }, defaults)
})

const TLS_FILES = ['certFile', 'keyFile', 'keyPassword', 'keyPasswordFile', 'caFile']
const OPTIONAL_OF_TLS = [
  ...TLS_FILES,
  ...['ciphers', 'ciphersuites', 'tlsServerName'],
  ...TLS_FILES.map((name) => `tls${name.charAt(0).toUpperCase()}${name.slice(1)}`),
]

t.test('conf/dt.yaml names and explains every setting', async (t) => {
  const lines = readFileSync(example('dt.yaml'), 'utf8').split('\n')
  const optional = [
    'username',
    'password',
    'version',
    'unixSocket',
    'token',
    'file',
    'passwordFile',
    'announceHost',
    'announcePort',
    ...OPTIONAL_OF_TLS,
  ]
  for (const [section, name] of settingNames()) {
    const start = lines.indexOf(`${section}:`)
    const isOptional = optional.includes(name) || ['admin.port', 'peers.port'].includes(`${section}.${name}`)
    const pattern = isOptional ? new RegExp(`^  # ${name}: `) : new RegExp(`^  ${name}:.*`)
    const own = lines.slice(
      start + 1,
      lines.findIndex((line, i) => i > start && /^\S/.test(line)),
    )
    t.ok(start >= 0 && own.some((line) => pattern.test(line)), `${section}.${name}`)
  }
})

t.test('conf/three-machines.yaml can be used as it is, with passwords from the environment', async (t) => {
  const [, line] = /^# +(DT_BACKEND_PASSWORD=.*) dt serve --standby --config conf\/three-machines.yaml$/m.exec(
    readFileSync(example('three-machines.yaml'), 'utf8'),
  )!
  const env = Object.fromEntries(line.split(' ').map((pair) => pair.split('=')))
  const config = loadConfig({ file: example('three-machines.yaml'), env })
  t.same(
    config.sentinel.addresses.map(({ host }) => host),
    ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
  )
  t.equal(config.backend.password, 'a-long-secret')
  t.match(config.ring, { replicas: 1, stateFile: 'none' })
  t.same([config.listen.host, config.peers.host, config.peers.port], ['10.0.0.1', '10.0.0.1', 6390])
})
