import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { buildView } from '../../src/view/build-view.js'
import { type ScriptedRing, startScriptedRing } from '../helpers/scripted-ring.js'
import { until } from '../helpers/until.js'

/*
 * Who asks for what all of whose servers were declared down is told so at once, but not as long as one of them may just be coming back:
 * its server has been started since we tried to reach it last, and the Sentinels' word is older than that [order/gone.ts].
 */

const RECONNECT_MS = 300
const DOWN = /^-CLUSTERDOWN all servers that hold (this key|some of the keys) are down; the command was not applied/

const COMMANDS: Record<string, readonly [command: string[], reply: string]> = {
  'a write': [['SET', 'k', 'v'], '+OK\r\n'],
  'a read': [['GET', 'k'], '$1\r\nv\r\n'],
  'a write of several keys': [['MSET', 'k', 'v', 'other', 'v'], '+OK\r\n'],
  'all keys': [['KEYS', '*'], '*1\r\n$1\r\nk\r\n'],
  'a whole database': [['FLUSHALL'], '+OK\r\n'],
}

const ANSWERS: Record<string, string> = { SET: '+OK\r\n', GET: '$1\r\nv\r\n', KEYS: '*1\r\n$1\r\nk\r\n' }

async function startAlone(t: Test) {
  const ring = await startScriptedRing(t, ([name]) => ANSWERS[name], {
    nodes: 1,
    replicas: 0,
    reconnectMs: RECONNECT_MS,
  })
  const [server] = ring.servers
  const [link] = ring.order.router.links
  return {
    ring,
    link,
    /** From now on, and for its connections, until somebody says otherwise. */
    becomes: (onConnection: (socket: Socket) => void) => {
      server.onConnection = onConnection
      for (const socket of server.connections.splice(0)) socket.destroy()
    },
    isBack: () => {
      server.onConnection = () => {}
    },
  }
}

function declareDown({ views, order }: ScriptedRing): void {
  const { epoch, members } = views.current
  const gone = members.map((member) => ({ ...member, state: 'gone' as const }))
  views.publish(buildView('dt', epoch + 1, 0, 64, gone))
  order.acknowledgement.markerAnswered(epoch + 1)
}

for (const [what, [command, reply]] of Object.entries(COMMANDS)) {
  t.test(`${what}: the only server is back when it is declared down, and has not been tried since`, async (t) => {
    const { ring, link, becomes, isBack } = await startAlone(t)
    becomes((socket) => socket.destroy())
    await until('it cannot be reached', () => link.state.kind === 'waiting')
    const before = ring.ask(...command)
    isBack()
    declareDown(ring)
    const behind = ring.ask(...command)
    t.equal(await before, reply, 'who waited already')
    t.equal(await behind, reply, 'who comes then')
  })

  t.test(`${what}: the only server is declared down and cannot be reached`, async (t) => {
    const { ring, link, becomes } = await startAlone(t)
    becomes((socket) => socket.destroy())
    await until('it cannot be reached', () => link.state.kind === 'waiting')
    const before = ring.ask(...command)
    declareDown(ring)
    t.match(await before, DOWN, 'when it has been tried')
    await until('it is not just being tried', () => link.state.kind === 'waiting')
    const sinceMs = performance.now()
    t.match(await ring.ask(...command), DOWN)
    t.ok(performance.now() - sinceMs < RECONNECT_MS / 2, 'at once')
  })
}

t.test('the only server is declared down and takes a connection, but says nothing', async (t) => {
  const { ring, link, becomes } = await startAlone(t)
  becomes((socket) => socket.pause())
  await until('it cannot be reached', () => link.state.kind === 'waiting')
  declareDown(ring)
  const sinceMs = performance.now()
  t.match(await ring.ask('GET', 'k'), DOWN)
  t.ok(performance.now() - sinceMs < RECONNECT_MS + 650, `${performance.now() - sinceMs}`)
  t.equal(link.state.kind, 'handshaking')
})
