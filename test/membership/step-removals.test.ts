import t from 'tap'
import { Story } from './story.js'

// Each test is one rule of design §8 Membership, told as a story: see story.ts for its language.

t.test('a member leaves when no Sentinel monitors it any more, and comes back when one does again', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
    t,
    `
    > s1 says -monitor dt-2
    > s2 polls dt-1 dt-2 dt-3
    > s2 says -monitor dt-2
      warn: dt-2 was removed from Sentinel: it leaves the ring
      publish dt-1 dt-3
      disconnect dt-2
      forget dt-2
    > s1 s2 poll dt-1 dt-3
    > s1 says +monitor dt-2
      info: dt-2 is known at 10.0.0.2:6379
      connect dt-2 10.0.0.2
      note removed
    > link dt-2 up
      info: dt-2 joins the ring, because it is up
      publish dt-1 dt-2 dt-3
    `,
  )
})

t.test('a member that is removed and monitored anew on one Sentinel after the other stays', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
    t,
    `
    > s1 says -monitor dt-2
    > s1 says +monitor dt-2
    > s2 says -monitor dt-2
    > s2 says +monitor dt-2
    > s1 s2 poll dt-1 dt-2 dt-3
    `,
  )
})

t.test('a Sentinel that monitors a member and falls silent has not removed it', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
    t,
    `
    > s1 says -monitor dt-2
    > s2 is lost
      warn: Sentinel s2 cannot be reached: ECONNREFUSED
    > 300 ms pass
    > s2 polls dt-1 dt-2 dt-3
    > s2 says -monitor dt-2
      warn: dt-2 was removed from Sentinel: it leaves the ring
      publish dt-1 dt-3
      disconnect dt-2
      forget dt-2
    `,
  )
})

t.test('a member that disappears between two polls was removed, although the event was lost', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 1 }).check(
    t,
    `
    > s1 polls dt-1 dt-3
      warn: dt-2 was removed from Sentinel: it leaves the ring
      publish dt-1 dt-3
      disconnect dt-2
      forget dt-2
    `,
  )
})

t.test('who has forgotten a server because we said so has done it, though nobody was heard meanwhile', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
    t,
    `
    > s1 s2 are lost
      warn: Sentinel s1 cannot be reached: ECONNREFUSED
      warn: Sentinel s2 cannot be reached: ECONNREFUSED
      warn: no Sentinel can be reached: the members stay as they are
    > s1 polls dt-1 dt-3
      warn: Sentinel s1 does not monitor dt-2 any more, but was not seen to remove it: it stays
    > s1 s2 were told to forget dt-2
    > s1 polls dt-1 dt-3
      info: Sentinel s1 answers again and monitors dt-1 dt-3
      warn: dt-2 was removed from Sentinel: it leaves the ring
      publish dt-1 dt-3
      disconnect dt-2
      forget dt-2
    > s2 polls dt-1 dt-3
    > s2 polls dt-1 dt-3
      info: Sentinel s2 answers again and monitors dt-1 dt-3
    `,
  )
})

t.test('a Sentinel that was not told keeps a server, until it is', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
    t,
    `
    > s1 was told to forget dt-2
    > s1 polls dt-1 dt-3
    > s2 polls dt-1 dt-2 dt-3
    > s2 was told to forget dt-2
    > s2 is lost
      warn: Sentinel s2 cannot be reached: ECONNREFUSED
      warn: dt-2 was removed from Sentinel: it leaves the ring
      publish dt-1 dt-3
      disconnect dt-2
      forget dt-2
    `,
  )
})

t.test('what a Sentinel had said before it was told to forget a server does not bring it back', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 1 }).check(
    t,
    `
    > s1 was told to forget dt-2
    > s1 polls dt-1 dt-2 dt-3
    > s1 polls dt-1 dt-3
      warn: dt-2 was removed from Sentinel: it leaves the ring
      publish dt-1 dt-3
      disconnect dt-2
      forget dt-2
    `,
  )
})

t.test('a Sentinel that comes back with another configuration removes nobody', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 1 }).check(
    t,
    `
    > s1 is lost
      warn: Sentinel s1 cannot be reached: ECONNREFUSED
      warn: no Sentinel can be reached: the members stay as they are
    > s1 polls dt-9
      warn: Sentinel s1 does not monitor dt-1 any more, but was not seen to remove it: it stays
      warn: Sentinel s1 does not monitor dt-2 any more, but was not seen to remove it: it stays
      warn: Sentinel s1 does not monitor dt-3 any more, but was not seen to remove it: it stays
      info: dt-9 is known at 10.0.0.9:6379
      connect dt-9 10.0.0.9
    > s1 polls dt-9
      info: Sentinel s1 answers again and monitors dt-9
    `,
  )
})

t.test('a Sentinel that was away does not bring back a removed member', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
    t,
    `
    > s2 is lost
      warn: Sentinel s2 cannot be reached: ECONNREFUSED
    > s1 says -monitor dt-2
      warn: dt-2 was removed from Sentinel: it leaves the ring
      publish dt-1 dt-3
      disconnect dt-2
      forget dt-2
    > s2 polls dt-1 dt-2 dt-3
      warn: dt-2 was removed, but Sentinel s2 still monitors it: that is ignored (dt add brings it back)
    > s2 polls dt-1 dt-2 dt-3
      info: Sentinel s2 answers again and monitors dt-1 dt-2 dt-3
    `,
  )
})

t.test('who was removed before this start is not brought back by a Sentinel that was not told', async (t) => {
  new Story({ sentinels: 2 }).check(
    t,
    `
    > s1 polls dt-1 dt-2
      info: Sentinel s1 answers and monitors dt-1 dt-2
      info: dt-1 is known at 10.0.0.1:6379
      info: dt-2 is known at 10.0.0.2:6379
      connect dt-1 10.0.0.1
      connect dt-2 10.0.0.2
    > s2 polls dt-1 dt-2 dt-3
      info: Sentinel s2 answers and monitors dt-1 dt-2 dt-3
      info: dt-3 is known at 10.0.0.3:6379
      connect dt-3 10.0.0.3
    > link dt-1 dt-2 dt-3 up
      info: the ring starts with dt-1 dt-2 dt-3
      publish dt-1 dt-2 dt-3
    > removed before dt-3 dt-4
      warn: dt-3 was removed before this start, but a Sentinel still monitors it: that is ignored (dt add brings it back)
      publish dt-1 dt-2
      disconnect dt-3
      forget dt-3
    > s2 polls dt-1 dt-2 dt-3
    > s1 s2 poll dt-1 dt-2 dt-3
      info: dt-3 is known at 10.0.0.3:6379
      connect dt-3 10.0.0.3
      note removed
    > link dt-3 up
      info: dt-3 joins the ring, because it is up
      publish dt-1 dt-2 dt-3
    > removed before dt-3 dt-4
    > s2 says +monitor dt-4
      info: dt-4 is known at 10.0.0.4:6379
      connect dt-4 10.0.0.4
      note removed
    `,
  )
})

t.test(
  'a Sentinel that was away and monitors a removed member anew does not bring it back, the operator does',
  async (t) => {
    Story.ofRing('dt-1 dt-2', { sentinels: 2 }).check(
      t,
      `
    > s1 s2 say -monitor dt-2
      warn: dt-2 was removed from Sentinel: it leaves the ring
      publish dt-1
      disconnect dt-2
      forget dt-2
    > s2 is lost
      warn: Sentinel s2 cannot be reached: ECONNREFUSED
    > s2 polls dt-1 dt-2
      warn: dt-2 was removed, but Sentinel s2 still monitors it: that is ignored (dt add brings it back)
    > s2 polls dt-1 dt-2
      info: Sentinel s2 answers again and monitors dt-1 dt-2
    > added dt-2
      info: dt-2 is known at 10.0.0.2:6379
      connect dt-2 10.0.0.2
      note removed
    `,
    )
  },
)

t.test('a server that was never a member is noted as removed, too', async (t) => {
  Story.ofRing('dt-1').check(
    t,
    `
    > s1 says +monitor dt-2
      info: dt-2 is known at 10.0.0.2:6379
      connect dt-2 10.0.0.2
    > s1 says -monitor dt-2
      warn: dt-2 was removed from Sentinel: it is forgotten
      disconnect dt-2
      forget dt-2
      note removed
    `,
  )
})

t.test('the last member is removed as any other', async (t) => {
  Story.ofRing('dt-1').check(
    t,
    `
    > s1 says -monitor dt-1
      warn: dt-1 was removed from Sentinel: it leaves the ring
      publish nobody
      disconnect dt-1
      forget dt-1
    > s1 says +monitor dt-2
      info: dt-2 is known at 10.0.0.2:6379
      connect dt-2 10.0.0.2
    > link dt-2 up
      info: dt-2 joins the ring, because it is up
      publish dt-2
    `,
  )
})
