import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { freePorts } from '../../src/local/ports.js'
import { RawClient } from '../helpers/raw-client.js'
import { MEMBER_CONFIG } from '../helpers/ring.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { TestCertificates } from '../helpers/tls-door.js'
import { until } from '../helpers/until.js'

/* What is told to the proxy in confidence, by settings, files and clients, stands nowhere where somebody reads. */

const BACKEND = 'backend-secret'
const TOKEN = 'token-secret'
const KEY = 'key-secret'
const USER = 'user-secret'
/** What clients say, right and wrong. */
const SAID = [
  'said-right-secret',
  'said-wrong-secret',
  'hello-secret',
  'acl-secret',
  'masterauth-secret',
  'migrate-secret',
]

t.test('no secret is in logs, settings, INFO, MONITOR, SLOWLOG, errors, the answers of DT, or arguments', async (t) => {
  const dir = temporaryDirectory(t)
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), `${text}\n`)
    return join(dir, name)
  }
  const certificates = new TestCertificates(t)
  const { cert, key } = certificates.authority.issue('with a password', { password: KEY })
  const [tlsPort, adminPort] = await freePorts(2)
  const serve = await ServeProcess.start(
    t,
    { nodes: 2, sentinels: 1, memberConfig: [...MEMBER_CONFIG, `user dt on >${BACKEND} ~* &* +@all`] },
    {
      ...{ 'ring.replicas': '1', 'log.level': 'trace', 'log.format': 'json' },
      ...{ 'backend.username': 'dt', 'backend.passwordFile': file('backend', BACKEND) },
      ...{ 'tls.port': String(tlsPort), 'tls.certFile': cert, 'tls.keyFile': key, 'tls.authClients': 'no' },
      ...{ 'tls.keyPasswordFile': file('key', KEY), 'admin.port': String(adminPort), 'admin.token': TOKEN },
      'acl.users': `user known on >${USER} ~* &* +@all\nuser default on nopass ~* &* +@all`,
    },
  )
  const heard: string[] = []
  const monitor = await serve.connect()
  t.equal(String(await monitor.ask('MONITOR')), '+OK\r\n')
  monitor.socket.on('data', (chunk: Buffer) => heard.push(chunk.toString('latin1')))
  const client = await serve.connect(3)
  await client.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
  const [right, wrong, hello, acl, master, migrate] = SAID
  const commands = [
    ['ACL', 'SETUSER', 'made', 'on', `>${right}`, '~*', '+@all'],
    ['ACL', 'SETUSER', 'made', `>${acl}`, 'nonsense'],
    ['AUTH', 'known', wrong],
    ['AUTH', wrong],
    ['AUTH', 'a', wrong, 'too many'],
    ['HELLO', '3', 'AUTH', 'known', hello],
    ['HELLO', '3', 'AUTH', 'known', hello, 'NONSENSE'],
    ['CONFIG', 'SET', 'masterauth', master],
    ['CONFIG', 'SET', 'requirepass', master, 'nosuch', 'x'],
    ['MIGRATE', '127.0.0.1', '1', 'k', '0', '10', 'AUTH', migrate],
    ['AUTH', 'known', USER],
    ['AUTH', 'made', right],
  ]
  const told: string[] = []
  const ask = async (words: readonly string[]) => told.push((await client.ask(...words)).toString('latin1'))
  for (const words of commands) await ask(words)
  // In a transaction, and where the proxy is told it later.
  for (const words of [['MULTI'], ['ACL', 'SETUSER', 'made', `>${acl}`], ['AUTH', 'known', wrong], ['EXEC']])
    await ask(words)
  const reading = [
    ...[
      ['CONFIG', 'GET', '*'],
      ['INFO', 'everything'],
      ['SLOWLOG', 'GET', '-1'],
      ['CLIENT', 'LIST'],
      ['CLIENT', 'INFO'],
    ],
    ...[
      ['ACL', 'LIST'],
      ['ACL', 'GETUSER', 'known'],
      ['ACL', 'GETUSER', 'made'],
      ['ACL', 'LOG'],
      ['LATENCY', 'LATEST'],
    ],
    ...['NODES', 'RING', 'VIEW', 'EVENTS', 'DOCTOR', 'MIGRATIONS', 'RELOAD', 'VERIFY'].map((word) => ['DT', word]),
    ...[
      ['DT', 'SLOWLOG', 'GET', '128'],
      ['DT', 'LOCATE', 'k'],
      ['DT', 'ADD', 'dt-9', '127.0.0.1:1'],
    ],
  ]
  for (const words of reading) await ask(words)
  const bearer = { authorization: `Bearer ${TOKEN}` }
  for (const path of ['/metrics', '/', '/readyz', '/ring.json', '/nosuch']) {
    const response = await fetch(`http://127.0.0.1:${adminPort}${path}`, { headers: bearer })
    told.push(await response.text())
  }
  told.push(
    await (await fetch(`http://127.0.0.1:${adminPort}/metrics`, { headers: { authorization: 'Bearer x' } })).text(),
  )
  // A member that does not take the password any more, and settings that are wrong.
  const server = serve.ring.server('dt-1')
  const direct = await RawClient.connect(server.port)
  await direct.ask('ACL', 'SETUSER', 'dt', 'resetpass', '>another')
  await direct.ask('CLIENT', 'KILL', 'USER', 'dt')
  direct.close()
  await until('it is said that the member refuses the login', () => /WRONGPASS/.test(serve.output))
  await ask(['DT', 'NODES'])
  await ask(['DT', 'DOCTOR'])
  serve.child.kill('SIGHUP')
  await until('it has read its settings', () => /read anew|nothing has changed|stay as they/.test(serve.output))
  const shown = readFileSync(`/proc/${serve.child.pid}/cmdline`, 'latin1')
  await until('the monitor has seen the last of them', () => heard.join('').includes('"DOCTOR"'))
  const exited = once(serve.child, 'exit')
  serve.child.kill('SIGTERM')
  await exited
  const places = { log: serve.output, answers: told.join('\n'), monitor: heard.join(''), arguments: shown }
  for (const [place, text] of Object.entries(places)) {
    t.ok(text.length > 0, place)
    for (const secret of [BACKEND, TOKEN, KEY, USER, ...SAID]) {
      const at = text.indexOf(secret)
      t.equal(at === -1 ? '' : text.slice(Math.max(0, at - 100), at + 60), '', `${secret}, in the ${place}`)
    }
  }
  t.match(places.monitor, '"(redacted)"')
  t.match(places.answers, /\(redacted\)/)
})
