import t, { type Test } from 'tap'
import { keyId } from '../../../src/base/key-id.js'
import { rowNamed } from '../../../src/command/table.js'
import { frameOf } from '../../../src/resp/frame.js'
import { type BlockedCommand, blockedCommandOf } from '../../../src/serving/blocking/blocked-command.js'
import { type Keeper, WaitingClient } from '../../../src/serving/blocking/waiting-client.js'
import { buildView } from '../../../src/view/build-view.js'
import { slotFor } from '../../helpers/fake-slot.js'
import { type LinkInMemory, RingInMemory } from '../../helpers/ring-in-memory.js'
import { turnEnds } from '../../helpers/turn-ends.js'
import { until } from '../../helpers/until.js'

const KEYS = Array.from({ length: 50 }, (_, i) => `key:${i}`)

/** Keys of two servers, of which the first one has one more. */
function parted(t: Test) {
  const ring = new RingInMemory(t, ['dt-1', 'dt-2', 'dt-3'], 0)
  const masterOf = (key: string) =>
    ring.order.router.routeOfKey(Buffer.from(key), 0, key.length).natural[0] as unknown as LinkInMemory
  const from = 'key:0'
  const to = KEYS.find((key) => masterOf(key) !== masterOf(from))!
  return { ring, masterOf, from, to, beside: `{${from}}b`, source: masterOf(from), destination: masterOf(to) }
}

const popped = (key: string, element = 'x') => `*2\r\n$${key.length}\r\n${key}\r\n*1\r\n$1\r\n${element}`
const got = (key: string, element = 'x') => `*2\r\n$${key.length}\r\n${key}\r\n$1\r\n${element}`

/** Somebody waits to move an element to a server that is away, and it has come. */
async function withMoverPutOff(t: Test, seconds = '0') {
  const world = parted(t)
  const { ring, from, to, source, destination } = world
  const [mover, writer] = [ring.client(), ring.client()]
  const command = `BLMOVE ${from} ${to} LEFT LEFT ${seconds}`
  mover.send(command)
  await turnEnds()
  source.answers('_')
  destination.answers(':0')
  await turnEnds()
  ring.breaks(destination)
  writer.send(`RPUSH ${from} x`)
  source.answers(':1')
  await turnEnds()
  t.same([source.asked, mover.heard], [[], []])
  return { ...world, mover, command }
}

for (const kind of ['one key', 'keys of one server', 'keys of several servers'] as const) {
  t.test(`who comes with ${kind} gets nothing that somebody before has not been offered yet`, async (t) => {
    const { ring, masterOf, from, beside, source, destination, mover, command } = await withMoverPutOff(t)
    const keys = { 'one key': from, 'keys of one server': `${from} ${beside}` }
    const other = ring.client()
    const third = KEYS.find((key) => masterOf(key) !== source && masterOf(key) !== destination)!
    const waits = `BLPOP ${kind === 'keys of several servers' ? `${from} ${third}` : keys[kind]} 0`
    other.send(waits)
    await turnEnds()
    t.same(
      source.asked.filter((each) => each.includes('POP')),
      [],
      'nothing is popped',
    )
    for (let i = 0; i < 20; i++) {
      if (i === 1) ring.returns(destination)
      for (const link of [source, destination, masterOf(third)]) {
        while (link.asked.length > 0) link.answers(replyOf(link.asked[0], from))
      }
      await turnEnds()
    }
    t.same(mover.heard, [`${command}: $1\r\nx`])
    t.same(other.heard, [])
  })
}

/** What the servers say: the first list has one element until it is taken. */
function replyOf(asked: string, from: string): string {
  const [name, ...words] = asked.split(' ')
  if (name === 'LINDEX') return '$1\r\nx'
  if (name === 'LPUSH') return ':1'
  if (name === 'LPOP') return '$1\r\nx'
  return name === 'LLEN' ? (words[0] === from ? ':1' : ':0') : '_'
}

t.test('who may not have the first of his keys yet gets what lies under the second', async (t) => {
  const { ring, from, beside, source, mover } = await withMoverPutOff(t)
  const other = ring.client()
  other.send(`BLPOP ${from} ${beside} 0`)
  await turnEnds()
  t.same(source.asked, [`LLEN ${beside}`])
  source.answers(':1')
  await turnEnds()
  t.same(source.asked, [`LMPOP 1 ${beside} LEFT`])
  source.answers(popped(beside))
  await turnEnds()
  t.same([mover.heard, other.heard], [[], [`BLPOP ${from} ${beside} 0: ${got(beside)}`]])
})

t.test('when the first in line goes, what he could not have is for the next one', async (t) => {
  const { ring, from, source, mover } = await withMoverPutOff(t)
  const other = ring.client()
  other.send(`BLPOP ${from} 0`)
  await turnEnds()
  t.same(source.asked, [])
  mover.waits.at?.abandon()
  await turnEnds()
  t.same(source.asked, [`LLEN ${from}`])
  source.answers(':1')
  await turnEnds()
  t.same(source.asked, [`LMPOP 1 ${from} LEFT`])
  source.answers(popped(from))
  t.same(other.heard, [`BLPOP ${from} 0: ${got(from)}`])
})

t.test('who would move an element to a server that is away is in line all the same', async (t) => {
  const { ring, from, to, source, destination } = parted(t)
  const [mover, other, writer] = [ring.client(), ring.client(), ring.client()]
  ring.breaks(destination)
  mover.send(`BLMOVE ${from} ${to} LEFT LEFT 0`)
  await turnEnds()
  writer.send(`RPUSH ${from} x`)
  source.answers(':1')
  await turnEnds()
  other.send(`BLPOP ${from} 0`)
  await turnEnds()
  t.same(source.asked, [], 'nothing is popped')
  ring.returns(destination)
  for (let i = 0; i < 10; i++) {
    await turnEnds()
    for (const link of [source, destination]) {
      while (link.asked.length > 0) link.answers(replyOf(link.asked[0], from))
    }
  }
  t.same([mover.heard, other.heard], [[`BLMOVE ${from} ${to} LEFT LEFT 0: $1\r\nx`], []])
})

t.test('nobody behind who has a read to come is sent for before him', async (t) => {
  const { ring, from, to, source, destination } = parted(t)
  const [reader, other, writer] = [ring.client(true), ring.client(), ring.client()]
  reader.send(`LRANGE ${to} 0 -1`)
  reader.send(`BLPOP ${from} 0`)
  other.send(`BLPOP ${from} 0`)
  source.answers('_', '_')
  ring.breaks(destination)
  await turnEnds()
  source.answers(...source.asked.map(() => ':0'))
  await turnEnds()
  writer.send(`RPUSH ${from} x y`)
  t.same(source.asked, [`RPUSH ${from} x y`])
  source.answers(':2')
  await turnEnds()
  t.same(source.asked, [], 'both wait')
  ring.returns(destination)
  await turnEnds()
  destination.answers('*0')
  for (const element of ['x', 'y', undefined]) {
    for (let i = 0; i < 3 && source.asked[0]?.startsWith('LLEN'); i++) {
      source.answers(':1')
      await turnEnds()
    }
    if (element !== undefined) source.answers(popped(from, element))
    await turnEnds()
  }
  t.same(reader.heard, [`LRANGE ${to} 0 -1: *0`, `BLPOP ${from} 0: ${got(from)}`])
  t.same(other.heard, [`BLPOP ${from} 0: ${got(from, 'y')}`])
})

t.test('nobody comes between when the key of who waits has to be made equal first', async (t) => {
  const ring = new RingInMemory(t, ['dt-1', 'dt-2'], 1)
  const [master, backup] = ring.replicas
  const [one, other] = [ring.client(), ring.client()]
  one.send('BLMOVE k {k}j LEFT LEFT 0')
  for (const link of [master, backup]) link.answers('_')
  const writer = ring.client()
  ring.order.uncertainty.begin()
  ring.order.uncertainty.settle(keyId(0, Buffer.from('k'), 0, 1))
  writer.send('RPUSH k x')
  for (const link of [master, backup]) link.answers(':1')
  await turnEnds()
  t.same(master.asked, ['PEXPIRETIME {k}j', 'DUMP {k}j'], 'what it is moved to is looked after first')
  other.send('BLPOP k 0')
  await turnEnds()
  t.same([master.asked.slice(2), backup.asked], [[], []], 'nothing is popped')
  master.answers(':-2', '_')
  await turnEnds()
  backup.answers(...backup.asked.map(() => ':0'))
  await turnEnds()
  t.same(master.asked, ['LLEN k'])
  master.answers(':1')
  await turnEnds()
  t.same([master.asked, backup.asked], [['LMOVE k {k}j LEFT LEFT'], ['LMOVE k {k}j LEFT LEFT']])
  for (const link of [master, backup]) link.answers('$1\r\nx')
  await turnEnds()
  t.same([one.heard, other.heard], [['BLMOVE k {k}j LEFT LEFT 0: $1\r\nx'], []])
})

t.test('who would move an element to where nobody is any more is told so, and the next one gets it', async (t) => {
  const { ring, from, source, destination, mover, command } = await withMoverPutOff(t)
  const other = ring.client()
  other.send(`BLPOP ${from} 0`)
  const { current } = ring.views
  const members = current.members.map((each) => ({
    ...each,
    state: each.name === destination.name ? ('gone' as const) : each.state,
  }))
  ring.views.publish(buildView('dt', current.epoch + 1, 0, 4, members))
  ring.isNoted()
  // It has been tried to reach it since.
  ring.breaks(destination)
  await turnEnds()
  t.same(source.asked, [`LLEN ${from}`])
  source.answers(':1')
  await turnEnds()
  t.match(mover.heard, [new RegExp(`${command}: -CLUSTERDOWN all servers that hold this key are down`)])
  for (let i = 0; i < 3 && source.asked[0]?.startsWith('LLEN'); i++) {
    source.answers(':1')
    await turnEnds()
  }
  t.same(source.asked, [`LMPOP 1 ${from} LEFT`])
  source.answers(popped(from))
  t.same(other.heard, [`BLPOP ${from} 0: ${got(from)}`])
})

t.test(
  'who stands in line when the server that he waits for has come back already is sent for all the same',
  async (t) => {
    const { ring, from, to, source, destination } = parted(t)
    const mover = ring.client()
    const command = `BLMOVE ${from} ${to} LEFT LEFT 0`
    mover.send(command)
    await turnEnds()
    // One server is away and back while the other one has not answered yet.
    ring.breaks(source)
    await turnEnds()
    ring.returns(source)
    await turnEnds()
    destination.answers(':0')
    await turnEnds()
    t.same([mover.heard, source.asked, destination.asked], [[], [], []], 'it is in line')
    const later = ring.client()
    later.send(`BLPOP ${from} 0`)
    await until('it has come', () => {
      for (const link of [source, destination]) {
        while (link.asked.length > 0) link.answers(replyOf(link.asked[0], from))
      }
      return mover.heard.length > 0
    })
    t.same([mover.heard, later.heard], [[`${command}: $1\r\nx`], []])
  },
)

t.test('who stands in line unasked is offered nothing before it is noted that he was not asked', async (t) => {
  const row = rowNamed('blmove')!
  const frame = frameOf(['BLMOVE', 'k', 'j', 'LEFT', 'LEFT', '0'])
  const command = blockedCommandOf(row, frame, 0) as BlockedCommand
  const claims: unknown[] = []
  const keeper = { stands: (client: WaitingClient) => claims.push(client.claim) } as unknown as Keeper
  const client = new WaitingClient(
    command,
    row,
    frame.argc,
    slotFor(() => {}),
    keeper,
  )
  client.claim = undefined
  t.equal(client.waitsInLine(), true)
  t.same(claims, ['asking'])
})
