import t from 'tap'
import { keyId } from '../../../src/base/key-id.js'
import { type LinkInMemory, RingInMemory } from '../../helpers/ring-in-memory.js'
import { turnEnds } from '../../helpers/turn-ends.js'

t.test('nobody else gets an element that is moving, when its keys have parted meanwhile', async (t) => {
  const ring = new RingInMemory(t, ['dt-1', 'dt-2'], 0)
  const masterOf = (key: string) =>
    ring.order.router.routeOfKey(Buffer.from(key), 0, key.length).natural[0] as unknown as LinkInMemory
  const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`)
  const from = keys[0]
  const to = keys.find((key) => masterOf(key) !== masterOf(from))!
  const [source, destination] = [masterOf(from), masterOf(to)]

  ring.becomes(source.name)
  ring.isNoted()
  const [mover, writer, other] = [ring.client(), ring.client(), ring.client()]
  mover.send(`BLMOVE ${from} ${to} LEFT LEFT 0`)
  source.answers('_')
  // They are on one server no more, where one command would move the element.
  ring.becomes(source.name, destination.name)
  ring.isNoted()
  await turnEnds()
  t.same([source.asked, destination.asked], [[`LLEN ${from}`], []])
  source.answers(':0')
  await turnEnds()

  writer.send(`RPUSH ${from} x y`)
  source.answers(':2')
  await turnEnds()
  t.same([source.asked, destination.asked], [[`LINDEX ${from} 0`], [`LLEN ${to}`]])
  other.send(`LPOP ${from}`)
  source.answers('$1\r\nx')
  destination.answers(':0')
  await turnEnds()
  t.same([source.asked, destination.asked], [[], [`LPUSH ${to} x`]], 'who comes later waits')
  destination.answers(':1')
  await turnEnds()
  t.same(source.asked, [`LPOP ${from}`])
  source.answers('$1\r\nx')
  await turnEnds()
  t.same(source.asked, [`LPOP ${from}`])
  source.answers('$1\r\ny')
  t.same(mover.heard, [`BLMOVE ${from} ${to} LEFT LEFT 0: $1\r\nx`])
  t.same(other.heard, [`LPOP ${from}: $1\r\ny`])
})

t.test('whose keys are of a wrong type, and nobody can say which, tries again', async (t) => {
  const ring = new RingInMemory(t, ['dt-1'], 0)
  const [server] = ring.replicas
  const [mover, writer] = [ring.client(), ring.client()]
  mover.send('BLMOVE k j LEFT LEFT 0')
  server.answers('_')
  writer.send('RPUSH k x')
  server.answers(':1', '-WRONGTYPE Operation against a key holding the wrong kind of value')
  await turnEnds()
  t.same(server.asked, ['LLEN k'])
  ring.breaks(server)
  await turnEnds()
  ring.returns(server)
  await turnEnds()
  t.same([mover.heard, server.asked], [[], ['LLEN k']])
  server.answers(':1')
  await turnEnds()
  t.same([mover.heard, server.asked], [[], ['LMOVE k j LEFT LEFT']])
})

t.test('two who wait to move elements in a circle do not wake each other without end', async (t) => {
  const ring = new RingInMemory(t, ['dt-1'], 0)
  const [server] = ring.replicas
  const [one, other, same] = [ring.client(), ring.client(), ring.client()]
  one.send('BLMOVE a b LEFT RIGHT 0')
  other.send('BLMOVE b a LEFT RIGHT 0')
  same.send('BLMOVE c c LEFT RIGHT 0')
  for (let i = 0; i < 20 && server.asked.length > 0; i++) {
    server.answers(server.asked[0].startsWith('LLEN') ? ':0' : '_')
    await turnEnds()
  }
  t.same(server.asked, [], 'nobody is asked for anything')
  t.same([one.heard, other.heard, same.heard], [[], [], []])
})

t.test('nothing is moved to a key that somebody else has for himself', async (t) => {
  const ring = new RingInMemory(t, ['dt-1'], 0)
  const [server] = ring.replicas
  const [mover, writer] = [ring.client(), ring.client()]
  mover.send('BLMOVE a b LEFT RIGHT 0')
  server.answers('_')
  const { gates } = ring.order
  const claim = { ids: [keyId(0, Buffer.from('b'), 0, 1)], isShared: false }
  const entry = await gates.entered(claim, gates.ticket(), performance.now() + 60_000)
  writer.send('RPUSH a x')
  server.answers(':1')
  await turnEnds()
  t.same(server.asked, [])
  gates.leave(entry!)
  await turnEnds()
  server.answers('$1\r\nx', ':0')
  await turnEnds()
  t.same(server.asked, ['LMOVE a b LEFT RIGHT'], 'on one server one command does it')
  server.answers('$1\r\nx')
  await turnEnds()
  t.same(mover.heard, ['BLMOVE a b LEFT RIGHT 0: $1\r\nx'])
})

t.test(
  'an element is not taken from who has the key for himself, when the key had to be made equal first',
  async (t) => {
    const ring = new RingInMemory(t, ['dt-1', 'dt-2'], 1)
    ring.order.uncertainty.begin()
    const key = Buffer.from('k')
    const [master, backup] = ring.order.router.routeOfKey(key, 0, 1).natural as unknown as LinkInMemory[]
    const client = ring.client()
    client.send('BLPOP k 0')
    await turnEnds()
    t.same([master.asked, backup.asked], [['PEXPIRETIME k', 'DUMP k'], []])
    // Meanwhile somebody moves its element to another server: what he has seen there has to stay.
    const { gates } = ring.order
    const claim = { ids: [keyId(0, key, 0, 1)], isShared: false }
    const entry = await gates.entered(claim, gates.ticket(), performance.now() + 60_000)
    master.answers(':-1', '$4\r\ndump')
    await turnEnds()
    t.match(backup.asked, [/^RESTORE k /])
    backup.answers('+OK')
    await turnEnds()
    t.same([master.asked, backup.asked], [[], []], 'nothing is popped')
    gates.leave(entry!)
    await turnEnds()
    t.same(master.asked, ['LLEN k'])
    master.answers(':1')
    await turnEnds()
    t.same([master.asked, backup.asked], [['LMPOP 1 k LEFT'], ['LMPOP 1 k LEFT']])
    master.answers('*2\r\n$1\r\nk\r\n*1\r\n$1\r\nx')
    backup.answers('*2\r\n$1\r\nk\r\n*1\r\n$1\r\nx')
    await turnEnds()
    t.same(client.heard, ['BLPOP k 0: *2\r\n$1\r\nk\r\n$1\r\nx'])
  },
)

/** What a server says whose lists have one element. */
function replyOf(asked: string): string {
  const [name, , key] = asked.split(' ')
  if (name === 'LMPOP') return `*2\r\n$${key.length}\r\n${key}\r\n*1\r\n$1\r\nx`
  return name === 'LLEN' || name.endsWith('PUSH') ? ':1' : '$1\r\nx'
}

t.test(
  'a read that is lost while an element waits to be moved for its client is asked again before that',
  async (t) => {
    const ring = new RingInMemory(t, ['dt-1', 'dt-2'], 0)
    const masterOf = (key: string) =>
      ring.order.router.routeOfKey(Buffer.from(key), 0, key.length).natural[0] as unknown as LinkInMemory
    const source = masterOf('a')
    const read = Array.from({ length: 50 }, (_, i) => `key:${i}`).find((key) => masterOf(key) !== source)!
    const [reader, other, taker, writer] = [ring.client(true), ring.client(), ring.client(), ring.client()]
    reader.send(`LRANGE ${read} 0 -1`)
    reader.send('BLMOVE a {a}b LEFT LEFT 0')
    other.send('BLMOVE {a}c {a}d LEFT LEFT 0')
    source.answers('_', '_')
    // Somebody waits for what is moved: so it is moved step by step, one element after the other.
    taker.send('BLPOP {a}b {a}d 0')
    source.answers('_')
    await turnEnds()
    writer.send('RPUSH {a}c x')
    writer.send('RPUSH a x')
    source.answers(':1', ':1')
    await turnEnds()
    t.same(source.asked, ['LINDEX {a}c 0', 'LLEN {a}d'], 'the other one comes first')
    ring.breaks(masterOf(read))
    const goesOn = async () => {
      source.answers(...source.asked.map(replyOf))
      await turnEnds()
    }
    for (let i = 0; i < 10; i++) {
      t.same(
        source.asked.filter((each) => / a( |$)/.test(each)),
        [],
        'nothing is asked for who has a read to come',
      )
      await goesOn()
    }
    t.same([other.heard.length, taker.heard.length, reader.heard], [1, 1, []])
    ring.returns(masterOf(read))
    await turnEnds()
    t.same(masterOf(read).asked, [`LRANGE ${read} 0 -1`])
    masterOf(read).answers('*0')
    for (let i = 0; i < 10; i++) await goesOn()
    await turnEnds()
    t.same(reader.heard, [`LRANGE ${read} 0 -1: *0`, 'BLMOVE a {a}b LEFT LEFT 0: $1\r\nx'])
  },
)

t.test('nothing is moved before who waits there has what was there first, when he has only just come', async (t) => {
  const ring = new RingInMemory(t, ['dt-1'], 0)
  const [server] = ring.replicas
  const [mover, popper, writer] = [ring.client(), ring.client(), ring.client()]
  mover.send('BLMOVE a b LEFT LEFT 0')
  server.answers('_')
  await turnEnds()
  popper.send('BLPOP b 0')
  writer.send('RPUSH b z')
  writer.send('RPUSH a x')
  await turnEnds()
  t.same(server.asked, ['LMPOP 1 b LEFT', 'RPUSH b z', 'RPUSH a x'], 'he has not heard that there was nothing')
  server.answers('_')
  await turnEnds()
  t.same(server.asked, ['RPUSH b z', 'RPUSH a x', 'LMPOP 1 b LEFT', 'LINDEX a 0', 'LLEN b'])
  server.answers(':1', ':1', '*2\r\n$1\r\nb\r\n*1\r\n$1\r\nz', '$1\r\nx', ':0')
  t.same(popper.heard, ['BLPOP b 0: *2\r\n$1\r\nb\r\n$1\r\nz'])
  await turnEnds()
  t.same(server.asked, ['LMOVE a b LEFT LEFT'])
  server.answers('$1\r\nx')
  await turnEnds()
  t.same(mover.heard, ['BLMOVE a b LEFT LEFT 0: $1\r\nx'])
})
