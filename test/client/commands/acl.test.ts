import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startProxy, startRedis } from '../../helpers/proxy.js'
import { temporaryDirectory } from '../../helpers/temporary-directory.js'
import { until } from '../../helpers/until.js'

/* Users in a file, beside a Redis with the same one, and users in the settings. */

const SMALL = { nodes: 1, replicas: 0, sentinels: 1 }

t.test('an ACL file is loaded and saved as Redis does, and a wrong one changes nothing', async (t) => {
  const [ourFile, theirFile] = ['ours.acl', 'theirs.acl'].map((name) => join(temporaryDirectory(t), name))
  const write = (text: string) => {
    for (const path of [ourFile, theirFile]) writeFileSync(path, text)
  }
  write('user default on nopass ~* &* +@all\nuser alice on >pw ~a* +@read\n\nuser bob off (~x +get)\n')
  const proxy = await startProxy(t, { ...SMALL, config: { acl: { file: ourFile } } })
  const redis = await startRedis(t, '--aclfile', theirFile)
  const [ours, theirs] = [await proxy.connect(), await redis.connect()]
  const same = async (...words: string[]): Promise<string> => {
    const [a, b] = (await Promise.all([ours.ask(...words), theirs.ask(...words)])).map(String)
    t.equal(a.replaceAll(ourFile, 'FILE'), b.replaceAll(theirFile, 'FILE'), words.join(' '))
    return a
  }
  await same('ACL', 'LIST')
  const [alice, alsoAlice] = [await proxy.connect(), await redis.connect()]
  for (const client of [alice, alsoAlice]) t.equal(String(await client.ask('AUTH', 'alice', 'pw')), '+OK\r\n')
  for (const wrong of [
    'alice on\n',
    'user\n',
    'user alice nosuch\nuser bob +nosuch on ~a b\n',
    'user alice on\nuser alice off\n',
    'user alice (+get\n',
    `user alice #${'x'.repeat(64)}\n`,
  ]) {
    write(wrong)
    t.match(await same('ACL', 'LOAD'), /^-/, wrong)
  }
  await same('ACL', 'LIST')
  t.equal(
    String(await alice.ask('ACL', 'WHOAMI')),
    "-NOPERM this user has no permissions to run the 'acl|whoami' command\r\n",
  )
  write('user carol on nopass ~* +@all\nuser default on >d ~* &* +@all\n')
  await same('ACL', 'LOAD')
  await Promise.all([alice.closed, alsoAlice.closed])
  await same('ACL', 'LIST')
  await same('ACL', 'SETUSER', 'dave', 'on', '>pw', '~d', '(+get', '~e)')
  await same('ACL', 'SAVE')
  t.equal(readFileSync(ourFile, 'latin1'), readFileSync(theirFile, 'latin1'))
  await same('CONFIG', 'SET', 'aclfile', 'x')
  t.match(String(await ours.ask('CONFIG', 'GET', 'aclfile')), ourFile)
})

t.test('who is in a file goes on with his rights when it is loaded, unless he is gone', async (t) => {
  const file = join(temporaryDirectory(t), 'users.acl')
  writeFileSync(file, 'user alice on nopass ~* &news +@all\nuser bob on nopass +@all\n')
  const proxy = await startProxy(t, { ...SMALL, config: { acl: { file }, auth: { password: 'of-the-settings' } } })
  const [alice, listener, bob, nobody] = await Promise.all([1, 2, 3, 4].map(() => proxy.connect()))
  t.match(String(await nobody.ask('PING')), /^-NOAUTH/, 'the password of the settings holds, as the file says nothing')
  for (const client of [alice, listener]) await client.ask('AUTH', 'alice', '')
  await bob.ask('AUTH', 'bob', '')
  await listener.ask('SUBSCRIBE', 'news')
  writeFileSync(file, 'user alice on nopass ~a* &other +@all\n')
  t.equal(String(await alice.ask('ACL', 'LOAD')), '+OK\r\n')
  await Promise.all([bob.closed, listener.closed])
  t.match(String(await alice.ask('GET', 'b')), /^-NOPERM/)
  t.equal(String(await nobody.ask('AUTH', 'of-the-settings')), '+OK\r\n')
})

t.test('who waits for what he may not have any more is told so at once, and takes nothing', async (t) => {
  const proxy = await startProxy(t, SMALL)
  const admin = await proxy.connect()
  await admin.ask('ACL', 'SETUSER', 'u', 'on', 'nopass', '~a', '~b', '+@all')
  await admin.ask('ACL', 'SETUSER', 'free', 'on', 'nopass', '~*', '&*', '+@all')
  const waiting = async (user: string, key: string) => {
    const client = await proxy.connect()
    await client.ask('AUTH', user, '')
    const reply = client.ask('BLPOP', key, '0')
    await until('it waits', async () => / cmd=blpop /.test(String(await admin.ask('CLIENT', 'LIST'))))
    return { client, reply }
  }
  const [loses, keeps, wasFree] = [await waiting('u', 'a'), await waiting('u', 'b'), await waiting('free', 'a')]
  await admin.ask('ACL', 'SETUSER', 'u', 'resetkeys', '~b')
  t.match(String(await loses.reply), /^-NOPERM this user has no permissions to access one of the keys/)
  await admin.ask('ACL', 'SETUSER', 'free', '-blpop')
  t.match(String(await wasFree.reply), /^-NOPERM the rights of this user have changed while the command waited/)
  t.equal(String(await admin.ask('RPUSH', 'a', '1')), ':1\r\n')
  t.equal(String(await admin.ask('LLEN', 'a')), ':1\r\n')
  await admin.ask('RPUSH', 'b', '2')
  t.equal(String(await keeps.reply), '*2\r\n$1\r\nb\r\n$1\r\n2\r\n')
  t.equal(String(await loses.client.ask('PING')), '+PONG\r\n', 'and the connection lives')
})

t.test('users stand in the settings, too; what is wrong with them is said before anything begins', async (t) => {
  const users = [
    'user default off',
    'user alice on >pw ~a* +@all -@dangerous',
    'user root on >r allkeys allchannels +@all',
  ]
  const proxy = await startProxy(t, { ...SMALL, config: { acl: { users, logMax: 2 } } })
  const client = await proxy.connect()
  t.match(String(await client.ask('GET', 'a')), /^-NOAUTH/)
  t.equal(String(await client.ask('AUTH', 'alice', 'pw')), '+OK\r\n')
  t.equal(String(await client.ask('GET', 'a')), '$-1\r\n')
  for (const word of ['DT ADD x 1.1.1.1:1', 'DT REMOVE x', 'DT VERIFY', 'CONFIG GET x', 'SHUTDOWN']) {
    t.match(String(await client.ask(...word.split(' '))), /^-NOPERM/, word)
  }
  t.match(String(await client.ask('DT', 'LOCATE', 'a')), /^\*/, 'who may read may look at the ring')
  t.equal(String(await client.ask('AUTH', 'root', 'r')), '+OK\r\n')
  t.match(String(await client.ask('ACL', 'LOG', '10')), /^\*2\r\n/, 'the last two of what was refused')
  t.match(String(await client.ask('CONFIG', 'GET', 'acl*')), /acllog-max-len\r\n\$1\r\n2\r\n/)
  t.equal(String(await client.ask('CONFIG', 'SET', 'acl-pubsub-default', 'allchannels')), '+OK\r\n')
  await client.ask('ACL', 'SETUSER', 'late')
  t.match(String(await client.ask('ACL', 'GETUSER', 'late')), /channels\r\n\$2\r\n&\*/)

  const start = (acl: object) => startProxy(t, { ...SMALL, config: { acl } })
  await t.rejects(start({ users: ['user a on >secret-password +nosuch'] }), {
    message:
      /^acl.users is not right: line 1: Error in applying operation '\+nosuch': Unknown command or category name in ACL.$/,
  })
  await t.rejects(start({ users: ['user a on'], file: '/x' }), /users are in acl.users or in acl.file, not in both/)
  await t.rejects(start({ file: '/nosuch/file' }), /opening file '\/nosuch\/file': No such file or directory/)
})

t.test(
  'a file that cannot be written is said to the client and in the log, and the old one stays',
  { skip: process.getuid?.() === 0 },
  async (t) => {
    const dir = temporaryDirectory(t)
    const file = join(dir, 'users.acl')
    writeFileSync(file, 'user alice on\n')
    const proxy = await startProxy(t, { ...SMALL, config: { acl: { file } } })
    chmodSync(dir, 0o500)
    const client = await proxy.connect()
    t.match(String(await client.ask('ACL', 'SAVE')), /^-ERR There was an error trying to save the ACLs/)
    chmodSync(dir, 0o700)
    t.equal(readFileSync(file, 'utf8'), 'user alice on\n')
  },
)
