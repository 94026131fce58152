import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { PEERS, reaches } from '../helpers/fronts.js'
import { OwnWay } from '../helpers/own-way.js'
import type { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

/*
 * The proxy that owns the ring reaches no server any more. Another one, which does, may have gone on then: what is published there reaches
 * nobody who listens here, who waits here never hears of what is pushed there, and a cache here is not told of what is written there. What
 * only an owner may do waits as soon as that may be, and is refused; who listens, waits or has a cache is let go.
 */

type Tap = Parameters<typeof startRing>[0]

/** Without state files, or with one for each proxy: then the next one needs all servers. */
const FILES = ['none', 'its own'] as const

async function start(t: Tap, file: (typeof FILES)[number] = 'none', config = PEERS as object) {
  const ring = await startRing(t, 3)
  const way = await OwnWay.to(t, ring)
  const stateFile = () => (file === 'none' ? 'none' : join(temporaryDirectory(t), 'state.json'))
  const proxy = (options: object) =>
    AnotherProxy.of(t, ring, { stateFile: stateFile(), config: { ...config, admin: { port: 0 } }, ...options })
  const owner = proxy({ sentinels: way.sentinels })
  await owner.start()
  const front = async () => {
    const next = proxy({ standby: true })
    const { started } = await next.listens()
    await reaches(next)
    let isOwner = false
    void started.then(() => (isOwner = true))
    return { next, started, hasBegun: () => isOwner }
  }
  return { ring, way, owner, front }
}

/** Those who would not hear of what another owner does. */
async function dependents(owner: AnotherProxy) {
  const [listener, waiter, cache, monitor] = await Promise.all([2, 2, 3, 2].map((p) => owner.connect(p as 2 | 3)))
  await listener.ask('SUBSCRIBE', 'c')
  await cache.ask('CLIENT', 'TRACKING', 'ON')
  await cache.ask('GET', 'k')
  await monitor.ask('MONITOR')
  waiter.send('BLPOP list 0\r\n')
  const other = await owner.connect()
  await until('it waits', async () => String(await other.ask('INFO', 'clients')).includes('blocked_clients:1'))
  // Behind what was sent for him: he is in line, and nothing is on its way to him.
  await other.ask('LLEN', 'list')
  other.close()
  return { listener, waiter, cache, monitor }
}

const asked = async (client: RawClient, ...words: string[]) => String(await client.ask(...words))

async function readyz({ proxy }: AnotherProxy): Promise<string> {
  const { host, port } = proxy.adminAddress!
  const answer = await fetch(`http://${host}:${port}/readyz`)
  return `${answer.status} ${await answer.text()}`
}

for (const file of FILES) {
  for (const how of ['refuse', 'blackhole'] as const) {
    t.test(`${how}, state file: ${file}: who depends on the owner is let go before another one begins`, async (t) => {
      const { way, owner, front } = await start(t, file)
      const { next, started, hasBegun } = await front()
      const { listener, waiter, cache, monitor } = await dependents(owner)
      const plain = await owner.connect()
      way[how]()
      const [word] = await Promise.all([waiter.rest(), listener.closed, cache.closed, monitor.closed])
      t.notOk(hasBegun(), 'before another one begins')
      t.match(
        String(word),
        /^-UNBLOCKED .* another proxy may have gone on .*; nothing has come and nothing was applied/,
      )
      t.equal(await asked(plain, 'PING'), '+PONG\r\n')
      t.match(await readyz(owner), /^503 /)

      await started
      const heard = await next.connect()
      await heard.ask('SUBSCRIBE', 'c')
      t.match(
        await asked(plain, 'PUBLISH', 'c', 'm'),
        /^-CLUSTERDOWN .*another proxy may .*; the command was not applied/,
      )
      t.match(await asked(plain, 'SUBSCRIBE', 'c'), /^-CLUSTERDOWN /)
      t.match(await asked(plain, 'BLPOP', 'list', '0'), /^-CLUSTERDOWN /)
      t.match(await asked(plain, 'CLIENT', 'TRACKING', 'ON'), /^-(CLUSTERDOWN|ERR Client tracking can)/)
      t.match(await asked(plain, 'WAIT', '5', '0'), /^-CLUSTERDOWN /)
      t.match(await asked(plain, 'EVAL', "return redis.call('publish','c','m')", '0'), /^-CLUSTERDOWN /)
      await plain.ask('MULTI')
      t.equal(await asked(plain, 'PUBLISH', 'c', 'm'), '+QUEUED\r\n')
      t.match(await asked(plain, 'EXEC'), /^-CLUSTERDOWN /)
      t.equal(await asked(plain, 'EXEC'), '-ERR EXEC without MULTI\r\n', 'it is over')
      t.equal(await asked(await next.connect(), 'PUBLISH', 'c', 'of the new owner'), ':1\r\n')
      t.match(String(await heard.reply()), /of the new owner/)

      way.heal()
      t.match((await owner.proxy.ended).message, /another proxy has taken over/)
    })
  }
}

t.test(
  'its servers are back before anybody can have gone on: nobody is let go, what was published waits for that',
  async (t) => {
    const { way, owner } = await start(t, 'none', { ...PEERS, backend: { reconnectMinMs: 20, reconnectMaxMs: 20 } })
    const { listener, waiter } = await dependents(owner)
    const other = await owner.connect()
    way.refuse()
    await sleep(120)
    const published = asked(other, 'PUBLISH', 'c', 'm')
    await sleep(120)
    way.heal()
    t.equal(await published, ':1\r\n')
    t.match(String(await listener.reply()), /message\r\n.*\r\nc\r\n.*\r\nm/)
    await until('it is written', async () => (await asked(other, 'RPUSH', 'list', 'x')) === ':1\r\n')
    t.match(String(await waiter.reply()), /list\r\n.*\r\nx/)
  },
)

t.test('nobody has gone on: when its servers are back it serves all again', async (t) => {
  const { way, owner } = await start(t)
  const { listener } = await dependents(owner)
  way.refuse()
  await listener.closed
  way.heal()
  const again = await owner.connect()
  await until('it is sure again', async () => (await asked(again, 'SUBSCRIBE', 'c')).includes('subscribe'))
  t.equal(await asked(await owner.connect(), 'PUBLISH', 'c', 'm'), ':1\r\n')
  t.match(await readyz(owner), /^200/)
})

for (const file of FILES) {
  t.test(
    `state file: ${file}: a proxy that knows of no others keeps who listens and waits, as no message passes it`,
    async (t) => {
      const { way, owner } = await start(t, file, {})
      const { listener, waiter } = await dependents(owner)
      const other = await owner.connect()
      way.refuse()
      await sleep(1500)
      t.equal(await asked(other, 'PUBLISH', 'c', 'meanwhile'), ':1\r\n')
      t.match(String(await listener.reply()), /meanwhile/)
      await sleep(3500)
      way.heal()
      await until('it is written', async () => (await asked(other, 'RPUSH', 'list', 'x')) === ':1\r\n')
      t.match(String(await waiter.reply()), /list\r\n.*\r\nx/)
      t.equal(await asked(other, 'PUBLISH', 'c', 'later'), ':1\r\n')
      t.match(String(await listener.reply()), /later/)
    },
  )
}
