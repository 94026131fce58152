import { createServer, type Socket } from 'node:net'
import t from 'tap'
import type { Link } from '../../../src/backend/link.js'
import { silentLogger } from '../../../src/base/log.js'
import type { Router } from '../../../src/order/router.js'
import { Disks, Look } from '../../../src/serving/durability/disks.js'
import { DiskGoal } from '../../../src/serving/durability/replica-waits.js'
import { until } from '../../helpers/until.js'

/** A goal over servers of which a test says when they serve, and what is on their disks. */
function waiting() {
  const links = ['dt-1', 'dt-2'].map((name) => ({ name, serving: true, info: {} }))
  const router = { links, routes: [{ natural: links }, { natural: [...links].reverse() }] } as unknown as Router
  const looks: { readonly name: string; readonly look: Look }[] = []
  const disks = {
    isPause: false,
    mayLookAgain: () => !disks.isPause,
    look: ({ name }: Link) => {
      const look = new Look(() => {})
      looks.push({ name, look })
      return look
    },
  }
  const goal = () => new DiskGoal(() => router, disks as unknown as Disks, true, 1n)
  const names = () =>
    looks.splice(0).map(({ name, look }) => {
      look.becomes('on disk')
      return name
    })
  return { links, disks, goal, looks, names }
}

t.test('who did not serve when it began is asked as soon as it does', async (t) => {
  const { links, goal, names } = waiting()
  links[1].serving = false
  const waits = goal()
  t.same(names(), ['dt-1'])
  waits.lookAgain()
  t.same([names(), waits.isOver()], [[], false])
  links[1].serving = true
  waits.lookAgain()
  t.same(names(), ['dt-2'])
  waits.lookAgain()
  t.same([names(), waits.isOver(), waits.reply()], [[], true, [1, 1]])
})

t.test('who is connected anew is asked again', async (t) => {
  const { links, goal, names, looks } = waiting()
  const waits = goal()
  t.same(names(), ['dt-1', 'dt-2'])
  t.ok(waits.isOver())
  links[0].info = {}
  waits.lookAgain()
  t.notOk(waits.isOver())
  t.equal(looks[0].look.isWatched, true)
  t.same(names(), ['dt-1'])
  t.ok(waits.isOver())
  waits.end()
})

t.test('who did not say it is asked again after a pause', async (t) => {
  const { disks, goal, looks, names } = waiting()
  const waits = goal()
  disks.isPause = true
  looks.splice(0, 1)[0].look.becomes('gone')
  names()
  waits.lookAgain()
  t.same(names(), [])
  disks.isPause = false
  waits.lookAgain()
  t.same(names(), ['dt-1'])
})

t.test('a server that refuses what it is asked is not asked again for a while, by all who wait', async (t) => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', () => socket.write('-NOPERM no\r\n'.repeat(8)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  const link = { name: 'dt-1', host: '127.0.0.1', port } as unknown as Link
  const disks = new Disks({}, silentLogger())
  const looks = async () => {
    const look = disks.look(link)
    look.watch(() => {})
    await until('it is refused', () => look.state === 'gone')
  }
  t.ok(disks.mayLookAgain(link))
  const beganMs = performance.now()
  await looks()
  t.notOk(disks.mayLookAgain(link) && performance.now() - beganMs < 1000)
  await until('it may again', () => disks.mayLookAgain(link))
  t.ok(performance.now() - beganMs >= 1000)
  const againMs = performance.now()
  await looks()
  await until('it may again', () => disks.mayLookAgain(link))
  t.ok(performance.now() - againMs >= 2000, 'twice as long')
})
