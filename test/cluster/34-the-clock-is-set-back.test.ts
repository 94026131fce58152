import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { keysAt, outstanding } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'

const MEMBER = 'dt-2'
/** How long a command waits, what the clock is set back by in the middle of it, and what is soon enough. */
const WAIT_MS = 3000
const BACK_MS = 600_000
const SOON_MS = WAIT_MS + 4000

t.test('a command waits as long as it may, also when the clock is set back meanwhile', async (t) => {
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  const { ring, connect } = await startProxy(t, {
    config: { limits: { unavailableTimeoutMs: WAIT_MS } },
  })
  const [watcher, writer, other] = [await connect(), await connect(), await connect()]
  const [third, fourth] = [await connect(), await connect()]
  const [mastered, also] = await keysAt(watcher, MEMBER, 0, 2)
  const [backed] = await keysAt(watcher, MEMBER, 1, 1)
  for (const key of [mastered, also, backed]) await watcher.ask('SET', key, '100')

  ring.pause(MEMBER)
  const sent = [writer.ask('INCR', mastered), other.ask('SET', backed, '1')]
  await until('they are in flight', async () => (await outstanding(watcher, MEMBER)) >= 2)
  await ring.server(MEMBER).kill()
  const held = [third.ask('INCR', also), fourth.ask('FLUSHALL')]
  await sleep(WAIT_MS / 3)
  Date.now = () => now() - BACK_MS

  const answered = Promise.all([...sent, ...held]).then((all) => all.map(String))
  const texts = await Promise.race([answered, sleep(SOON_MS, [], { ref: false })])
  t.equal(texts.length, 4, `all are answered within ${SOON_MS} ms`)
  t.match(
    texts.slice(0, 2).join(''),
    /^(-ERR the outcome of this write is unknown: .*\r\n){2}$/,
    'what was on its way to it has an unknown outcome',
  )
  t.match(
    texts.slice(2).join(''),
    /^(-CLUSTERDOWN .*waited for 3000 ms.*\r\n){2}$/,
    'what was held for it is not applied',
  )
})
