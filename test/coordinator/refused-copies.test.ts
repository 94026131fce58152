import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { RingInMemory } from '../helpers/ring-in-memory.js'

t.test('what a member makes of a key whose copy it refuses is repaired there, too', (t) => {
  for (const reply of ['-ERR no', '+OK']) {
    const ring = new RingInMemory(t)
    const { order } = ring
    const [source, target] = ring.replicas
    order.copyKeys(['0:k'], source as unknown as Link, target as unknown as Link, () => {}, 'small')
    const group = order.doubts.begin(['0:k', '0:other'], [target as unknown as Link])
    source.answers(':-1', '$1\r\nx')
    target.answers(reply)
    const inDoubt = ['0:k', '0:other'].filter((id) => order.doubts.isInDoubt(target as unknown as Link, id))
    t.same(inDoubt, reply === '+OK' ? [] : ['0:k', '0:other'])
    group.end()
  }
  t.end()
})
