import t from 'tap'
import { checkStart, history } from './start-story.js'

/* One virtual node a member: they stand on the circle as dt-3, dt-1, dt-4, dt-2. */

const FOUR = history(1, 7, { members: 'dt-1 dt-2 dt-3 dt-4' })
const FOUR_WITH_TWO_BACKUPS = history(2, 7, { members: 'dt-1 dt-2 dt-3 dt-4' })
/** dt-2 fails at epoch 8, and its copies have not been made elsewhere. */
const ONE_FAILED = history(1, 7, { members: 'dt-1 dt-2 dt-3 dt-4' }, { members: 'dt-1 dt-3 dt-4' })

t.test(
  'less than half cannot know that there is no later view; half of them can: a later one is on more',
  async (t) => {
    checkStart(
      t,
      FOUR,
      `
    > dt-1: 7
    > dt-2 dt-3 dt-4: away
    refuse (4 ranges): only 1 of the 4 members of epoch 7 have answered with a marker (dt-1), so there may be a later epoch; start 1 of dt-2, dt-3 and dt-4, or, if there is none and no other proxy serves the ring, --accept-epoch 7 goes on from this one
    `,
    )
    checkStart(
      t,
      FOUR,
      `
    > dt-1: 7
    > dt-2 dt-3: empty
    > dt-4: away
    refuse (4 ranges): only 1 of the 4 members of epoch 7 have answered with a marker (dt-1), so there may be a later epoch; start 1 of dt-2, dt-3 and dt-4 with what it had (dt-2 and dt-3 run and are empty), or, if there is none and no other proxy serves the ring, --accept-epoch 7 goes on from this one
    `,
    )
    checkStart(
      t,
      FOUR_WITH_TWO_BACKUPS,
      `
    > dt-1 dt-2: 7
    > dt-3 dt-4: empty
    resume (unclean)
    restarted: dt-3 dt-4
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-1 + dt-3 dt-4
      dt-1: dt-1 dt-2 + dt-4
      dt-4: dt-2 + dt-4 dt-3
      dt-2: dt-2 dt-1 + dt-3
    `,
    )
    checkStart(
      t,
      FOUR,
      `
    > dt-1 dt-2: 7
    > dt-3: 7 restarted
    > dt-4: away
    resume (unclean)
    restarted: dt-3
    7: dt-1 dt-2 dt-3 dt-4(suspect)
      dt-3: dt-1 + dt-3
      dt-1: dt-1 dt-4
      dt-4: dt-2 dt-4
      dt-2: dt-2 + dt-3
    `,
    )
  },
)

t.test('a view that was not acknowledged as far as is known asks those before it, too', async (t) => {
  const shrunk = history(2, 7, { members: 'dt-1 dt-2 dt-3' }, { members: 'dt-1' })
  checkStart(
    t,
    shrunk,
    `
    > dt-1: 8
    > dt-2 dt-3: away
    refuse (1 ranges): only 1 of the 3 members of the view before epoch 8 have answered with a marker (dt-1), so there may be a later epoch; start 1 of dt-2 and dt-3, or, if there is none and no other proxy serves the ring, --accept-epoch 8 goes on from this one
    `,
  )
  checkStart(
    t,
    shrunk,
    `
    > dt-1: 8 acknowledged
    > dt-2 dt-3: away
    resume (unclean)
    8: dt-1
      dt-1: dt-1
    `,
  )
})

t.test('a ring that is kept in a state file goes on without it only when all are there as they were', async (t) => {
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-2 dt-3: 7
    > dt-4: away
    > state file: lost
    refuse (4 ranges): the state file here:/state.json may have a later epoch than 7, and this proxy does not have it; start the proxy where that file is, or start dt-4 with what it had; if the file is lost, and no other proxy serves the ring, --accept-epoch 7 goes on from this one
    `,
  )
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-2: 7
    > dt-3: 7 restarted
    > dt-4: empty
    > state file: lost
    refuse (4 ranges): the state file here:/state.json may have a later epoch than 7, and this proxy does not have it; start the proxy where that file is, or start dt-3 and dt-4 with what they had (dt-4 runs and is empty); if the file is lost, and no other proxy serves the ring, --accept-epoch 7 goes on from this one
    `,
  )
  checkStart(
    t,
    FOUR,
    `
    > dt-1 dt-2 dt-3 dt-4: 7
    > state file: lost
    resume (unclean)
    7: dt-1 dt-2 dt-3 dt-4
      dt-3: dt-3 dt-1
      dt-1: dt-1 dt-4
      dt-4: dt-4 dt-2
      dt-2: dt-2 dt-3
    `,
  )
})

t.test(
  'a view that the ring has gone on without, on the word of the operator, is neither served nor thrown away',
  async (t) => {
    const found = `
    > dt-1: 8
    > dt-2 dt-3 dt-4: 7 term 2
    > operator: 7 term 2`
    checkStart(
      t,
      ONE_FAILED,
      `
    ${found}
    refuse (4 ranges): dt-1 has epoch 8 of an earlier owner, which may have been acknowledged, and the ring has gone on without it to epoch 7; --accept-epoch 7 goes on from that one and does not use dt-1 (with --wipe it is emptied)
    refused dt-1: it has a later view of an earlier owner than the one that the ring went on from
    `,
    )
    checkStart(
      t,
      ONE_FAILED,
      `
    ${found}
    > accept epoch 7
    resume (unclean)
    refused dt-1: it has a later view of an earlier owner than the one that the ring went on from
    7: dt-2 dt-3 dt-4
      dt-3: dt-3
      dt-1: dt-4
      dt-4: dt-4 dt-2
      dt-2: dt-2 dt-3
    `,
    )
  },
)

t.test('who was told of a later view than anybody has who is there does not serve the earlier one', async (t) => {
  // dt-3 and dt-4 fall out at epoch 8, of which too few know, and are back at epoch 9, whose marker dt-2 has no room for.
  const views = history(
    1,
    7,
    { members: 'dt-1 dt-2 dt-3 dt-4' },
    { members: 'dt-1 dt-2' },
    { members: 'dt-1 dt-2 dt-3 dt-4' },
  )
  checkStart(
    t,
    views,
    `
    > dt-2: 8 acknowledged 9
    > dt-1 dt-3 dt-4: away
    refuse (4 ranges): epoch 9 was acknowledged, as dt-2 was told, and the latest that anybody has who is there is 8; start the other members with what they had, or, if they do not come back and no other proxy serves the ring, --accept-epoch 8 goes on from this one
    `,
  )
})

t.test(
  'with the state file and without any member it is said that the members are missing, and not the file',
  async (t) => {
    checkStart(
      t,
      FOUR,
      `
    > state file: 7
    > dt-1 dt-2: empty
    > dt-3 dt-4: away
    refuse (4 ranges): the state file has epoch 7, and nobody of dt-1, dt-2, dt-3 and dt-4 has answered with a marker; start one of dt-1, dt-2, dt-3 and dt-4 with what it had (dt-1 and dt-2 run and are empty), or, if their data is lost and no other proxy serves the ring, --accept-epoch 7 goes on from this one with who is there
    `,
    )
  },
)
