import t from 'tap'
import { checkStart, history } from './start-story.js'

/* One virtual node a member: they stand on the circle as dt-3, dt-1, dt-4, dt-2. */

const NOTHING = history(1, 1)
const FOUR = history(1, 7, { members: 'dt-1 dt-2 dt-3 dt-4' })
const FOUR_WITH_TWO_BACKUPS = history(2, 7, { members: 'dt-1 dt-2 dt-3 dt-4' })
/** dt-2 fails at epoch 8, and its copies have not been made elsewhere. */
const ONE_FAILED = history(1, 7, { members: 'dt-1 dt-2 dt-3 dt-4' }, { members: 'dt-1 dt-3 dt-4' })

t.test('a ring that never was begins with the servers that are there', async (t) => {
  checkStart(
    t,
    NOTHING,
    `
    > dt-1 dt-2 dt-3: empty
    fresh
    0: dt-1 dt-2 dt-3
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-2
      dt-2: dt-2 dt-3
    `,
  )
})

t.test('as long as a server was not seen that may have the ring, there is none', async (t) => {
  checkStart(
    t,
    NOTHING,
    `
    > dt-1 dt-2: empty
    > dt-3 dt-4: away
    refuse: nobody has a marker of the ring dt, but dt-3 and dt-4 were not reached and may have one; --accept-epoch 0 begins a new, empty ring
    `,
  )
  checkStart(
    t,
    NOTHING,
    `
    > dt-1 dt-2: empty
    > dt-3: away
    > accept epoch 0
    fresh
    0: dt-1 dt-2
      dt-1: dt-1 dt-2
      dt-2: dt-2 dt-1
    `,
  )
  checkStart(t, NOTHING, 'refuse: no server can be used')
})

t.test('a new ring does not begin with a server that holds something else', async (t) => {
  checkStart(
    t,
    NOTHING,
    `
    > dt-1 dt-2: empty
    > dt-3: 12 keys
    refuse: nobody has a marker of the ring dt, and dt-3 cannot be used: it holds 12 keys and no marker of the ring dt; --accept-epoch 0 begins a new ring without it
    refused dt-3: it holds 12 keys and no marker of the ring dt
    `,
  )
})

t.test('after an orderly stop the ring goes on where it was', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-2 dt-3 dt-4: 7 clean
    resume
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 dt-2
      dt-2: dt-2 dt-3
    `,
  )
})

t.test('after an orderly stop servers that restarted from their disks have everything', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-2: 7 clean restarted
    > dt-3 dt-4: 7 clean
    resume
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 dt-2
      dt-2: dt-2 dt-3
    `,
  )
})

t.test('an old data set with the mark of an earlier orderly stop does not count', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1: 7 clean restarted heartbeat 25
    > dt-2 dt-3 dt-4: 7 clean
    resume (unclean)
    restarted: dt-1
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 + dt-1
      dt-1: dt-4 + dt-1
      dt-4: dt-4 dt-2
      dt-2: dt-2 dt-3
    `,
  )
})

t.test('after a crash of the proxy those who did not restart hold their ranges', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-2 dt-3 dt-4: 7
    resume (unclean)
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 dt-2
      dt-2: dt-2 dt-3
    `,
  )
  checkStart(
    t,
    FOUR,
    `
    > dt-1: 7 restarted
    > dt-2: empty
    > dt-3 dt-4: 7
    resume (unclean)
    restarted: dt-1 dt-2
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 + dt-1
      dt-1: dt-4 + dt-1
      dt-4: dt-4 + dt-2
      dt-2: dt-3 + dt-2
    `,
  )
})

t.test('when all have restarted those with the latest heartbeat hold their ranges', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-4: 7 restarted heartbeat 41
    > dt-2 dt-3: 7 restarted heartbeat 40
    resume (unclean)
    restarted: dt-1 dt-4 dt-2 dt-3
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-1 + dt-3
      dt-1: dt-1 dt-4
      dt-4: dt-4 + dt-2
      dt-2: dt-2 dt-3
    `,
  )
})

t.test('the newest view counts, also when one member alone has its marker', async (t) => {
  checkStart(
    t,
    ONE_FAILED,
    `
    > dt-1: 8
    > dt-2 dt-3 dt-4: 7
    resume (unclean)
    8: dt-1 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 + dt-3
      dt-2: dt-3 + dt-1
    `,
  )
})

t.test('who failed in the newest view does not come back with its old data', async (t) => {
  checkStart(
    t,
    ONE_FAILED,
    `
    > dt-1 dt-3 dt-4: 8
    > dt-2: 7 heartbeat 90
    resume (unclean)
    8: dt-1 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 + dt-3
      dt-2: dt-3 + dt-1
    `,
  )
})

t.test('an owner that was shut out may have counted on: its views are older', async (t) => {
  const history8 = history(
    1,
    7,
    { members: 'dt-1 dt-2 dt-3 dt-4' },
    { members: 'dt-1 dt-2 dt-3' },
    { members: 'dt-1 dt-2 dt-3' },
    { members: 'dt-1 dt-2 dt-3' },
    { members: 'dt-1 dt-2 dt-3 dt-4' },
  )
  checkStart(
    t,
    history8,
    `
    > dt-4: 11 term 1
    > dt-1 dt-2 dt-3: 8 term 2
    resume (unclean)
    11: dt-1 dt-2 dt-3
      dt-3: dt-3 dt-1
      dt-1: dt-1 + dt-2
      dt-4: dt-2 + dt-3
      dt-2: dt-2 dt-3
    `,
  )
})

t.test('the state file knows that there is no later view, and may know a later one', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1: 7
    > dt-2 dt-3 dt-4: away
    > state file: 7
    resume (unclean)
    7: dt-1 dt-2(suspect) dt-3(suspect) dt-4(suspect)
      dt-3: dt-1 dt-3
      dt-1: dt-1 dt-4
      dt-4: dt-4 dt-2 (waits)
      dt-2: dt-2 dt-3 (waits)
    `,
  )
  checkStart(
    t,
    ONE_FAILED,
    `
    > dt-1 dt-2 dt-3 dt-4: 7
    > state file: 8
    resume (unclean)
    8: dt-1 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 + dt-3
      dt-2: dt-3 + dt-1
    `,
  )
  checkStart(
    t,
    ONE_FAILED,
    `
    > dt-1: 8
    > dt-2 dt-3 dt-4: away
    > state file: 7
    resume (unclean)
    8: dt-1 dt-3(suspect) dt-4(suspect)
      dt-3: dt-1 dt-3
      dt-1: dt-1 dt-4
      dt-4: dt-4 (waits)
      dt-2: dt-3 + dt-1 (waits)
    `,
  )
})

t.test('what only a member has that is not there is waited for, unless the operator knows better', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-2: 7
    > dt-3: away
    > dt-4: 7 restarted
    resume (unclean)
    restarted: dt-4
    7: dt-1 dt-2 dt-3(suspect) dt-4
      dt-3: dt-1 dt-3
      dt-1: dt-1 + dt-4
      dt-4: dt-2 + dt-4
      dt-2: dt-2 dt-3
    `,
  )
  checkStart(
    t,
    FOUR,
    `
    > dt-1: 7 restarted
    > dt-2 dt-4: 7
    > dt-3: away
    resume (unclean)
    restarted: dt-1
    7: dt-1 dt-2 dt-3(suspect) dt-4
      dt-3: dt-3 + dt-1 (waits)
      dt-1: dt-4 + dt-1
      dt-4: dt-4 dt-2
      dt-2: dt-2 dt-3
    `,
  )
  checkStart(
    t,
    FOUR,
    `
    > dt-1: 7 restarted
    > dt-2 dt-4: 7
    > dt-3: away
    > accept epoch 7
    resume (unclean)
    restarted: dt-1
    7: dt-1 dt-2 dt-3(suspect) dt-4
      dt-3: dt-1
      dt-1: dt-4 + dt-1
      dt-4: dt-4 dt-2
      dt-2: dt-2
    `,
  )
})

t.test('a member that was removed meanwhile is missed only where nobody else has its data', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-2: 7
    > dt-3: removed
    > dt-4: 7
    resume (unclean)
    7: dt-1 dt-2 dt-4
      dt-3: dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 dt-2
      dt-2: dt-2
    `,
  )
  checkStart(
    t,
    FOUR,
    `
    > dt-1: empty
    > dt-2 dt-4: 7
    > dt-3: removed
    > state file: 7
    resume (unclean)
    restarted: dt-1
    7: dt-1 dt-2 dt-3(gone) dt-4
      dt-3: dt-3 + dt-1 (waits)
      dt-1: dt-4 + dt-1
      dt-4: dt-4 dt-2
      dt-2: dt-2
    `,
  )
})

t.test('a range of which all holders came back with nothing is not invented', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-3: empty
    > dt-2 dt-4: 7
    > state file: 7
    refuse (1 ranges): 1 of 4 ranges are lost: dt-1 and dt-3 held them, and came back with nothing; --accept-epoch 7 goes on without their keys
    `,
  )
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-3: empty
    > dt-2 dt-4: 7
    > accept epoch 7
    resume (unclean)
    restarted: dt-1 dt-3
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-4 + dt-1
      dt-4: dt-4 dt-2
      dt-2: dt-2 + dt-3
    `,
  )
})

t.test('up to r members may come back with nothing', async (t) => {
  checkStart(
    t,
    FOUR_WITH_TWO_BACKUPS,
    `
    > dt-1: empty
    > dt-2: 7
    > dt-3: 7
    > dt-4: 7 restarted heartbeat 2
    resume (unclean)
    restarted: dt-1 dt-4
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 + dt-1 dt-4
      dt-1: dt-2 + dt-1 dt-4
      dt-4: dt-2 dt-3 + dt-4
      dt-2: dt-2 dt-3 + dt-1
    `,
  )
})

t.test('a member that holds something else now is refused, and its data is lost', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-2 dt-4: 7
    > dt-3: of ring other
    resume (unclean)
    refused dt-3: it belongs to the ring other
    7: dt-1 dt-2 dt-4
      dt-3: dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 dt-2
      dt-2: dt-2
    `,
  )
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-2 dt-4: 7
    > dt-3: 12 keys
    resume (unclean)
    refused dt-3: it holds 12 keys and no marker of the ring dt
    7: dt-1 dt-2 dt-4
      dt-3: dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 dt-2
      dt-2: dt-2
    `,
  )
})

t.test('a migration begins anew: who was pending is pending', async (t) => {
  const joining = history(1, 7, { members: 'dt-1 dt-2 dt-3' }, { members: 'dt-1 dt-2 dt-3 dt-4' })
  checkStart(
    t,
    joining,
    `
    > dt-1 dt-2 dt-3 dt-4: 8 clean
    resume
    8: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-2 + dt-4
      dt-4: dt-2 dt-3 + dt-4
      dt-2: dt-2 dt-3
    `,
  )
  checkStart(
    t,
    joining,
    `
    > dt-1 dt-2 dt-3: 8
    > dt-4: away
    resume (unclean)
    8: dt-1 dt-2 dt-3 dt-4(suspect)
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-2
      dt-4: dt-2 dt-3
      dt-2: dt-2 dt-3
    `,
  )
})

t.test('who was leaving goes on to leave', async (t) => {
  const leaving = history(
    1,
    7,
    { members: 'dt-1 dt-2 dt-3 dt-4' },
    { members: 'dt-1 dt-2 dt-3 dt-4', wanted: 'dt-1 dt-2 dt-3' },
  )
  checkStart(
    t,
    leaving,
    `
    > dt-1 dt-2 dt-3 dt-4: 8
    resume (unclean)
    leaving: dt-4
    8: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-4 + dt-2
      dt-4: dt-4 dt-2 + dt-3
      dt-2: dt-2 dt-3
    `,
  )
})

t.test('where all holders were gone in the end, one of them alone counts', async (t) => {
  const bothFailed = history(1, 7, { members: 'dt-1 dt-2 dt-3 dt-4' }, { members: 'dt-2 dt-3' })
  checkStart(
    t,
    bothFailed,
    `
    > dt-2 dt-3: 8
    > dt-1: 7 heartbeat 30
    > dt-4: 7 heartbeat 31
    resume (unclean)
    8: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 + dt-2
      dt-1: dt-4 + dt-1 dt-2 dt-3
      dt-4: dt-2 + dt-3
      dt-2: dt-2 dt-3
    `,
  )
})

t.test('other settings than the ring was made with: its virtual nodes stay, its copies may change', async (t) => {
  const clean = '> dt-1 dt-2 dt-3 dt-4: 7 clean'
  checkStart(
    t,
    FOUR,
    `
    ${clean}
    refuse (4 ranges): the ring has 1 virtual nodes a member: set ring.virtualNodes to that, not 64
    `,
    { virtualNodes: 64 },
  )
  checkStart(
    t,
    FOUR,
    `
    ${clean}
    refuse (4 ranges): the keys of the ring are placed by the groups []: set ring.keyGroups to that, not [a:{*}, b:{*}]
    `,
    { keyGroups: ['b:{*}', 'a:{*}'] },
  )
  checkStart(
    t,
    FOUR,
    `
    ${clean}
    resume
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 dt-2
      dt-2: dt-2 dt-3
    `,
    { replicas: 2 },
  )
})
