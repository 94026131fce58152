import t from 'tap'
import type { Teardown } from '../helpers/proxy.js'
import { RingInMemory } from '../helpers/ring-in-memory.js'
import { turnEnds } from '../helpers/turn-ends.js'

/** What members say while a key is repaired, and when it is read. */
function replyOf(command: string): string {
  const [name] = command.split(' ')
  if (name === 'PEXPIRETIME') return ':-1'
  return name === 'DUMP' || name === 'GET' ? '$1\r\n1' : '+OK'
}

t.test('what a backup said before it was found to differ is read again where it is certain', async (t) => {
  for (const behind of ['', 'GET other']) {
    const ring = new RingInMemory(t)
    const { replicas } = ring
    const [master, backup, last] = replicas
    const [writer, reader] = [ring.client(), ring.client()]
    writer.send('INCR k')
    // The key has expired on the master only, whose link breaks behind its answer.
    master.expirations.note('0:k', performance.now())
    master.answers(':1')
    reader.send('GET k')
    ring.breaks(master)
    if (behind !== '') reader.send(behind)
    t.same(backup.asked.slice(0, 2), ['INCR k', 'GET k'])
    backup.answers(':2', '$1\r\n2')
    if (behind !== '') {
      t.match(reader.heard, [/^GET k: -ERR the read was not answered: its server .* send the read again$/])
      continue
    }
    t.same(reader.heard, [], 'what the backup has is to be overwritten')
    last.answers(':1')
    ring.returns(master)
    while (reader.heard.length === 0) {
      await turnEnds()
      for (const link of replicas) link.answers(...link.asked.map(replyOf))
    }
    t.same(reader.heard, ['GET k: $1\r\n1'])
  }
})

t.test('a read is not asked again behind one of its client that others have answered since', (t) => {
  const ring = new RingInMemory(t)
  const [master, backup] = ring.replicas
  const reader = ring.client()
  ring.breaks(master)
  reader.send('GET k')
  ring.returns(master)
  reader.send('GET k')
  t.same([backup.asked.includes('GET k'), master.asked], [true, ['GET k']])
  master.answers('$1\r\n1')
  ring.breaks(backup)
  t.match(reader.heard, [/^GET k: \$1/, /^GET k: -ERR the read was not answered: .* send the read again$/])
  t.same(master.asked, [], 'somebody may have written meanwhile')
  t.end()
})

t.test('it is while its client has asked nobody else', (t) => {
  const pipelined = new RingInMemory(t)
  const [master, backup] = pipelined.replicas
  const reader = pipelined.client()
  for (const key of ['k', 'k']) reader.send(`GET ${key}`)
  pipelined.breaks(master)
  t.same(backup.asked, ['GET k', 'GET k'])
  // Its own connection is the one that changed.
  pipelined.returns(master)
  pipelined.breaks(backup)
  t.same(master.asked, ['GET k', 'GET k'], 'nothing was sent since the master has been back')
  t.same(reader.heard, [])
  t.end()
})

/** A read that is held on all replicas, behind which its client has written to the same {tag}. */
function heldRead(t: Teardown) {
  const ring = new RingInMemory(t)
  const nothing = { emit: () => {}, dropped: () => {}, covered: () => {}, changes: true as const }
  const [release] = ring.replicas.map((link) => ring.order.lanes.hold(link.asLink, ['0:k'], nothing))
  const reader = ring.client()
  reader.send('GET k')
  reader.send('INCR {k}l')
  const [master, backup] = ring.replicas
  return { ring, master, backup, reader, release }
}

t.test('a read that is held is not asked again behind a write of its client, which has left before it', async (t) => {
  const held = heldRead(t)
  held.ring.breaks(held.master)
  t.match(held.reader.heard, [/^GET k: -ERR the read was not answered: .* send the read again$/])

  const emitted = heldRead(t)
  emitted.release()
  t.same(emitted.master.asked, ['INCR {k}l', 'GET k'])
  emitted.ring.breaks(emitted.master)
  t.match(emitted.reader.heard, [/^GET k: -ERR the read was not answered: .* send the read again$/])

  const emptied = heldRead(t)
  emptied.ring.client().send('FLUSHALL')
  await turnEnds()
  t.match(emptied.reader.heard, [/^GET k: -ERR the read was not answered: .* send the read again$/])
  t.same(emptied.master.asked, ['INCR {k}l', 'FLUSHALL'])
})

t.test('a read that may be what silenced its server is not asked elsewhere, and one that takes no time is', (t) => {
  const STUCK =
    ': -ERR the read was not answered: its server was silent, perhaps because of it, until the connection broke; ' +
    'nobody else was asked, send the read again if it is not one that takes long'
  const asked = (read: string) => {
    const ring = new RingInMemory(t)
    const [master, backup] = ring.replicas
    const reader = ring.client()
    reader.send(read)
    reader.send('GET k')
    t.same(master.asked, [read, 'GET k'])
    ring.breaks(master, true)
    return { heard: reader.heard, elsewhere: backup.asked }
  }
  for (const quick of ['GET k', 'HGET k f', 'ZSCORE k m', 'TTL k', 'MGET k k']) {
    t.same(asked(quick), { heard: [], elsewhere: [quick, 'GET k'] })
  }
  const many = `HMGET k ${Array(1000).fill('f').join(' ')}`
  for (const slow of ['LRANGE k 0 -1', 'HGETALL k', 'SUNION k', many]) {
    t.same(asked(slow), { heard: [`${slow}${STUCK}`], elsewhere: ['GET k'] }, 'those behind it cannot be why')
  }
  t.end()
})
