import t from 'tap'
import { RingInMemory } from '../../helpers/ring-in-memory.js'
import { turnEnds } from '../../helpers/turn-ends.js'

const POPPED = '*2\r\n$1\r\nk\r\n*1\r\n$1\r\nx'
const ELEMENT = '*2\r\n$1\r\nk\r\n$1\r\nx'

t.test(
  'keys that nobody writes to stay readable, whoever waits for them, when servers end one after the other',
  async (t) => {
    const ring = new RingInMemory(t)
    const [master, backup, last] = ring.replicas
    const waiters = [ring.client(), ring.client(), ring.client()]
    for (const each of waiters) each.send('BLPOP k 0')
    for (const link of ring.replicas) link.answers('_', '_', '_')
    ring.breaks(master)
    ring.becomes(backup.name, last.name)
    ring.isNoted()
    await turnEnds()
    t.same([backup.asked, last.asked], [['LLEN k'], []], 'it is asked once what lies there')
    ring.breaks(backup)
    ring.becomes(last.name)
    ring.isNoted()
    await turnEnds()
    t.same(last.asked, ['LLEN k'], 'and asked elsewhere when that one ends')
    const reader = ring.client()
    reader.send('LRANGE k 0 -1')
    last.answers(':0')
    await turnEnds()
    t.same(last.asked, ['LRANGE k 0 -1'])
    last.answers('*0')
    await turnEnds()
    t.same([last.asked, reader.heard], [[], ['LRANGE k 0 -1: *0']])
    t.same(
      waiters.map(({ heard }) => heard),
      [[], [], []],
    )
  },
)

for (const { kind, waits, asked, pops, gives, got } of [
  { kind: 'a list', waits: 'BLPOP k 0', asked: 'LLEN k', pops: 'LMPOP 1 k LEFT', gives: POPPED, got: ELEMENT },
  {
    kind: 'a list whose element is moved',
    waits: 'BLMOVE k {k}j LEFT RIGHT 0',
    asked: 'LLEN k',
    pops: 'LMOVE k {k}j LEFT RIGHT',
    gives: '$1\r\nx',
    got: '$1\r\nx',
  },
  {
    kind: 'a sorted set',
    waits: 'BZPOPMAX k 0',
    asked: 'ZCARD k',
    pops: 'ZMPOP 1 k MAX',
    gives: '*2\r\n$1\r\nk\r\n*1\r\n*2\r\n$1\r\nx\r\n,1',
    got: '*3\r\n$1\r\nk\r\n$1\r\nx\r\n,1',
  },
]) {
  t.test(`what lies in ${kind} after a failover is for who waited first, and nobody comes between`, async (t) => {
    const ring = new RingInMemory(t)
    const [master, backup, last] = ring.replicas
    const [first, second, other] = [ring.client(), ring.client(), ring.client()]
    for (const each of [first, second]) each.send(waits)
    for (const link of ring.replicas) link.answers('_', '_')
    ring.becomes(backup.name, last.name)
    ring.isNoted()
    other.send('DEL k')
    t.same([master.asked, backup.asked, last.asked], [[], [asked], []], 'who would change it waits')
    backup.answers(':1')
    await turnEnds()
    t.same([backup.asked, last.asked], [[pops], [pops]])
    for (const link of [backup, last]) link.answers(gives)
    await turnEnds()
    t.same([first.heard, second.heard], [[`${waits}: ${got}`], []])
  })
}

t.test('what is of another type than those who wait want is nothing', async (t) => {
  const ring = new RingInMemory(t, ['dt-1', 'dt-2'], 0)
  const waiter = ring.client()
  waiter.send('BLPOP k 0')
  const [master] = ring.replicas
  master.answers('_')
  ring.becomes('dt-1', 'dt-2')
  await turnEnds()
  master.answers('-WRONGTYPE Operation against a key holding the wrong kind of value')
  await turnEnds()
  t.same([master.asked, waiter.heard], [[], []])
})

/** What a server says of a stream whose last id is 5-1, and of its group. */
const STREAM = '%1\r\n$17\r\nlast-generated-id\r\n$3\r\n5-1'
const groups = (id: string) => `*1\r\n%2\r\n$4\r\nname\r\n$1\r\ng\r\n$17\r\nlast-delivered-id\r\n$${id.length}\r\n${id}`

t.test('of a stream it is asked what its group has not been given, and whether it is still there', async (t) => {
  const ring = new RingInMemory(t, ['dt-1', 'dt-2'], 0)
  const [master] = ring.replicas
  const waiter = ring.client()
  waiter.send('XREADGROUP GROUP g me BLOCK 0 STREAMS k >')
  master.answers('_')
  const changed = async (...replies: readonly string[]) => {
    ring.becomes('dt-1', 'dt-2')
    await turnEnds()
    t.same(master.asked, ['XINFO STREAM k', 'XINFO GROUPS k'])
    master.answers(...replies)
    await turnEnds()
    const then = [...master.asked]
    while (master.asked.length > 0) master.answers('_')
    await turnEnds()
    return then
  }
  const reads = ['XREADGROUP GROUP g me STREAMS k >']
  t.same(await changed(STREAM, groups('5-1')), [])
  t.same(await changed(STREAM, groups('6-0')), [])
  t.same(await changed(STREAM, groups('5-0')), reads)
  t.same(await changed(STREAM, groups('4-99')), reads)
  t.same(await changed(STREAM, '*0'), reads, 'who has no group any more is told by the server')
  t.same(await changed('-ERR no such key', '-ERR no such key'), reads)
  t.same(waiter.heard, [])
})

t.test('where nobody could be asked it is asked again when somebody can be', async (t) => {
  const ring = new RingInMemory(t, ['dt-1'], 0)
  const [master] = ring.replicas
  const waiter = ring.client()
  waiter.send('BLPOP k 0')
  master.answers('_')
  ring.becomes('dt-1')
  ring.breaks(master)
  await turnEnds()
  t.same(master.asked, [])
  ring.returns(master)
  await turnEnds()
  t.same(master.asked, ['LLEN k'])
  master.answers(':1')
  await turnEnds()
  master.answers(POPPED)
  await turnEnds()
  t.same(waiter.heard, [`BLPOP k 0: ${ELEMENT}`])
})

t.test('who stops waiting while it is asked is told so at once, and what lies there stays', async (t) => {
  const ring = new RingInMemory(t, ['dt-1'], 0)
  const [master] = ring.replicas
  const [waiter, other] = [ring.client(), ring.client()]
  waiter.send('BLPOP k 0.01')
  master.answers('_')
  ring.becomes('dt-1')
  await new Promise((resolve) => setTimeout(resolve, 60))
  t.same([master.asked, waiter.heard], [['LLEN k'], ['BLPOP k 0.01: _']])
  other.send('LPOP k')
  t.same(master.asked, ['LLEN k'])
  master.answers(':1')
  await turnEnds()
  t.same(master.asked, ['LPOP k'])
})

t.test(
  'when it fails inside the proxy to find out what lies there, who waits is told so, and nobody else notices',
  async (t) => {
    const ring = new RingInMemory(t, ['dt-1'], 0)
    const [master] = ring.replicas
    const failures: unknown[] = []
    const [waiter, later] = [ring.client(), ring.client()]
    waiter.fails = (failure, isWrite) => failures.push([failure.message, isWrite])
    waiter.send('XREADGROUP GROUP g me BLOCK 0 STREAMS k >')
    master.answers('_')
    ring.becomes('dt-1')
    await turnEnds()
    // It ends before its last element.
    master.answers(STREAM, '*1\r\n:x')
    await turnEnds()
    t.same(failures, [['no integer: ":x"', false]], 'nothing was taken')
    later.send('LLEN k')
    t.same(master.asked, ['LLEN k'], 'the key is free')
  },
)

/** The next question to the router fails. */
function failsOnce({ order: { router } }: RingInMemory, question: 'routeOfKey' | 'routeOf'): void {
  const asked = router[question]
  Object.assign(router, {
    [question]: () => {
      Object.assign(router, { [question]: asked })
      throw new Error('it fails')
    },
  })
}

t.test('so it is when it fails after the question was sent again', async (t) => {
  const ring = new RingInMemory(t, ['dt-1', 'dt-2'], 1)
  const [master, backup] = ring.replicas
  const failures: unknown[] = []
  const waiter = ring.client()
  waiter.fails = (failure, isWrite) => failures.push([failure.message, isWrite])
  waiter.send('BLPOP k 0')
  for (const link of [master, backup]) link.answers('_')
  ring.becomes('dt-1', 'dt-2')
  ring.isNoted()
  await turnEnds()
  t.same(master.asked, ['LLEN k'])
  failsOnce(ring, 'routeOfKey')
  ring.breaks(master)
  await turnEnds()
  t.same(failures, [['it fails', false]])
  t.same(backup.asked, [])
})

t.test('when it fails to send for the first in line, what lies there is for the next one', async (t) => {
  const ring = new RingInMemory(t, ['dt-1'], 0)
  const [master] = ring.replicas
  const failures: unknown[] = []
  const [first, second, writer] = [ring.client(), ring.client(), ring.client()]
  first.fails = (failure, isWrite) => failures.push([failure.message, isWrite])
  for (const each of [first, second]) each.send('BLPOP k 0')
  master.answers('_', '_')
  failsOnce(ring, 'routeOf')
  writer.send('RPUSH k x')
  await turnEnds()
  t.same(failures, [['it fails', true]], 'some servers may have been sent it')
  t.equal(master.resets, 1)
  t.same(master.asked, ['RPUSH k x', 'LLEN k'])
  master.answers(':1', ':1')
  await turnEnds()
  t.same(master.asked, ['LMPOP 1 k LEFT'])
  master.answers(POPPED)
  t.same(second.heard, [`BLPOP k 0: ${ELEMENT}`])
})

t.test('who only reads is told that nothing was applied when it fails to send for him', async (t) => {
  const ring = new RingInMemory(t, ['dt-1'], 0)
  const [master] = ring.replicas
  const failures: unknown[] = []
  const [reader, writer] = [ring.client(), ring.client()]
  reader.fails = (failure, isWrite) => failures.push([failure.message, isWrite])
  reader.send('XREAD BLOCK 0 STREAMS k 0')
  master.answers('_')
  failsOnce(ring, 'routeOf')
  writer.send('XADD k 1-1 f v')
  await turnEnds()
  t.same(failures, [['it fails', false]])
})

t.test('when it fails to find out why there is nothing, only who is told of that notices', async (t) => {
  const ring = new RingInMemory(t, ['dt-1'], 0)
  const [master] = ring.replicas
  const failures: unknown[] = []
  const [waiter, writer] = [ring.client(), ring.client()]
  waiter.fails = (failure, isWrite) => failures.push([failure.message, isWrite])
  waiter.send('BLMOVE k {k}j LEFT LEFT 0')
  master.answers('_')
  writer.send('RPUSH k x')
  master.answers(':1')
  failsOnce(ring, 'routeOfKey')
  master.answers('-WRONGTYPE Operation against a key holding the wrong kind of value')
  await turnEnds()
  t.same(failures, [['it fails', false]])
  writer.send('LLEN k')
  t.same(master.asked, ['LLEN k'], 'the key is free')
})
