import t from 'tap'
import { parseMasters } from '../../src/membership/sentinel-reply.js'
import { Story } from './story.js'

/*
 * A connection that says nothing, though its server lives: what is sent over it waits, and nobody declares the server down
 * [design §8 Membership].
 */

const RANGES = 'dt-1+dt-2 dt-2+dt-3 dt-3+dt-1'

t.test(
  'a server that answers the Sentinels and not us is asked over another connection, and leaves if that is no use',
  async (t) => {
    Story.ofRing('dt-1 dt-2 dt-3').check(
      t,
      `
    > s1 polls dt-1~10 dt-2~10 dt-3~10
    > silent dt-2 of ${RANGES}
    > 2900 ms pass
    > s1 polls dt-1~10 dt-2~10 dt-3~10
    > 100 ms pass
      reset dt-2: it owes replies and was silent for 3 s, and Sentinel s1 gets answers from it
    > link dt-2 down
      warn: dt-2 is suspect: its link is down: ECONNREFUSED
      publish dt-1 dt-2(suspect) dt-3
    > silent of ${RANGES}
    > 2900 ms pass
    > 100 ms pass
      warn: dt-2 leaves the ring, because it has not been reached for 6 s
      publish dt-1 dt-3
    `,
    )
  },
)

t.test('that the connection before has said nothing is no word against a new one', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > silent dt-2 of ${RANGES}
    > 2900 ms pass
    > s1 polls dt-1~10 dt-2~10 dt-3~10
    > link dt-2 down
      warn: dt-2 is suspect: its link is down: ECONNREFUSED
      publish dt-1 dt-2(suspect) dt-3
    > 100 ms pass
    > link dt-2 up
      info: dt-2 is up again
      publish dt-1 dt-2 dt-3
    `,
  )
})

t.test('as long as no Sentinel had an answer since, it may be that it answers nobody', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > silent dt-2 of ${RANGES}
    > 900 ms pass
    > s1 polls dt-1~10 dt-2~10 dt-3~10
    > 4000 ms pass
    > s1 polls dt-1~10 dt-2~4100 dt-3~10
    > 900 ms pass
    > 300 ms pass
      reset dt-2: it owes replies and was silent for 6 s
      warn: dt-2 leaves the ring, because it has not been reached for 6 s
      publish dt-1 dt-3
    `,
  )
})

t.test('one that is busy with what it was asked, or takes what it is sent, is not disturbed', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > silent dt-2 of ${RANGES} by read
    > 5000 ms pass
    > s1 polls dt-1~10 dt-2~10 dt-3~10
    > 5000 ms pass
    > silent dt-2 of ${RANGES} while it is sent
    > 5000 ms pass
    > s1 polls dt-1~10 dt-2~10 dt-3~10
    > silent of ${RANGES}
    `,
  )
})

t.test('nor is anybody when most say nothing: then it is we who hear nothing', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > s1 polls dt-1~10 dt-2~10 dt-3~10
    > silent dt-1 dt-2 of dt-1+dt-3 dt-2+dt-3
    > 5000 ms pass
    > s1 polls dt-1~10 dt-2~10 dt-3~10
    > 5000 ms pass
    `,
  )
})

t.test('where too few Sentinels are left to declare it down the word of one breaks its connection', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > s1 polls dt-1~10 dt-2~10 dt-3~10
    > silent dt-2 of ${RANGES}
    > 1000 ms pass
    > s1 polls dt-1~10 dt-2~1000!sdown dt-3~10
      warn: dt-2 is suspect: Sentinel says sdown
      publish dt-1 dt-2(suspect) dt-3
    > 1900 ms pass
    > 100 ms pass
      reset dt-2: it owes replies and was silent for 3 s, and too few Sentinels are there to declare it down
    `,
  )
})

t.test(
  'where none is left its connection breaks when they would have given it up, and some seconds later',
  async (t) => {
    Story.ofRing('dt-1 dt-2 dt-3').check(
      t,
      `
    > s1 polls dt-1~10 dt-2~10 dt-3~10
    > s1 is lost
      warn: Sentinel s1 cannot be reached: ECONNREFUSED
      warn: no Sentinel can be reached: the members stay as they are
    > silent dt-2 of ${RANGES}
    > 5900 ms pass
    > 100 ms pass
      reset dt-2: it owes replies and was silent for 6 s
    `,
    )
  },
)

t.test('a Sentinel says how long ago it had an answer', async (t) => {
  const fields = ['name', 'dt-1', 'ip', '10.0.0.1', 'port', '6379', 'flags', 'master', 'last-ok-ping-reply', '417']
  t.match(parseMasters([fields]), [{ answeredAgoMs: 417 }])
  t.notOk('answeredAgoMs' in parseMasters([[...fields.slice(0, -1), 'x']])[0])
})
