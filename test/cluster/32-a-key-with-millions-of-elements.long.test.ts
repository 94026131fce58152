import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { PingProbe } from '../helpers/ping-probe.js'
import { startProxy } from '../helpers/proxy.js'
import { membersOf, replicasOf } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'
import { verifyLong } from '../helpers/verify.js'

const FIELDS = 2_000_000
const FIELDS_A_COMMAND = 2000
const SMALL_KEYS = 200

t.test('a hash of two million fields moves when a server dies, and no other server is taken for dead', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 4, replicas: 1, downAfterMs: 1000, log: lines.log })
  const client = await proxy.connect()
  const small = Array.from({ length: SMALL_KEYS }, (_, i) => `small:${i}`)
  await client.pipeline(small.map((key) => ['SET', key, key]))
  for (let from = 0; from < FIELDS; from += 10 * FIELDS_A_COMMAND) {
    const commands = Array.from({ length: 10 }, (_, c) => {
      const first = from + c * FIELDS_A_COMMAND
      return [
        'HSET',
        'big',
        ...Array.from({ length: FIELDS_A_COMMAND }, (_, i) => [`field:${first + i}`, 'value']).flat(),
      ]
    })
    await client.pipeline(commands)
  }
  const [, backup] = await replicasOf(client, 'big')
  const others = proxy.view.members.map(({ name }) => name).filter((name) => name !== backup)
  const probes = await Promise.all(others.map(async (name) => new PingProbe(await proxy.connectTo(name), name)))

  await proxy.ring.kill(backup)
  await until('it has left', async () => (await membersOf(client)) === others.join(' '), 20_000)
  let served = 0
  const failed: string[] = []
  const wrote: string[] = []
  const writer = await proxy.connect()
  let moved = false
  const writing = (async () => {
    for (let i = 0; !moved; i++, await sleep(20)) {
      wrote.push(String(await writer.ask('HSET', 'big', `field:${i * 7}`, `written ${i}`)))
    }
  })()
  await until(
    'all has moved',
    async () => {
      for (const [i, reply] of (await client.pipeline(small.map((key) => ['APPEND', key, 'x']))).entries()) {
        if (reply[0] === 0x3a) served++
        else failed.push(`${small[i]}: ${reply}`)
      }
      return /pending-ranges\r\n:0\r/.test(String(await client.ask('DT', 'VIEW')))
    },
    120_000,
  )
  moved = true
  await writing
  for (const probe of probes) await probe.stop()
  const longest = probes.map(({ name, longestMs }) => `${name} ${Math.round(longestMs)} ms`)
  t.comment(
    `the longest that a server did not answer PING: ${longest.join(', ')}; ${served} writes of other keys meanwhile`,
  )
  t.same(failed, [], 'all other keys are served')
  t.same(
    wrote.filter((reply) => reply !== ':0\r\n'),
    [],
    'and so is it',
  )
  t.equal(await membersOf(client), others.join(' '))
  t.same(
    lines.about(/leaves the ring|let go|interrupted/).filter(({ member }) => member !== backup),
    [],
    'nobody else was declared down',
  )
  t.equal(String(await client.ask('HLEN', 'big')), `:${FIELDS}\r\n`)
  t.match(await verifyLong(client, await proxy.connect(), 120_000), {
    state: 'done',
    complete: 1,
    differences: 0,
    unchecked: 0,
  })
})
