import { type IncomingMessage, request } from 'node:http'
import t, { type Test } from 'tap'
import type { RecentKey } from '../../src/admin/recent-keys.js'
import type { SlowShown } from '../../src/admin/slow-commands.js'
import { KeyCounting } from '../../src/client/key-counting.js'
import { startProxy } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'

/** What the page is told of slow commands and of hot keys, and who is told it. */

const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1, config: { admin: { port: 0 } } })
const { port } = proxy.proxy.adminAddress as { port: number }
const client = await proxy.connect()

interface Told {
  readonly mayShowKeys: boolean
  readonly slow: readonly SlowShown[]
  readonly hot: readonly RecentKey[] | null
  readonly members: readonly { readonly name: string; readonly memoryBytes: number; readonly commands: number }[]
}

/** One who watches: the last that it was told. */
async function watch(t: Test, path: string, host = `127.0.0.1:${port}`) {
  const asking = request({ host: '127.0.0.1', port, path, headers: { host } })
  asking.end()
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    asking.once('response', resolve).once('error', reject)
  })
  let text = ''
  let latest: Told | undefined
  response.setEncoding('utf8').on('data', (part: string) => {
    text += part
    const end = text.lastIndexOf('\n\n')
    if (end < 0) return
    const [last] = text.slice(0, end).split('\n\n').slice(-1)
    latest = JSON.parse(last.replace(/^data: /, ''))
    text = text.slice(end + 2)
  })
  response.on('error', () => {})
  const leave = () => asking.destroy()
  t.teardown(leave)
  const sees = (what: string, is: (told: Told) => boolean): Promise<Told> => {
    return until(what, () => (latest !== undefined && is(latest) ? latest : undefined))
  }
  return { leave, sees }
}

/** Counts how often commands are looked at. */
function looksCounted(t: Test) {
  const seen = { commands: 0 }
  const { look } = KeyCounting.prototype
  t.teardown(() => (KeyCounting.prototype.look = look))
  KeyCounting.prototype.look = function (this: KeyCounting, ...command) {
    seen.commands++
    return look.apply(this, command)
  }
  return seen
}

const many = (count: number, ...command: string[]) => Array.from({ length: count }, () => command)

t.test('hot keys are counted while somebody wants to see them, and not a command longer', async (t) => {
  const seen = looksCounted(t)
  const plain = await watch(t, '/events')
  await plain.sees('it is told', ({ hot }) => hot === null)
  await client.pipeline(many(100, 'INCR', 'often'))
  t.equal(seen.commands, 0, 'who has the page open does not ask for them')

  const watcher = await watch(t, '/events?hot')
  const other = await watch(t, '/events?hot')
  await watcher.sees('nothing is hot', ({ hot }) => hot?.length === 0)
  const near = (value = 0, wished: number) => Math.abs(value - wished) < wished / 4
  // What samples tell comes nearer to the truth with each of them.
  const often = await until('what was asked for is told as it was', async () => {
    await client.pipeline([
      ...many(60, 'INCR', 'often'),
      ...many(30, 'MGET', 'often', 'seldom'),
      ['SELECT', '2'],
      ...many(9, 'SET', 'large', 'x'.repeat(10_000)),
      ['SELECT', '0'],
      ...many(1, 'GET', 'once'),
    ])
    const { hot } = await watcher.sees('they are told', ({ hot }) => hot !== null)
    const [often, seldom, large, once] = ['often', 'seldom', 'large', 'once'].map((name) => {
      return hot?.find(({ key }) => key === name)
    })
    const areCommandsRight = near(often?.commandsShare, 0.9) && near(seldom?.commandsShare, 0.3)
    const areRatesRight = near((often?.commands ?? 0) / (seldom?.commands ?? 1), 3)
    const areBytesRight = near(large?.bytesShare, 0.95) && large?.db === 2 && hot?.[0] === large
    return areCommandsRight && areRatesRight && areBytesRight && once === undefined ? often : undefined
  })
  t.match(String(await client.ask('DT', 'LOCATE', 'often')), often.master)

  watcher.leave()
  await other.sees('it goes on for the other one', ({ hot }) => (hot?.length ?? 0) > 0)
  other.leave()
  await until('nobody wants to know any more', async () => {
    const before = seen.commands
    await client.ask('GET', 'often')
    return seen.commands === before
  })
})

t.test('DT HOTKEYS and the page do not disturb each other, nor who has a cache', async (t) => {
  t.equal(String(await client.ask('DT', 'HOTKEYS', 'START', 'SAMPLE', '1')), '+OK\r\n')
  const watcher = await watch(t, '/events?hot')
  const reader = await proxy.connect(3)
  await watcher.sees('it is counted', ({ hot }) => hot !== null)
  await reader.pipeline([
    ['CLIENT', 'TRACKING', 'ON'],
    ['GET', 'cached'],
  ])
  await client.pipeline(many(50, 'SET', 'cached', '1'))
  t.match(String(await reader.reply()), />2\r\n\$10\r\ninvalidate\r\n\*1\r\n\$6\r\ncached/)
  await watcher.sees('the page has it', ({ hot }) => hot?.some(({ key }) => key === 'cached') === true)
  watcher.leave()
  await client.pipeline(many(50, 'SET', 'cached', '1'))
  t.equal(String(await client.ask('DT', 'HOTKEYS', 'STOP')), ':1\r\n')
  t.match(String(await client.ask('DT', 'HOTKEYS', 'GET')), /cached\r\n\$5\r\ncount\r\n:101\r\n/)
})

t.test('slow commands have their keys and where the time went, and no values', async (t) => {
  const watcher = await watch(t, '/events')
  await client.pipeline([
    ['CONFIG', 'SET', 'slowlog-log-slower-than', '100000'],
    ['SLOWLOG', 'RESET'],
  ])
  const place = String(await client.ask('DT', 'LOCATE', 'slow'))
  const [, master] = /(dt-\d)/.exec(place) ?? []
  const direct = await proxy.connectTo(master)
  await direct.ask('CLIENT', 'PAUSE', '250')
  await client.ask('SET', 'slow', 'a secret', 'PX', '99999')
  await direct.ask('CLIENT', 'PAUSE', '250')
  await client.ask('MSET', ...Array.from({ length: 40 }, (_, i) => [`{slow}:${i}`, 'a secret']).flat())
  const named = (name: string, slow: readonly SlowShown[]) => slow.find(({ command }) => command === name)
  const { slow } = await watcher.sees('both', ({ slow }) => ['SET', 'MSET'].every((name) => named(name, slow)))
  t.match(named('SET', slow), { keys: ['slow'], moreKeys: 0, member: /^dt-\d$/ })
  t.match(named('MSET', slow), { keys: ['{slow}:0', '{slow}:1', '{slow}:2'], moreKeys: 37, member: /^dt-\d$/ })
  t.notMatch(JSON.stringify(slow), 'secret')
  const { tookMs, waitedMs, serverMs, proxyMs } = named('SET', slow)!
  t.ok(tookMs > 100 && Math.abs(tookMs - waitedMs - serverMs - proxyMs) < 1, `${tookMs} ms are the sum of the parts`)
  await client.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '10000')
})

t.test('of a command with more words than are kept the number of its keys is told all the same', async (t) => {
  const keys = Array.from({ length: 1000 }, (_, i) => `{many}:${i}`)
  await client.pipeline([
    ['CONFIG', 'SET', 'slowlog-log-slower-than', '0'],
    ['SLOWLOG', 'RESET'],
    ['MGET', ...keys],
    ['ZUNIONSTORE', '{many}', '40', ...keys.slice(0, 40)],
    ['XREAD', 'STREAMS', ...keys.slice(0, 50), ...keys.slice(0, 50).map(() => '0')],
    ['DEL', ...Array.from({ length: 30 }, (_, i) => `{many}:${i}`), '... (7 more arguments)'],
  ])
  await client.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '10000')
  const told = async (path: string, host?: string) => {
    const watcher = await watch(t, path, host)
    const names = ['MGET', 'ZUNIONSTORE', 'XREAD', 'DEL']
    const { slow } = await watcher.sees('all', ({ slow }) => {
      return names.every((name) => slow.some(({ command }) => command === name))
    })
    watcher.leave()
    return Object.fromEntries(slow.map(({ command, keys, moreKeys }) => [command, [...keys, moreKeys]]))
  }
  const shown = await told('/events')
  t.same(shown.MGET, ['{many}:0', '{many}:1', '{many}:2', 997])
  t.same(shown.ZUNIONSTORE, ['{many}', '{many}:0', '{many}:1', 38])
  t.same(shown.XREAD, ['{many}:0', '{many}:1', '{many}:2', 47])
  t.same(shown.DEL, ['{many}:0', '{many}:1', '{many}:2', 28], 'whatever a key looks like')
  const hidden = await told('/events', 'rebound.example')
  t.same([hidden.MGET, hidden.ZUNIONSTORE, hidden.XREAD, hidden.DEL], [[1000], [41], [50], [31]])
})

t.test('memory and commands of each server', async (t) => {
  const watcher = await watch(t, '/events')
  const { members } = await watcher.sees('they have said so', ({ members }) => {
    return members.every(({ memoryBytes, commands }) => memoryBytes > 500_000 && commands >= 0)
  })
  t.equal(members.length, 3)
})

t.test('names of keys are for who is on this machine and calls it so, or has the token', async (t) => {
  const stranger = await watch(t, '/events?hot', 'rebound.example')
  const { hot, slow, mayShowKeys } = await stranger.sees('it is told', () => true)
  t.equal(mayShowKeys, false)
  t.equal(hot, null)
  t.ok(slow.some(({ moreKeys }) => moreKeys > 0) && slow.every(({ keys }) => keys.length === 0), 'only how many')

  const guarded = await startProxy(t, {
    ...{ nodes: 1, replicas: 0, sentinels: 1 },
    config: { admin: { port: 0, token: 'said' } },
  })
  const { port } = guarded.proxy.adminAddress as { port: number }
  const headers = { authorization: 'Bearer said' }
  const response = await fetch(`http://127.0.0.1:${port}/events?hot`, { headers })
  const reader = response.body?.getReader()
  const told = new TextDecoder().decode((await reader?.read())?.value)
  await reader?.cancel()
  t.match(told, '"mayShowKeys":true')
  t.equal((await fetch(`http://127.0.0.1:${port}/events?hot`)).status, 401)
})
