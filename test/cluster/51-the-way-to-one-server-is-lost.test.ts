import t from 'tap'
import { throughRelay } from '../helpers/relayed-ring.js'
import { nodeStates } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'

/*
 * The network between the proxy and one server loses everything without a word, and the Sentinels reach that server all the same: nobody
 * declares it down, and no connection breaks by itself.
 */

const KEYS = Array.from({ length: 50 }, (_, i) => `key:${i}`)

t.test(
  'its keys are read from the next replicas after some seconds, though the Sentinels would wait for twenty',
  async (t) => {
    const { proxy, relay, client } = await throughRelay(t, { pingIntervalMs: 1000 })
    for (const key of KEYS) t.equal(String(await client.ask('SET', key, 'value')), '+OK\r\n')
    relay.stallProxy()
    const beganMs = performance.now()
    await until('it is suspect', async () => (await nodeStates(client))['dt-9'] === 'suspect', 15_000)
    const passedMs = performance.now() - beganMs
    t.ok(passedMs < 15_000, 'half a minute does not pass')
    const reader = await proxy.connect()
    const readAtMs = performance.now()
    const replies = await reader.pipeline(KEYS.map((key) => ['GET', key]))
    t.strictSame([...new Set(replies.map(String))], ['$5\r\nvalue\r\n'])
    t.comment(`suspect after ${Math.round(passedMs)} ms, then read in ${Math.round(performance.now() - readAtMs)} ms`)
    t.match(
      String(await client.ask('DT', 'NODES')),
      /it owes replies and was silent for \d+ s, and Sentinel \S+ gets answers from it|no connection and handshake/,
    )

    relay.loseHeld()
    relay.resume()
    await until('it is up again', async () => (await nodeStates(client))['dt-9'] === 'up', 20_000)
    t.equal(String(await client.ask('SET', 'key:0', 'later')), '+OK\r\n')
  },
)
