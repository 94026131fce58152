import t from 'tap'
import { breakLink } from '../helpers/break-link.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { counter, keyOn, membersOf, outstanding, replicasOf } from '../helpers/ring-state.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { SeveralKeysLoad } from '../helpers/several-keys-load.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

/*
 * Commands on keys of several servers, and transactions, while members come and go, while servers have no memory, behind a start at which
 * every key is in doubt, and beside those who look at all keys, or empty databases [design §7 Several keys, §8].
 */

const KEYS = 5000

async function onTwoAndTwo(proxy: TestProxy) {
  const watcher = await proxy.connect()
  const [a, b] = [await keyOn(watcher, 'a', 'dt-1', 'dt-2'), await keyOn(watcher, 'b', 'dt-3', 'dt-4')]
  return { watcher, a, b }
}

t.test('members leave and join: what takes several servers is done as if nothing were', async (t) => {
  const proxy = await startProxy(t, { nodes: 5 })
  const watcher = await proxy.connect()
  const load = new SeveralKeysLoad(() => proxy.connect())
  await load.begin()
  const isQuiet = async () => String(await watcher.ask('DT', 'MIGRATIONS')) === '*0\r\n'
  const isMember = async (name: string) => (await membersOf(watcher)).split(' ').includes(name)
  for (let round = 0; round < 2; round++) {
    t.match(String(await watcher.ask('DT', 'REMOVE', 'dt-5')), /^[*+]/)
    // It may come back when the Sentinels have forgotten it, too.
    await until('it has left', async () => !String(await watcher.ask('DT', 'NODES')).includes('dt-5'), 30_000)
    await proxy.ring.restart('dt-5', { empty: true })
    t.match(String(await watcher.ask('DT', 'ADD', 'dt-5', `127.0.0.1:${proxy.ring.server('dt-5').port}`)), /^[*+]/)
    await until('it has joined', async () => (await isMember('dt-5')) && (await isQuiet()), 30_000)
  }
  await until('all kinds were done', () => load.hasDone(30))
  await load.end()
  t.same(load.unsure, { moves: 0, renames: 0, unions: 0, transfers: 0, pairs: 0, news: 0 })
  t.same(await load.check(watcher), [])
  t.equal(await counter(watcher, 'gates'), 0)
  await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
})

t.test('DBSIZE and KEYS look at all servers in one moment: while nothing moves never into a transaction', async (t) => {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1 })
  const { watcher, a, b } = await onTwoAndTwo(proxy)
  await watcher.ask('SET', a, 'x')
  // More than one page of SCAN, and unknown whether each is where it belongs.
  await watcher.pipeline(Array.from({ length: KEYS }, (_, i) => ['SET', `other:${i}`, '1']))
  await breakLink(await proxy.connectTo('dt-4'))
  await until('it is back', async () => (await counter(watcher, 'links_up')) === 4)
  let over = false
  const moving = (async () => {
    const client = await proxy.connect()
    for (let i = 0; !over; i++) {
      const [from, to] = i % 2 === 0 ? [a, b] : [b, a]
      // Two that touch both servers, in either order.
      await client.pipeline([['MULTI'], ['DEL', from], ['SET', to, 'x'], ['EXEC']])
    }
  })()
  const seen = new Set<string>()
  for (let i = 0; i < 500; i++) {
    const [size, keys, inside] = await watcher
      .pipeline([['DBSIZE'], ['KEYS', '[ab]:*'], ['MULTI'], ['KEYS', '[ab]:*'], ['DBSIZE'], ['EXEC']])
      .then((replies) => [replies[0], replies[1], replies[5]].map(String))
    t.equal(size, `:${KEYS + 1}\r\n`)
    t.match(keys, /^\*1\r\n/)
    t.match(inside, new RegExp(`^\\*2\\r\\n\\*1\\r\\n[^*]*:${KEYS + 1}\\r\\n$`))
    seen.add(keys)
  }
  over = true
  await moving
  t.equal(seen.size, 2, 'it was seen on both')
  t.same((await ringSnapshot(proxy)).faults, [])
})

for (const sweep of ['FLUSHALL', 'FLUSHDB']) {
  t.test(`${sweep} and a transaction that wait at the same gates: one comes before the other`, async (t) => {
    const proxy = await startProxy(t, { nodes: 4, replicas: 1 })
    const { watcher, a, b } = await onTwoAndTwo(proxy)
    for (const isSweepFirst of [true, false]) {
      await watcher.ask('MSET', a, '1', b, '1')
      await watcher.ask('SADD', `{${a}}s`, 'm')
      await watcher.ask('SADD', `{${b}}s`, 'm')
      proxy.ring.pause('dt-3')
      const gather = (await proxy.connect()).ask('SUNIONSTORE', `{${a}}d`, `{${a}}s`, `{${b}}s`)
      await until('it looks', async () => (await outstanding(watcher, 'dt-3')) > 0)
      const [transacting, sweeping] = [await proxy.connect(), await proxy.connect()]
      const acts = [
        () => sweeping.pipeline([[sweep]]),
        () => transacting.pipeline([['MULTI'], ['SET', `{${a}}d`, 'text'], ['INCR', a], ['INCR', b], ['EXEC']]),
      ]
      const replies: Promise<Buffer[]>[] = []
      for (const act of isSweepFirst ? acts : acts.reverse()) {
        const before = await counter(watcher, 'gates')
        replies.push(act())
        await until('it stands at the gates', async () => (await counter(watcher, 'gates')) > before)
      }
      proxy.ring.resume('dt-3')
      t.equal(String(await gather), ':1\r\n')
      const [first, second] = await Promise.all(replies)
      const exec = String((isSweepFirst ? second : first).at(-1))
      t.equal(exec, `*3\r\n+OK\r\n${isSweepFirst ? ':1\r\n:1' : ':2\r\n:2'}\r\n`)
      const left = String(await watcher.ask('MGET', a, b))
      t.equal(left, isSweepFirst ? '*2\r\n$1\r\n1\r\n$1\r\n1\r\n' : '*2\r\n$-1\r\n$-1\r\n')
      t.same((await ringSnapshot(proxy)).faults, [])
    }
  })
}

t.test(
  'a destination without memory: no element goes there, none is taken, and a transaction is refused whole',
  async (t) => {
    const proxy = await startProxy(t, { nodes: 4, replicas: 1 })
    const { watcher, a, b } = await onTwoAndTwo(proxy)
    await watcher.pipeline([
      ['RPUSH', a, 'e'],
      ['SADD', `{${a}}s`, 'e'],
      ['SET', `{${a}}n`, '1'],
    ])
    // One of the backups alone.
    const full = await proxy.connectTo('dt-4')
    await full.ask('CONFIG', 'SET', 'maxmemory', '1')
    await breakLink(full)
    await until('it is back', async () => (await counter(watcher, 'links_up')) === 4)
    for (const command of [
      ['LMOVE', a, b, 'LEFT', 'RIGHT'],
      ['RPOPLPUSH', a, b],
      ['SMOVE', `{${a}}s`, `{${b}}s`, 'e'],
      ['MSETNX', `{${a}}new`, '1', `{${b}}new`, '1'],
      ['RENAME', a, b],
      ['COPY', a, b],
    ]) {
      t.match(String(await watcher.ask(...command)), /^-OOM /, command.join(' '))
      const inside = await watcher.pipeline([['MULTI'], ['INCR', `{${a}}n`], command, ['EXEC']])
      t.match(String(inside.at(-1)), /^-EXECABORT .*(OOM|memory)/, command.join(' '))
    }
    t.equal(String(await watcher.ask('LRANGE', a, '0', '-1')), '*1\r\n$1\r\ne\r\n')
    t.equal(String(await watcher.ask('SISMEMBER', `{${a}}s`, 'e')), ':1\r\n')
    t.equal(String(await watcher.ask('EXISTS', b, `{${b}}s`, `{${a}}new`, `{${b}}new`)), ':0\r\n')
    t.equal(String(await watcher.ask('GET', `{${a}}n`)), '$1\r\n1\r\n')
    t.equal(await counter(watcher, 'gates'), 0)
    t.same((await ringSnapshot(proxy)).faults, [])
  },
)

t.test(
  'behind an unclean stop every key is in doubt: what needs several of them finds what their masters have',
  async (t) => {
    const serve = await ServeProcess.start(t, { nodes: 5 })
    const before = await serve.connect()
    const names = ['one', 'other', 'third', 'list', 'to', 'name', 'n', 'm', 'watched']
    await before.pipeline([
      ['SADD', 'one', 'common', 'a'],
      ['SADD', 'other', 'common', 'b'],
      ['RPUSH', 'list', 'e'],
      ['SET', 'name', 'value'],
      ['MSET', 'n', '1', 'm', '1', 'watched', '1'],
    ])
    const replicas = new Map<string, string[]>()
    for (const name of names) replicas.set(name, await replicasOf(before, name))
    await serve.kill()
    // What the backups alone have executed was never acknowledged.
    const onBackups = async (name: string, ...command: string[]) => {
      for (const member of replicas.get(name)!.slice(1)) {
        const client = await RawClient.connect(serve.ring.server(member).port)
        await client.ask(...command)
        client.close()
      }
    }
    await onBackups('one', 'SADD', 'one', 'ghost', 'b')
    await onBackups('other', 'SADD', 'other', 'ghost')
    await onBackups('list', 'LPUSH', 'list', 'ghost')
    await onBackups('name', 'SET', 'name', 'ghost')
    await onBackups('n', 'SET', 'n', '7')
    await onBackups('watched', 'SET', 'watched', '7')
    await serve.startAgain()
    const [gathering, moving, renaming, transacting, watching] = await Promise.all(
      names.slice(0, 5).map(() => serve.connect()),
    )
    const [union, inter, moved, renamed, exec, watched] = await Promise.all([
      gathering.ask('SUNIONSTORE', 'third', 'one', 'other'),
      (await serve.connect()).ask('SINTER', 'one', 'other'),
      moving.ask('LMOVE', 'list', 'to', 'LEFT', 'RIGHT'),
      renaming.ask('RENAME', 'name', 'to:name'),
      transacting.pipeline([['MULTI'], ['GET', 'n'], ['INCR', 'n'], ['INCR', 'm'], ['EXEC']]),
      watching.pipeline([['WATCH', 'watched'], ['MULTI'], ['INCR', 'watched'], ['EXEC']]),
    ])
    t.equal(String(union), ':3\r\n')
    t.equal(String(inter), '*1\r\n$6\r\ncommon\r\n')
    t.equal(String(moved), '$1\r\ne\r\n')
    t.equal(String(renamed), '+OK\r\n')
    t.equal(String(exec.at(-1)), '*3\r\n$1\r\n1\r\n:2\r\n:2\r\n')
    // Copies of it may have been repaired meanwhile, which a WATCH takes for a change.
    t.match(String(watched.at(-1)), /^\*1\r\n:2\r\n$|^\*-1\r\n$/)
    const found = await gathering.pipeline([
      ['SISMEMBER', 'third', 'ghost'],
      ['EXISTS', 'list', 'name'],
      ['LRANGE', 'to', '0', '-1'],
      ['GET', 'to:name'],
    ])
    t.same(found.map(String), [':0\r\n', ':0\r\n', '*1\r\n$1\r\ne\r\n', '$5\r\nvalue\r\n'])
    await until('all copies are looked at', () => serve.output.includes('no key is in doubt any more'))
    t.match(await verify(gathering), { differences: 0, complete: 1 })
  },
)
