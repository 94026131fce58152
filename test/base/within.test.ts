import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { within } from '../../src/base/within.js'

t.test('what comes in time is the value, or the error', async (t) => {
  t.equal(await within(sleep(1, 'value'), 10_000), 'value')
  await t.rejects(within(Promise.reject(new Error('broken')), 10_000), { message: 'broken' })
})

t.test('what comes late is nothing, even when it is an error', async (t) => {
  t.equal(await within(sleep(50, 'late'), 5), undefined)
  const late = sleep(20).then(() => Promise.reject(new Error('late')))
  t.equal(await within(late, 5), undefined)
  await sleep(30)
})
