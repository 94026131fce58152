import t from 'tap'
import { Together } from '../../src/order/together.js'

/** What is told of each of some snapshots, which are there or not. */
function told(...areThere: readonly boolean[]): string[] {
  const said: string[] = []
  const together = new Together(areThere.length)
  for (const [i, isThere] of areThere.entries()) {
    t.same(said, [], 'nobody goes on before all are known')
    together.arrived(isThere, (isMissing) => said.push(`${i} ${isMissing ? 'withdrawn' : 'put'}`))
  }
  return said
}

t.test('snapshots are put on their targets in one turn, or none of them', async (t) => {
  t.same(told(true), ['0 put'])
  t.same(told(true, true, true), ['0 put', '1 put', '2 put'])
  t.same(told(true, false, true), ['0 withdrawn', '1 withdrawn', '2 withdrawn'])
})

t.test('one that does not wait for the others is not waited for either', async (t) => {
  const said: boolean[] = []
  const together = new Together(2)
  together.arrived(true, (isMissing) => said.push(isMissing))
  together.without()
  t.same(said, [false])
})
