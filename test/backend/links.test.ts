import t from 'tap'
import { whileUp } from '../../src/backend/links.js'

t.test('who is told that a link has come up may break it: the others are told when it comes up again', async (t) => {
  const link = { ready: true }
  const told: string[] = []
  const listeners = [
    () => told.push('sweeps'),
    () => {
      told.push('membership')
      link.ready = told.length > 2
    },
    () => told.push('scripts'),
  ]
  whileUp(link, listeners)
  t.same(told, ['sweeps', 'membership'])
  link.ready = true
  whileUp(link, listeners)
  t.same(told.slice(2), ['sweeps', 'membership', 'scripts'])
})
