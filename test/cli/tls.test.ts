import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { operatorCommands } from '../../src/cli/operate.js'
import { Authority, type Issued } from '../helpers/authority.js'
import { run } from '../helpers/run.js'
import { MAIN } from '../helpers/serve-process.js'
import { TestCertificates, TlsDoor } from '../helpers/tls-door.js'

/** The commands of `dt`, and redis-cli, with a proxy that speaks TLS alone. */

const certificates = new TestCertificates(t)
const { authority, dir, client } = certificates
// Not for the address on which it is asked.
const own = authority.issue('the proxy', { names: 'DNS:dt.example.org' })
const stranger = new Authority(dir, 'stranger')
const door = await TlsDoor.open(t, certificates, { certFile: own.cert, keyFile: own.key })

async function dt(...argv: string[]): Promise<string> {
  const [name, ...rest] = argv
  let text = ''
  const out = { isTTY: false, columns: 200, hasColors: () => false, write: (part: string) => (text += part) }
  await operatorCommands[name].run(rest, out)
  return text
}

function settings(name: string, { cert, key }: Issued, ca: string): string {
  const file = join(dir, name)
  const tls = [`  port: ${door.port}`, `  certFile: ${cert}`, `  keyFile: ${key}`, `  caFile: ${ca}`]
  writeFileSync(file, ['listen:', '  port: 0', 'tls:', ...tls, ''].join('\n'))
  return file
}

const file = settings('dt.yaml', own, authority.cert)

t.test('with the settings of the proxy they need no more', async (t) => {
  t.equal(await dt('nodes', '--json', '--config', file), '[]\n')
  const ping = await run(process.execPath, [MAIN, 'ping', '--config', file])
  t.match(ping, { code: 0, stdout: 'PONG\n' })
})

t.test('another proxy than that of the settings is not taken for it', async (t) => {
  const other = settings('other.yaml', client, stranger.cert)
  await t.rejects(dt('nodes', '--config', other), /no proxy answers: .*the authority of the certificate is not trusted/)
  const ping = await run(process.execPath, [MAIN, 'ping', '--config', other])
  t.match(ping, { code: 1, stderr: /authority of the certificate is not trusted/ })
})

t.test('the options are those of redis-cli', async (t) => {
  const where = ['--proxy', `127.0.0.1:${door.port}`]
  const shown = ['--cert', client.cert, '--key', client.key]
  const good = ['--tls', '--cacert', authority.cert, '--sni', 'dt.example.org', ...shown]
  t.equal(await dt('nodes', '--json', ...where, ...good), '[]\n')
  t.equal(await dt('nodes', '--json', ...where, '--tls', '--insecure', ...shown), '[]\n')
  await t.rejects(
    dt('nodes', ...where, '--tls', '--cacert', authority.cert, ...shown),
    /certificate is not for this name/,
  )
  await t.rejects(dt('nodes', ...where, '--tls', '--insecure'), /wants a certificate, and was shown none|closed/)
  await t.rejects(dt('nodes', ...where, '--insecure'), { name: 'UsageError', message: '--insecure needs --tls' })
  await t.rejects(dt('nodes', ...where, '--tls', '--cert', 'x'), { message: '--cert and --key go together' })
  await t.rejects(dt('nodes', ...where, '--tls', '--cacert', '/nowhere'), /--cacert cannot be read: .*no such file/)
  const cli = await run('redis-cli', ['-p', String(door.port), ...good, 'ping'])
  t.equal(cli.stdout, 'PONG\n')
})
