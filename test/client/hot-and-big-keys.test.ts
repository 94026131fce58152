import t from 'tap'
import { operatorCommands } from '../../src/cli/operate.js'
import { startProxy } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'

/** DT HOTKEYS and DT BIGKEYS, and what dt makes of them, on a ring of real servers. */

const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1 })
const client = await proxy.connect()
const ask = async (...args: string[]) => String(await client.ask(...args))

async function dt(name: string, ...argv: string[]): Promise<{ code: number; text: string }> {
  let text = ''
  const out = { isTTY: false, columns: 200, hasColors: () => false, write: (part: string) => (text += part) }
  const code = await operatorCommands[name].run([...argv, '--proxy', `127.0.0.1:${proxy.port}`], out)
  return { code, text }
}

const GETTING = ['hotkeys', '--json', '--seconds', '5', '--sample', '1']

async function whileCounting(work: () => Promise<unknown>) {
  const counting = dt(...(GETTING as [string]))
  await until('it is counted', async () => (await ask('DT', 'HOTKEYS', 'GET')).includes('running\r\n:1'))
  await work()
  return JSON.parse((await counting).text)
}

t.test(
  'keys are counted by commands and by bytes, those of transactions and of scripts as well, in their databases',
  async (t) => {
    t.equal(await ask('DT', 'HOTKEYS', 'GET'), '$-1\r\n', 'nothing was ever counted')
    t.equal(await ask('DT', 'HOTKEYS', 'STOP'), ':0\r\n')
    const report = await whileCounting(async () => {
      await client.pipeline([
        ...Array.from({ length: 300 }, () => ['INCR', 'often']),
        ['SET', 'large', 'x'.repeat(200_000)],
        ...Array.from({ length: 5 }, () => ['GET', 'large']),
        ...['MULTI', 'EXEC'].flatMap((word) => [
          [word],
          ...(word === 'MULTI' ? Array.from({ length: 50 }, () => ['GET', 'queued']) : []),
        ]),
        ...Array.from({ length: 20 }, () => ['EVAL', 'return 1', '1', 'in a script']),
        ...Array.from({ length: 10 }, () => ['MGET', 'one', 'two']),
        ['SELECT', '2'],
        ...Array.from({ length: 30 }, () => ['GET', 'elsewhere']),
        ['SELECT', '0'],
      ])
    })
    const counts = Object.fromEntries(
      (report['by-commands'] as { db: number; key: string; count: number }[]).map(({ db, key, count }) => [
        `${db} ${key}`,
        count,
      ]),
    )
    t.match(counts, {
      '0 often': 300,
      '0 large': 6,
      '0 queued': 50,
      '0 in a script': 20,
      '0 one': 10,
      '0 two': 10,
      '2 elsewhere': 30,
    })
    const [first] = report['by-bytes']
    t.equal(first.key, 'large')
    t.ok(first.count > 1_200_000 && first.count < 1_210_000, `${first.count} bytes: one SET, and five replies`)
    t.equal(await ask('GET', 'often'), '$3\r\n300\r\n')
  },
)

t.test('of one of ten commands the whole can be told', async (t) => {
  t.equal(await ask('DT', 'HOTKEYS', 'START', 'SAMPLE', '10', 'SECONDS', '60'), '+OK\r\n')
  await client.pipeline(Array.from({ length: 20_000 }, (_, i) => ['GET', i % 4 === 0 ? 'quarter' : `rest:${i}`]))
  t.equal(await ask('DT', 'HOTKEYS', 'STOP'), ':1\r\n')
  const reply = await ask('DT', 'HOTKEYS', 'GET', '1')
  const [, counted] = /\$7\r\nquarter\r\n\$5\r\ncount\r\n:(\d+)/.exec(reply) ?? []
  t.ok(Number(counted) > 4000 && Number(counted) < 6000, `${counted} of 5,000`)
})

t.test('who has a cache is told of changes, whenever the counting began', async (t) => {
  const reader = await proxy.connect(3)
  await reader.pipeline([
    ['CLIENT', 'TRACKING', 'ON'],
    ['GET', 'cached'],
  ])
  await ask('DT', 'HOTKEYS', 'START', 'SAMPLE', '1')
  await client.ask('SET', 'cached', '1')
  t.match(String(await reader.reply()), />2\r\n\$10\r\ninvalidate\r\n\*1\r\n\$6\r\ncached/)
  await ask('DT', 'HOTKEYS', 'STOP')
})

t.test('wrong words are refused', async (t) => {
  for (const words of [['START', 'SAMPLE'], ['START', 'OFTEN', '1'], ['STOP', 'x'], ['GET', '1', '2'], ['WHAT']]) {
    t.equal(await ask('DT', 'HOTKEYS', ...words), '-ERR syntax error\r\n', words.join(' '))
  }
  t.equal(await ask('DT', 'HOTKEYS', 'START', 'SAMPLE', '0'), '-ERR the number must be from 1 to 1000000\r\n')
  t.equal(await ask('DT', 'BIGKEYS', '0'), '-ERR the number must be from 1 to 1000\r\n')
  await ask('ACL', 'SETUSER', 'reader', 'on', 'nopass', '~*', '+@read')
  const reader = await proxy.connect()
  await reader.ask('AUTH', 'reader', 'x')
  t.match(
    String(await reader.ask('DT', 'HOTKEYS', 'GET')),
    /^-NOPERM/,
    'keys of others are not for everybody who reads',
  )
})

t.test('the biggest keys of each type, each once, with their elements', async (t) => {
  await ask('FLUSHALL')
  const many = (n: number, each: (i: number) => string[]) => Array.from({ length: n }, (_, i) => each(i)).flat()
  await client.pipeline([
    ...Array.from({ length: 3000 }, (_, i) => ['SET', `small:${i}`, 'x']),
    ['SETRANGE', 'big string', '999999', 'x'],
    ['RPUSH', 'big list', ...many(5000, (i) => [`e${i}`])],
    ['RPUSH', 'list', 'a'],
    ['HSET', 'big hash', ...many(5000, (i) => [`f${i}`, 'v'])],
    ['SELECT', '3'],
    ['SADD', 'big set', ...many(5000, (i) => [`m${i}`])],
    ['SELECT', '0'],
  ])
  const report = JSON.parse((await dt('bigkeys', '--json', '--count', '2')).text)
  t.match(report, { state: 'done', reasons: [] })
  type Type = { type: string; keys: number; biggest: { db: number; key: string; elements: number }[] }
  const of = Object.fromEntries((report.types as Type[]).map((type) => [type.type, type]))
  t.equal(of.string.keys, 3001, 'each key once, however many copies there are')
  t.match(of.string.biggest[0], { key: 'big string', elements: 1_000_000 })
  t.same(
    of.list.biggest.map(({ key, elements }) => [key, elements]),
    [
      ['big list', 5000],
      ['list', 1],
    ],
  )
  t.match(of.set.biggest, [{ db: 3, key: 'big set', elements: 5000 }])

  const { code, text } = await dt('bigkeys')
  t.equal(code, 0)
  t.match(
    text,
    /^string: 3,001 keys, [0-9.]+ MB\ndb {2}key +memory +length {2}server\n0 {3}big string +[0-9.]+ MB +1,000,000 {2}dt-[123] {4}█{20}\n/,
  )
  t.match(text, /\n3,005 keys seen in [0-9.]+ s; memory is that of one copy\.\n$/)
})

t.test('a walk takes no more than half of the time, can be watched, and ends when that is wished', async (t) => {
  await client.pipeline(Array.from({ length: 20_000 }, (_, i) => ['SET', `more:${i}`, 'x']))
  const other = await proxy.connect()
  const walk = other.ask('DT', 'BIGKEYS')
  await until('it goes on', async () => (await ask('DT', 'BIGKEYS', 'STATUS')).includes('running'))
  t.match(await ask('DT', 'BIGKEYS'), /^-ERR a walk over all keys goes on already/)
  t.equal(await ask('DT', 'BIGKEYS', 'STOP'), ':1\r\n')
  t.match(String(await walk), /\$5\r\nstate\r\n\$7\r\nstopped/)
  t.equal(await ask('DT', 'BIGKEYS', 'STOP'), ':0\r\n')
})

t.test('tables for people', async (t) => {
  const counting = dt('hotkeys', '--seconds', '1', '--sample', '1')
  await until('it is counted', async () => (await ask('DT', 'HOTKEYS', 'GET')).includes('running\r\n:1'))
  await client.pipeline(Array.from({ length: 100 }, () => ['GET', 'warm']))
  const { text } = await counting
  t.match(text, /^db {2}key +commands +share\n0 {3}warm +~100 +100\.0 % {2}█{20}\n/)
  t.match(text, /\n~100 commands with keys, ~[0-9.]+ kB in [0-9.]+ s; one of 1 was looked at\.\n$/)
})
