import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { silentLogger } from '../../src/base/log.js'
import { Departures } from '../../src/migration/departures.js'
import { buildView, emptyView } from '../../src/view/build-view.js'
import type { ViewKeeper } from '../../src/view/view-keeper.js'
import { ViewStore } from '../../src/view/view-store.js'

t.test('the Sentinels forget who has left when a start finds that, and not before', async (t) => {
  const views = new ViewStore(emptyView('dt', 0, 1))
  const departed: string[] = []
  const forgotten: string[] = []
  let note = () => {}
  const departures = new Departures({
    views,
    keeper: { departed: () => departed } as unknown as ViewKeeper,
    log: silentLogger(),
    acknowledged: () =>
      new Promise((resolve) => {
        note = () => resolve()
      }),
    forget: async (name) => {
      forgotten.push(name)
      return { failed: [] }
    },
  })
  t.teardown(() => departures.stop())
  departures.start()
  departed.push('dt-3')
  views.publish(buildView('dt', 8, 0, 1, []))
  await sleep(20)
  t.same(forgotten, [], 'a start may find epoch 7, in which nobody else has what it has')
  note()
  await sleep(20)
  t.same(forgotten, ['dt-3'])
})
