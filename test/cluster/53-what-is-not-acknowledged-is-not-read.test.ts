import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { membersOf, replicasOf } from '../helpers/ring-state.js'
import { declareDown } from '../helpers/sentinels.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

/*
 * A server has left, and the view without it cannot be noted, because the disk of the state file is away: nothing is acknowledged. If
 * the proxy died now, a start might find the view before, and the server that has left, without what was written meanwhile: so that is
 * not to be read either [design §8 Views and markers].
 */

/** A kind of write of one key, and how what it has done is read. */
interface Kind {
  readonly write: (key: string) => string[][]
  readonly written: string
  readonly read: (key: string) => string[][]
  readonly seen: string
}

const GET = (key: string) => [['GET', key]]

const KINDS: Record<string, Kind> = {
  'SET, the plain way': {
    write: (key) => [['SET', key, 'new']],
    written: '+OK\r\n',
    read: GET,
    seen: '$3\r\nnew\r\n',
  },
  APPEND: { write: (key) => [['APPEND', key, 'new']], written: ':3\r\n', read: GET, seen: '$3\r\nnew\r\n' },
  'SET, and read in a transaction': {
    write: (key) => [['SET', key, 'new']],
    written: '+OK\r\n',
    read: (key) => [['MULTI'], ['GET', key], ['EXEC']],
    seen: '*1\r\n$3\r\nnew\r\n',
  },
  'SET, and read with other keys': {
    write: (key) => [['SET', key, 'new']],
    written: '+OK\r\n',
    read: (key) => [['MGET', key, 'untouched']],
    seen: '*2\r\n$3\r\nnew\r\n$-1\r\n',
  },
  'SET, and read by a script': {
    write: (key) => [['SET', key, 'new']],
    written: '+OK\r\n',
    read: (key) => [['EVAL_RO', "return redis.call('GET', KEYS[1])", '1', key]],
    seen: '$3\r\nnew\r\n',
  },
  'MSET of several keys': {
    write: (key) => [['MSET', `${key}:other`, 'other', key, 'new']],
    written: '+OK\r\n',
    read: GET,
    seen: '$3\r\nnew\r\n',
  },
  'a transaction': {
    write: (key) => [['MULTI'], ['SET', key, 'new'], ['GET', key], ['EXEC']],
    written: '*2\r\n+OK\r\n$3\r\nnew\r\n',
    read: GET,
    seen: '$3\r\nnew\r\n',
  },
  'a command that one server executes first': {
    write: (key) => [
      ['SADD', key, 'm', 'n'],
      ['SPOP', key, '1'],
      ['SCARD', key],
    ],
    written: ':1\r\n',
    read: (key) => [['SCARD', key]],
    seen: ':1\r\n',
  },
  'a script': {
    write: (key) => [['EVAL', "return redis.call('SET', KEYS[1], 'new')", '1', key]],
    written: '+OK\r\n',
    read: GET,
    seen: '$3\r\nnew\r\n',
  },
}

t.test('what is not acknowledged, because the view is not noted, is not read', async (t) => {
  const disk = join(temporaryDirectory(t), 'disk')
  mkdirSync(disk)
  const proxy = await startProxy(t, {
    nodes: 3,
    replicas: 1,
    config: { ring: { stateFile: join(disk, 'state.json') }, limits: { unavailableTimeoutMs: 60_000 } },
  })
  const { ring } = proxy
  const watcher = await proxy.connect()
  /** On the two that stay, before and behind. */
  const tags: string[] = []
  for (let i = 0; tags.length < Object.keys(KINDS).length + 1; i++) {
    if (!(await replicasOf(watcher, `{t${i}}`)).includes('dt-1')) tags.push(`{t${i}}`)
  }
  const untouched = tags.pop()!
  t.equal(String(await watcher.ask('SET', untouched, 'old')), '+OK\r\n')
  renameSync(disk, `${disk}.away`)
  await ring.kill('dt-1')
  await declareDown(ring, 'dt-1')
  await until('the view is without it', async () => (await membersOf(watcher)) === 'dt-2 dt-3')

  const servers = await Promise.all([proxy.connectTo('dt-2'), proxy.connectTo('dt-3')])
  const told: string[] = []
  const stories = await Promise.all(
    Object.entries(KINDS).map(async ([name, kind], i) => {
      const key = `${tags[i]}:${i}`
      const [writer, reader] = await Promise.all([proxy.connect(), proxy.connect()])
      const written = writer.pipeline(kind.write(key)).then((replies) => String(replies.at(-1)))
      void written.then(() => told.push(`${name}: acknowledged`))
      await until('both have it', async () => {
        const replies = await Promise.all(servers.map((server) => server.ask('EXISTS', key)))
        return replies.every((reply) => String(reply) === ':1\r\n')
      })
      const seen = reader.pipeline(kind.read(key)).then((replies) => String(replies.at(-1)))
      void seen.then(() => told.push(`${name}: read`))
      return { name, kind, written, seen }
    }),
  )
  t.equal(String(await watcher.ask('GET', untouched)), '$3\r\nold\r\n', 'what nobody writes is read')
  t.same(told, [], 'nobody is told what may vanish')
  renameSync(`${disk}.away`, disk)
  for (const { name, kind, written, seen } of stories) {
    t.equal(await written, kind.written, `${name}: acknowledged`)
    t.equal(await seen, kind.seen, `${name}: read`)
  }
})
