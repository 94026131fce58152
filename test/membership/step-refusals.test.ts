import t from 'tap'
import { refusalsOf } from '../../src/membership/refusals.js'
import { buildView } from '../../src/view/build-view.js'
import type { Member } from '../../src/view/view.js'
import { Story } from './story.js'

/* Members that do not take their marker [design §8 Membership]. */

t.test(
  'nobody can do without one that has a range alone, but for others that are down or refuse as well',
  async (t) => {
    const alone = (replicas: number, states: Member['state'][], ...refusing: string[]) => {
      const members = states.map((state, i): Member => ({ name: `dt-${i + 1}`, host: '10.0.0.1', port: i, state }))
      const { reasons, indispensable } = refusalsOf(
        new Map(refusing.map((name) => [name, 'OOM'])),
        buildView('dt', 1, replicas, 16, members),
      )
      t.same([...reasons.keys()], refusing)
      return [...indispensable]
    }
    t.same(alone(2, ['up', 'up', 'up']), [])
    t.same(alone(2, ['up', 'up', 'up'], 'dt-2'), [])
    t.same(alone(0, ['up', 'up', 'up'], 'dt-2'), ['dt-2'])
    t.same(alone(2, ['up', 'up', 'gone'], 'dt-2'), [])
    t.same(alone(2, ['gone', 'up', 'gone'], 'dt-2'), ['dt-2'])
    t.same(alone(1, ['up', 'suspect'], 'dt-1'), ['dt-1'], 'the other one may be dead')
    t.same(alone(1, ['up', 'up'], 'dt-1', 'dt-2'), ['dt-1', 'dt-2'])
    t.same(alone(2, ['up', 'up', 'up'], 'dt-1', 'dt-2'), [], 'one after the other, as long as there is a third')
  },
)

t.test('one that refuses its marker for its down-after fails, and its next handshake brings it back', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > refuse dt-2, nobody alone
    > 29000 ms pass
    > refuse nobody, nobody alone
    > 100 ms pass
    > refuse dt-2, nobody alone
    > 30000 ms pass
    > 100 ms pass
      warn: dt-2 leaves the ring, because it has not taken its marker for 30 s: OOM; it is back when it takes it (out of memory: raise its maxmemory, or remove what is not the ring's)
      publish dt-1 dt-3
      disconnect dt-2
      connect dt-2 10.0.0.2
    > refuse nobody, nobody alone
    > link dt-2 down
      warn: dt-2 cannot be reached: ECONNREFUSED
    > 60000 ms pass
    > link dt-2 up
      info: dt-2 joins the ring, because it is up
      publish dt-1 dt-2 dt-3
    `,
  )
})

t.test('one after the other, and never the last one that has a range', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3 dt-4').check(
    t,
    `
    > refuse dt-2 dt-3, nobody alone
    > 30000 ms pass
    > 100 ms pass
      warn: dt-2 leaves the ring, because it has not taken its marker for 30 s: OOM; it is back when it takes it (out of memory: raise its maxmemory, or remove what is not the ring's)
      publish dt-1 dt-3 dt-4
      disconnect dt-2
      connect dt-2 10.0.0.2
    > refuse dt-3, dt-3 alone
    > 60000 ms pass
    > refuse dt-3, nobody alone
    > 100 ms pass
      warn: dt-3 leaves the ring, because it has not taken its marker for 90 s: OOM; it is back when it takes it (out of memory: raise its maxmemory, or remove what is not the ring's)
      publish dt-1 dt-4
      disconnect dt-3
      connect dt-3 10.0.0.3
    `,
  )
})

t.test('when most members refuse, nobody has room for what they have: all stay', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > refuse dt-1 dt-2, nobody alone
    > 60000 ms pass
    `,
  )
})

t.test('while we are stopped, or no Sentinel decides, nobody fails for it', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > refuse dt-2, nobody alone
    > 100 ms pass
    > we are stopped for 60000 ms
    > 100 ms pass
      warn: we did not run for 60100 ms: nothing is decided before the Sentinels have answered anew
    > s1 polls dt-1 dt-2 dt-3
      info: Sentinel s1 answers again and monitors dt-1 dt-2 dt-3
    > 29000 ms pass
    > s1 polls in tilt dt-1 dt-2 dt-3
      warn: Sentinel s1 is in tilt: nothing is decided by its word
    > 20000 ms pass
    `,
  )
})
