import t from 'tap'
import { ALL_DATABASES } from '../../src/order/database-change.js'
import { RingInMemory } from '../helpers/ring-in-memory.js'
import { until } from '../helpers/until.js'

const EMPTY = ['FLUSHALL', 'FLUSHDB']

for (const command of EMPTY) {
  t.test(`${command} of which a connection broke is the first that the server is sent over the next one`, async (t) => {
    const ring = new RingInMemory(t)
    const [master, backup, last] = ring.replicas
    const client = ring.client()
    client.send(command)
    await until('it is on its way', async () => last.asked.length > 0)
    client.send('SET k v')
    master.answers('+OK', '+OK')
    last.answers('+OK', '+OK')
    t.same(backup.asked, [command, 'SET k v'])
    ring.breaks(backup)
    await until('its outcome is told', async () => client.heard.length > 0)
    t.match(client.heard[0], /^FLUSH.* the outcome of this write is unknown/)
    ring.returns(backup)
    t.equal(backup.asked[0], `${command} ASYNC`, 'before what it has missed is looked for')
    ring.breaks(backup)
    ring.returns(backup)
    t.equal(backup.asked[0], `${command} ASYNC`, 'until it has answered that')
    backup.answers('+OK')
    ring.breaks(backup)
    ring.returns(backup)
    t.notOk(
      backup.asked.some((asked) => asked.startsWith('FLUSH')),
      'and no more',
    )
  })
}

t.test(
  'several are sent again once for each database, and all of them at once where all were to be emptied',
  async (t) => {
    const { order, replicas } = new RingInMemory(t)
    const link = replicas[0]
    const owe = (db: number) => order.owedSweeps.owe(link.asLink, db)
    for (const db of [3, 5, 3]) owe(db)
    order.owedSweeps.linkUp(link.asLink)
    t.same(link.asked, ['FLUSHDB ASYNC', 'FLUSHDB ASYNC'])
    link.answers('+OK')
    t.ok(order.owedSweeps.isOwed(link.name))
    link.answers('+OK')
    t.notOk(order.owedSweeps.isOwed(link.name))
    owe(1)
    owe(ALL_DATABASES)
    order.owedSweeps.linkUp(link.asLink)
    t.same(link.asked, ['FLUSHALL ASYNC'])
    link.answers('+OK')
    t.notOk(order.owedSweeps.isOwed(link.name))
  },
)

t.test('another process is owed nothing, and who refuses is filled anew', async (t) => {
  const { order, replicas } = new RingInMemory(t)
  const link = replicas[0]
  const distrusted: string[] = []
  Object.assign(order.options, { distrust: (name: string, reason: string) => distrusted.push(`${name}: ${reason}`) })
  const process = (runId: string) => ({ ...link.asLink, name: link.name, info: { runId } }) as never
  order.owedSweeps.owe(process('one'), ALL_DATABASES)
  order.owedSweeps.linkUp(process('another'))
  t.same(link.asked, [])
  t.notOk(order.owedSweeps.isOwed(link.name))
  order.owedSweeps.owe(link.asLink, ALL_DATABASES)
  order.owedSweeps.linkUp(link.asLink)
  link.answers('-NOREPLICAS Not enough good replicas to write.')
  t.same(distrusted, [`${link.name}: it refused to empty databases: NOREPLICAS Not enough good replicas to write.`])
  t.notOk(order.owedSweeps.isOwed(link.name))
})
