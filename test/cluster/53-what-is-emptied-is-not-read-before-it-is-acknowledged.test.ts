import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { membersOf } from '../helpers/ring-state.js'
import { declareDown } from '../helpers/sentinels.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

/*
 * A server has left, and the view without it cannot be noted, because the disk of the state file is away: that databases were emptied or
 * exchanged is not acknowledged, and nobody reads it, for a start might find the view before, and the server that has left, with all
 * that it had [design §8 Views and markers].
 */

/** What is done to one or two databases, of which each had a key of its number. */
interface Change {
  readonly dbs: readonly number[]
  readonly commands: string[][]
  readonly told: string
}

const CHANGES: Record<string, Change> = {
  SWAPDB: { dbs: [1, 2], commands: [['SWAPDB', '1', '2']], told: '+OK\r\n' },
  FLUSHDB: { dbs: [3], commands: [['SELECT', '3'], ['FLUSHDB']], told: '+OK\r\n' },
  'FLUSHDB in a transaction': {
    dbs: [4],
    commands: [['SELECT', '4'], ['MULTI'], ['FLUSHDB'], ['PING'], ['EXEC']],
    told: '*2\r\n+OK\r\n+PONG\r\n',
  },
  FLUSHALL: { dbs: [5], commands: [['FLUSHALL']], told: '+OK\r\n' },
}

/** Whatever shows what is there, and what it shows of a database that was emptied. */
const READS: Record<string, readonly [commands: (key: string) => string[][], seen: string]> = {
  GET: [(key) => [['GET', key]], '$-1\r\n'],
  MGET: [(key) => [['MGET', key, 'other']], '*2\r\n$-1\r\n$-1\r\n'],
  'EXEC of a read': [(key) => [['MULTI'], ['GET', key], ['EXEC']], '*1\r\n$-1\r\n'],
  'EXEC of KEYS': [() => [['MULTI'], ['KEYS', '*'], ['EXEC']], '*1\r\n*0\r\n'],
  'EXEC of DBSIZE': [() => [['MULTI'], ['DBSIZE'], ['EXEC']], '*1\r\n:0\r\n'],
  'a script': [(key) => [['EVAL_RO', "return redis.call('GET', KEYS[1])", '1', key]], '$-1\r\n'],
  KEYS: [() => [['KEYS', '*']], '*0\r\n'],
  DBSIZE: [() => [['DBSIZE']], ':0\r\n'],
  SCAN: [() => [['SCAN', '0']], '*2\r\n$1\r\n0\r\n*0\r\n'],
  RANDOMKEY: [() => [['RANDOMKEY']], '$-1\r\n'],
}

const DATABASES = [0, 1, 2, 3, 4, 5]

t.test('that databases were emptied or exchanged is not read before it is acknowledged', async (t) => {
  const disk = join(temporaryDirectory(t), 'disk')
  mkdirSync(disk)
  const proxy = await startProxy(t, {
    nodes: 3,
    replicas: 1,
    config: { ring: { stateFile: join(disk, 'state.json') }, limits: { unavailableTimeoutMs: 60_000 } },
  })
  const { ring } = proxy
  const watcher = await proxy.connect()
  for (const db of DATABASES) {
    const written = await watcher.pipeline([
      ['SELECT', String(db)],
      ['SET', `k${db}`, 'old'],
    ])
    t.equal(String(written.at(-1)), '+OK\r\n')
  }
  await watcher.ask('SELECT', '0')
  renameSync(disk, `${disk}.away`)
  await ring.kill('dt-1')
  await declareDown(ring, 'dt-1')
  await until('the view is without it', async () => (await membersOf(watcher)) === 'dt-2 dt-3')

  const servers = await Promise.all([proxy.connectTo('dt-2'), proxy.connectTo('dt-3')])
  const asked = async (commands: string[][]) => {
    const client = await proxy.connect()
    return client.pipeline(commands).then((replies) => String(replies.at(-1)))
  }
  const told: string[] = []
  const stories: { name: string; replied: Promise<string>; isRight: (reply: string) => boolean }[] = []
  const begin = (name: string, replied: Promise<string>, isRight: (reply: string) => boolean) => {
    stories.push({ name, replied, isRight })
    void replied.then(() => told.push(name))
  }
  const isThere = async (db: number) => {
    const replies = await Promise.all(
      servers.map((each) =>
        each.pipeline([
          ['SELECT', `${db}`],
          ['EXISTS', `k${db}`],
        ]),
      ),
    )
    return replies.some((reply) => String(reply.at(-1)) === ':1\r\n')
  }
  for (const [name, { dbs, commands, told: right }] of Object.entries(CHANGES)) {
    if (name === 'FLUSHALL') {
      t.equal(String(await watcher.ask('GET', 'k0')), '$3\r\nold\r\n', 'what is in another database is read')
      t.equal(String(await watcher.ask('DBSIZE')), ':1\r\n')
    }
    begin(name, asked(commands), (reply) => reply === right)
    await until('both have done it', async () => !(await Promise.all(dbs.map(isThere))).includes(true))
    for (const db of dbs) {
      for (const [how, [read, seen]] of Object.entries(READS)) {
        // What is done last empties all of them before anybody is told.
        begin(
          `${name}, ${how} of database ${db}`,
          asked([['SELECT', String(db)], ...read(`k${db}`)]),
          (reply) => reply === seen || (name === 'SWAPDB' && /k|:1/.test(reply)),
        )
      }
    }
  }
  begin('FLUSHALL, GET of the first database', asked([['GET', 'k0']]), (reply) => reply === '$-1\r\n')
  // Behind all of these.
  t.equal(String(await watcher.ask('PING')), '+PONG\r\n')
  await watcher.ask('DT', 'NODES')
  t.same(told, [], 'nobody is told what may be undone')
  renameSync(`${disk}.away`, disk)
  for (const { name, replied, isRight } of stories) t.ok(isRight(await replied), `${name}: ${await replied}`)
})
