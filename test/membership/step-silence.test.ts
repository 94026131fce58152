import t from 'tap'
import { NO_SILENCE, silenceOf, silentTogether } from '../../src/membership/silence.js'
import { buildView } from '../../src/view/build-view.js'
import { Story } from './story.js'

/*
 * A slow command runs on all replicas of its key at once, and the Sentinels declare them all down. Who fell silent together
 * is not taken out one after the other [design §8 Membership].
 */

const link = (name: string, lastReceivedMs: number, outstanding = 1, ready = true) => ({
  ...{ name, ready, outstanding, lastReceivedMs },
})
const members = ['dt-1', 'dt-2', 'dt-3', 'dt-4'].map((name) => ({ name, host: name, port: 1, state: 'up' as const }))
const view = buildView('dt', 1, 2, 1, members)

t.test('silent is who is connected, owes replies, and has said nothing for a while', async (t) => {
  const links = [link('dt-1', 1000), link('dt-2', 1000, 0), link('dt-3', 1000, 1, false), link('dt-4', 9900)]
  const { since, sets } = silenceOf(links, view, 10_000)
  t.same([...since], [['dt-1', 1000]])
  t.ok(sets.length > 0 && sets.every((names) => names.includes('dt-1')))
  t.equal(silenceOf([link('dt-1', 9900)], view, 10_000), NO_SILENCE)
})

t.test('together are all replicas of a range, at about the same time', async (t) => {
  const sets = [['dt-1', 'dt-2', 'dt-3'], ['dt-4']]
  const together = (since: Record<string, number>, name: string) =>
    silentTogether({ since: new Map(Object.entries(since)), sets }, name)
  t.equal(together({ 'dt-1': 100, 'dt-2': 1100, 'dt-3': 900 }, 'dt-1'), true)
  t.equal(together({ 'dt-1': 100, 'dt-2': 1100 }, 'dt-1'), false, 'one of them answers')
  t.equal(together({ 'dt-1': 100, 'dt-2': 200, 'dt-3': 5000 }, 'dt-3'), false, 'it fell silent long after them')
  t.equal(together({ 'dt-1': 100, 'dt-2': 200, 'dt-3': 5000 }, 'dt-1'), false)
  t.equal(together({ 'dt-4': 100 }, 'dt-4'), false, 'alone nobody is together')
  t.equal(together({}, 'dt-1'), false)
})

t.test('all replicas of a range are busy with the same: they are declared down, and stay', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3 dt-4').check(
    t,
    `
    > silent dt-1 dt-2 dt-3 of dt-1+dt-2+dt-3 dt-2+dt-3+dt-4
    > 1000 ms pass
    > s1 says +odown dt-1
      warn: dt-1 is odown and stays: all replicas of some of its ranges fell silent together, as with a slow command
      warn: dt-1 is suspect: Sentinel says sdown
      publish dt-1(suspect) dt-2 dt-3 dt-4
    > s1 says +odown dt-2
      warn: dt-2 is odown and stays: all replicas of some of its ranges fell silent together, as with a slow command
      warn: dt-2 is suspect: Sentinel says sdown
      publish dt-1(suspect) dt-2(suspect) dt-3 dt-4
    > 8000 ms pass
    > silent of dt-1+dt-2+dt-3
    > 1000 ms pass
    > s1 polls dt-1 dt-2 dt-3 dt-4
      info: dt-1 is up again
      info: dt-2 is up again
      publish dt-1 dt-2 dt-3 dt-4
    `,
  )
})

t.test('when one of them answers the others have as long again, and then they are dead', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3 dt-4').check(
    t,
    `
    > silent dt-1 dt-2 dt-3 of dt-1+dt-2+dt-3
    > 1000 ms pass
    > s1 says +odown dt-1
      warn: dt-1 is odown and stays: all replicas of some of its ranges fell silent together, as with a slow command
      warn: dt-1 is suspect: Sentinel says sdown
      publish dt-1(suspect) dt-2 dt-3 dt-4
    > 5000 ms pass
    > silent dt-1 of dt-1+dt-2+dt-3
    > 5900 ms pass
    > 200 ms pass
      warn: dt-1 leaves the ring, because it is odown
      publish dt-2 dt-3 dt-4
      disconnect dt-1
      connect dt-1 10.0.0.1
    `,
  )
})

t.test('one that is silent alone is taken out, and so is one whose link breaks', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3 dt-4').check(
    t,
    `
    > silent dt-1 dt-2 of dt-1+dt-2+dt-3
    > 1000 ms pass
    > s1 says +odown dt-1
      warn: dt-1 leaves the ring, because it is odown
      publish dt-2 dt-3 dt-4
      disconnect dt-1
      connect dt-1 10.0.0.1
    > silent dt-2 dt-3 of dt-2+dt-3
    > 1000 ms pass
    > s1 says +odown dt-2
      warn: dt-2 is odown and stays: all replicas of some of its ranges fell silent together, as with a slow command
      warn: dt-2 is suspect: Sentinel says sdown
      publish dt-2(suspect) dt-3 dt-4
    > link dt-2 down
      warn: dt-2 leaves the ring, because it is odown
      publish dt-3 dt-4
    `,
  )
})
