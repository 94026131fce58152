import t from 'tap'
import { isSame } from './listeners.js'
import { Pair } from './pair.js'

/*
 * MONITOR: after each line all clients have received the same bytes from the proxy as from Redis, but for the time and the port
 * of the client in each line of a monitor. Calls inside scripts are not shown by the proxy, so there are none here.
 */

const pair = await Pair.start(t, { nodes: 3 })

const stories: Readonly<Record<string, string>> = {
  'each command is shown as its client sent it, with database and address': `
    m: MONITOR
    a: SET k "v\\x00\\n\\r\\t\\a\\b\\\\\\"\\x7f\\xff z" EX 100
    a: set k
    a: NOSUCH
    a: get  k
    a: SELECT 3
    a: SETEX k 10 v
    a: SORT k
    a: LPUSH k x
    a: SPOP k
    a: BLPOP {q} 0.01
    a: MGET a b c
    a: RENAME k other
    a: KEYS *
    a: SWAPDB 3 4
    a: PUBLISH c m
    a: CLIENT SETNAME a
    a: CLIENT LIST ID 0
    a: CLIENT UNBLOCK 99999
    a: CONFIG GET nosuch
    a: CONFIG HELP
    a: SLOWLOG HELP
    a: EVAL "return 1" 0
    a: EVAL_RO "return 1" 0
    a: EVAL "return x(" 0
    a: SCRIPT LOAD "return 2"
    a: FCALL nosuch 0
    a: ECHO ""
    a: RESET
    a: QUIT
  `,
  'secrets are not': `
    m: MONITOR
    a: AUTH secret
    a: AUTH nobody secret
    a: AUTH default any
    a: HELLO 3 AUTH default secret
    a: HELLO 2 SETNAME auth AUTH default secret
    a: HELLO 3 SETNAME x AUTH nobody secret
    a: CONFIG SET timeout 0
    a: PING
  `,
  'nor is a password that is set': `
    m: MONITOR
    a: CONFIG SET timeout 0 requirepass "top secret"
    a: AUTH "top secret"
    a: AUTH wrong
    a: CONFIG requirepass "top secret"
    a: CONFIG SET maxclients nonsense requirepass "top secret"
    a: MULTI
    a: CONFIG SET requirepass "top secret"
    a: ACL SETUSER default ">another secret"
    a: PING
    a: EXEC
    a: CONFIG SET requirepass ""
    a: PING
  `,
  'commands of a transaction are shown when they are executed': `
    m: MONITOR
    a: MULTI
    a: SET k 1
    a: MULTI
    a: WATCH k
    a: SELECT 5
    a: PING
    a: CONFIG GET nosuch
    a: GET k
    a: EXEC
    a: EXEC
    a: MULTI
    a: SET k 1
    a: DISCARD
    a: MULTI
    a: NOSUCH
    a: EXEC
    a: WATCH k
    b: SELECT 5
    b: SET k 2
    a: MULTI
    a: GET k
    a: EXEC
    a: MULTI | INCR n | GET n | EXEC
  `,
  'a monitor is shown what it does itself, and may not touch keys': `
    m: MONITOR
    m: MONITOR | PING | PING
    m: GET k
    m: SET k v
    m: EVAL "return 1" 0
    m: PUBLISH a b
    m: BLPOP q 0
    m: DBSIZE
    m: TYPE k
    m: PFCOUNT k
    m: WATCH k
    m: MULTI
    m: GET k
    m: PING
    m: EXEC
    m: SUBSCRIBE c
    m: GET k
    m: PING
    a: PUBLISH c x
    m: UNSUBSCRIBE
    m: GET k
    m: CLIENT REPLY OFF
    a: GET k
    m: CLIENT REPLY ON
    m: CLIENT REPLY SKIP
    a: GET k
    m: PING
    a: GET k
    m: RESET
    a: GET k
    m: GET k
    m: MONITOR
    m: QUIT
  `,
  'the end of a transaction is shown also when it is refused': `
    a: ACL SETUSER u on >p ~* +@all -exec
    m: MONITOR
    a: SUBSCRIBE c
    a: EXEC
    a: GET k
    a: MULTI
    a: RESET
    a: EXEC no more
    a: MULTI | EXEC no more | EXEC
    b: AUTH u p
    b: EXEC
    b: MULTI | GET k | EXEC
    b: DISCARD
    a: AUTH default wrong
  `,
  'it may speak RESP3, and have been told to be silent': `
    m: HELLO 3
    m: MONITOR
    a: GET nosuch
    n: CLIENT REPLY SKIP | MONITOR
    a: GET nosuch
    n: SUBSCRIBE c
    n: MONITOR
    o: SUBSCRIBE c
    o: MONITOR
    p: MULTI
    p: MONITOR
    p: EXEC
    p: GET k
  `,
}

for (const [name, script] of Object.entries(stories)) {
  t.test(name, async (t) => {
    await pair.flush()
    t.equal(await isSame(pair, script), '')
  })
}

t.test('so it is of who has not logged in', async (t) => {
  const lines: string[] = []
  for (const open of [() => pair.proxy.connect(), () => pair.open(2)]) {
    const [monitor, operator] = await Promise.all([open(), open()])
    await operator.ask('ACL', 'SETUSER', 'default', 'resetpass', '>secret')
    await monitor.ask('MONITOR')
    const stranger = await open()
    lines.push((await stranger.ask('EXEC')).toString(), (await monitor.reply()).toString().replace(/^.*\] /, ''))
    await operator.ask('ACL', 'SETUSER', 'default', 'nopass')
    for (const client of [monitor, operator, stranger]) client.close()
  }
  t.same(lines.slice(0, 2), lines.slice(2))
  t.match(lines[1], 'EXEC')
})

t.test('the address is that of the client, and the time is the present one', async (t) => {
  const [monitor, client] = await Promise.all([pair.proxy.connect(), pair.proxy.connect(3)])
  await monitor.ask('MONITOR')
  const beforeS = Date.now() / 1000
  await client.ask('GET', 'k')
  const [, time, address] = /^\+(\d+\.\d{6}) \[0 (\S+)\] "GET" "k"\r\n$/.exec((await monitor.reply()).toString()) ?? []
  t.equal(address, `127.0.0.1:${client.socket.localPort}`)
  t.ok(Number(time) >= beforeS - 0.01 && Number(time) <= Date.now() / 1000 + 0.01, time)
  monitor.close()
})

t.test('a monitor is one in CLIENT LIST, and can be killed', async (t) => {
  const lines: string[] = []
  for (const open of [() => pair.proxy.connect(), () => pair.open(2)]) {
    const [monitor, client] = await Promise.all([open(), open()])
    const id = (await monitor.ask('CLIENT', 'ID')).toString().trim().slice(1)
    await monitor.ask('MONITOR')
    const shown = (await client.ask('CLIENT', 'LIST', 'ID', id)).toString()
    lines.push(/ flags=\S+ /.exec(shown)![0], (await client.ask('CLIENT', 'KILL', 'ID', id)).toString())
    await monitor.closed
    lines.push((await client.ask('PING')).toString())
  }
  t.same(lines.slice(0, 3), [' flags=O ', ':1\r\n', '+PONG\r\n'])
  t.same(lines.slice(3), lines.slice(0, 3))
})

t.test('one that does not read is closed, and nobody waits for it', async (t) => {
  const [monitor, client] = await Promise.all([pair.proxy.connect(), pair.proxy.connect()])
  await client.ask('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 4mb 0 0')
  const id = (await monitor.ask('CLIENT', 'ID')).toString().trim().slice(1)
  await monitor.ask('MONITOR')
  monitor.socket.pause()
  const value = Buffer.alloc(100_000, 1)
  for (let i = 0; i < 100; i++) t.equal((await client.ask('ECHO', value)).length, value.length + 11)
  t.equal((await client.ask('CLIENT', 'LIST', 'ID', id)).toString(), '$0\r\n\r\n')
  t.equal((await client.ask('PING')).toString(), '+PONG\r\n')
  monitor.close()
})

t.test('of what is very long it is told the beginning', async (t) => {
  const [monitor, client] = await Promise.all([pair.proxy.connect(), pair.proxy.connect()])
  await client.ask('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 64mb 0 0')
  await monitor.ask('MONITOR')
  await client.ask('ECHO', Buffer.alloc(1024 * 1024 + 5, 'x'))
  const [, shown] =
    /^\+\S+ \[0 \S+\] "ECHO" "(x+)... \(5 more bytes\)"\r\n$/.exec((await monitor.reply()).toString()) ?? []
  t.equal(shown?.length, 1024 * 1024)
  await client.ask(
    'DEL',
    ...Array<string>(1000)
      .fill('k')
      .map((key) => key.repeat(10_000)),
  )
  t.match((await monitor.reply()).toString().slice(-50), /k" "... \(161 more arguments\)"\r\n$/)
})
