import t, { type Test } from 'tap'
import { RunningScripts } from '../../src/backend/running-scripts.js'
import { type Cause, NO_SILENCE, silenceOf, silentTogether } from '../../src/membership/silence.js'
import { error } from '../../src/resp/encode.js'
import { buildView } from '../../src/view/build-view.js'
import { Story } from './story.js'

/*
 * A slow command runs on all replicas of its key at once, and the Sentinels declare them all down. Who fell silent together
 * is not taken out one after the other [design §8 Membership].
 */

const NOTHING_OWED = { patienceMs: 0, readsUntilMs: 0, receivedBytes: 0 }
const link = (name: string, lastReceivedMs: number, outstanding = 1, ready = true) => ({
  ...{ name, ready, outstanding, lastReceivedMs, owed: NOTHING_OWED, scripts: new RunningScripts(() => undefined) },
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
    silentTogether({ since: new Map(Object.entries(since)), sets, busy: new Map(), sending: new Set() }, name)
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

/** One that is known to be busy with this stays for so long, and is taken out some time after that is known no more. */
function staysWhileBusy(t: Test, cause: Cause, forMs: number): void {
  const why = {
    script: 'it executes a script that takes long',
    transaction: 'it executes a transaction that takes long',
    read: 'it was asked for large values, which takes it long to copy',
    reply: 'a large reply is coming from it',
  }[cause]
  Story.ofRing('dt-1 dt-2 dt-3 dt-4').check(
    t,
    `
    > silent dt-1 of dt-1+dt-2+dt-3 by ${cause}
    > 1000 ms pass
    > s1 says +odown dt-1
      warn: dt-1 is odown and stays: ${why}
      warn: dt-1 is suspect: Sentinel says sdown
      publish dt-1(suspect) dt-2 dt-3 dt-4
    > ${forMs} ms pass
    > silent dt-1 of dt-1+dt-2+dt-3
    > 2900 ms pass
    > 300 ms pass
      warn: dt-1 leaves the ring, because it is odown
      publish dt-2 dt-3 dt-4
      disconnect dt-1
      connect dt-1 10.0.0.1
    `,
  )
}

t.test('one that is known to execute a script stays as long as that is known', async (t) => {
  staysWhileBusy(t, 'script', 30_000)
})

t.test('one that may be executing a large transaction stays as long as that may take', async (t) => {
  const busy = (patienceMs: number) =>
    silenceOf([{ ...link('dt-1', 1000), owed: { ...NOTHING_OWED, patienceMs } }], view, 3000).busy
  t.same([...busy(1999)], [])
  t.same([...busy(2001)], [['dt-1', 'transaction']])
  staysWhileBusy(t, 'transaction', 3000)
})

t.test(
  'one that reads large values, or sends a large reply, stays as long as that takes, also when it speaks again',
  async (t) => {
    const MEGABYTE = 1024 * 1024
    const busy = (lastReceivedMs: number, owed: Partial<typeof NOTHING_OWED>, outstanding = 1) =>
      silenceOf([{ ...link('dt-1', lastReceivedMs, outstanding), owed: { ...NOTHING_OWED, ...owed } }], view, 3000).busy
    t.same([...busy(1000, { readsUntilMs: 3001 })], [['dt-1', 'read']])
    t.same([...busy(2999, { readsUntilMs: 3001 })], [['dt-1', 'read']])
    t.same([...busy(1000, { readsUntilMs: 3000 })], [])
    t.same([...busy(2999, { readsUntilMs: 3001 }, 0)], [], 'it has answered all')
    t.same([...busy(2999, { receivedBytes: MEGABYTE })], [['dt-1', 'reply']])
    t.same([...busy(2999, { receivedBytes: MEGABYTE - 1 })], [])
    t.same([...busy(1000, { receivedBytes: MEGABYTE })], [], 'nothing has come of it for long')
    staysWhileBusy(t, 'read', 3000)
    staysWhileBusy(t, 'reply', 3000)
  },
)

t.test(
  'a script explains silence while its server has not had to speak yet, and then as long as it says that it is busy',
  async (t) => {
    const scripts = new RunningScripts(() => undefined)
    const busy = error('BUSY Redis is busy')
    t.equal(scripts.explainSilence(1000), false, 'there is none')
    scripts.began(1000)
    scripts.began(1100)
    t.equal(scripts.explainSilence(7400), true)
    t.equal(scripts.explainSilence(7600), false, 'it should have said something')
    scripts.saidBusy(busy, 1000, 7600)
    t.equal(scripts.refusal, busy)
    t.equal(scripts.explainSilence(9000), true)
    t.equal(scripts.explainSilence(9200), false, 'it has stopped saying so')
    scripts.forgetStale(9200)
    t.equal(scripts.refusal, undefined)
    scripts.saidBusy(busy, 1000, 9300)
    scripts.ended(9400)
    t.equal(scripts.refusal, undefined, 'the next one has only begun')
    scripts.saidBusy(busy, 1000, 9500)
    t.equal(scripts.refusal, undefined, 'what was said of the one before')
    t.equal(scripts.explainSilence(15_000), true, 'the next one')
    scripts.ended(15_000)
    t.equal(scripts.explainSilence(15_000), false)
    const patience = (told: string) => new RunningScripts(() => new Map([['busy-reply-threshold', told]])).patienceMs
    t.equal(patience('300'), 300)
    t.equal(patience('0'), Number.POSITIVE_INFINITY, 'it never says so')
    t.equal(scripts.patienceMs, 5000)
  },
)
