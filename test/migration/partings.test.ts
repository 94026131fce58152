import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { silentLogger } from '../../src/base/log.js'
import { Partings } from '../../src/migration/partings.js'
import { identifierOfKey } from '../../src/ring/identifier.js'
import { ViewKeeper } from '../../src/view/view-keeper.js'
import type { Teardown } from '../helpers/proxy.js'
import { type LinkInMemory, RingInMemory } from '../helpers/ring-in-memory.js'
import { until } from '../helpers/until.js'

const NAMES = ['dt-1', 'dt-2', 'dt-3']
const KEY = Buffer.from('k')
/** Longer than until they are asked again. */
const SOON_MS = 150

/** A key on a master and one backup, of which the master will leave; `heir` is to have it then. */
function start(t: Teardown) {
  const ring = new RingInMemory(t, NAMES, 1)
  const { views } = ring
  const keeper = new ViewKeeper(views, silentLogger())
  const partings = new Partings({ views, order: ring.order, parted: (ranges) => keeper.parted(ranges) })
  t.teardown(() => partings.stop())
  keeper.membersChanged(NAMES.map((name) => ({ name, host: 'memory', port: 1, state: 'up' })))
  partings.start()
  const [master, backup] = ring.replicas
  const heir = NAMES.find((name) => name !== master.name && name !== backup.name)!
  const pendingOf = (name: string) =>
    views.current.ring.ranges().filter((_, i) => views.current.setOfRange[i].pending.some((each) => each.name === name))
  return {
    ring,
    master,
    backup,
    heir,
    /** The master is asked to leave, and everybody has got what he is to have. */
    leave() {
      keeper.leave(master.name)
      for (const name of [backup.name, heir]) keeper.filled(name, pendingOf(name))
      ring.isNoted()
    },
    holders: () => {
      const set = views.current.setOfRange[views.current.ring.rangeOf(identifierOfKey(KEY, 0, 1))]
      return set.natural.map(({ name }) => name)
    },
  }
}

/** Everything that a member is asked it answers so. */
function answersAll(link: LinkInMemory, reply: (command: string) => string): void {
  while (link.asked.length > 0) link.answers(reply(link.asked[0]))
}

const ok = () => '+OK'

t.test('who leaves is asked no more, and stays until the others have what was read there', async (t) => {
  const { ring, master, backup, heir, leave, holders } = start(t)
  const [writer, reader, another] = [ring.client(), ring.client(), ring.client()]
  writer.send('SET k new')
  reader.send('GET k')
  master.answers('+OK', '$3\r\nnew')
  t.same(reader.heard, ['GET k: $3\r\nnew'])
  leave()
  t.same(holders(), [backup.name, heir, master.name])
  another.send('GET k')
  t.same(backup.asked, ['SET k new', 'GET k'], 'the one that will have it is, behind the write')
  const others = () => ring.order.router.links.filter(({ name }) => name !== backup.name) as unknown as LinkInMemory[]
  await until('it is asked whether it has everything', () => backup.asked.includes('PING'))
  for (const link of others()) answersAll(link, ok)
  await sleep(SOON_MS)
  t.same(holders(), [backup.name, heir, master.name], 'who has the key now has not said that it has the write')

  ring.breaks(backup)
  ring.returns(backup)
  await until('the write is asked of the one that has it', () => master.asked.includes('DUMP k'))
  answersAll(master, (command) => (command === 'DUMP k' ? '$4\r\ndump' : ':-1'))
  await until('it is restored', () => backup.asked.some((command) => command.startsWith('RESTORE k')))
  t.same(holders(), [backup.name, heir, master.name])
  answersAll(backup, ok)
  await until('all say that they have everything', () => {
    for (const link of [backup, ...others()]) answersAll(link, ok)
    return holders().length === 2
  })
  t.same(holders(), [backup.name, heir])
  t.same(writer.heard, ['SET k new: +OK'])
})
