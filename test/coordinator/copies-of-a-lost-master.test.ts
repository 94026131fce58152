import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import type { Teardown } from '../helpers/proxy.js'
import { type LinkInMemory, RingInMemory } from '../helpers/ring-in-memory.js'
import { turnEnds } from '../helpers/turn-ends.js'

/*
 * A master has lost its data without a trace: emptied by hand, or the disk of yesterday. What it is asked to give the others must
 * not take the place of what these have, as long as the three of them can tell who is alone.
 */

const XCLAIM = 'XCLAIM k group me 0 1-1'
const NOTHING_CLAIMED = '*0'
/** What a look is answered where the key is a string, and where there is none. */
const THERE = [':-1', '-WRONGTYPE Operation against a key']
const NOT_THERE = [':-2', ':0']
const DUMPED = '$3\r\nold'

function begin(t: Teardown) {
  const ring = new RingInMemory(t)
  const outvoted: string[] = []
  ring.order.onOutvoted = (name) => outvoted.push(name)
  const [master, one, other] = ring.replicas
  return { ring, outvoted, master, one, other, client: ring.client() }
}

/** What changes the key on a server. */
function changesOn(link: LinkInMemory): string[] {
  return link.asked.filter((command) => /^(RESTORE|UNLINK)/.test(command))
}

t.test(
  'a copy waits for the answers to what was sent before, and is withdrawn when its source is outvoted',
  async (t) => {
    const { ring, outvoted, master, one, other, client } = begin(t)
    client.send('INCR k')
    client.send(XCLAIM)
    master.answers(':1', ...NOT_THERE, NOTHING_CLAIMED, ':-1', DUMPED)
    t.same([changesOn(one), changesOn(other)], [[], []], 'the others have not said yet what they have')
    one.answers(':6', ...THERE)
    other.answers(':6', ...THERE)
    t.same(outvoted, [master.name])
    t.same([changesOn(one), changesOn(other)], [[], []])
    await turnEnds()
    t.same(client.heard.length, 1)
    t.match(client.heard[0], /^XCLAIM .*: -ERR the outcome of this write is unknown/)
    // Before he had answered either of the two others could be the one that was wrong.
    other.answers(':-1', DUMPED, ':-1', DUMPED)
    for (const link of [master, one]) {
      t.same(link.asked, ['RESTORE k 0 old REPLACE ABSTTL'])
      link.answers('+OK')
    }
    t.equal(client.heard[1], 'INCR k: :6')
    t.notOk(ring.order.doubts.any)
  },
)

t.test('so it is while one of the two has not answered', async (t) => {
  const { ring, outvoted, master, one, other, client } = begin(t)
  client.send('INCR k')
  client.send(XCLAIM)
  master.answers(':1', ...NOT_THERE, NOTHING_CLAIMED, ':-1', DUMPED)
  one.answers(':6', ...THERE)
  await turnEnds()
  t.notOk(ring.order.doubts.isInDoubt(other as unknown as Link, '0:k'), 'he decides')
  other.answers(':6', ...THERE)
  t.same(outvoted, [master.name])
  t.same([changesOn(one), changesOn(other)], [[], []])
})

t.test('without any write before, the look tells that the master has lost the key', async (t) => {
  const { outvoted, master, one, other, client } = begin(t)
  client.send(XCLAIM)
  t.same(one.asked, ['PEXPIRETIME k', 'XLEN k'])
  master.answers(...NOT_THERE, '-NOGROUP No such key', ':-2', '_')
  one.answers(...THERE)
  other.answers(...THERE)
  t.same(outvoted, [master.name])
  t.same([changesOn(one), changesOn(other)], [[], []])
  await turnEnds()
  t.same(one.asked, ['PEXPIRETIME k', 'DUMP k'], 'it gets it back')
})

t.test('or some entries of a stream', async (t) => {
  const { outvoted, master, one, other, client } = begin(t)
  client.send(XCLAIM)
  master.answers(':-1', ':17', NOTHING_CLAIMED, ':-1', DUMPED)
  for (const link of [one, other]) link.answers(':-1', ':19')
  t.same(outvoted, [master.name])
  t.same([changesOn(one), changesOn(other)], [[], []])
})

t.test('where they have the same the others get the copy', async (t) => {
  const { master, one, other, client } = begin(t)
  client.send(XCLAIM)
  client.send('APPEND k z')
  master.answers(...THERE, NOTHING_CLAIMED, ':-1', DUMPED, ':4')
  one.answers(...THERE)
  t.same(one.asked, [], 'not before both have said what they have')
  other.answers(...THERE)
  for (const link of [one, other]) t.same(link.asked, ['RESTORE k 0 old REPLACE ABSTTL', 'APPEND k z'])
})

t.test('what explains a difference is no vote', async (t) => {
  const soon = `:${Date.now() + 1000}`
  for (const [what, mine, theirs] of [
    ['two who lack a key may have been emptied', THERE, NOT_THERE],
    ['the deadline is near', NOT_THERE, [soon, ':3']],
    ['somebody could not say it', NOT_THERE, [':-1', '-LOADING Redis is loading']],
  ] as const) {
    const { outvoted, master, one, other, client } = begin(t)
    client.send(XCLAIM)
    master.answers(...mine, NOTHING_CLAIMED, ':-1', DUMPED)
    one.answers(...theirs)
    other.answers(...theirs)
    t.same(outvoted, [], what)
    t.same([changesOn(one).length, changesOn(other).length], [1, 1], what)
  }
})

t.test('a command that the master refuses changes nothing anywhere', async (t) => {
  const { ring, master, one, other, client } = begin(t)
  client.send(XCLAIM)
  master.answers(...THERE, '-NOGROUP No such consumer group', ':-1', DUMPED)
  one.answers(...THERE)
  other.answers(...THERE)
  t.same([one.asked, other.asked], [[], []])
  t.same(client.heard, [`${XCLAIM}: -NOGROUP No such consumer group`])
  t.notOk(ring.order.doubts.any)
})

t.test('what a replica of somebody else has is copied to nobody', async (t) => {
  const { master, one, other, client } = begin(t)
  Object.assign(master, { reset: () => {} })
  client.send(XCLAIM)
  master.answers(...THERE, "-READONLY You can't write against a read only replica.", ':-1', '$7\r\nforeign')
  one.answers(...THERE)
  other.answers(...THERE)
  t.same([one.asked, other.asked], [[], []])
  t.match(client.heard[0], /outcome of this write is unknown/)
})

t.test('when all are in doubt it is not the word of the one that counts that has lost something', async (t) => {
  const { ring, master, one, other, client } = begin(t)
  client.send('INCR k')
  client.send('INCR k')
  master.answers(':1', ':2')
  one.answers(':6')
  other.answers(':6')
  // With the second one under way.
  ring.breaks(one)
  ring.breaks(other)
  await turnEnds()
  for (const link of [one, other]) ring.returns(link)
  await turnEnds()
  await turnEnds()
  t.same([master.asked, one.asked, other.asked], [[], [], ['PEXPIRETIME k', 'DUMP k', 'PEXPIRETIME k', 'DUMP k']])
})

t.test('a master whose choice two others refuse, who say the same, has lost something', async (t) => {
  const { ring, outvoted, master, one, other, client } = begin(t)
  client.send('XADD k * f v')
  master.answers('$3\r\n5-1')
  t.same(one.asked, ['XADD k 5-1 f v'])
  const tooSmall = '-ERR The ID specified in XADD is equal or smaller than the target stream top item'
  one.answers(tooSmall)
  other.answers(tooSmall)
  t.same(outvoted, [master.name])
  t.match(client.heard, [/outcome of this write is unknown/], 'nobody has the entry in the end')
  await turnEnds()
  t.same(one.asked, ['PEXPIRETIME k', 'DUMP k'])
  t.ok(ring.order.doubts.isInDoubt(master as unknown as Link, '0:k'))
  t.same([changesOn(one), changesOn(other)], [[], []])
})

t.test('nor what a master gives that has not taken what the one before it has given', async (t) => {
  const { ring, master: leaving, one: master, other, client } = begin(t)
  client.send(XCLAIM)
  leaving.answers(...NOT_THERE, '*1\r\n$3\r\n1-1', ':-1', DUMPED)
  for (const link of [master, other]) link.answers(...NOT_THERE)
  for (const link of [master, other]) t.same(link.asked, ['RESTORE k 0 old REPLACE ABSTTL'])
  ring.becomes(master.name, other.name)
  ring.isNoted()
  client.send(XCLAIM)
  t.equal(master.asked[1], XCLAIM)
  master.answers('-MISCONF its disk is full', NOTHING_CLAIMED, ':-1', '$3\r\nnew')
  other.answers('+OK')
  t.same(changesOn(other), [], 'he alone has what was claimed first')
  await turnEnds()
  t.equal(client.heard.length, 1)
  t.match(client.heard[0], /^XCLAIM .*: -ERR the outcome of this write is unknown/)
  other.answers(':-1', DUMPED)
  master.answers('+OK')
  t.match(client.heard[1], /^XCLAIM .*1-1$/s)
  t.notOk(ring.order.doubts.any)
})

t.test(
  'of a transaction whose keys are copied all come, or none when the master is lost before all are here',
  async (t) => {
    const begun = () => {
      const story = begin(t)
      const { client, master, one, other } = story
      client.exec('HSET {k}h f v', XCLAIM)
      for (const link of [one, other]) link.answers(...NOT_THERE, ...NOT_THERE)
      master.answers(...NOT_THERE, ...NOT_THERE, '+OK', ':1', '*1', '*2', ':-1', '$1\r\nh')
      t.same([changesOn(one), changesOn(other)], [[], []], 'the one that is here waits for the other one')
      return story
    }
    const { master, one, other } = begun()
    master.answers(':-1', '$1\r\nk')
    for (const link of [one, other]) {
      t.same(changesOn(link), ['RESTORE {k}h 0 h REPLACE ABSTTL', 'RESTORE k 0 k REPLACE ABSTTL'])
    }
    const lost = begun()
    lost.ring.breaks(lost.master)
    t.same([changesOn(lost.one), changesOn(lost.other)], [[], []])
  },
)

t.test('a hash is not lost whose fields have all expired, where another one has not removed them yet', async (t) => {
  for (const [deadline, isLost] of [
    [String(Date.now() + 10), false],
    ['-1', true],
  ]) {
    const { ring, outvoted, master, one, other, client } = begin(t)
    for (const link of ring.replicas) Object.assign(link, { info: { kind: { product: 'Redis', version: '8.6.3' } } })
    client.send(XCLAIM)
    master.answers(...NOT_THERE, NOTHING_CLAIMED, ':-1', DUMPED)
    for (const link of [one, other]) link.answers(...THERE)
    for (const link of [one, other]) {
      t.same(link.asked, ['HLEN k', 'HSCAN k 0 COUNT 100 NOVALUES'])
      link.answers(':1', '*2\r\n$1\r\n0\r\n*1\r\n$1\r\nf')
    }
    await turnEnds()
    for (const link of [one, other]) {
      t.same(link.asked, ['HPEXPIRETIME k FIELDS 1 f'])
      link.answers(`*1\r\n:${deadline}`)
    }
    await turnEnds()
    t.same(outvoted, isLost ? [master.name] : [])
    t.same(one.asked, isLost ? ['PEXPIRETIME k', 'DUMP k'] : ['RESTORE k 0 old REPLACE ABSTTL'])
  }
})
