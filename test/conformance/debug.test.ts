import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { isSame } from './listeners.js'
import { Pair } from './pair.js'
import { parseScript } from './script.js'

/* DEBUG, where it is allowed on both: what is served is answered as by Redis. */

const pair = await Pair.start(t, { nodes: 1, replicas: 0, config: { commands: { debug: 'local' } } }, [
  ...['--enable-debug-command', 'local'],
])

const TYPES = 'string integer double bignum null array set map verbatim true false nosuch'.split(' ')

for (const proto of [2, 3] as const) {
  t.test(`in RESP${proto}`, async (t) => {
    const lines = [
      ...TYPES.map((type) => `DEBUG PROTOCOL ${type}`),
      ...['DEBUG', 'DEBUG SLEEP', 'DEBUG SLEEP 0.01', 'DEBUG SLEEP abc', 'DEBUG SLEEP -1', 'DEBUG ERROR a'],
      ...['DEBUG ERROR "a\\r\\nb"', 'DEBUG LOG a', 'DEBUG LOG a b', 'debug nosuch', 'DEBUG PROTOCOL a b', 'DEBUG JMAP'],
      ...['MULTI', 'DEBUG ERROR x', 'DEBUG SLEEP 0', 'DEBUG PROTOCOL map', 'EXEC'],
    ]
    for (const pipelined of [false, true])
      t.equal((await pair.differences(parseScript(lines.join('\n')), proto, pipelined)).join('\n'), '')
  })
}

t.test('an attribute and a push stand before a reply', async (t) => {
  const story = `
    a: DEBUG PROTOCOL attrib
    a: DEBUG PROTOCOL push
    a: HELLO 3
    a: DEBUG PROTOCOL attrib
    a: DEBUG PROTOCOL push
  `
  t.equal(await isSame(pair, story), '')
})

t.test('who sleeps keeps nobody else waiting', async (t) => {
  const [sleeper, other] = await Promise.all([pair.proxy.connect(), pair.proxy.connect()])
  let isOver = false
  const slept = sleeper.ask('DEBUG', 'SLEEP', '0.3').then(() => {
    isOver = true
  })
  await sleep(20)
  t.equal((await other.ask('PING')).toString(), '+PONG\r\n')
  t.equal(isOver, false)
  await slept
})

t.test('what would harm is refused with the reason', async (t) => {
  const client = await pair.proxy.connect()
  for (const words of [
    ['SET-ACTIVE-EXPIRE', '0'],
    ['RELOAD'],
    ['CHANGE-REPL-ID'],
    ['OBJECT', 'k'],
    ['SEGFAULT'],
    ['LISTPACK', 'k'],
  ]) {
    const name = words[0].toLowerCase()
    t.match((await client.ask('DEBUG', ...words)).toString(), `-ERR 'debug ${name}' is refused by this proxy: `)
  }
  t.match((await client.ask('DEBUG', 'HELP')).toString(), /DEBUG <subcommand>.*SLEEP <seconds>/s)
  t.match((await client.ask('CONFIG', 'GET', 'enable-debug-command')).toString(), /local/)
})

t.test('nobody may unless a setting says so', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1, config: { auth: { password: 'p' } } })
  const client = await proxy.connect()
  for (const command of [
    ['DEBUG', 'HELP'],
    ['DEBUG', 'SLEEP', '0'],
  ])
    t.match((await client.ask(...command)).toString(), /^-ERR DEBUG command not allowed\. /)
})
