import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Config, ConfigError } from '../../src/config/config.js'
import { startProxy } from '../helpers/proxy.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'

/* Settings, users and certificates are read anew: DT RELOAD. */

const aclFile = join(temporaryDirectory(t), 'users.acl')
writeFileSync(aclFile, 'user default on nopass ~* &* +@all\nuser app on >one ~app:* +@all\n')
let changed: (before: Config) => Config = (before) => before
const proxy = await startProxy(t, {
  nodes: 1,
  replicas: 0,
  sentinels: 1,
  config: { acl: { file: aclFile } },
  readConfig: (before) => changed(before),
})
const client = await proxy.connect(3)
const setting = async (name: string) => String(await client.ask('CONFIG', 'GET', name)).split('\r\n')[4]
const reload = async () => String(await client.ask('DT', 'RELOAD')).replaceAll('\r\n', ' ')

t.test('when nothing has changed nothing changes', async (t) => {
  t.equal(await reload(), '%2 $7 changed *0 $12 need-restart *0 ')
})

t.test('what can be changed is, and of the rest it is said that it needs a restart', async (t) => {
  await client.ask('CONFIG', 'SET', 'maxclients', '77')
  changed = (before) => ({
    ...before,
    limits: { ...before.limits, idleTimeoutMs: 90_000, pushBufferHardBytes: 5_000_000 },
    listen: { ...before.listen, backlog: 7, protectedMode: 'no' },
  })
  t.equal(
    await reload(),
    '%2 $7 changed *3 $20 listen.protectedMode $26 limits.pushBufferHardBytes $20 limits.idleTimeoutMs $12 need-restart *1 $14 listen.backlog ',
  )
  t.same([await setting('timeout'), await setting('protected-mode')], ['90', 'no'])
  t.match(await setting('client-output-buffer-limit'), / pubsub 5000000 /)
  t.equal(await setting('maxclients'), '77', 'what CONFIG SET has changed stays where the file says nothing new')
  t.equal(await setting('tcp-backlog'), '511')
  t.equal(
    await reload(),
    '%2 $7 changed *0 $12 need-restart *1 $14 listen.backlog ',
    'which is so until it is restarted',
  )
})

t.test('what is again as the process has it needs no restart', async (t) => {
  const before = changed
  changed = (first) => ({ ...before(first), listen: { ...before(first).listen, backlog: first.listen.backlog } })
  t.equal(await reload(), '%2 $7 changed *0 $12 need-restart *0 ')
  changed = before
  await reload()
})

t.test('a wrong setting changes nothing, and the error names it', async (t) => {
  changed = () => {
    throw new ConfigError('dt.yaml:3: unknown setting limits.maxClient\ndt.yaml:4: listen.port must be a number')
  }
  t.match(
    await reload(),
    /^-ERR dt\.yaml:3: unknown setting limits\.maxClient; dt\.yaml:4: listen\.port must be a number $/,
  )
  t.equal(await setting('timeout'), '90')
})

t.test('users come from the ACL file, and a wrong file changes none', async (t) => {
  changed = (before) => before
  await reload()
  writeFileSync(aclFile, 'user default on nopass ~* &* +@all\nuser app on >two ~app:* +@all\nuser new on >x +@all\n')
  t.match(await reload(), /changed \*\d .*acl\.file/)
  t.equal(String(await (await proxy.connect()).ask('AUTH', 'app', 'two')), '+OK\r\n')
  writeFileSync(aclFile, 'user default on nopass ~* &* +@all\nuser app on >three +nosuch\n')
  t.match(await reload(), /^-ERR the ACL file is not right, and no user has changed: .*; nothing has changed $/)
  changed = (before) => ({
    ...before,
    limits: { ...before.limits, idleTimeoutMs: 80_000 },
    listen: { ...before.listen, backlog: 9 },
  })
  t.match(
    await reload(),
    /^-ERR the ACL file .*; changed: limits\.idleTimeoutMs; these count from the next start on: listen\.backlog $/,
    'what of the rest needs a restart is said, too',
  )
  t.equal(String(await (await proxy.connect()).ask('AUTH', 'app', 'two')), '+OK\r\n')
})
