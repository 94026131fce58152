import { once } from 'node:events'
import { connect, type NetConnectOpts } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'

/* Who is let in without a password, as Redis lets in. */

const dir = temporaryDirectory(t)
const lines = new LogLines()
const bind = '0.0.0.0 ::1 -::2'
const [ourSocket, theirSocket] = [join(dir, 'dt.sock'), join(dir, 'redis.sock')]
const redis = await startRedis(t, '--bind', ...bind.split(' '), '--unixsocket', theirSocket, '--unixsocketperm', '700')
const listen = { host: bind, unixSocket: ourSocket, unixSocketPerm: '700' }
const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1, log: lines.log, config: { listen } })

/** What somebody is answered who says this and no more; of what differs from client to client nothing is left. */
async function answer(options: NetConnectOpts, words: string): Promise<string> {
  const socket = connect(options)
  let got = ''
  socket.on('data', (bytes: Buffer) => {
    got += bytes
  })
  socket.on('error', () => {}) // Who is refused may be reset.
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  // In a packet of its own, when a refusal has long been sent: what was not read by who closes would take it away.
  await new Promise((resolve) => setTimeout(resolve, 30))
  socket.end(words)
  if (!socket.closed) await once(socket, 'close')
  return got
}

async function both(from: { host: string; localAddress?: string } | 'unix', words: string): Promise<[string, string]> {
  const [ours, theirs] = from === 'unix' ? [{ path: ourSocket }, { path: theirSocket }] : [from, from]
  return Promise.all([
    answer({ ...ours, port: proxy.port } as NetConnectOpts, words),
    answer({ ...theirs, port: redis.port } as NetConnectOpts, words),
  ])
}

const LOCAL = { host: '127.0.0.1' }
const ABROAD = { host: '127.0.0.1', localAddress: '127.0.0.2' }

t.test(
  'without a password only clients of this machine are let in, and the others are told what Redis tells them',
  async (t) => {
    for (const from of [LOCAL, { host: '::1' }, 'unix' as const]) {
      const [ours, theirs] = await both(from, 'PING\r\n')
      t.equal(ours, '+PONG\r\n', JSON.stringify(from))
      t.equal(ours, theirs)
    }
    const [ours, theirs] = await both(ABROAD, 'PING\r\n')
    t.match(ours, /^-DENIED Redis is running in protected mode /)
    t.equal(ours, theirs)
    t.equal(lines.about(/^protected mode: without a password/).length, 1, 'the log says so at the start')
  },
)

t.test('it can be turned off, and on, while it runs', async (t) => {
  for (const [said, heard] of [
    ['no', /^\+PONG/],
    ['YES', /^-DENIED/],
    ['No', /^\+PONG/],
    ['yes', /^-DENIED/],
  ] as const) {
    const [ours, theirs] = await both(LOCAL, `CONFIG SET protected-mode ${said}\r\nCONFIG GET protected-mode\r\n`)
    t.equal(ours, theirs, said)
    const [out, other] = await both(ABROAD, 'PING\r\n')
    t.match(out, heard)
    t.equal(out, other)
  }
  const [ours, theirs] = await both(LOCAL, 'CONFIG SET protected-mode maybe\r\nCONFIG SET protected-mode ""\r\n')
  t.equal(ours, theirs)
})

t.test('it is the default user whose password counts, as it is then', async (t) => {
  for (const [rule, heard] of [
    ['>secret', /^-NOAUTH/],
    ['nopass', /^-DENIED/],
  ] as const) {
    const [ours, theirs] = await both(LOCAL, `AUTH secret\r\nACL SETUSER default ${rule}\r\n`)
    t.equal(ours, theirs, rule)
    const [out, other] = await both(ABROAD, 'PING\r\n')
    t.match(out, heard)
    t.equal(out, other)
  }
})

t.test('settings of the addresses are shown, and changed, as in Redis', async (t) => {
  const words = [
    'CONFIG GET bind',
    'CONFIG GET unixsocketperm',
    'CONFIG SET unixsocket x',
    'CONFIG SET unixsocketperm 7',
    'CONFIG SET tcp-backlog 9',
  ]
  words.push(
    'CONFIG GET tcp-backlog',
    'CONFIG SET tcp-keepalive -1',
    'CONFIG SET tcp-keepalive 10',
    'CONFIG GET tcp-keepalive',
    'CONFIG SET tcp-keepalive x',
  )
  for (const line of words) {
    const [ours, theirs] = await both(LOCAL, `${line}\r\n`)
    t.equal(ours, theirs, line)
  }
  t.match(await answer({ path: ourSocket }, 'CONFIG GET unixsocket\r\n'), `\r\n${ourSocket}\r\n`)
})

t.test('who comes through the Unix socket is shown as by Redis', async (t) => {
  const [ours, theirs] = await both('unix', 'CLIENT LIST TYPE normal\r\n')
  const line = (of: string, path: string) =>
    of.split('\n').find((each) => each.includes(`addr=${path}:0 laddr=${path}:0 `))
  t.match(line(ours, ourSocket), / flags=U /)
  t.match(line(theirs, theirSocket), / flags=U /)
})

t.test('with a password everybody is let in, who may then say it', async (t) => {
  const open = await startProxy(t, {
    nodes: 1,
    replicas: 0,
    sentinels: 1,
    config: { listen: { host: '0.0.0.0' }, auth: { password: 'x' } },
  })
  t.match(
    await answer({ ...ABROAD, port: open.port }, 'PING\r\nAUTH x\r\nPING\r\n'),
    /^-NOAUTH .*\r\n\+OK\r\n\+PONG\r\n$/,
  )
})
