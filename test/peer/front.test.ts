import { createServer, type Socket } from 'node:net'
import t from 'tap'
import { Front, type FrontDeps } from '../../src/peer/front.js'
import { LogLines } from '../helpers/log-lines.js'
import { until } from '../helpers/until.js'

/** A front, and who connects at an address that says nothing. */
async function listening(t: { teardown(fn: () => unknown): void }) {
  const connected: Socket[] = []
  const door = createServer((socket) => connected.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  const { log } = new LogLines()
  const config = { ring: { id: 'dt' }, peers: {}, limits: { unavailableTimeoutMs: 1000 } }
  const front = new Front({
    server: { config, log, runId: 'front', clients: { all: () => [] }, tls: {} } as unknown as FrontDeps['server'],
    where: 'here',
    whereabouts: () => ({ clients: '', tls: '' }),
    serveHere: () => undefined as never,
    changed: () => {},
  })
  t.teardown(() => {
    front.end(true)
    for (const socket of connected) socket.destroy()
    door.close()
  })
  return { front, connected, peer: `127.0.0.1:${(door.address() as { port: number }).port}` }
}

t.test(
  'a server that its owner has just made its own says nothing against the address that another one has',
  async (t) => {
    const { front, connected, peer } = await listening(t)
    const owner = { ringId: 'dt', run: 'owner', term: 1, where: '', heartbeat: 0, clean: false }
    front.follow({ ...owner, peer })
    await until('it connects', () => connected.length === 1)
    front.follow(owner)
    front.follow({ ...owner, peer })
    t.equal(front.seen?.address, peer)
    front.follow({ ...owner, run: 'another', term: 2, peer })
    await until('it leaves for another owner', () => connected.length === 2)
    t.equal(connected[0].readyState === 'open' && connected[0].destroyed, false)
  },
)
