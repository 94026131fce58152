import t, { type Test } from 'tap'
import { type Arg, command, type RawClient } from '../helpers/raw-client.js'
import { Pair } from './pair.js'

/* What becomes of a client when the rights of its user change, and what a user is told, beside a Redis. */

const pair = await Pair.start(t, { nodes: 2, replicas: 1, sentinels: 1 })
const apart = await Pair.start(t, { nodes: 3, replicas: 0, sentinels: 1 })

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

t.test('what a script does is asked about as what its client does', async (t) => {
  await t.test('on one server', (t) => scriptsAreAsked(t, pair))
  await t.test('with keys on several servers', (t) => scriptsAreAsked(t, apart))
})

/** What ACL LOG has, but for what each server has in its own way of times and of the client. */
async function sameLog(t: Test, { ours, theirs }: Both, what: string): Promise<string> {
  const [a, b] = await Promise.all([ours.ask('ACL', 'LOG', '200'), theirs.ask('ACL', 'LOG', '200')])
  const shown = (reply: Buffer) =>
    String(reply)
      .replace(/(age-seconds\r\n)\$\d+\r\n[\d.]+/g, '$1')
      .replace(/\$\d+\r\nid=[^\r]*( cmd=\S+)( user=\S+)[^\r]*/g, '$1$2')
  t.equal(shown(a), shown(b), what)
  return shown(a)
}

async function scriptsAreAsked(t: Test, pair: Pair): Promise<void> {
  const admin = await pair.connect(2)
  const user = await pair.connect(2)
  await same(
    t,
    admin,
    'FLUSHALL',
    'ACL SETUSER u on nopass ~k* ~[sS]* %R~r* &news.* +@all -@dangerous',
    'SET r 1',
    'SADD ks 1 2 3',
  )
  await same(t, user, 'AUTH u x')
  await same(t, admin, 'ACL LOG RESET')
  const scripts: readonly (readonly string[])[] = [
    ["return redis.call('GET','k1')", '0'],
    ["return redis.call('GET',KEYS[1])", '1', 'r'],
    ["return redis.call('SET',KEYS[1],1)", '1', 'r'],
    ["return redis.call('SET',KEYS[1],1)", '1', 'x'],
    ["return redis.call('SET','x',1)", '0'],
    ["\n\nreturn redis.call('SET','r',1)", '0'],
    ["return redis.pcall('SET','r',1).err", '0'],
    ["return {redis.call('SET','k1',1), redis.pcall('SET','x',1)}", '0'],
    ["local n='GE' return redis.call(n..'T','x')", '0'],
    ["return redis.call('KEYS','*')", '0'],
    ["return redis.call('PUBLISH','news.a',1)", '0'],
    ["return redis.call('PUBLISH','other',1)", '0'],
    ["return redis.call('SORT','ks','GET','#')", '0'],
    ["return redis.call('ZUNIONSTORE','k1',2,'k2','x')", '0'],
    ["return redis.call('ZUNIONSTORE','r',1,'k2')", '0'],
    ["return redis.call('ZUNIONSTORE','k9',1,'r5')", '0'],
    ["return redis.call('RENAME','r','k2')", '0'],
    ["return redis.call('COPY','r','k2')", '0'],
    ["return redis.call('BITFIELD','r','GET','u8',0)", '0'],
    ["return redis.call('BITFIELD','r','SET','u8',0,1)", '0'],
    ["return redis.call('OBJECT','ENCODING','x')", '0'],
    ["return redis.acl_check_cmd('GET','x')", '0'],
    ["return redis.acl_check_cmd('GET','k')", '0'],
    ["return redis.acl_check_cmd('NOSUCH')", '0'],
    ["local x = 1\n\nreturn redis.acl_check_cmd('NOSUCH')", '0'],
    ['local f = loadstring(\'return redis.pcall("GET","x")\') return f()', '0'],
    ["return _G.redis.call('GET','x')", '0'],
    ["for i=1,3 do redis.pcall('GET','x') redis.pcall('GET','y') redis.pcall('CONFIG','GET','x') end", '0'],
    ["for i=1,5 do redis.pcall('PUBLISH','other',i) redis.pcall('MGET','k1','x'..i%2) end return 1", '0'],
    ["redis.pcall('GET','x') error('on purpose')", '0'],
    ["redis.pcall('GET','x') redis.call('SET','k7',7) return redis.call('MGET','k1','k2','k3','k7')", '0'],
    ["local r = {} for i = 1, 50 do r[i] = redis.call('SET', 'k' .. i, i) end return #r", '0'],
    ['#!lua flags=no-writes\nreturn redis.call("GET","x")', '0'],
    // What no script may is refused as that, whatever the user may; what is asked about it is answered.
    ["return redis.call('EVAL','return 1',0)", '0'],
    ...[
      "'GET'",
      "'GET','x','y'",
      "'SET','x'",
      "'KEYS'",
      "'EVAL'",
      "'OBJECT','ENCODING'",
      "'OBJECT'",
      "'PUBLISH','other'",
      "'nosuch','x'",
      "'CONFIG','GET'",
    ].map((words) => [`return redis.call(${words})`, '0']),
    ["return redis.call('BLPOP','x',1)", '0'],
    ["return redis.call('ACL','WHOAMI')", '0'],
    ["return redis.call('CONFIG','GET','x')", '0'],
    ["return redis.call('SUBSCRIBE','other')", '0'],
    ...[
      ...["'EVAL','return 1','1','x'", "'EVAL','return 1','1','k1'", "'BLPOP','x','1'", "'BLPOP','k1','k2','1'"],
      ...["'SUBSCRIBE','other'", "'SUBSCRIBE','news.a','other'", "'SSUBSCRIBE','news.a'", "'PSUBSCRIBE','news.a'"],
      ...[
        "'PSUBSCRIBE','news.*'",
        "'CONFIG','GET','x'",
        "'MULTI'",
        "'BLMPOP','1','2','k1','x','LEFT'",
        "'SELECT','1'",
        '',
      ],
    ].map((words) => [`return redis.acl_check_cmd(${words})`, '0']),
    // What is behind these is no comment, and no number: the script may load what it likes, and has to be given its own `redis`.
    ['--\r return loadstring(\'return redis.pcall("GET","x")\')()', '0'],
    ['return 0xe+loadstring(\'return redis.pcall("STRLEN","x")\')().err', '0'],
    ["return redis.call('XREADGROUP','GROUP','kstreams','k','STREAMS','x','>')", '0'],
    ["return redis.call('XREADGROUP','GROUP','streams','k','STREAMS','x','>')", '0'],
    ["return redis.call('XREADGROUP','GROUP','g','streams','streams','x','>')", '0'],
    // Nothing of what runs it is within its reach.
    ["local l=dt__whole(function() end) l[5]='3' l[6]='SET' l[7]='x' l[8]='stolen'", '0'],
    ["local l=dt__whole_(function() end) l[5]='3' l[6]='SET' l[7]='x' l[8]='stolen' return dt__whole", '0'],
  ]
  const both = async (...words: string[]): Promise<Buffer> => {
    const [a, b] = await Promise.all([user.ours.ask(...words), user.theirs.ask(...words)])
    t.equal(a.toString(), b.toString(), words.join(' '))
    await sameLog(t, admin, `ACL LOG behind ${words.join(' ')}`)
    return a
  }
  for (const words of scripts) await both('EVAL', ...words)
  // Functions: the same, whoever has called them before.
  const callable = scripts.filter(([source]) => !/^#!|dt__whole|_G\./.test(source))
  const library = callable.map(([source], i) => `redis.register_function('f${i}', function(KEYS, ARGV) ${source}\nend)`)
  await same(t, admin, 'FUNCTION FLUSH')
  for (const each of [admin.ours, admin.theirs]) {
    t.match(String(await each.ask('FUNCTION', 'LOAD', `#!lua name=lib\n${library.join('\n')}`)), /^\$3/)
  }
  for (const [i, [, ...call]] of callable.entries()) await both('FCALL', `f${i}`, ...call)
  for (const proto of ['3', '2']) {
    await Promise.all([user.ours.ask('HELLO', proto), user.theirs.ask('HELLO', proto)])
    await both('MULTI')
    for (const [i, [, ...call]] of callable.slice(4, 9).entries()) await both('FCALL', `f${i + 4}`, ...call)
    await both('EXEC')
  }
  await same(t, admin, 'FUNCTION FLUSH')
  t.match((await both('EVAL', scripts[2][0], '1', 'r')).toString(), /^-NOPERM/, 'declared keys are asked about')
  t.match((await both('EVAL', scripts[4][0], '0')).toString(), /^-ERR The user executing the script can't access/)
  await both('MULTI')
  for (const words of scripts.slice(3, 6)) await both('EVAL', ...words)
  await both('EXEC')
  await both('MULTI')
  for (const words of scripts.slice(4, 8)) await both('EVAL', ...words)
  await both('EXEC')
  const [loaded] = await same(t, admin, 'SCRIPT LOAD return{redis.call("GET","k1"),redis.pcall("GET","x")}')
  const sha = loaded.toString().split('\r\n')[1]
  await both('EVALSHA', sha, '0')
  await same(t, admin, `EVALSHA ${sha} 0`, 'ACL SETUSER u ~x*')
  await both('EVALSHA', sha, '0')
  await same(t, admin, 'ACL SETUSER u allkeys allchannels +@all')
  await both('EVALSHA', sha, '0')
  await same(t, admin, 'ACL SETUSER u -eval -evalsha')
  await both('EVALSHA', sha, '0')
  await same(t, admin, 'ACL DELUSER u', 'FLUSHALL')
  admin.close()
}

t.test('what the proxy answers for a script is asked about too, whatever words follow', async (t) => {
  const admin = await pair.connect(2)
  const user = await pair.connect(2)
  const denied = '-command -memory -pubsub -keys -scan -dbsize -randomkey -publish -spublish -info -lastsave -time'
  await same(t, admin, `ACL SETUSER u on nopass ~* &* +@all ${denied}`)
  await same(t, user, 'AUTH u x')
  const calls = [
    ...["'COMMAND'", "'command'", "'Command','count'", "'COMMAND','LIST'", "'command|count'", "'command|count','x'"],
    ...[
      "'MEMORY'",
      "'MEMORY','STATS'",
      "'MEMORY','DOCTOR','x'",
      "'PUBSUB'",
      "'PUBSUB','CHANNELS'",
      "'PUBSUB','NUMPAT'",
    ],
    ...[
      "'KEYS','*'",
      "'KEYS'",
      "'SCAN','0'",
      "'SCAN'",
      "'DBSIZE'",
      "'DBSIZE','x'",
      "'RANDOMKEY'",
      "'INFO'",
      "'LASTSAVE'",
    ],
    ...["'PUBLISH','a','b'", "'PUBLISH','a'", "'SPUBLISH','a','b'", "'INFO','server'", "'TIME'", "'SLOWLOG','LEN','x'"],
  ]
  for (const call of calls) {
    for (const source of [
      `return redis.call(${call})`,
      `local n = ${call.split(',')[0]} return redis.pcall(${['n', ...call.split(',').slice(1)].join(',')})`,
      `return redis.acl_check_cmd(${call})`,
    ]) {
      const [a, b] = await Promise.all([user.ours.ask('EVAL', source, '0'), user.theirs.ask('EVAL', source, '0')])
      t.equal(a.toString(), b.toString(), source)
    }
  }
  await same(t, admin, 'ACL DELUSER u')
  await Promise.all([user.ours.closed, user.theirs.closed])
  admin.close()
})

t.test('who may read keys is not shown what others have sent', async (t) => {
  const admin = await pair.connect(2)
  const user = await pair.connect(2)
  await same(t, admin, 'ACL SETUSER u on nopass ~k* +@read')
  await same(t, user, 'AUTH u x', 'SLOWLOG GET')
  t.match((await user.ours.ask('DT', 'SLOWLOG')).toString(), /^-NOPERM .*'dt\|slowlog'/)
  t.match((await user.ours.ask('DT', 'NODES')).toString(), /^\*/)
  await same(t, admin, 'ACL DELUSER u')
  await Promise.all([user.ours.closed, user.theirs.closed])
  admin.close()
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
