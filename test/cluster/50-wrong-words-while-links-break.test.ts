import t from 'tap'
import { PATIENT, whileLinksBreak } from '../helpers/break-link.js'
import { startProxy } from '../helpers/proxy.js'

/** In each of them a server finds more that is wrong than the time for which it would wait. */
const WRONG = ['BZMPOP -1 1 k MAX COUNT -1', 'BLMPOP 0 1 k LEFT COUNT 0', 'BZMPOP x 2 k j MIN COUNT 1 more']
const BATCH = 50

t.test('who waits with wrong words is told so, however often links break: nobody waits for ever', async (t) => {
  const proxy = await startProxy(t, PATIENT)
  const client = await proxy.connect()
  const said = new Set<string>()
  const broken = await whileLinksBreak(
    proxy,
    () => true,
    async (broken) => {
      while (broken() < 30) {
        const replies = await client.pipeline(Array.from({ length: BATCH }, (_, i) => WRONG[i % 3].split(' ')))
        for (const reply of replies) said.add(reply.toString('latin1', 0, 1))
      }
      return broken()
    },
  )
  t.ok(broken >= 30)
  t.same([...said], ['-'], 'each is an error')
})
