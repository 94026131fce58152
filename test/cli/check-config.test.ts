import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { operatorCommands } from '../../src/cli/operate.js'
import { Authority } from '../helpers/authority.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'

const dir = temporaryDirectory(t)

/** What `dt config …` writes of a file with this content. */
async function config(content: string, ...argv: string[]): Promise<string> {
  const file = join(dir, 'dt.yaml')
  writeFileSync(file, content)
  let text = ''
  const code = await operatorCommands.config.run([...argv, '--config', file], { write: (part) => (text += part) })
  t.equal(code, 0)
  return text
}

t.test('right settings are right', async (t) => {
  t.equal(await config('listen:\n  port: 7000\n', 'check'), 'The settings are right.\n')
  t.same(JSON.parse(await config('', 'check', '--json')), { right: true })
})

t.test('what they open to strangers is told as well', async (t) => {
  const open = 'listen:\n  host: 0.0.0.0\n  protectedMode: no\n'
  t.match(
    await config(open, 'check'),
    /^The settings are right\.\nBut everybody .* may connect, without a password: set /,
  )
  t.equal(await config(`${open}auth:\n  password: x\n`, 'check'), 'The settings are right.\n')
  const admin = 'admin:\n  port: 9121\n  host: 0.0.0.0\n'
  t.match(await config(admin, 'check'), /\nBut everybody .* may see the page and the metrics.*: set admin\.token/)
  t.match(await config(`${admin}  token: x\n`, 'check'), /\nBut admin\.token,.* in plain bytes: set admin\.tlsCertFile/)
  t.equal(await config('admin:\n  port: 9121\n  token: x\n', 'check'), 'The settings are right.\n')
  t.match(JSON.parse(await config(admin, 'check', '--json')), {
    right: true,
    exposed: [{ what: /metrics/, todo: /token/ }],
  })
})

t.test('what is wrong is told with its line, also of files that they name', async (t) => {
  await t.rejects(config('listen:\n  prot: 7000\n', 'check'), {
    message: /dt\.yaml:2: unknown setting listen\.prot \(did you mean listen\.port\?\)/,
  })
  await t.rejects(
    config('listen:\n  port: x\nring:\n  replicas: 99\n', 'check'),
    { message: /:2: .*\n.*:4: / },
    'all of it',
  )
  await t.rejects(config(`acl:\n  file: ${join(dir, 'none.acl')}\n`, 'check'), {
    message: /^the ACL file is not right: .*none\.acl/,
  })
  writeFileSync(join(dir, 'users.acl'), 'user anna on +@nosuch\n')
  await t.rejects(config(`acl:\n  file: ${join(dir, 'users.acl')}\n`, 'check'), {
    message: /^the ACL file is not right: /,
  })
  const tls = `tls:\n  authClients: no\n  port: 7001\n  certFile: ${join(dir, 'none.pem')}\n  keyFile: ${join(dir, 'none.key')}\n`
  await t.rejects(config(tls, 'check'), { message: /tls\.certFile/ })
})

t.test('ports that two doors would take, and addresses that are none, are wrong', async (t) => {
  const same = { message: /:4: admin\.port .*must be another one than listen\.port, which is on the same address/ }
  await t.rejects(config('listen:\n  port: 7000\nadmin:\n  port: 7000\n', 'check'), same)
  const wide = 'listen:\n  host: 0.0.0.0\n  port: 7000\nadmin:\n  port: 7000\n'
  await t.rejects(config(wide, 'check'), { message: /:5: admin\.port/ })
  await config('listen:\n  host: 10.0.0.1\n  port: 7000\nadmin:\n  port: 7000\n', 'check')
  await config('listen:\n  port: 0\nadmin:\n  port: 0\n', 'check')
  await t.rejects(config('listen:\n  host: 999.1.1.1\n', 'check'), {
    message: /:2: listen\.host .*must be one or several/,
  })
  await t.rejects(config('admin:\n  host: 1.1.1\n', 'check'), { message: /:2: admin\.host .*must be an address/ })
})

t.test('with --json what is wrong is printed, and the exit code is 1', async (t) => {
  const file = join(dir, 'wrong.yaml')
  writeFileSync(file, 'listen:\n  port: x\nring:\n  replicas: 99\n')
  let text = ''
  const out = { write: (part: string) => (text += part) }
  t.equal(await operatorCommands.config.run(['check', file, '--json'], out), 1)
  t.match(JSON.parse(text), { right: false, wrong: [/:2: /, /:4: /] })
})

t.test('a key that does not fit is told with its section', async (t) => {
  const authority = new Authority(dir)
  const [one, other] = [authority.issue('one'), authority.issue('other')]
  const admin = `admin:\n  port: 7001\n  tlsCertFile: ${one.cert}\n  tlsKeyFile: ${other.key}\n`
  await t.rejects(config(admin, 'check'), { message: 'admin: the key does not belong to the certificate' })
})

t.test('show lists every setting with its variable, and no secret', async (t) => {
  const content = 'listen:\n  port: 7000\nauth:\n  password: "very secret"\n'
  const text = await config(content, 'show')
  t.match(text, /^listen\.port +7000 +DT_LISTEN_PORT$/m)
  t.match(text, /^auth\.password +\(redacted\) +DT_AUTH_PASSWORD$/m)
  t.notMatch(text, 'very secret')
  const shown = JSON.parse(await config(content, 'show', '--json'))
  t.match(shown, { listen: { port: 7000 }, auth: { password: '(redacted)' }, admin: { port: null } })
})

t.test('anything else is an error', async (t) => {
  await t.rejects(config('', 'mend'), { name: 'UsageError', message: "'mend' is neither check nor show" })
  await t.rejects(config(''), { name: 'UsageError', message: 'check or show is missing' })
})

t.test('the file may be named without --config, once', async (t) => {
  const file = join(dir, 'named.yaml')
  writeFileSync(file, 'listen:\n  prot: 7000\n')
  const run = (...argv: string[]) => operatorCommands.config.run(argv, { write: () => {} })
  await t.rejects(run('check', file), { message: /named\.yaml:2: unknown setting listen\.prot/ })
  await t.rejects(run('check', file, '--config', file), { name: 'UsageError', message: 'the file is named twice' })
  await t.rejects(run('check', file, file), { name: 'UsageError', message: `unexpected argument '${file}'` })
})
