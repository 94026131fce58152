import t, { type Test } from 'tap'
import { type LinkInMemory, RingInMemory } from '../helpers/ring-in-memory.js'

/*
 * A transaction that only reads and has no answer from one of its servers is asked again as a whole.
 */

const later = (ms = 0) => new Promise((resolve) => setTimeout(resolve, ms))

function replyOf(command: string): string {
  return command.startsWith('GET') ? '$1\r\n1' : '+OK'
}

function answerAll(links: readonly LinkInMemory[]): void {
  for (const link of links) link.answers(...link.asked.map(replyOf))
}

/** Keys of which the first and the second of the ring's members are the masters. */
function begin(t: Test) {
  const ring = new RingInMemory(t)
  const { router } = ring.order
  const keyOf = ({ name }: LinkInMemory) => {
    for (let i = 0; ; i++) {
      const key = Buffer.from(`key:${i}`)
      if (router.routeOfKey(key, 0, key.length).natural[0].name === name) return String(key)
    }
  }
  const [one, other, third] = ring.replicas
  return { ring, one, other, third, a: keyOf(one), b: keyOf(other), client: ring.client() }
}

t.test('the link of one of its servers breaks: all of it is asked again, and answered by who is left', async (t) => {
  const { ring, one, other, third, a, b, client } = begin(t)
  client.exec(`GET ${a}`, `GET ${b}`)
  t.same(
    [one.asked, other.asked],
    [
      ['MULTI', `GET ${a}`, 'EXEC'],
      ['MULTI', `GET ${b}`, 'EXEC'],
    ],
  )
  ring.breaks(one)
  await later()
  t.equal(
    other.asked.filter((command) => command === `GET ${b}`).length,
    2,
    'also what the other one is still to answer',
  )
  answerAll([other, third])
  t.same(client.heard, ['EXEC: *2\r\n$1\r\n1\r\n$1\r\n1'])
  t.equal(ring.order.stats.readsResent, 1)
})

t.test('not when its client has sent a write behind it, which may be done already', async (t) => {
  const { ring, one, other, third, a, b, client } = begin(t)
  client.exec(`GET ${a}`, `GET ${b}`)
  client.send(`SET ${b} 2`)
  answerAll([other, third])
  ring.breaks(one)
  await later()
  t.match(client.heard, [
    /^EXEC: -ERR the read was not answered: one of its servers gave no answer, .* send the read again$/,
  ])
})

t.test('not when its server was silent, unless none of its commands can be why', async (t) => {
  for (const each of ['exec', 'execOneByOne'] as const) {
    const { ring, one, other, a, client } = begin(t)
    client[each](`GET ${a}`, `TTL ${a}`)
    ring.breaks(one, true)
    await later()
    t.same(client.heard, [])
    t.same(other.asked, ['MULTI', `GET ${a}`, `TTL ${a}`, 'EXEC'])
    const slow = begin(t)
    slow.client[each](`GET ${slow.a}`, `LRANGE ${slow.a} 0 -1`)
    slow.ring.breaks(slow.one, true)
    await later()
    t.match(slow.client.heard, [/^EXEC: -ERR the read was not answered: its server was silent, perhaps because of it/])
    t.same(slow.other.asked, [])
  }
})

t.test('a transaction of reads behind it is none', async (t) => {
  const { ring, one, other, third, a, b, client } = begin(t)
  client.exec(`GET ${a}`, `GET ${b}`)
  client.exec(`GET ${b}`)
  ring.breaks(one)
  await later()
  answerAll([other, third])
  t.same(client.heard.map((each) => each.slice(0, 8)).sort(), ['EXEC: *1', 'EXEC: *2'])
})

t.test('with a watched key it is not executed: nobody can tell any more whether that has changed', async (t) => {
  const { ring, one, a, b, client } = begin(t)
  client.watch(a)
  one.answers(...one.asked.map((command) => (command.startsWith('PEXPIRETIME') ? ':-1' : '+OK')))
  client.exec(`GET ${a}`, `GET ${b}`)
  ring.breaks(one)
  await later()
  t.match(client.heard, ['WATCH: +OK', 'EXEC: _'])
})

t.test('it waits no longer than commands do, with what it has waited before', async (t) => {
  const { ring, one, other, third, a, client } = begin(t)
  client.exec(`GET ${a}`)
  for (const link of [one, other, third]) ring.breaks(link)
  const beganMs = performance.now()
  for (const each of [600, 300]) {
    await later(each)
    ring.returns(one)
    await later(20)
    t.ok(one.asked.includes(`GET ${a}`))
    ring.breaks(one)
  }
  while (client.heard.length === 0) await later(10)
  t.match(client.heard, [/^EXEC: -CLUSTERDOWN .* the command was not applied, try again$/])
  t.ok(performance.now() - beganMs < 1500)
})
