import t from 'tap'
import { RingInMemory } from '../../helpers/ring-in-memory.js'
import { turnEnds } from '../../helpers/turn-ends.js'

t.test('who waits for a stream reads it when its key is certain again, and no server has come or gone', async (t) => {
  const ring = new RingInMemory(t)
  const [master, backup, last] = ring.replicas
  const [reader, writer] = [ring.client(), ring.client()]
  reader.send('XREAD BLOCK 0 STREAMS k 0-0')
  master.answers('_')
  writer.send('XADD k 1-1 f v')
  // Nobody knows whether it has the entry, and it may be back before the view without it is marked.
  ring.breaks(master)
  ring.becomes(backup.name, last.name)
  for (const link of [backup, last]) link.answers('$3\r\n1-1')
  await turnEnds()
  t.same([backup.asked, last.asked], [[], []])
  ring.isNoted()
  await turnEnds()
  t.same([...backup.asked, ...last.asked], ['XREAD STREAMS k 0-0'])
})

const LAST = '%1\r\n$17\r\nlast-generated-id\r\n$3\r\n5-1'

t.test('what is new of a stream is what comes behind the moment in which its end could be asked for', async (t) => {
  const ring = new RingInMemory(t)
  const [master, ...backups] = ring.replicas
  const [reader, writer] = [ring.client(), ring.client()]
  for (const link of ring.replicas) ring.breaks(link)
  reader.send('XREAD BLOCK 0 STREAMS k $')
  await turnEnds()
  for (const link of ring.replicas) ring.returns(link)
  await turnEnds()
  t.same(master.asked, ['XINFO STREAM k'], 'it does not begin with what has been there for long')
  master.answers(LAST)
  await turnEnds()
  t.same(master.asked, ['XREAD STREAMS k 5-1'])
  master.answers('_')
  writer.send('XADD k 6-1 f v')
  t.same(master.asked, ['XADD k 6-1 f v', 'XREAD STREAMS k 5-1'])
  for (const link of [master, ...backups]) link.answers('$3\r\n6-1')
  master.answers('%1\r\n$1\r\nk\r\n*0')
  t.equal(reader.heard.length, 1)
})

t.test('who cannot be told what is new of a stream is told why', async (t) => {
  const ring = new RingInMemory(t)
  const [master] = ring.replicas
  const reader = ring.client()
  reader.send('XREAD BLOCK 0 STREAMS k $')
  t.same(master.asked, ['XREAD STREAMS k $', 'XINFO STREAM k'])
  master.answers('_', '-LOADING Redis is loading the dataset in memory')
  await turnEnds()
  t.same(reader.heard, ['XREAD BLOCK 0 STREAMS k $: -LOADING Redis is loading the dataset in memory'])
})

t.test('who waits on is asked for elsewhere when the server that was asked for him falls silent', async (t) => {
  const ring = new RingInMemory(t)
  const [master, backup] = ring.replicas
  const [reader, writer] = [ring.client(), ring.client()]
  reader.send('XREAD BLOCK 0 STREAMS k 0-0')
  master.answers('_')
  writer.send('XADD k 1-1 f v')
  for (const link of ring.replicas) link.answers('$3\r\n1-1')
  t.same(master.asked, ['XREAD STREAMS k 0-0'])
  ring.breaks(master, true)
  await turnEnds()
  t.same([reader.heard, backup.asked], [[], ['XREAD STREAMS k 0-0']])
})
