import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { ConfigError, loadConfig } from '../../src/config/config.js'
import { environmentName, settingNames } from '../../src/config/settings.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'

/** A file with this text in a directory that ends with the test, and the message that loading it fails with. */
function yamlIn(t: Test, text: string): string {
  const file = join(t.testdir(), 'dt.yaml')
  writeFileSync(file, text)
  return file
}

function messageFor(t: Test, text: string, env: Record<string, string> = {}): string {
  const file = yamlIn(t, text)
  try {
    loadConfig({ file, env })
  } catch (error) {
    t.type(error, ConfigError)
    return (error as Error).message.replaceAll(file, 'dt.yaml')
  }
  t.fail('the settings were accepted')
  return ''
}

const KEPT = { keyGroups: [], stateFile: './dt-state.json', withoutMajority: 'refuse' }

t.test('DT_CONFIG_FILE names the file where no option does', async (t) => {
  const one = join(t.testdir(), 'one.yaml')
  const other = join(t.testdirName, 'other.yaml')
  writeFileSync(one, 'listen: { port: 7001 }')
  writeFileSync(other, 'listen: { port: 7002 }')
  t.equal(loadConfig({ env: { DT_CONFIG_FILE: one } }).listen.port, 7001)
  t.equal(loadConfig({ env: { DT_CONFIG_FILE: one }, file: other }).listen.port, 7002)
  t.equal(loadConfig({ env: { DT_CONFIG_FILE: '' } }).listen.port, 6380)
  t.throws(() => loadConfig({ env: { DT_CONFIG_FILE: `${one}x` } }), /one\.yamlx: there is no such file/)
})

t.test('without a file and variables, every setting has its default', async (t) => {
  const config = loadConfig({ env: {} })
  t.match(config.listen, { host: '127.0.0.1', port: 6380, backlog: 511, protectedMode: 'yes' })
  t.same(config.ring, { id: 'dt', replicas: 2, virtualNodes: 64, ...KEPT })
  t.same(config.sentinel, {
    addresses: [{ host: '127.0.0.1', port: 26379 }],
    masterPattern: 'dt-*',
    pollMs: 1000,
    tls: 'no',
    tlsVerify: 'yes',
  })
  t.same(config.auth, {}, 'clients need no password')
  t.equal(config.limits.maxBulkBytes, 512 * 1024 * 1024)
  t.same(config.log, { level: 'info', format: 'auto' })
})

t.test('a file goes before the defaults, a variable before the file, the command line before all', async (t) => {
  const file = yamlIn(t, 'listen: { host: a, port: 1 }\nring: { id: from-file, replicas: 1 }\n')
  const config = loadConfig({
    file,
    env: { DT_LISTEN_PORT: '2', DT_RING_REPLICAS: '3' },
    overrides: { listen: { port: 4 }, ring: {} },
  })
  t.match(config.listen, { host: 'a', port: 4, backlog: 511 })
  t.same(config.ring, { id: 'from-file', replicas: 3, virtualNodes: 64, ...KEPT })
})

t.test('the value is frozen at every depth', async (t) => {
  const config = loadConfig({ env: {} })
  for (const part of [config, config.listen, config.sentinel.addresses, config.sentinel.addresses[0]]) {
    t.ok(Object.isFrozen(part))
  }
})

t.test('every setting can be given as a variable', async (t) => {
  const values: Record<string, string> = {
    host: 'example.org',
    unixSocket: 's',
    unixSocketPerm: '777',
    protectedMode: 'no',
    sampleRatio: '0.5',
    proxyProtocol: 'no',
    proxyTrusted: '10.0.0.0/8',
    withoutMajority: 'serve',
    crossServer: 'refuse',
    debug: 'local',
    id: 'other',
    addresses: 'a:1,b:2',
    masterPattern: 'm*',
    username: 'u',
    password: 'p',
    'peers.password': 'sixteen and more',
    level: 'debug',
    format: 'json',
    replicas: '3',
    maxBulkBytes: '5kb',
    outputBufferHardBytes: '2mb',
    outputBufferPauseBytes: '1mb',
    queryBufferBytes: '3mb',
    reconnectMinMs: '100',
    moduleWrites: 'vectorset, JSON.SET',
    keyGroups: 'bull:{*}:*, rq:{*}',
    version: '7.0.9',
    users: 'user a on\nuser b off',
    pubsubDefault: 'allchannels',
    'tls.port': '778',
    'admin.port': '779',
    authClients: 'optional',
    authClientsUser: 'CN',
    protocols: 'TLSv1.3',
    preferServerCiphers: 'yes',
    sessionCaching: 'no',
    tls: 'yes',
    tlsVerify: 'no',
    sessionCacheTimeoutMs: '1777',
  }
  // Instead of the password itself.
  const names = settingNames().filter(([, name]) => name !== 'passwordFile')
  const env = Object.fromEntries(
    names.map(([section, name]) => [
      environmentName(section, name),
      values[`${section}.${name}`] ?? values[name] ?? '777',
    ]),
  )
  const config = loadConfig({ env }) as unknown as Record<string, Record<string, unknown>>
  const parsed: Record<string, unknown> = {
    replicas: 3,
    maxBulkBytes: 5 * 1024,
    outputBufferHardBytes: 2 * 1024 ** 2,
    outputBufferPauseBytes: 1024 ** 2,
    queryBufferBytes: 3 * 1024 ** 2,
    reconnectMinMs: 100,
    moduleWrites: ['vectorset', 'JSON.SET'],
    protocols: ['TLSv1.3'],
    sessionCacheTimeoutMs: 1777,
    keyGroups: ['bull:{*}:*', 'rq:{*}'],
    users: ['user a on', 'user b off'],
    addresses: [
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ],
  }
  for (const [section, name] of names) {
    t.same(
      config[section][name],
      parsed[name] ?? values[`${section}.${name}`] ?? values[name] ?? 777,
      environmentName(section, name),
    )
  }
})

t.test('a password may stand in a file of its own', async (t) => {
  const path = join(temporaryDirectory(t), 'secret')
  writeFileSync(path, 'päss word\n')
  for (const section of ['AUTH', 'BACKEND', 'SENTINEL']) {
    const config = loadConfig({ env: { [`DT_${section}_PASSWORD_FILE`]: path } })
    t.equal(config[section.toLowerCase() as 'auth'].password, 'päss word')
  }
  t.throws(
    () => loadConfig({ env: { DT_AUTH_PASSWORD_FILE: `${path}x` } }),
    /^DT_AUTH_PASSWORD_FILE cannot be read: ENOENT/,
  )
  t.throws(
    () => loadConfig({ env: { DT_AUTH_PASSWORD_FILE: path, DT_AUTH_PASSWORD: 'x' } }),
    /^DT_AUTH_PASSWORD_FILE must not be given beside auth.password$/,
  )
})

t.test('what is to be a list of commands and modules is checked', async (t) => {
  const load = (moduleWrites: string) => () => loadConfig({ env: { DT_COMMANDS_MODULE_WRITES: moduleWrites } })
  t.same(load('JSON.SET,vectorset , _x')().commands.moduleWrites, ['JSON.SET', 'vectorset', '_x'])
  for (const wrong of ['a;b', 'JSON.SET vectorset', '*', 'yes!', 'a,,b', '"vectorset"', 'VADD,vadd', 'http://x']) {
    t.throws(load(wrong), /^DT_COMMANDS_MODULE_WRITES.*must be a list of different names of commands or modules/, wrong)
  }
})

t.test('what is to be a list of patterns of keys is checked', async (t) => {
  const load = (keyGroups: string) => () => loadConfig({ env: { DT_RING_KEY_GROUPS: keyGroups } })
  t.same(load('bull:{*}:*, rq:{*}')().ring.keyGroups, ['bull:{*}:*', 'rq:{*}'])
  t.throws(load('bull:*'), /^DT_RING_KEY_GROUPS.*must be patterns such as bull:\{\*\}:\*.*, and bull:\* is none/)
  t.throws(load('a:{*}:*,a:b:{*}'), /must not have two patterns for one key, as a:\{\*\}:\* and a:b:\{\*\} are/)
})

t.test('names of variables are the words of the setting', async (t) => {
  t.equal(environmentName('sentinel', 'masterPattern'), 'DT_SENTINEL_MASTER_PATTERN')
  t.equal(environmentName('listen', 'port'), 'DT_LISTEN_PORT')
})

t.test('an empty variable is none, as compose files give it', async (t) => {
  t.same(loadConfig({ env: { DT_AUTH_PASSWORD: '', DT_LISTEN_PORT: '' } }).auth, {})
})

t.test('a misspelt variable is an error, those that Kubernetes makes for a service are not', async (t) => {
  t.throws(() => loadConfig({ env: { DT_RING_REPLICA: '2' } }), {
    message: 'unknown setting DT_RING_REPLICA in the environment (did you mean DT_RING_REPLICAS?)',
  })
  t.throws(() => loadConfig({ env: { DT_LISEN_PORT: '1' } }), {
    message: 'unknown setting DT_LISEN_PORT in the environment (did you mean DT_LISTEN_PORT?)',
  })
  t.throws(() => loadConfig({ env: { DT_SENTINELS_ADDRESSES: 'a:1' } }), {
    message: 'unknown setting DT_SENTINELS_ADDRESSES in the environment (did you mean DT_SENTINEL_ADDRESSES?)',
  })
  const service = { DT_SERVICE_HOST: '10.0.0.1', DT_PORT: 'tcp://10.0.0.1:6380', DT_SENTINEL_SERVICE_PORT: '26379' }
  t.doesNotThrow(() => loadConfig({ env: { ...service, DT_SENTINEL_PORT_26379_TCP_ADDR: '10.0.0.1', DT_ROOT: '/' } }))
})

t.test('a wrong setting is named with its line', async (t) => {
  const text = ['# a comment', 'ring:', '  replicas: two', '', 'sentinel:', '  addresses:', '    - a:1', '    - b']
  t.equal(
    messageFor(t, text.join('\n')),
    'dt.yaml:3: ring.replicas must be a whole number from 0 to 15, not "two"\n' +
      'dt.yaml:6: sentinel.addresses must be a list of different host:port, not ["a:1","b"]',
  )
})

t.test('an unknown setting or section is named with its line, and with what was meant', async (t) => {
  const message = messageFor(t, 'listen:\n  prot: 1\nrings:\n  id: x\nwhatever: 1\n')
  t.equal(
    message,
    'dt.yaml:2: unknown setting listen.prot (did you mean listen.port?)\n' +
      'dt.yaml:3: unknown setting rings (did you mean ring?)\n' +
      'dt.yaml:5: unknown setting whatever',
  )
})

t.test('a wrong variable is named, beside a wrong line', async (t) => {
  const message = messageFor(t, 'listen: { port: 70000 }', { DT_LOG_LEVEL: 'loud' })
  t.match(message, /^dt.yaml:1: listen.port must be a whole number from 0 to 65535, not 70000$/m)
  t.match(message, /^DT_LOG_LEVEL must be one of trace, debug, .*, not "loud"$/m)
})

t.test('a password is never shown', async (t) => {
  t.notMatch(messageFor(t, 'auth: { password: 12345 }'), /12345/)
  t.notMatch(messageFor(t, 'backend: { password: [hidden] }'), /hidden/)
})

t.test('two settings that contradict each other are refused', async (t) => {
  t.match(
    messageFor(t, 'backend: { reconnectMinMs: 5000 }'),
    /reconnectMaxMs must not be less than backend.reconnectMinMs/,
  )
  t.match(messageFor(t, 'limits: { outputBufferHardBytes: 1mb, outputBufferPauseBytes: 2mb }'), /must not be more than/)
})

t.test('between proxies TLS wants a certificate, and authorities unless none is verified', async (t) => {
  const password = 'sixteen and more'
  const of = (peers: object) => loadConfig({ env: {}, overrides: { peers: { port: 1, password, ...peers } } })
  const wrong = (peers: object, message: RegExp) => t.throws(() => of(peers), { name: 'ConfigError', message })
  const files = { tlsCertFile: 'a', tlsKeyFile: 'b' }
  wrong({ tls: 'yes' }, /^peers\.tlsCertFile must be given with peers\.tls: each proxy shows the others who it is/)
  wrong({ tls: 'yes', ...files }, /^peers\.tlsCaFile must be given with peers\.tls, to verify the certificates/)
  wrong({ tlsCertFile: 'a' }, /^peers\.tlsKeyFile must be given with tlsCertFile, whose key it is/)
  t.equal(of({ tls: 'yes', ...files, tlsVerify: 'no' }).peers.tls, 'yes')
  t.equal(of({ tls: 'yes', ...files, tlsCaFile: 'c' }).peers.tlsVerify, 'yes')
  wrong({ tls: 'yes', ...files, tlsCaFile: 'c', tlsKeyPassword: 7 }, /^peers\.tlsKeyPassword must be text[^7]*$/)
})

t.test('what is no settings file is refused with a line', async (t) => {
  t.match(messageFor(t, 'listen:\n  port: [1,\n'), /^dt.yaml:\d+: /)
  t.match(messageFor(t, 'listen:\n  port: 1\n  port: 2\n'), /^dt.yaml:3: Map keys must be unique$/)
  t.match(messageFor(t, '- a\n- b\n'), /^dt.yaml:1: must hold sections of settings/)
  t.match(messageFor(t, 'listen: 6380\n'), /^dt.yaml:1: listen must hold settings/)
  t.match(messageFor(t, '__proto__:\n  polluted: 1\n'), /unknown setting __proto__/)
  t.equal(({} as { polluted?: number }).polluted, undefined)
})

t.test('a file that cannot be read is one sentence', async (t) => {
  const dir = t.testdir()
  t.throws(() => loadConfig({ file: join(dir, 'none.yaml'), env: {} }), { message: /: there is no such file$/ })
  t.throws(() => loadConfig({ file: dir, env: {} }), { message: /: it is a directory$/ })
})

t.test('a section that has only comments has its defaults', async (t) => {
  t.same(loadConfig({ file: yamlIn(t, 'auth:\n  # password: x\n'), env: {} }), loadConfig({ env: {} }))
  t.same(loadConfig({ file: yamlIn(t, '# nothing\n'), env: {} }), loadConfig({ env: {} }))
})

t.test('sizes have the suffixes of redis.conf', async (t) => {
  const sizes: [string, number][] = [
    ['1048576', 1024 ** 2],
    ['2000k', 2_000_000],
    ['2048kb', 2 * 1024 ** 2],
    ['3m', 3_000_000],
    ['3MB', 3 * 1024 ** 2],
    ['1g', 1_000_000_000],
    ['1 gb', 1024 ** 3],
  ]
  for (const [text, bytes] of sizes) {
    t.equal(loadConfig({ env: { DT_LIMITS_QUERY_BUFFER_BYTES: text } }).limits.queryBufferBytes, bytes, text)
  }
  for (const wrong of ['1tb', '-1mb', '1.5mb', 'mb', '1mb1', '100b', '99999gb']) {
    t.throws(() => loadConfig({ env: { DT_LIMITS_QUERY_BUFFER_BYTES: wrong } }), ConfigError, wrong)
  }
})

t.test('addresses are host:port, IPv6 in brackets, each once', async (t) => {
  const parsed = (text: string) => loadConfig({ env: { DT_SENTINEL_ADDRESSES: text } }).sentinel.addresses
  t.same(parsed('example.org:1, [::1]:65535'), [
    { host: 'example.org', port: 1 },
    { host: '::1', port: 65535 },
  ])
  for (const wrong of ['a', 'a:0', 'a:65536', 'a:1,', 'a:1,a:1', '::1:5', 'a b:1', ':1', 'a:1x']) {
    t.throws(() => parsed(wrong), ConfigError, wrong)
  }
})

t.test('whatever the file holds, it is accepted or refused with a ConfigError', async (t) => {
  const word = fc.constantFrom(
    'listen',
    'ring',
    'port',
    'host',
    'id',
    'addresses',
    'a:1',
    '1',
    'null',
    '~',
    '*x',
    '&x',
    '!!map',
  )
  const glue = fc.constantFrom(
    ': ',
    ':\n  ',
    '\n',
    '\n- ',
    ', ',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '\t',
    '|',
    '#',
    '? ',
    '---\n',
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(fc.oneof(word, glue)).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (content) => {
      try {
        loadConfig({ file: yamlIn(t, content), env: {} })
      } catch (error) {
        if (!(error instanceof ConfigError) || error.message === '') throw error
      }
    }),
    { numRuns: 300 },
  )
  t.pass('300 files')
})
