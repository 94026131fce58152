import t from 'tap'
import { startProxy, type Teardown } from '../../helpers/proxy.js'

/* Whole values of very many keys on several servers: what is done with each key does not become more with their number. */

const KEYS = 16_000
/**
 * What the process may be busy with in one go. Where each key was looked for among all others it was five seconds, and where all were
 * asked about in one turn half a second.
 */
const BUSY_MS_MAX = 350

t.test('a union of very many sets does not keep the process from everybody else', async (t) => {
  const limits = { unavailableTimeoutMs: 90_000, gatherMs: 90_000 }
  const proxy = await startProxy(t, { nodes: 2, replicas: 0, config: { limits } })
  const client = await proxy.connect()
  const sets = Array.from({ length: KEYS }, (_, i) => `set:${i}`)
  for (const i of [0, 1, 2, 3, KEYS - 1]) await client.ask('SADD', sets[i], `member ${i}`, 'common')
  const busy = watchBusy(t)
  // The first key twice, as it may come.
  t.equal((await client.ask('SUNIONSTORE', 'all', sets[0], ...sets)).toString(), ':6\r\n')
  t.ok(busy.mostMs < BUSY_MS_MAX, `${Math.round(busy.mostMs)} ms in one go`)
  t.equal((await client.ask('SISMEMBER', 'all', `member ${KEYS - 1}`)).toString(), ':1\r\n')
})

/** How much CPU time the process takes between two turns of its timers, at most: other processes take none of that. */
function watchBusy(t: Teardown): { mostMs: number } {
  const watched = { mostMs: 0 }
  let before = process.cpuUsage()
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage(before)
    before = process.cpuUsage()
    watched.mostMs = Math.max(watched.mostMs, (user + system) / 1000)
  }, 5)
  t.teardown(() => clearInterval(timer))
  return watched
}
