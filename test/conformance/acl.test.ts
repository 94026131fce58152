import t, { type Test } from 'tap'
import { type Arg, command, type RawClient } from '../helpers/raw-client.js'
import { Pair } from './pair.js'

/* What becomes of a client when the rights of its user change, and what a user is told, beside a Redis. */

const pair = await Pair.start(t, { nodes: 2, replicas: 1, sentinels: 1 })

interface Both {
  readonly ours: RawClient
  readonly theirs: RawClient
}

async function same(t: Test, { ours, theirs }: Both, ...lines: readonly string[]): Promise<Buffer[]> {
  const replies: Buffer[] = []
  for (const line of lines) {
    const words: Arg[] = line.split(' ')
    const [a, b] = await Promise.all([ours.ask(...words), theirs.ask(...words)])
    t.equal(withoutId(a), withoutId(b), line)
    replies.push(a)
  }
  return replies
}

/** What HELLO tells of the client's number. */
function withoutId(reply: Buffer): string {
  return reply.toString().replace(/(\r\nid\r\n):\d+/, '$1')
}

async function sameError(t: Test, both: Both, line: string, error: RegExp): Promise<void> {
  const [reply] = await same(t, both, line)
  t.match(reply.toString(), error, line)
}

t.test('a client may do what its user may, and is told what it may not', async (t) => {
  const admin = await pair.connect(3)
  const user = await pair.connect(3)
  await same(
    t,
    admin,
    'ACL SETUSER u on >pw ~k* %R~r* &news.* +@all -@dangerous -client +sort +sort_ro',
    'SET r1 v',
    'RPUSH k1 2 1',
  )
  await same(t, user, 'AUTH u wrong', 'AUTH u pw', 'ACL WHOAMI', 'SET k 1', 'GET r1', 'MGET k r1')
  await sameError(t, user, 'SET r1 v', /^-NOPERM this user has no permissions to access one of the keys/)
  await sameError(t, user, 'SET x v', /^-NOPERM/)
  await sameError(t, user, 'KEYS *', /^-NOPERM this user has no permissions to run the 'keys' command/)
  await sameError(t, user, 'CLIENT LIST', /^-NOPERM .*'client\|list'/)
  await sameError(t, user, 'PUBLISH other m', /^-NOPERM .*one of the channels/)
  await sameError(t, user, 'RENAME k x', /^-NOPERM/)
  await sameError(t, user, 'SORT k1 BY w_*', /^-ERR BY option of SORT denied/)
  await sameError(t, user, 'SORT_RO k1 GET #', /^-ERR GET option of SORT denied/)
  await same(t, user, 'SORT k1 BY nosort', 'SORT k1', 'PUBLISH news.x m', 'GET k x', 'NOSUCH', 'EVAL')
  await same(t, admin, 'ACL DELUSER u')
  await Promise.all([user.ours.closed, user.theirs.closed])
  admin.close()
})

t.test('a transaction is asked about when its commands are queued, and again when they are executed', async (t) => {
  const admin = await pair.connect(2)
  const user = await pair.connect(2)
  await same(t, admin, 'FLUSHALL', 'ACL SETUSER u on nopass ~* &* +@all -get')
  await same(t, user, 'AUTH u x', 'MULTI', 'SET k 1', 'GET k', 'EXEC', 'MULTI', 'SET k 1', 'INCR k', 'PUBLISH c m')
  await same(t, admin, 'ACL SETUSER u -incr resetchannels resetkeys ~z')
  const [reply] = await same(t, user, 'EXEC')
  t.match(reply.toString(), /^\*3\r\n-NOPERM ACLs rules changed .*touch the specified keys\r\n-NOPERM .*\r\n-NOPERM/)
  await same(t, admin, 'EXISTS k', 'ACL SETUSER u -exec ~k')
  await same(t, user, 'MULTI', 'EXEC', 'MULTI', 'DISCARD')
  await same(t, admin, 'ACL SETUSER u -multi +exec +acl', 'ACL SETUSER other on >o +@all ~*')
  await same(t, user, 'MULTI', 'EXEC')
  await same(t, admin, 'ACL SETUSER u +multi')
  // Who one is can change in the middle.
  await same(t, user, 'MULTI', 'ACL WHOAMI', 'AUTH other o', 'ACL WHOAMI', 'AUTH other wrong', 'EXEC', 'ACL WHOAMI')
  await same(t, admin, 'ACL DELUSER u other')
  admin.close()
})

t.test('who listens to what he may not any more is cut off; a pattern has to be one of the rules', async (t) => {
  for (const [listen, rule, isCut] of [
    ['SUBSCRIBE news.a', 'resetchannels', true],
    ['SUBSCRIBE news.a', '&other', false],
    ['SSUBSCRIBE news.a', 'resetchannels', true],
    ['PSUBSCRIBE news.*', 'resetchannels', true],
    ['SUBSCRIBE news.a', 'allchannels', false],
  ] as const) {
    const admin = await pair.connect(2)
    const user = await pair.connect(2)
    await same(t, admin, 'ACL SETUSER u on nopass resetchannels &news.* +@all')
    await same(t, user, 'AUTH u x', 'PSUBSCRIBE news.a*', 'SUBSCRIBE other', listen)
    await same(t, admin, `ACL SETUSER u ${rule}`)
    if (isCut) await Promise.all([user.ours.closed, user.theirs.closed])
    else await same(t, user, 'PING')
    await same(t, admin, 'ACL DELUSER u')
    admin.close()
  }
})

t.test('the default user is whoever has not logged in', async (t) => {
  const admin = await pair.connect(3)
  const old = await pair.connect(2)
  await same(t, admin, 'ACL SETUSER root on >r allkeys allchannels allcommands', 'AUTH root r')
  await same(t, admin, 'ACL SETUSER default resetpass >d')
  const fresh = await pair.connect(2)
  await same(
    t,
    fresh,
    'PING',
    'ACL WHOAMI',
    'AUTH wrong',
    'AUTH d',
    'ACL WHOAMI',
    'RESET',
    'PING',
    'HELLO 2 AUTH root r',
  )
  await same(t, fresh, 'ACL WHOAMI')
  await same(t, old, 'PING')
  await same(t, admin, 'ACL SETUSER default nopass -@all')
  await same(t, old, 'PING', 'AUTH root r', 'PING')
  await same(t, admin, 'ACL SETUSER default off')
  const late = await pair.connect(2)
  await same(t, late, 'PING', 'AUTH d', 'AUTH default d', 'HELLO', 'QUIT')
  await same(t, admin, 'ACL SETUSER default on +@all', 'ACL DELUSER root')
  await Promise.all([admin, fresh, old].flatMap(({ ours, theirs }) => [ours.closed, theirs.closed]))
})

t.test('CLIENT LIST tells the user, and CLIENT KILL ends all clients of one', async (t) => {
  const admin = await pair.connect(2)
  const user = await pair.connect(2)
  await same(t, admin, 'ACL SETUSER u on nopass +@all', 'CLIENT KILL USER nosuch')
  await same(t, user, 'AUTH u x')
  for (const side of [admin.ours, admin.theirs]) {
    t.match((await side.ask('CLIENT', 'LIST')).toString(), / user=u /)
  }
  await same(t, admin, 'CLIENT KILL USER u', 'ACL DELUSER u')
  await Promise.all([user.ours.closed, user.theirs.closed])
  admin.close()
})

t.test('a pipeline is refused from the command on that takes its right away', async (t) => {
  const user = await pair.connect(2)
  const lines = [
    'ACL SETUSER u on nopass ~* +@all',
    'AUTH u x',
    'SET k 1',
    'ACL SETUSER u -get',
    'GET k',
    'ACL DELUSER u',
    'PING',
  ]
  const bytes = Buffer.concat(lines.map((line) => command(...line.split(' '))))
  for (const side of [user.ours, user.theirs]) side.send(bytes)
  const [a, b] = await Promise.all([user.ours.rest(), user.theirs.rest()])
  t.equal(a.toString(), b.toString())
  t.match(a.toString(), /-NOPERM .*'get' command\r\n:1\r\n$/, 'and it ends with its user')
})
