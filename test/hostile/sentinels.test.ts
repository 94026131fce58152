import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { parseMasters, parseNews } from '../../src/membership/sentinel-reply.js'
import { SentinelSubscriber } from '../../src/membership/sentinel-subscriber.js'
import { mastersReply, startScriptedProxy } from '../helpers/scripted-proxy.js'
import { bulk, ScriptedServer } from '../helpers/scripted-server.js'
import { until } from '../helpers/until.js'

const GARBAGE = [
  '*10000000000\r\n',
  '*-5\r\n',
  '$10737418240\r\n',
  '$20000000\r\n',
  '%1\r\n',
  ':1\r\n',
  '*0\r\n',
  '_\r\n',
  '*1\r\n*2\r\n+name\r\n+dt-1\r\n',
  '*1\r\n*1\r\n*1\r\n+dt-1\r\n',
  'HTTP/1.1 400 Bad Request\r\n\r\n',
  `${'*1\r\n'.repeat(20_000)}+deep\r\n`,
  '>0\r\n>1\r\n_\r\n>3\r\n+message\r\n*0\r\n+x\r\n+OK\r\n',
  '+OK\r\n+OK\r\n',
]

t.test(
  'whatever a Sentinel answers to whatever it is asked, nothing is thrown, and it is heard when it is well again',
  async (t) => {
    for (const question of ['HELLO', 'SENTINEL', 'INFO', 'SUBSCRIBE', 'PING']) {
      const heard = await Promise.all(GARBAGE.map((garbage) => follow(t, question, garbage)))
      await sleep(150)
      for (const each of heard) each.server.script = healthy
      await Promise.all(heard.map((each) => until('it is heard', () => each.polls.length > each.before())))
      for (const { polls } of heard)
        t.same(
          [...new Set(polls)].filter((poll) => poll !== '' && poll !== 'dt-1'),
          [],
        )
      for (const { subscriber } of heard) subscriber.stop()
    }
  },
)

t.test('a Sentinel that goes on and on is not listened to, and little is kept', async (t) => {
  for (const endless of ['+', '$16000000\r\n', '>3\r\n+message\r\n+', '*1000000\r\n']) {
    const heard = await follow(t, 'SENTINEL', endless)
    heard.server.script = ([name], socket) => {
      if (name !== 'SENTINEL') return healthy([name])
      const more = Buffer.alloc(1024 * 1024, '+x\r\n')
      const write = () => {
        if (!socket.destroyed) socket.write(more, write)
      }
      write()
      return endless
    }
    await until('it is lost', () => heard.losses.length > 0)
    heard.subscriber.stop()
  }
  const { arrayBuffers } = process.memoryUsage()
  t.ok(arrayBuffers < 400 * 1024 * 1024, `${arrayBuffers} bytes`)
})

t.test('names and addresses that would split a line, and ports that are none, are not taken', async (t) => {
  const bad: [name: string, host: string, port: string][] = [
    ['dt-1\r\ndt-2', '127.0.0.1', '1'],
    ['dt-\x1b[2J', '127.0.0.1', '1'],
    ['dt-\x9b2J', '127.0.0.1', '1'],
    ['', '127.0.0.1', '1'],
    [`dt-${'x'.repeat(300)}`, '127.0.0.1', '1'],
    ['dt-1', '127.0.0.1\n', '1'],
    ['dt-1', '', '1'],
    ['dt-1', '127.0.0.1', '0'],
    ['dt-1', '127.0.0.1', '70000'],
    ['dt-1', '127.0.0.1', '-1'],
    ['dt-1', '127.0.0.1', 'x'],
  ]
  for (const [name, ip, port] of bad) {
    t.throws(() => parseMasters([['name', name, 'ip', ip, 'port', port]]), /the reply to SENTINEL MASTERS holds/)
    t.equal(parseNews('+monitor', `master ${name} ${ip} ${port}`), undefined)
    t.equal(parseNews('+switch-master', `${name} 127.0.0.1 2 ${ip} ${port}`), undefined)
  }
})

t.test('a Sentinel that lies, and changes its mind all the time: the ring serves as before', async (t) => {
  const { sentinel, servers, serves, proxy } = await startScriptedProxy(t, () => undefined)
  await serves()
  const truth = servers.map(({ port }, i) => ({ name: `dt-${i + 1}`, port: port as number | string }))
  const stranger = { name: 'dt-9', host: '203.0.113.1', port: 1 }
  const lies = [
    [...truth, stranger],
    [...truth, { name: 'dt-\r\n-ERR no', port: 1 }],
    [...truth, { name: 'dt-8', port: 70_000 }],
    truth,
  ]
  let polls = 0
  sentinel.script = ([name, sub], socket) => {
    if (name !== 'SENTINEL' || sub !== 'MASTERS') return undefined
    if (!socket.destroyed)
      socket.write(`>3\r\n${['message', '+monitor', 'master dt-7 127.0.0.1 99999'].map(bulk).join('')}`)
    return mastersReply(lies[polls++ % lies.length])
  }
  await until('all lies were told', () => polls > 3 * lies.length)
  await serves()
  sentinel.script = ([name, sub]) => (name === 'SENTINEL' && sub === 'MASTERS' ? mastersReply(truth) : undefined)
  await serves()
  t.ok(proxy)
})

interface Heard {
  readonly server: ScriptedServer
  readonly subscriber: SentinelSubscriber
  readonly polls: string[]
  readonly losses: string[]
  /** How many polls had come when it was well again. */
  before(): number
}

function healthy([name]: string[]): string | undefined {
  return name === 'SENTINEL' ? mastersReply([{ name: 'dt-1', port: 1 }]) : undefined
}

/** Follows a Sentinel that answers one question with garbage. */
async function follow(t: Test, question: string, garbage: string): Promise<Heard> {
  const polls: string[] = []
  const losses: string[] = []
  const server = await ScriptedServer.start(t, (args) => (args[0] === question ? garbage : healthy(args)))
  const endpoint = { host: '127.0.0.1', port: server.port }
  const subscriber = new SentinelSubscriber(endpoint, { username: undefined, password: undefined }, 50, {
    onPolled: (masters) => polls.push(masters.map(({ name }) => name).join(' ')),
    onNews: () => {},
    onLost: (reason) => losses.push(reason),
  })
  subscriber.start()
  t.teardown(() => subscriber.stop())
  let before: number | undefined
  const count = () => {
    before ??= polls.length
    return before
  }
  return { server, subscriber, polls, losses, before: count }
}
