import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startScriptedRing } from '../helpers/scripted-ring.js'
import { bulk } from '../helpers/scripted-server.js'
import { until } from '../helpers/until.js'

t.test(
  'a read that follows its write over the same connection is told when the view is noted, as the write is',
  async (t) => {
    const held: (() => void)[] = []
    const ring = await startScriptedRing(
      t,
      ([name], socket) => {
        const reply = name === 'SET' ? '+OK\r\n' : name === 'GET' ? bulk('new') : undefined
        if (reply === undefined) return undefined
        held.push(() => socket.write(reply))
        return ''
      },
      { nodes: 2, replicas: 0 },
    )
    const told: string[] = []
    const asks = (...args: string[]) => void ring.ask(...args).then((reply) => told.push(`${args.join(' ')}: ${reply}`))
    const other = Array.from({ length: 100 }, (_, i) => `other${i}`).find(
      (key) => ring.replicasOf(key)[0] === ring.replicasOf('k')[0],
    )!
    asks('SET', 'k', 'new')
    asks('GET', 'k')
    asks('GET', other)
    await until('all are sent', () => held.length === 3)
    ring.order.acknowledgement.placementChanged(3)
    for (const answer of held) answer()
    await until('what nobody has written is read', () => told.length > 0)
    await sleep(20)
    t.same(told, [`GET ${other}: ${bulk('new')}`])
    ring.order.acknowledgement.markerAnswered(3)
    await until('all are told', () => told.length === 3)
    t.same(told.slice(1), ['SET k new: +OK\r\n', `GET k: ${bulk('new')}`])
  },
)
