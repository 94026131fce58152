import t from 'tap'
import type { Scripts } from '../../src/serving/script/scripts.js'
import type { Teardown } from '../helpers/proxy.js'
import { type ClientInMemory, type LinkInMemory, RingInMemory } from '../helpers/ring-in-memory.js'

/*
 * A read that is lost and asked again comes before what its client has sent behind it, wherever that waits.
 */

/** All that was begun in this turn has been done. */
const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))

/** What members say to questions of the proxy, and to commands of these tests. */
function replyOf(command: string): string {
  const [name] = command.split(' ')
  if (name === 'PEXPIRETIME') return ':-1'
  if (name === 'INCR' || name === 'EXISTS' || name === 'LLEN') return ':1'
  if (name.startsWith('EVAL')) return '-ERR of the script'
  if (name === 'LRANGE') return '*0'
  if (name === 'LMPOP') return '*2\r\n$1\r\nk\r\n*1\r\n$1\r\n1'
  return name === 'DUMP' || name === 'GET' ? '$1\r\n1' : '+OK'
}

/** Everything is answered until nothing is left to do; gives all that the members were asked, in this order. */
async function rest({ replicas }: RingInMemory): Promise<string[]> {
  const asked: string[] = []
  for (let quiet = 0; quiet < 3; quiet++) {
    await turn()
    for (const link of replicas) {
      if (!link.ready || link.asked.length === 0) continue
      quiet = 0
      asked.push(...link.asked)
      link.answers(...link.asked.map(replyOf))
    }
  }
  return asked
}

interface Scene {
  readonly ring: RingInMemory
  readonly reader: ClientInMemory
  readonly master: LinkInMemory
}

/** A client has read from the master, the others cannot be reached, and what it `sent` behind that waits; then the read is lost. */
async function lostBefore(t: Teardown, read: string, sent: string): Promise<Scene> {
  const ring = new RingInMemory(t)
  const [master, ...backups] = ring.replicas
  const reader = ring.client(true)
  reader.send(read)
  for (const link of backups) ring.breaks(link)
  reader.send(sent)
  await turn()
  ring.breaks(master)
  return { ring, reader, master }
}

/** The others have left, and the master is there again: all that waits may go on. */
async function goesOn({ ring, master }: Scene): Promise<string[]> {
  ring.becomes(master.name)
  ring.isNoted()
  ring.returns(master)
  return rest(ring)
}

for (const [read, sent, asked] of [
  ['GET k', 'INCR k', 'INCR k'],
  ['LRANGE k 0 -1', 'BLPOP k 0', 'LMPOP 1 k'],
  ['GET k', 'FLUSHALL', 'FLUSHALL'],
  ['GET k', 'SET k 2 PX 60000', 'SET k 2 PXAT'],
] as const) {
  t.test(`${read} is lost when ${sent} waits for a server behind it`, async (t) => {
    const scene = await lostBefore(t, read, sent)
    const all = await goesOn(scene)
    const [first, second] = [all.indexOf(read), all.findIndex((each) => each.startsWith(asked))]
    t.ok(first >= 0 && first < second, all.join(', '))
    t.match(scene.reader.heard, [new RegExp(`^${read.replaceAll('-', '.')}: `), new RegExp(`^${sent}: `)])
  })
}

t.test('EXEC that only reads is refused when its client has sent a write behind it', async (t) => {
  const ring = new RingInMemory(t)
  const [master, ...backups] = ring.replicas
  const reader = ring.client(true)
  reader.execOneByOne('GET k')
  for (const link of backups) ring.breaks(link)
  reader.send('INCR k')
  ring.breaks(master)
  t.match(reader.heard, [/^EXEC: -ERR the read was not answered: .* send the read again$/])
})

for (const [sent, asked] of [
  ['INCR k', 'INCR k'],
  ['BLPOP k 0', 'LMPOP 1 k'],
  ['FLUSHALL', 'FLUSHALL'],
] as const) {
  t.test(`the read cannot be asked yet, because its key is in doubt, and ${sent} could go on`, async (t) => {
    const ring = new RingInMemory(t)
    const [master, ...backups] = ring.replicas
    const [reader, writer] = [ring.client(true), ring.client()]
    reader.send('GET k')
    writer.send('SET k 5')
    for (const link of backups) ring.breaks(link)
    reader.send(sent)
    await turn()
    ring.breaks(master)
    for (const link of ring.replicas) ring.returns(link)
    const all = await rest(ring)
    const [first, second] = [all.indexOf('GET k'), all.findIndex((each) => each.startsWith(asked))]
    t.ok(first >= 0 && first < second, all.join(', '))
    t.match(reader.heard, [/^GET k: /, new RegExp(`^${sent}: `)])
  })
}

t.test(
  'of two reads that are lost one after the other the first one is asked first, and then what is behind both',
  async (t) => {
    const ring = new RingInMemory(t)
    const [master, backup, last] = ring.replicas
    const reader = ring.client(true)
    ring.breaks(last)
    reader.send('GET k')
    ring.breaks(backup)
    reader.send('STRLEN k')
    reader.send('INCR k')
    ring.breaks(master)
    const all = await goesOn({ ring, reader, master })
    const order = ['GET k', 'STRLEN k', 'INCR k'].map((each) => all.indexOf(each))
    t.ok(order[0] >= 0 && order[0] < order[1] && order[1] < order[2], all.join(', '))
  },
)

t.test('the write waits at the gates of its key', async (t) => {
  const ring = new RingInMemory(t)
  const [master, ...backups] = ring.replicas
  const [reader, writer] = [ring.client(true), ring.client()]
  reader.send('GET k')
  writer.send('SET k 5')
  for (const link of backups) ring.breaks(link)
  let leave = () => {}
  const { gates } = ring.order
  // Others may read the key meanwhile.
  gates.enter(
    { ids: ['0:k'], isShared: true },
    gates.ticket(),
    performance.now() + 10_000,
    (entry) => {
      leave = () => gates.leave(entry)
    },
    () => {},
  )
  reader.send('INCR k')
  ring.breaks(master)
  for (const link of ring.replicas) ring.returns(link)
  leave()
  const all = await rest(ring)
  t.ok(all.includes('GET k') && all.indexOf('GET k') < all.indexOf('INCR k'), all.join(', '))
})

/** Who runs them has to know the links. */
function scriptsOf(ring: RingInMemory): Scripts {
  return (ring as unknown as { coordinator: { scripts: Scripts } }).coordinator.scripts
}

const SCRIPT = "EVAL return(redis.call('incr',KEYS[1])) 1 k"

for (const sent of ['INCR k', SCRIPT]) {
  t.test(`all keys are in doubt, and ${sent} waits for its own to be settled`, async (t) => {
    const ring = new RingInMemory(t)
    const [master, backup] = ring.replicas
    const reader = ring.client(true)
    for (const link of ring.replicas) scriptsOf(ring).linkUp(link.asLink)
    reader.send(SCRIPT)
    await rest(ring)
    reader.send('GET k')
    ring.order.uncertainty.begin()
    reader.send(sent)
    await turn()
    ring.breaks(backup)
    ring.breaks(master)
    for (const link of [master, backup]) ring.returns(link)
    const all = await rest(ring)
    const second = all.findIndex((each) => each.startsWith(sent === SCRIPT ? 'EVAL' : sent))
    t.ok(all.includes('GET k') && all.indexOf('GET k') < second, all.join(', '))
  })
}
