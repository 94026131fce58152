import t, { type Test } from 'tap'
import { LocalRing } from '../../src/local/local-ring.js'
import { type AnotherOptions, AnotherProxy } from '../helpers/another-proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { replicasOf } from '../helpers/ring-state.js'
import { comeBack, declareDown, PATIENT_MS } from '../helpers/sentinels.js'
import { settled } from '../helpers/settled.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`)
const GONE = /^-CLUSTERDOWN all servers that hold this key are down; .* restart the proxy with --accept-epoch (\d+) /

async function write(t: Test, client: RawClient, value: string): Promise<void> {
  const replies = await client.pipeline(KEYS.map((key) => ['SET', key, value]))
  t.strictSame([...new Set(replies.map(String))], ['+OK\r\n'])
}

/** Waits until some of the keys are gone; gives the number that the error says. */
async function acceptable(client: RawClient, keys: readonly string[]): Promise<number> {
  return until('keys are gone', async () => {
    const replies = await client.pipeline(keys.map((key) => ['GET', key]))
    return replies.flatMap((reply) => Number(GONE.exec(String(reply))?.[1] ?? 0)).find((epoch) => epoch > 0)
  })
}

/** Does what the errors say, and again when something has changed meanwhile; gives a client of a proxy that serves all keys. */
async function goOn(t: Test, ring: LocalRing, options: AnotherOptions, epoch: number): Promise<RawClient> {
  for (let tries = 0, acceptEpoch = epoch; tries < 5; tries++) {
    const proxy = AnotherProxy.of(t, ring, { ...options, acceptEpoch })
    await proxy.listens()
    const client = await proxy.connect()
    const replies = (await client.pipeline(KEYS.map((key) => ['GET', key]))).map(String)
    const refused = replies.find((reply) => reply.startsWith('-'))
    if (refused === undefined) return client
    t.comment(refused)
    acceptEpoch = Number(/--accept-epoch (\d+) /.exec(refused)?.[1])
    await proxy.proxy.stop()
  }
  throw new Error('nothing that is said helps')
}

for (const stateFile of [false, true]) {
  const which = stateFile ? 'with a state file' : 'without a state file'
  t.test(`all servers come back with nothing, ${which}: the error says how to go on, and that works`, async (t) => {
    const dir = temporaryDirectory(t)
    const ring = new LocalRing({ dir, nodes: 4, downAfterMs: PATIENT_MS, memberConfig: ['appendonly no', 'save ""'] })
    t.teardown(() => ring.stop())
    await ring.start()
    const options = { replicas: 2, ...(stateFile && { stateFile: `${dir}/state` }) }
    const proxy = await AnotherProxy.started(t, ring, options)
    const client = await proxy.connect()
    await write(t, client, 'value')
    const names = ring.members.map(({ name }) => name)
    await Promise.all(names.map((name) => ring.kill(name)))
    await declareDown(ring, ...names)
    await acceptable(client, KEYS)
    await comeBack(ring, ...names)
    const epoch = await acceptable(client, KEYS)
    t.match(String(await client.ask('DBSIZE')), /^-CLUSTERDOWN all .* restart the proxy with --accept-epoch \d+ /)
    await proxy.proxy.stop()
    const again = await goOn(t, ring, options, epoch)
    await write(t, again, 'again')
    t.equal(await settled(ring), KEYS.length)
  })
}

t.test('the last holder never comes back: the error says how to go on, and that works', async (t) => {
  const ring = await startRing(t)
  const proxy = await AnotherProxy.started(t, ring, { replicas: 1 })
  const client = await proxy.connect()
  await write(t, client, 'value')
  const lost: string[] = []
  for (const key of KEYS) {
    if ((await replicasOf(client, key)).every((name) => name === 'dt-1' || name === 'dt-2')) lost.push(key)
  }
  t.ok(lost.length > 10 && lost.length < KEYS.length)
  await Promise.all(['dt-1', 'dt-2'].map((name) => ring.kill(name)))
  await declareDown(ring, 'dt-1', 'dt-2')
  const epoch = await acceptable(client, lost)
  const plans = await Promise.all(['dt-1', 'dt-2'].map((name) => client.ask('DT', 'PLAN', 'REMOVE', name)))
  t.ok(plans.some((reply) => /^-ERR dt-[12] is down, and nobody who is there has what/.test(String(reply))))
  await proxy.proxy.stop()
  const again = await goOn(t, ring, { replicas: 1 }, epoch)
  const replies = (await again.pipeline(KEYS.map((key) => ['GET', key]))).map(String)
  const expected = KEYS.map((key) => (lost.includes(key) ? '$-1\r\n' : '$5\r\nvalue\r\n'))
  t.strictSame(replies, expected)
  await write(t, again, 'again')
})
