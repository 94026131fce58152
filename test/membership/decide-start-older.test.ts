import t from 'tap'
import { checkStart, history } from './start-story.js'

/* One virtual node a member: they stand on the circle as dt-3, dt-1, dt-4, dt-2. */

const FOUR = history(1, 7, { members: 'dt-1 dt-2 dt-3 dt-4' })

t.test('a member whose machine was set back is the same process, and has older data', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1: 7 heartbeat 25
    > dt-2: 7 told of dt-1 39
    > dt-3 dt-4: 7
    resume (unclean)
    restarted: dt-1
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 + dt-1
      dt-1: dt-4 + dt-1
      dt-4: dt-4 dt-2
      dt-2: dt-2 dt-3
    `,
  )
  checkStart(
    t,
    FOUR,
    `
    > dt-1: 7 heartbeat 25
    > dt-2: 7 told of dt-1 25
    > dt-3 dt-4: 7
    resume (unclean)
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 dt-2
      dt-2: dt-2 dt-3
    `,
  )
})

t.test('a range that somebody held alone is not served with less than he had', async (t) => {
  const alone = history(1, 7, { members: 'dt-1 dt-2' }, { members: 'dt-1', wanted: 'dt-1 dt-2' })
  const lost =
    'refuse (2 ranges): 2 of 2 ranges are lost: dt-1 held them, and came back with older data; --accept-epoch 8 goes on with what is there'
  checkStart(
    t,
    alone,
    `
    > dt-1: 8 restarted heartbeat 25
    > dt-2: 7 told of dt-1 26
    ${lost}
    `,
  )
  checkStart(
    t,
    alone,
    `
    > dt-1: 8 restarted heartbeat 25
    > dt-2: away
    > state file: 8 told of dt-1 26
    ${lost}
    `,
  )
  checkStart(
    t,
    alone,
    `
    > dt-1: 8 restarted heartbeat 26
    > dt-2: 7 told of dt-1 26
    resume (unclean)
    restarted: dt-1
    8: dt-1 dt-2
      dt-1: dt-1 + dt-2
      dt-2: dt-1 + dt-2
    `,
  )
  checkStart(
    t,
    alone,
    `
    > dt-1: 8 restarted heartbeat 25
    > dt-2: 7 told of dt-1 26
    > accept epoch 8
    resume (unclean)
    restarted: dt-1
    lessened: dt-1
    8: dt-1 dt-2
      dt-1: dt-1 + dt-2
      dt-2: dt-1 + dt-2
    `,
  )
})

t.test('servers that lost power together lack some seconds, and not more', async (t) => {
  const told = (heartbeat: number) => `
    > dt-1: 7 restarted heartbeat ${heartbeat}
    > dt-3: 7 restarted heartbeat ${heartbeat - 1}
    > dt-2 dt-4: 7 told of dt-1 40
    > state file: 7 told of dt-3 40`
  checkStart(
    t,
    FOUR,
    `${told(38)}
    resume (unclean)
    restarted: dt-1 dt-3
    lessened: dt-1
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-1 + dt-3
      dt-1: dt-4 + dt-1
      dt-4: dt-4 dt-2
      dt-2: dt-2 + dt-3
    `,
  )
  checkStart(
    t,
    FOUR,
    `${told(36)}
    refuse (1 ranges): 1 of 4 ranges are lost: dt-1 and dt-3 held them, and came back with older data; --accept-epoch 7 goes on with what is there
    `,
  )
})
