import t from 'tap'
import { LinkLostError } from '../../src/backend/link.js'
import { askAny } from '../../src/order/ask-any.js'
import type { Teardown } from '../helpers/proxy.js'
import { RingInMemory } from '../helpers/ring-in-memory.js'
import { until } from '../helpers/until.js'

/* What any member answers alike waits for no silent one. */

function story(t: Teardown) {
  const ring = new RingInMemory(t)
  const links = [...ring.replicas].sort((a, b) => (a.name < b.name ? -1 : 1))
  const ask = () => askAny(ring.order.router.anyMember, (link) => link.call(['TIME']))
  return { ring, links, ask, next: () => ring.order.router.anyMember.serving()?.name }
}

t.test('who owes an answer is not asked, and of those who all owe one the one that has spoken last', async (t) => {
  const { links, next } = story(t)
  t.equal(next(), 'dt-1')
  for (const [i, link] of links.entries()) {
    link.lastReceivedMs = [10, 30, 20][i]
    void link.call(['PING']).catch(() => {})
    t.equal(next(), ['dt-2', 'dt-3', 'dt-2'][i])
  }
  links[1].serving = false
  t.equal(next(), 'dt-3')
})

t.test('when one says nothing for a while another one is asked, too, and the first answer counts', async (t) => {
  const { links, ask } = story(t)
  const said = ask()
  t.same(
    links.map(({ outstanding }) => outstanding),
    [1, 0, 0],
  )
  await until('the next one is asked', () => links[1].outstanding === 1)
  links[1].answers(':2')
  t.equal(await said, 2)
  links[0].answers(':1')
  t.equal(links[2].outstanding, 0, 'nobody else is')
})

t.test('who fails has the next one asked at once; nobody is asked who does not serve', async (t) => {
  const { ring, links, ask } = story(t)
  links[1].serving = false
  const said = ask()
  ring.breaks(links[0])
  await until('the last one is asked', () => links[2].outstanding === 1)
  links[2].answers(':3')
  t.equal(await said, 3)
})

t.test('when all have failed, so has the question, and when there is nobody it is not asked', async (t) => {
  const { ring, links, ask } = story(t)
  const said = ask()
  for (const link of links) {
    await until('it is asked', () => link.outstanding === 1)
    ring.breaks(link)
  }
  await t.rejects(said!, LinkLostError)
  t.equal(ask(), undefined)
})
