import t from 'tap'
import { ViewStory } from './view-story.js'

// Each test is one story of design §8 on a ring of r = 1, or 2 where it matters: see view-story.ts for its language.
// Clockwise the ring is dt-3, dt-1, dt-5, dt-4, dt-2.

t.test('join: dt-5 is pending where it is to hold something, and natural range by range', async (t) => {
  new ViewStory(1).check(
    t,
    `
    > dt-1 dt-2 dt-3 dt-4 come
      1: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-5 comes
      2: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4 + dt-5
        dt-5: dt-4 dt-2 + dt-5
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-5 is filled for dt-5
      3: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4 + dt-5
        dt-5: dt-5 dt-4 - dt-2
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > all part
      4: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4 + dt-5
        dt-5: dt-5 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-5 is filled
      5: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-5 - dt-4
        dt-5: dt-5 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > all part
      6: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-5
        dt-5: dt-5 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    `,
  )
})

t.test('a join is taken back half-way', async (t) => {
  new ViewStory(1).check(
    t,
    `
    > dt-1 dt-2 dt-3 dt-4 come
      1: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-5 comes
      2: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4 + dt-5
        dt-5: dt-4 dt-2 + dt-5
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-5 is filled for dt-5
      3: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4 + dt-5
        dt-5: dt-5 dt-4 - dt-2
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > all part
      4: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4 + dt-5
        dt-5: dt-5 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-5 is to leave
      5: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-5: dt-5 dt-4 + dt-2
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-2 is filled
      6: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-5: dt-4 dt-2 - dt-5
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > all part
      7: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    `,
  )
})

t.test('leave: dt-2 serves until others have what it has', async (t) => {
  new ViewStory(1).check(
    t,
    `
    > dt-1 dt-2 dt-3 dt-4 come
      1: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-2 is to leave
      2: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2 + dt-3
        dt-2: dt-2 dt-3 + dt-1
    > dt-1 is filled
      3: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2 + dt-3
        dt-2: dt-3 dt-1 - dt-2
    > all part
      4: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2 + dt-3
        dt-2: dt-3 dt-1
    > dt-3 is filled
      5: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-3 - dt-2
        dt-2: dt-3 dt-1
    > all part
      6: dt-1 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-3
    `,
  )
})

t.test('failure and return: dt-3 gets its ranges back, but what it has of them does not count', async (t) => {
  new ViewStory(1).check(
    t,
    `
    > dt-1 dt-2 dt-3 dt-4 come
      1: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-3 fails
      2: dt-1 dt-2 dt-4
        dt-3: dt-1 + dt-4
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 + dt-1
    > dt-1 is filled
      3: dt-1 dt-2 dt-4
        dt-3: dt-1 + dt-4
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-1
    > dt-3 comes
      4: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-1 + dt-3
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-1 + dt-3
    > dt-3 is filled
      5: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3 - dt-1
    > all part
      6: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    `,
  )
})

t.test('failure and return with two backups: what was not filled meanwhile need not be', async (t) => {
  new ViewStory(2).check(
    t,
    `
    > dt-1 dt-2 dt-3 dt-4 come
      1: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1 dt-4
        dt-1: dt-1 dt-4 dt-2
        dt-4: dt-4 dt-2 dt-3
        dt-2: dt-2 dt-3 dt-1
    > dt-3 fails
      2: dt-1 dt-2 dt-4
        dt-3: dt-1 dt-4 + dt-2
        dt-1: dt-1 dt-4 dt-2
        dt-4: dt-4 dt-2 + dt-1
        dt-2: dt-2 dt-1 + dt-4
    > dt-3 comes
      3: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-1 dt-4 + dt-3
        dt-1: dt-1 dt-4 dt-2
        dt-4: dt-4 dt-2 + dt-3
        dt-2: dt-2 dt-1 + dt-3
    > dt-3 is filled
      4: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1 dt-4
        dt-1: dt-1 dt-4 dt-2
        dt-4: dt-4 dt-2 dt-3
        dt-2: dt-2 dt-3 dt-1
    `,
  )
})

t.test('two joins at once: a range moves when both have it', async (t) => {
  new ViewStory(1).check(
    t,
    `
    > dt-1 dt-2 dt-3 come
      1: dt-1 dt-2 dt-3
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-3
    > dt-4 dt-5 come
      2: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2 + dt-5
        dt-5: dt-2 dt-3 + dt-5 dt-4
        dt-4: dt-2 dt-3 + dt-4
        dt-2: dt-2 dt-3
    > dt-4 is filled
      3: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2 + dt-5
        dt-5: dt-2 dt-3 dt-4 + dt-5
        dt-4: dt-4 dt-2 - dt-3
        dt-2: dt-2 dt-3
    > all part
      4: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2 + dt-5
        dt-5: dt-2 dt-3 dt-4 + dt-5
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-5 is filled
      5: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-5 - dt-2
        dt-5: dt-5 dt-4 - dt-2 dt-3
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > all part
      6: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-5
        dt-5: dt-5 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    `,
  )
})

t.test('a join while another member fails', async (t) => {
  new ViewStory(1).check(
    t,
    `
    > dt-1 dt-2 dt-3 dt-4 come
      1: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-5 comes
      2: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4 + dt-5
        dt-5: dt-4 dt-2 + dt-5
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-4 fails
      3: dt-1 dt-2 dt-3 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 + dt-5
        dt-5: dt-2 + dt-5
        dt-4: dt-2 + dt-3
        dt-2: dt-2 dt-3
    > dt-5 is filled
      4: dt-1 dt-2 dt-3 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-5
        dt-5: dt-5 dt-2
        dt-4: dt-2 + dt-3
        dt-2: dt-2 dt-3
    > dt-3 is filled
      5: dt-1 dt-2 dt-3 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-5
        dt-5: dt-5 dt-2
        dt-2: dt-2 dt-3
    `,
  )
})

t.test('the joining member fails half-way', async (t) => {
  new ViewStory(1).check(
    t,
    `
    > dt-1 dt-2 dt-3 dt-4 come
      1: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-5 comes
      2: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4 + dt-5
        dt-5: dt-4 dt-2 + dt-5
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-5 is filled for dt-5
      3: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4 + dt-5
        dt-5: dt-5 dt-4 - dt-2
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > all part
      4: dt-1 dt-2 dt-3 dt-4 dt-5
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4 + dt-5
        dt-5: dt-5 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-5 fails
      5: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-5: dt-4 + dt-2
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    > dt-2 is filled
      6: dt-1 dt-2 dt-3 dt-4
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-4
        dt-4: dt-4 dt-2
        dt-2: dt-2 dt-3
    `,
  )
})

t.test('the last holder of a range fails: nobody takes its place, and it is back when it is', async (t) => {
  new ViewStory(1).check(
    t,
    `
    > dt-1 dt-2 dt-3 come
      1: dt-1 dt-2 dt-3
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-3
    > dt-2 fails
      2: dt-1 dt-3
        dt-3: dt-3 dt-1
        dt-1: dt-1 + dt-3
        dt-2: dt-3 + dt-1
    > dt-3 fails
      3: dt-1 dt-3(gone)
        dt-3: dt-1
        dt-1: dt-1
        dt-2: dt-3 + dt-1
    > dt-2 comes
      4: dt-1 dt-2 dt-3(gone)
        dt-3: dt-1 + dt-2
        dt-1: dt-1 + dt-2
        dt-2: dt-3 + dt-2 dt-1
    > dt-3 comes
      5: dt-1 dt-2 dt-3
        dt-3: dt-1 + dt-3
        dt-1: dt-1 + dt-2
        dt-2: dt-3 + dt-2
    > dt-2 is filled
      6: dt-1 dt-2 dt-3
        dt-3: dt-1 + dt-3
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-3
    > dt-3 is filled
      7: dt-1 dt-2 dt-3
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-3
    `,
  )
})

t.test('all fail at once: the first that is back goes on alone, as the others may have something else', async (t) => {
  new ViewStory(1).check(
    t,
    `
    > dt-1 dt-2 dt-3 come
      1: dt-1 dt-2 dt-3
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-3
    > dt-1 dt-2 dt-3 fail
      2: dt-1(gone) dt-2(gone) dt-3(gone)
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-3
    > dt-2 comes
      3: dt-1(gone) dt-2 dt-3(gone)
        dt-3: dt-3 dt-1 + dt-2
        dt-1: dt-2
        dt-2: dt-2
    > dt-1 dt-3 come
      4: dt-1 dt-2 dt-3
        dt-3: dt-3 + dt-1
        dt-1: dt-2 + dt-1
        dt-2: dt-2 + dt-3
    `,
  )
})

t.test('of two that are back together the one that did not restart goes on', async (t) => {
  new ViewStory(1).check(
    t,
    `
    > dt-1 dt-2 come
      1: dt-1 dt-2
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-1
    > dt-1 dt-2 fail
      2: dt-1(gone) dt-2(gone)
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-1
    > dt-1 restarts
      3: dt-1(gone) dt-2(gone)
        dt-1: dt-2 dt-1
        dt-2: dt-2 dt-1
    > dt-1 dt-2 come
      4: dt-1 dt-2
        dt-1: dt-2 + dt-1
        dt-2: dt-2 + dt-1
    > dt-1 is filled
      5: dt-1 dt-2
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-1
    `,
  )
})

t.test('all members restart one after the other: the last keeps what nobody else has any more', async (t) => {
  new ViewStory(1).check(
    t,
    `
    > dt-1 dt-2 dt-3 come
      1: dt-1 dt-2 dt-3
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-3
    > dt-1 restarts
      2: dt-1 dt-2 dt-3
        dt-3: dt-3 + dt-1
        dt-1: dt-2 + dt-1
        dt-2: dt-2 dt-3
    > dt-2 restarts
      3: dt-1 dt-2 dt-3
        dt-3: dt-3 + dt-1
        dt-1: dt-2 + dt-1
        dt-2: dt-3 + dt-2
    > dt-3 restarts
      4: dt-1 dt-2 dt-3
        dt-3: dt-3 + dt-1
        dt-1: dt-2 + dt-1
        dt-2: dt-3 + dt-2
    > dt-1 is filled
      5: dt-1 dt-2 dt-3
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2
        dt-2: dt-3 + dt-2
    > dt-2 is filled
      6: dt-1 dt-2 dt-3
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-3
    > dt-3 is filled
      7: dt-1 dt-2 dt-3
        dt-3: dt-3 dt-1
        dt-1: dt-1 dt-2
        dt-2: dt-2 dt-3
    `,
  )
})

t.test('without backups a member that fails takes its ranges with it, and brings them back', async (t) => {
  new ViewStory(0).check(
    t,
    `
    > dt-1 dt-2 dt-3 come
      1: dt-1 dt-2 dt-3
        dt-3: dt-3
        dt-1: dt-1
        dt-2: dt-2
    > dt-2 fails
      2: dt-1 dt-2(gone) dt-3
        dt-3: dt-3
        dt-1: dt-1
        dt-2: dt-2 + dt-3
    > dt-2 comes
      3: dt-1 dt-2 dt-3
        dt-3: dt-3
        dt-1: dt-1
        dt-2: dt-2
    `,
  )
})
