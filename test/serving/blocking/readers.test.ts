import t from 'tap'
import { RingInMemory } from '../../helpers/ring-in-memory.js'

/** When what was put off to the end of this turn has been done. */
const turnEnds = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

t.test('who waits for a stream reads it when its keys are certain again, though no server comes or goes then', async (t) => {
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
