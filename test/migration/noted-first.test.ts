import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Migrator, type MigratorDeps } from '../../src/migration/migrator.js'
import { buildView } from '../../src/view/build-view.js'
import { nextView } from '../../src/view/placement.js'
import type { Member } from '../../src/view/view.js'
import { ViewStore } from '../../src/view/view-store.js'
import { LogLines } from '../helpers/log-lines.js'
import { until } from '../helpers/until.js'

/*
 * A member is cleared before it is filled. As long as the view in which it is to be filled is not noted a start may find the one before, where it
 * was natural: what it has may be all that is left of an acknowledged write then.
 */

const MEMBERS = ['dt-1', 'dt-2', 'dt-3'].map(
  (name, i): Member => ({ name, host: '127.0.0.1', port: 7000 + i, state: 'up' }),
)

/** A ring of which dt-3 is to be filled, and whose views are noted when that is said. */
function unnoted() {
  const names = MEMBERS.map(({ name }) => name)
  const views = new ViewStore(buildView('ring', 1, 1, 8, MEMBERS.slice(0, 2)))
  const join = () => views.publish(nextView(views.current, { members: MEMBERS, wanted: names }))
  let asked = 0
  const noted: (() => void)[] = []
  const migrator = new Migrator({
    views,
    // Who could give is asked first: nobody does.
    links: {
      get: () => {
        asked++
        return undefined
      },
    },
    order: { stats: { reads: 0, writes: 0 } },
    log: new LogLines().log,
    maxBytesPerSecond: 0,
    keeper: { filled: () => {}, parted: () => {} },
    acknowledged: () => new Promise<void>((resolve) => noted.push(resolve)),
  } as unknown as MigratorDeps)
  t.teardown(() => {
    migrator.stop()
  })
  return { migrator, views, join, noted, asked: () => asked }
}

t.test('nobody is filled before the view is noted', async (t) => {
  const { migrator, join, noted, asked } = unnoted()
  join()
  migrator.linkUp('dt-3')
  await until('it waits for that', () => noted.length === 1)
  await sleep(20)
  t.equal(asked(), 0)
  noted[0]()
  await until('it looks who is to be filled from whom', () => asked() > 0)
})

t.test('nor in another view than the one that is noted', async (t) => {
  const { migrator, views, join, noted, asked } = unnoted()
  join()
  migrator.linkUp('dt-3')
  await until('it waits for that', () => noted.length === 1)
  views.publish({ ...views.current, epoch: views.current.epoch + 1 })
  noted[0]()
  await sleep(20)
  t.equal(asked(), 0)
})
