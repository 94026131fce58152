import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { Teardown } from '../helpers/proxy.js'
import { type LinkInMemory, RingInMemory } from '../helpers/ring-in-memory.js'

/*
 * A command on keys of several servers leaves in one turn, or waits as a whole; a read of them is asked again as a whole. So
 * nobody sees a half of it [design §7 Several keys]. Each key is on all three members here, with a master of its own.
 */

interface Story {
  readonly ring: RingInMemory
  /** Keys of the first, second and third member, and these. */
  readonly keys: readonly string[]
  readonly masters: readonly LinkInMemory[]
}

function story(t: Teardown): Story {
  const ring = new RingInMemory(t)
  const masters = [...ring.replicas].sort((a, b) => (a.name < b.name ? -1 : 1))
  const keys = masters.map(({ name }) => {
    for (let i = 0; ; i++) {
      const key = `k${i}`
      if (ring.order.router.routeOfKey(Buffer.from(key), 0, key.length).natural[0].name === name) return key
    }
  })
  return { ring, keys, masters }
}

t.test('a read of which one part is lost is asked again as a whole', async (t) => {
  const { ring, keys, masters } = story(t)
  const [a, b] = keys
  const [first, second] = masters
  const reader = ring.client()
  const writer = ring.client()
  reader.send(`MGET ${a} ${b}`)
  first.answers('*1\r\n$3\r\nold')
  writer.send(`MSET ${a} new ${b} new`)
  t.same(second.asked, [`MGET ${b}`, `MSET ${a} new ${b} new`])
  ring.breaks(second)
  const [again] = first.asked.filter((text) => text.startsWith('MGET'))
  t.equal(again, undefined, 'not while the write is in doubt there')
  t.same(reader.heard, [], 'what the first one has answered does not count')
  ring.becomes('dt-1', 'dt-3')
  ring.isNoted()
  await setImmediate()
  const asked = masters.flatMap((link) => link.asked.filter((text) => text.startsWith('MGET')))
  t.same(asked.join(' ').match(/k\d+/g)?.sort(), [a, b].sort(), 'both keys')
})

t.test('not behind a write of its client, of whatever key', async (t) => {
  for (const [behind, expected] of [
    ['SET other v', /^MGET .*: -ERR the read was not answered: .* a later write of the same connection/],
    ['GET other', undefined],
  ] as const) {
    const { ring, keys, masters } = story(t)
    const client = ring.client()
    client.send(`MGET ${keys[0]} ${keys[1]}`)
    client.send(behind)
    ring.breaks(masters[1])
    if (expected === undefined) {
      t.same(client.heard, [], 'behind a read it is')
      t.ok(masters.some((link) => link.asked.filter((text) => text.startsWith('MGET')).length > 1))
    } else t.match(client.heard[0], expected)
  }
})

t.test(
  'what the lost part was for is answered once, and late answers of the other parts count for nothing',
  async (t) => {
    const { ring, keys, masters } = story(t)
    const client = ring.client()
    client.send(`EXISTS ${keys.join(' ')}`)
    ring.breaks(masters[1])
    for (const link of [masters[0], masters[2]]) link.answers(':0')
    t.same(client.heard, [])
    for (const link of [masters[0], masters[2]]) {
      while (link.outstanding > 0) link.answers(`:${link.asked[0].split(' ').length - 1}`)
    }
    t.same(client.heard, [`EXISTS ${keys.join(' ')}: :3`])
  },
)

t.test('of a write nothing leaves as long as one of its servers is not there', async (t) => {
  const { ring, keys, masters } = story(t)
  const client = ring.client()
  ring.becomes('dt-1', 'dt-2')
  ring.isNoted()
  masters[1].ready = false
  client.send(`DEL ${keys.join(' ')}`)
  client.send(`MSET ${keys.map((key) => `${key} v`).join(' ')}`)
  t.same(
    masters.flatMap(({ asked }) => asked),
    [],
  )
  ring.returns(masters[1])
  t.same(
    masters.map(({ outstanding }) => outstanding > 0),
    [true, true, false],
    'then all of it leaves',
  )
})

t.test(
  'XREADGROUP reads nothing when one of its streams has no such group, and all streams in one turn when they have',
  async (t) => {
    for (const found of [true, false]) {
      const { ring, keys, masters } = story(t)
      const [a, b] = keys
      const client = ring.client()
      const command = `XREADGROUP GROUP g c STREAMS ${a} ${b} > >`
      client.send(command)
      await setImmediate()
      t.same(
        masters.map(({ asked }) => asked),
        [[`XPENDING ${a} g - - 1`], [`XPENDING ${b} g - - 1`], []],
      )
      masters[0].answers('*0')
      masters[1].answers(found ? '*0' : '-NOGROUP none')
      await setImmediate()
      const sent = masters.map(({ asked }) => [...asked].sort())
      if (found) {
        const both = [`XREADGROUP GROUP g c STREAMS ${a} >`, `XREADGROUP GROUP g c STREAMS ${b} >`].sort()
        t.same(sent, [both, both, both])
      } else {
        const none = [`XREADGROUP GROUP g c STREAMS ${b} ${b} $ $`]
        t.same(sent, [none, none, none], 'it is asked why, which reads nothing')
      }
      for (const link of masters) {
        while (link.outstanding > 0) {
          const [text] = link.asked
          link.answers(
            text.endsWith('$') ? '-NOGROUP No such key' : text.includes(` ${a} `) ? '_' : `%1\r\n$2\r\n${b}\r\n*0`,
          )
        }
      }
      await setImmediate()
      t.same(client.heard, [`${command}: ${found ? `%1\r\n$2\r\n${b}\r\n*0` : '-NOGROUP No such key'}`])
    }
  },
)
