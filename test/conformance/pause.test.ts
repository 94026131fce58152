import { createHash } from 'node:crypto'
import t from 'tap'
import { isSame } from './listeners.js'
import { Pair } from './pair.js'

/* CLIENT PAUSE: what is held, and in which order it goes on. After each line all clients have received the same bytes as from Redis. */

const pair = await Pair.start(t, { nodes: 3 })

const sha = (source: string) => createHash('sha1').update(source).digest('hex')

const stories: Readonly<Record<string, string>> = {
  'what may write is held, and goes on in its order': `
    a: PING
    b: PING
    c: PING
    l: SUBSCRIBE ch
    t: MULTI | SET {x}t 1 | GET {x}t
    r: MULTI | GET {x}t
    a: CLIENT PAUSE 100000 WRITE
    b: GET k
    b: SET k b | GET k | INCR n
    c: APPEND k c | GET nosuch
    d: PUBLISH ch m
    e: EVAL "return 1" 0
    e: EVAL "return 2" 0
    f: PFCOUNT h
    g: SORT list
    t: EXEC
    r: EXEC
    h: BLPOP list 0
    i: MULTI | GET k | SET k i
    a: EVAL_RO "return 1" 0
    a: SORT_RO list
    a: NOSUCH
    a: SET
    a: PING
    a: CLIENT UNPAUSE
    a: RPUSH list x
    i: EXEC
    a: GET k
    a: CLIENT UNPAUSE
  `,
  'a script that says of itself that it only reads is served': `
    a: PING
    b: PING
    a: SCRIPT LOAD "#!lua flags=no-writes\\nreturn 6"
    a: SCRIPT LOAD "return 7"
    a: FUNCTION LOAD "#!lua name=lib\\nredis.register_function{function_name='reads', flags={'no-writes'}, callback=function() return 8 end}"
    a: FUNCTION LOAD REPLACE "#!lua name=lib2\\nredis.register_function('writes', function() return 9 end)"
    t: MULTI | EVAL "#!lua flags=no-writes\\nreturn 1" 0
    r: MULTI | EVAL "#!lua flags=no-writes\\nreturn 1" 0 | EVAL "return 1" 0
    a: CLIENT PAUSE 100000 WRITE
    b: EVAL "#!lua flags=no-writes\\nreturn 1" 0
    b: EVAL "#!lua flags=allow-oom,no-writes\\nreturn 2" 0
    b: EVALSHA ${sha('#!lua flags=no-writes\nreturn 6')} 0
    b: FCALL reads 0
    t: EXEC
    r: EXEC
    b: FCALL writes 0
    c: EVAL "#!lua\\nreturn 3" 0
    d: EVAL "#!lua flags=no-writes,nosuch\\nreturn 3" 0
    e: EVALSHA ${sha('return 7')} 0
    f: EVALSHA 0123456789012345678901234567890123456789 0
    g: FCALL nosuch 0
    m: MONITOR
    m: EVAL "return 1" 0
    a: CLIENT UNPAUSE
  `,
  'of numbers that no clock reaches the errors are the same': `
    a: CLIENT PAUSE 9223372036854775808
    a: CLIENT PAUSE 99999999999999999999 WRITE
    a: CLIENT PAUSE -9223372036854775808
    a: CLIENT PAUSE -9223372036854775809
    a: CLIENT PAUSE 1.5
    a: CLIENT PAUSE 01
    a: CLIENT PAUSE +1
    a: CLIENT PAUSE ""
    a: CLIENT PAUSE 1 write x
    a: CLIENT PAUSE x nosuch
    a: PING
  `,
  'all is, but for monitors': `
    a: PING
    b: MULTI
    l: SUBSCRIBE ch
    m: MONITOR
    a: CLIENT PAUSE 900
    b: PING
    m: PING
    b: NOSUCH
    l: GET k
    a: CLIENT UNPAUSE
    a: PING
    b: EXEC
  `,
  'of two pauses the longer and the stricter counts': `
    a: PING
    b: PING
    c: PING
    a: CLIENT PAUSE 100000 WRITE | CLIENT PAUSE 1 WRITE
    b: SET k 1
    a: CLIENT UNPAUSE
    a: CLIENT PAUSE 1500 WRITE | CLIENT PAUSE 1 ALL
    b: GET k
    a: PING
    b: SET k 2
    c: GET k
    d: PING
    e: PING
    f: PING
    g: PING
    a: CLIENT PAUSE 0
    a: PING
    a: CLIENT PAUSE 0 WRITE | SET k 3 | GET k
  `,
  'in a transaction it begins when that is executed': `
    b: PING
    a: MULTI | CLIENT PAUSE 100000 WRITE | SET k 1 | EXEC
    b: SET k 2
    a: CLIENT UNPAUSE
    b: GET k
    a: MULTI | CLIENT UNPAUSE | CLIENT PAUSE 1 x | EXEC
  `,
  'who is held can be killed': `
    a: PING
    b: PING
    a: CLIENT PAUSE 100000 WRITE
    b: SET k held
    a: CLIENT KILL ID {b}
    a: CLIENT UNPAUSE
    a: GET k
  `,
}

for (const [name, script] of Object.entries(stories)) {
  t.test(name, async (t) => {
    await pair.flush()
    t.equal(await isSame(pair, script), '')
  })
}

t.test('a held command counts as soon as it is served, and its client is shown as blocked', async (t) => {
  const [client, other] = await Promise.all([pair.proxy.connect(), pair.proxy.connect()])
  const id = (await client.ask('CLIENT', 'ID')).toString().trim().slice(1)
  await other.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
  await other.ask('CLIENT', 'PAUSE', '100000', 'WRITE')
  const reply = client.ask('SET', 'held', 'x'.repeat(200))
  let shown = ''
  while (!/ flags=b /.test(shown)) shown = (await other.ask('CLIENT', 'LIST', 'ID', id)).toString()
  await other.ask('CLIENT', 'UNPAUSE')
  t.equal((await reply).toString(), '+OK\r\n')
  await other.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
  const entries = (await other.ask('SLOWLOG', 'GET', '-1')).toString()
  t.match(entries, /SET\r\n\$4\r\nheld\r\n\$147\r\nx{128}... \(72 more bytes\)/)
})
