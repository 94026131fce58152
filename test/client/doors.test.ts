import { once } from 'node:events'
import { existsSync, lstatSync, statSync, writeFileSync } from 'node:fs'
import { connect, Server, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Doors } from '../../src/client/doors.js'
import type { Peer } from '../../src/client/peer.js'
import { type ConfigInput, loadConfig } from '../../src/config/config.js'
import { boundSocket } from '../helpers/bound-socket.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

/* The sockets on which clients come in. */

function settings(listen: ConfigInput['listen']) {
  return loadConfig({ env: {}, overrides: { listen: { port: 0, ...listen } } }).listen
}

/** Doors that are closed at the end, and who has come in. */
function doorsOf(t: Test): { doors: Doors; peers: Peer[]; sockets: Socket[] } {
  const peers: Peer[] = []
  const sockets: Socket[] = []
  const doors = new Doors(
    (socket, peer) => {
      peers.push(peer)
      sockets.push(socket)
      socket.on('error', () => {})
    },
    (error) => t.fail(error.message),
  )
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await doors.close()
  })
  return { doors, peers, sockets }
}

async function comeIn(options: { host: string; port: number } | { path: string }): Promise<void> {
  const socket = connect(options as { path: string })
  await once(socket, 'connect')
  socket.destroy()
}

t.test('several addresses have one port, which the system chooses for all', async (t) => {
  const { doors, peers } = doorsOf(t)
  const { host, port } = await doors.openAll(settings({ host: '127.0.0.1 127.0.0.3 -::1' }))
  t.equal(host, '127.0.0.1')
  for (const each of ['127.0.0.1', '127.0.0.3', '::1']) await comeIn({ host: each, port })
  t.same(
    peers.map(({ localAddress }) => localAddress),
    [`127.0.0.1:${port}`, `127.0.0.3:${port}`, `[::1]:${port}`],
  )
})

t.test('of * and ::* each is one kind of addresses', async (t) => {
  const { doors, peers } = doorsOf(t)
  const { port } = await doors.openAll(settings({ host: '*, ::*' }))
  for (const each of ['127.0.0.1', '::1']) await comeIn({ host: each, port })
  t.match(peers[0].address, /^127\.0\.0\.1:/)
  t.match(peers[1].address, /^\[::1\]:/)
})

t.test('an address that this machine does not have is an error, unless it is optional', async (t) => {
  const { doors } = doorsOf(t)
  const { port } = await doors.openAll(settings({ host: '127.0.0.1 -192.0.2.77 -2001:db8::1' }))
  const other = doorsOf(t)
  await t.rejects(other.doors.openAll(settings({ host: '127.0.0.3 192.0.2.77' })), { code: 'EADDRNOTAVAIL' })
  await t.rejects(other.doors.openAll(settings({ host: '-127.0.0.1', port })), { code: 'EADDRINUSE' })
  // Nothing stays open.
  await other.doors.openAll(settings({ host: '127.0.0.3', port }))
})

t.test('clients of IPv4 are the same on a socket for both kinds, which is as long as the settings say', async (t) => {
  const { doors, peers } = doorsOf(t)
  const { port, fd } = boundSocket('both')
  const backlogs: (number | undefined)[] = []
  const { listen } = Server.prototype
  t.teardown(() => {
    Server.prototype.listen = listen
  })
  Server.prototype.listen = function (this: Server, ...words: unknown[]) {
    backlogs.push(words.find((word) => typeof word === 'number'))
    return Reflect.apply(listen, this, words)
  }
  await doors.openAll(settings({ backlog: 77 }), 0, [{ fd, name: 'clients' }])
  t.same(backlogs, [77])
  for (const host of ['127.0.0.1', '::1']) await comeIn({ host, port })
  await until('both are in', () => peers.length === 2)
  t.match(peers[0], { address: /^127\.0\.0\.1:/, localAddress: `127.0.0.1:${port}` })
  t.match(peers[1].address, /^\[::1\]:/)
})

t.test('a Unix socket has its rights, takes the place of an older one, and is gone in the end', async (t) => {
  const path = join(temporaryDirectory(t), 'dt.sock')
  const [one, two] = [doorsOf(t), doorsOf(t)]
  await one.doors.openAll(settings({ unixSocket: path, unixSocketPerm: 760 }))
  t.equal(statSync(path).mode & 0o777, 0o760)
  await comeIn({ path })
  t.equal(one.peers[0].address, `${path}:0`)
  await two.doors.openAll(settings({ unixSocket: path }))
  await comeIn({ path })
  t.same([one.peers.length, two.peers.length], [1, 1], 'the newer one is found from then on')
  for (const socket of one.sockets) socket.destroy()
  await one.doors.close()
  await comeIn({ path })
  t.ok(lstatSync(path).isSocket(), 'who has been replaced takes nothing away')
  for (const socket of two.sockets) socket.destroy()
  await two.doors.close()
  t.notOk(existsSync(path))
})

t.test('a file that is no socket is left alone', async (t) => {
  const path = join(temporaryDirectory(t), 'precious')
  writeFileSync(path, 'x')
  const { doors } = doorsOf(t)
  await t.rejects(doors.openAll(settings({ unixSocket: path })), { name: 'UserError', message: /no socket/ })
  t.equal(statSync(path).size, 1)
})

t.test('wrong settings name themselves', async (t) => {
  for (const [listen, message] of [
    [{ host: '' }, /listen\.host must be/],
    [{ host: 'a a' }, /different addresses/],
    [{ host: ['-'] }, /listen\.host/],
    [{ unixSocketPerm: 888 }, /octal/],
    [{ protectedMode: 'maybe' }, /one of yes, no/],
  ] as const) {
    t.throws(() => settings(listen as ConfigInput['listen']), { message }, JSON.stringify(listen))
  }
  t.equal(settings({ host: ['127.0.0.1', '-::1'] }).host, '127.0.0.1 -::1', 'a list is a line')
})
