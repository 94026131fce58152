import t, { type Test } from 'tap'
import { identifierOfKey } from '../../src/ring/identifier.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { PATIENT_MS } from '../helpers/sentinels.js'

/*
 * What a script touches beside its keys is guessed by what it did before [serving/script/shapes.ts]. A guess may be wrong, and the key lie on
 * a server that has fallen silent: nobody waits for it whose script has nothing to do with it.
 */

/** The other account is not declared. */
const TRANSFER = "return {redis.call('decrby', KEYS[1], ARGV[1]), redis.call('incrby', ARGV[2] .. ARGV[3], ARGV[1])}"
const SILENT = 'dt-4'
const SOON_MS = 1500

/** Who has copies of a key. */
function holders({ view }: TestProxy, key: string): string[] {
  const range = view.ring.rangeOf(identifierOfKey(Buffer.from(key), 0, key.length))
  return view.setOfRange[range].natural.map(({ name }) => name)
}

/** The beginning of accounts of which `there` are on other servers than the silent one, apart from each other, and `silent` is there. */
function accountsOf(proxy: TestProxy, there: readonly string[], silent: string): string {
  for (let i = 100; i < 10_000; i++) {
    const [one, other] = there.map((name) => holders(proxy, `k${i}:${name}`))
    const isApart = one[0] !== other[0] && ![...one, ...other].includes(SILENT)
    if (isApart && holders(proxy, `k${i}:${silent}`)[0] === SILENT) return `k${i}`
  }
  throw new Error('there are no such keys')
}

async function begin(t: Test) {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1, downAfterMs: PATIENT_MS })
  const transfer = async (from: string, to: string) => {
    const client = await proxy.connect()
    const half = to.length >> 1
    const beganMs = performance.now()
    const reply = await client.ask('EVAL', TRANSFER, '1', from, '1', to.slice(0, half), to.slice(half))
    client.close()
    return { reply: String(reply), ms: Math.round(performance.now() - beganMs) }
  }
  // From a it goes to b: so it is expected to touch b.
  for (let i = 0; i < 4; i++) t.match((await transfer(`k${i}:a`, `k${i}:b`)).reply, /^\*2/)
  return { proxy, transfer }
}

t.test('a key that a script is wrongly expected to touch is on a silent server', async (t) => {
  const { proxy, transfer } = await begin(t)
  const base = accountsOf(proxy, ['a', 'c'], 'b')
  proxy.ring.pause(SILENT)
  const first = await transfer(`${base}:a`, `${base}:c`)
  t.match(first.reply, '*2\r\n:-1\r\n:1\r\n')
  t.ok(first.ms < SOON_MS, `it was answered after ${first.ms} ms`)
  const later = await transfer(`${base}:a`, `${base}:c`)
  t.match(later.reply, '*2\r\n:-2\r\n:2\r\n')
  t.ok(later.ms < SOON_MS, `the next one after ${later.ms} ms`)
  proxy.ring.resume(SILENT)
})

t.test('another script has that key, and waits for the silent server', async (t) => {
  const { proxy, transfer } = await begin(t)
  const base = accountsOf(proxy, ['a', 'c'], 'b')
  proxy.ring.pause(SILENT)
  const affected = transfer(`${base}:d`, `${base}:b`)
  const { reply, ms } = await transfer(`${base}:a`, `${base}:c`)
  t.match(reply, '*2\r\n:-1\r\n:1\r\n')
  t.ok(ms < SOON_MS, `it was answered after ${ms} ms`)
  proxy.ring.resume(SILENT)
  await affected
})
