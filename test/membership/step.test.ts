import t from 'tap'
import { Story } from './story.js'

// Each test is one rule of design §8 Membership, told as a story: see story.ts for its language.

t.test('the first members are published when every known member has its link', async (t) => {
  new Story().check(
    t,
    `
    > s1 polls dt-1 dt-2 dt-3
      info: Sentinel s1 answers and monitors dt-1 dt-2 dt-3
      info: dt-1 is known at 10.0.0.1:6379
      info: dt-2 is known at 10.0.0.2:6379
      info: dt-3 is known at 10.0.0.3:6379
      connect dt-1 10.0.0.1
      connect dt-2 10.0.0.2
      connect dt-3 10.0.0.3
    > link dt-2 up
    > link dt-1 dt-3 up
      info: the ring starts with dt-1 dt-2 dt-3
      publish dt-1 dt-2 dt-3
    `,
  )
})

t.test('a server that is down at the start does not hold up the first view', async (t) => {
  new Story().check(
    t,
    `
    > s1 polls dt-1 dt-2!odown dt-3
      info: Sentinel s1 answers and monitors dt-1 dt-2 dt-3
      info: dt-1 is known at 10.0.0.1:6379
      info: dt-2 is known at 10.0.0.2:6379
      info: dt-3 is known at 10.0.0.3:6379
      connect dt-1 10.0.0.1
      connect dt-2 10.0.0.2
      connect dt-3 10.0.0.3
    > link dt-1 dt-3 up
    > link dt-2 down
      warn: dt-2 cannot be reached: ECONNREFUSED
      info: the ring starts with dt-1 dt-3
      warn: the ring starts without dt-2: Sentinel s1 says odown; its link is down: ECONNREFUSED
      publish dt-1 dt-3
    `,
  )
})

t.test('a server of which nobody knows whether it is down is waited for, then taken as a suspect member', async (t) => {
  new Story().check(
    t,
    `
    > s1 polls dt-1 dt-2 dt-3
      info: Sentinel s1 answers and monitors dt-1 dt-2 dt-3
      info: dt-1 is known at 10.0.0.1:6379
      info: dt-2 is known at 10.0.0.2:6379
      info: dt-3 is known at 10.0.0.3:6379
      connect dt-1 10.0.0.1
      connect dt-2 10.0.0.2
      connect dt-3 10.0.0.3
    > link dt-1 dt-3 up
    > 2500 ms pass
      info: the ring starts with dt-1 dt-2 dt-3
      warn: dt-2 is suspect: its link is not up yet
      publish dt-1 dt-2(suspect) dt-3
    `,
  )
})

t.test('a server that is back before the Sentinels have noticed is waited for at the start', async (t) => {
  new Story().check(
    t,
    `
    > s1 polls dt-1 dt-2!odown dt-3
      info: Sentinel s1 answers and monitors dt-1 dt-2 dt-3
      info: dt-1 is known at 10.0.0.1:6379
      info: dt-2 is known at 10.0.0.2:6379
      info: dt-3 is known at 10.0.0.3:6379
      connect dt-1 10.0.0.1
      connect dt-2 10.0.0.2
      connect dt-3 10.0.0.3
    > link dt-1 dt-2 dt-3 up
    > 900 ms pass
    > s1 polls dt-1 dt-2 dt-3
      info: the ring starts with dt-1 dt-2 dt-3
      publish dt-1 dt-2 dt-3
    `,
  )
})

t.test('without any link there is no first view', async (t) => {
  new Story().check(
    t,
    `
    > s1 polls dt-1 dt-2
      info: Sentinel s1 answers and monitors dt-1 dt-2
      info: dt-1 is known at 10.0.0.1:6379
      info: dt-2 is known at 10.0.0.2:6379
      connect dt-1 10.0.0.1
      connect dt-2 10.0.0.2
    > link dt-1 dt-2 down
      warn: dt-1 cannot be reached: ECONNREFUSED
      warn: dt-2 cannot be reached: ECONNREFUSED
    > 3000 ms pass
    > link dt-2 up
      info: the ring starts with dt-1 dt-2
      warn: dt-1 is suspect: its link is down: ECONNREFUSED
      publish dt-1(suspect) dt-2
    `,
  )
})

t.test('the first view waits until every Sentinel has answered or failed', async (t) => {
  new Story({ sentinels: 3 }).check(
    t,
    `
    > s1 polls dt-1 dt-2 dt-3
      info: Sentinel s1 answers and monitors dt-1 dt-2 dt-3
      info: dt-1 is known at 10.0.0.1:6379
      info: dt-2 is known at 10.0.0.2:6379
      info: dt-3 is known at 10.0.0.3:6379
      connect dt-1 10.0.0.1
      connect dt-2 10.0.0.2
      connect dt-3 10.0.0.3
    > link dt-1 dt-2 dt-3 up
    > s2 is lost
      warn: Sentinel s2 cannot be reached: ECONNREFUSED
    > s3 polls dt-1 dt-2 dt-3 dt-4
      info: Sentinel s3 answers and monitors dt-1 dt-2 dt-3 dt-4
      info: dt-4 is known at 10.0.0.4:6379
      connect dt-4 10.0.0.4
    > link dt-4 up
      info: the ring starts with dt-1 dt-2 dt-3 dt-4
      publish dt-1 dt-2 dt-3 dt-4
    `,
  )
})

t.test('odown takes a member out, and the end of odown alone does not bring it back', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > link dt-2 down
      warn: dt-2 is suspect: its link is down: ECONNREFUSED
      publish dt-1 dt-2(suspect) dt-3
    > s1 says +sdown dt-2
    > s1 says +odown dt-2
      warn: dt-2 leaves the ring, because it is odown
      publish dt-1 dt-3
    > link dt-2 down
    > s1 polls dt-1 dt-2 dt-3
    > 500 ms pass
    > s1 polls dt-1 dt-2!odown dt-3
    > link dt-2 up
    > s1 says -sdown dt-2
    > s1 says -odown dt-2
      info: dt-2 joins the ring, because it is up
      publish dt-1 dt-2 dt-3
    `,
  )
})

t.test('a member that was merely too slow gets a new connection, and joins after the handshake', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > s1 polls dt-1 dt-2!odown dt-3
      warn: dt-2 leaves the ring, because it is odown
      publish dt-1 dt-3
      disconnect dt-2
      connect dt-2 10.0.0.2
    > s1 says -sdown dt-2
    > s1 says -odown dt-2
    > 500 ms pass
    > link dt-2 up
      info: dt-2 joins the ring, because it is up
      publish dt-1 dt-2 dt-3
    `,
  )
})

t.test('sdown or a broken link make a member suspect, and it keeps its place', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > s1 says +sdown dt-3
      warn: dt-3 is suspect: Sentinel says sdown
      publish dt-1 dt-2 dt-3(suspect)
    > link dt-3 down
    > s1 says -sdown dt-3
    > link dt-3 up
      info: dt-3 is up again
      publish dt-1 dt-2 dt-3
    `,
  )
})

t.test(
  'a member that the Sentinels reach and we do not leaves after a while, and joins when it is reached',
  async (t) => {
    Story.ofRing('dt-1 dt-2 dt-3').check(
      t,
      `
    > link dt-2 down
      warn: dt-2 is suspect: its link is down: ECONNREFUSED
      publish dt-1 dt-2(suspect) dt-3
    > 20000 ms pass
    > link dt-2 down
    > 14900 ms pass
    > 200 ms pass
      warn: dt-2 leaves the ring, because it has not been reached for 35 s
      publish dt-1 dt-3
    > 1000 ms pass
    > link dt-2 up
      info: dt-2 joins the ring, because it is up
      publish dt-1 dt-2 dt-3
    `,
    )
  },
)

t.test('when most members are out of our reach it is we who are, and nobody leaves', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > link dt-2 dt-3 down
      warn: dt-2 is suspect: its link is down: ECONNREFUSED
      publish dt-1 dt-2(suspect) dt-3
      warn: dt-3 is suspect: its link is down: ECONNREFUSED
      publish dt-1 dt-2(suspect) dt-3(suspect)
    > 60000 ms pass
    > link dt-3 up
      info: dt-3 is up again
      publish dt-1 dt-2(suspect) dt-3
    > 34800 ms pass
    > 200 ms pass
      warn: dt-2 leaves the ring, because it has not been reached for 35 s
      publish dt-1 dt-3
    `,
  )
})

t.test('a pause of our own does not count as time in which a member was not reached', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > link dt-2 down
      warn: dt-2 is suspect: its link is down: ECONNREFUSED
      publish dt-1 dt-2(suspect) dt-3
    > we are stopped for 60000 ms
    > s1 polls dt-1 dt-2 dt-3
      warn: we did not run for 60010 ms: nothing is decided before the Sentinels have answered anew
    > s1 polls dt-1 dt-2 dt-3
      info: Sentinel s1 answers again and monitors dt-1 dt-2 dt-3
    > 30000 ms pass
    `,
  )
})

t.test('any member leaves when it is odown, the last one, too: who keeps the data is not decided here', async (t) => {
  Story.ofRing('dt-1 dt-2').check(
    t,
    `
    > s1 says +odown dt-1
      warn: dt-1 leaves the ring, because it is odown
      publish dt-2
      disconnect dt-1
      connect dt-1 10.0.0.1
    > s1 says +odown dt-2
      warn: dt-2 leaves the ring, because it is odown
      publish nobody
      disconnect dt-2
      connect dt-2 10.0.0.2
    > link dt-2 down
      warn: dt-2 cannot be reached: ECONNREFUSED
    > s1 polls dt-1!odown dt-2!odown
    > s1 polls dt-1 dt-2!odown
    > link dt-1 up
      info: dt-1 joins the ring, because it is up
      publish dt-1
    `,
  )
})

t.test('all may be odown at once', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > link dt-1 dt-3 down
      warn: dt-1 is suspect: its link is down: ECONNREFUSED
      publish dt-1(suspect) dt-2 dt-3
      warn: dt-3 is suspect: its link is down: ECONNREFUSED
      publish dt-1(suspect) dt-2 dt-3(suspect)
    > s1 polls dt-1!odown dt-2!odown dt-3!odown
      warn: dt-1 leaves the ring, because it is odown
      warn: dt-2 leaves the ring, because it is odown
      warn: dt-3 leaves the ring, because it is odown
      publish nobody
      disconnect dt-2
      connect dt-2 10.0.0.2
    `,
  )
})

t.test('a master that a Sentinel begins to monitor joins when its link is up', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
    t,
    `
    > s1 says +monitor dt-4
      info: dt-4 is known at 10.0.0.4:6379
      connect dt-4 10.0.0.4
    > link dt-4 down
      warn: dt-4 cannot be reached: ECONNREFUSED
    > link dt-4 up
      info: dt-4 joins the ring, because it is up
      publish dt-1 dt-2 dt-3 dt-4
    `,
  )
})

t.test('in tilt everything is noted and nothing decided, until it is over', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 1 }).check(
    t,
    `
    > s1 says +tilt
      warn: Sentinel s1 is in tilt: nothing is decided by its word
    > s1 says +odown dt-2
    > s1 says -monitor dt-3
    > s1 polls in tilt dt-1 dt-2!odown
    > s1 polls dt-1 dt-2!odown
      info: Sentinel s1 has left tilt
    > s1 polls dt-1 dt-2!odown
      info: Sentinel s1 answers again and monitors dt-1 dt-2
      warn: dt-3 was removed from Sentinel: it leaves the ring
      warn: dt-2 leaves the ring, because it is odown
      publish dt-1
      disconnect dt-3
      forget dt-3
      disconnect dt-2
      connect dt-2 10.0.0.2
    `,
  )
})

t.test('a master that only a Sentinel in tilt monitors gets a link and does not join', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 1 }).check(
    t,
    `
    > s1 polls in tilt dt-1 dt-2 dt-3 dt-4
      warn: Sentinel s1 is in tilt: nothing is decided by its word
      info: dt-4 is known at 10.0.0.4:6379
      connect dt-4 10.0.0.4
    > link dt-4 up
    > s1 says -tilt
      info: Sentinel s1 has left tilt
    > s1 polls dt-1 dt-2 dt-3 dt-4
      info: Sentinel s1 answers again and monitors dt-1 dt-2 dt-3 dt-4
      info: dt-4 joins the ring, because it is up
      publish dt-1 dt-2 dt-3 dt-4
    `,
  )
})

t.test('what a Sentinel said in tilt is as old as the tilt: it has to look first at who was down then', async (t) => {
  for (const over of ['says -tilt', 'polls dt-1 dt-2!odown dt-3!odown']) {
    Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
      t,
      `
      > s1 polls in tilt dt-1 dt-2!odown dt-3!odown
        warn: Sentinel s1 is in tilt: nothing is decided by its word
      > s2 polls dt-1 dt-2 dt-3
      > s1 ${over}
        info: Sentinel s1 has left tilt
      > s1 polls dt-1 dt-2 dt-3
        info: Sentinel s1 answers again and monitors dt-1 dt-2 dt-3
      `,
    )
  }
})

t.test('one Sentinel in tilt does not keep the others from deciding', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
    t,
    `
    > s1 says +tilt
      warn: Sentinel s1 is in tilt: nothing is decided by its word
    > s1 says +odown dt-2
    > s2 says +odown dt-2
      warn: dt-2 leaves the ring, because it is odown
      publish dt-1 dt-3
      disconnect dt-2
      connect dt-2 10.0.0.2
    `,
  )
})

t.test('without any Sentinel the view stays, and the log says so once', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
    t,
    `
    > s1 is lost
      warn: Sentinel s1 cannot be reached: ECONNREFUSED
    > s2 is lost
      warn: Sentinel s2 cannot be reached: ECONNREFUSED
      warn: no Sentinel can be reached: the members stay as they are
    > s1 s2 lost
    > link dt-2 down
      warn: dt-2 is suspect: its link is down: ECONNREFUSED
      publish dt-1 dt-2(suspect) dt-3
    > link dt-2 up
      info: dt-2 is up again
      publish dt-1 dt-2 dt-3
    > s2 polls dt-1!odown dt-2 dt-3
    > s2 polls dt-1 dt-2 dt-3
      info: Sentinel s2 answers again and monitors dt-1 dt-2 dt-3
    `,
  )
})

t.test('the first answer of a Sentinel that comes back decides nothing: it may be as old as its absence', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
    t,
    `
    > s2 is lost
      warn: Sentinel s2 cannot be reached: ECONNREFUSED
    > s2 polls dt-1 dt-2!odown dt-3
    > s2 says -odown dt-2
    > s2 polls dt-1 dt-2 dt-3
      info: Sentinel s2 answers again and monitors dt-1 dt-2 dt-3
    > s2 polls dt-1 dt-2 dt-3!odown
      warn: dt-3 leaves the ring, because it is odown
      publish dt-1 dt-2
      disconnect dt-3
      connect dt-3 10.0.0.3
    `,
  )
})

t.test('after a pause of our own the Sentinels must answer anew before anything is decided', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > we are stopped for 5000 ms
    > s1 says +odown dt-2
      warn: we did not run for 5010 ms: nothing is decided before the Sentinels have answered anew
    > 200 ms pass
    > s1 says -odown dt-2
    > s1 polls dt-1 dt-2 dt-3
      info: Sentinel s1 answers again and monitors dt-1 dt-2 dt-3
    > s1 polls dt-1 dt-2!odown dt-3
      warn: dt-2 leaves the ring, because it is odown
      publish dt-1 dt-3
      disconnect dt-2
      connect dt-2 10.0.0.2
    `,
  )
})

t.test('so they must after a sleep of the machine, in which no clock went on', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > the machine slept for 1500 ms
    > the machine slept for 60000 ms
      warn: we did not run for 60000 ms: nothing is decided before the Sentinels have answered anew
    > s1 says +odown dt-2
    > s1 polls dt-1 dt-2!odown dt-3
      info: Sentinel s1 answers again and monitors dt-1 dt-2 dt-3
      warn: dt-2 leaves the ring, because it is odown
      publish dt-1 dt-3
      disconnect dt-2
      connect dt-2 10.0.0.2
    `,
  )
})

t.test('a member moves when most Sentinels say so, and keeps its place', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 3 }).check(
    t,
    `
    > s1 says +switch-master dt-2@10.0.0.9
    > s2 polls dt-1 dt-2@10.0.0.9 dt-3
      warn: dt-2 has moved from 10.0.0.2:6379 to 10.0.0.9:6379
      warn: dt-2 is suspect: its link is not up yet
      publish dt-1 dt-2(suspect) dt-3
      disconnect dt-2
      connect dt-2 10.0.0.9
    > link dt-2 up
      info: dt-2 is up again
      publish dt-1 dt-2 dt-3
    `,
  )
})

t.test('Sentinels that disagree about an address do not toss the member about', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3', { sentinels: 2 }).check(
    t,
    `
    > s2 polls dt-1 dt-2@10.0.0.9 dt-3
    > s1 polls dt-1 dt-2 dt-3
    > s1 polls dt-1 dt-2@10.0.0.9 dt-3
      warn: dt-2 has moved from 10.0.0.2:6379 to 10.0.0.9:6379
      warn: dt-2 is suspect: its link is not up yet
      publish dt-1 dt-2(suspect) dt-3
      disconnect dt-2
      connect dt-2 10.0.0.9
    `,
  )
})

t.test('two names of one server are one member', async (t) => {
  Story.ofRing('dt-1 dt-2').check(
    t,
    `
    > s1 says +monitor dt-3@10.0.0.1
      info: dt-3 is known at 10.0.0.1:6379
      warn: dt-3 is not used, because it is the same server as dt-1
    > 300 ms pass
    > s1 says +odown dt-1
      warn: dt-1 leaves the ring, because it is odown
      publish dt-2
      disconnect dt-1
      connect dt-1 10.0.0.1
    > s1 says -monitor dt-1
      warn: dt-1 was removed from Sentinel: it is forgotten
      disconnect dt-1
      forget dt-1
      connect dt-3 10.0.0.1
      note removed
    > link dt-3 up
      info: dt-3 joins the ring, because it is up
      publish dt-2 dt-3
    `,
  )
})

t.test('the news of a restart is only told: links notice it by themselves', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > s1 says +reboot dt-2
      debug: Sentinel s1 says that dt-2 was restarted
    `,
  )
})

t.test('news about a master that nobody knows does nothing', async (t) => {
  Story.ofRing('dt-1 dt-2 dt-3').check(
    t,
    `
    > s1 says +odown dt-7
    > s1 says -monitor dt-7
    > s1 says +reboot dt-7
    > s1 says +sdown dt-7
    > link dt-7 up
    > link dt-7 down
    `,
  )
})
