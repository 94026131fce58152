import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { HIDDEN_NAME } from '../../src/order/pieces/hidden-name.js'
import { argumentOf } from '../../src/resp/frame.js'
import { Random } from '../chaos/random.js'
import { PiecesStory } from './pieces-story.js'

type Write = (below: (n: number) => number) => string[]

/** How a large value of each type is made and counted, writes of elements that they name, and one that leaves their number as it is. */
const TYPES: Record<
  string,
  { count: string; left?: number; make(n: number): string[][]; writes: Write[]; steady?: Write }
> = {
  hash: {
    count: 'HLEN',
    make: (n) => [['HSET', 'k', ...Array.from({ length: n }, (_, i) => [`field ${i}`, `${i}`]).flat()]],
    writes: [
      (below) => ['HSET', 'k', `field ${below(4000)}`, `${below(99)}`, `field ${below(4000)}`, 'second'],
      (below) => ['HINCRBY', 'k', `field ${below(2000)}`, '1'],
      (below) => ['HDEL', 'k', `field ${below(2000)}`, `field ${below(2000)}`],
      (below) => ['HSETNX', 'k', `field ${below(5000)}`, 'new'],
      (below) => ['HINCRBYFLOAT', 'k', `number ${below(50)}`, '0.25'],
    ],
    steady: (below) => ['HINCRBY', 'k', `field ${below(2000)}`, '3'],
  },
  set: {
    count: 'SCARD',
    make: (n) => [['SADD', 'k', ...Array.from({ length: n }, (_, i) => `member ${i}`)]],
    writes: [
      (below) => ['SADD', 'k', `member ${below(4000)}`, `${below(100)}`],
      (below) => ['SREM', 'k', `member ${below(2000)}`],
    ],
  },
  zset: {
    count: 'ZCARD',
    make: (n) => [['ZADD', 'k', ...Array.from({ length: n }, (_, i) => [`${i}.5`, `member ${i}`]).flat()]],
    writes: [
      (below) => ['ZINCRBY', 'k', `${below(99)}.25`, `member ${below(4000)}`],
      (below) => ['ZADD', 'k', 'GT', 'CH', `${below(5000)}`, `member ${below(4000)}`, '1e300', `member ${below(4000)}`],
      (below) => ['ZADD', 'k', 'NX', '-inf', `member ${below(6000)}`],
      (below) => ['ZREM', 'k', `member ${below(2000)}`],
    ],
    steady: (below) => ['ZINCRBY', 'k', '0.5', `member ${below(2000)}`],
  },
  stream: {
    count: 'XLEN',
    make: (n) => [
      ...Array.from({ length: n }, () => ['XADD', 'k', `${++lastId}-1`, 'n', 'x'.repeat(40)]),
      ['XGROUP', 'CREATE', 'k', 'g', '0'],
      ['XGROUP', 'CREATE', 'k', 'h', `${lastId - 1000}`],
      ['XREADGROUP', 'GROUP', 'g', 'first', 'COUNT', '900', 'STREAMS', 'k', '>'],
      ['XDEL', 'k', ...Array.from({ length: 100 }, (_, i) => `${lastId - n + 11 * i}-1`)],
    ],
    writes: [
      () => ['XADD', 'k', `${(lastId += 2)}-*`, 'n', 'new'],
      () => ['XADD', 'k', `${lastId}-*`, 'n', 'new', 'm', 'more'],
      () => ['XADD', 'k', 'MAXLEN', '3000', `${lastId}-*`, 'n', 'of at most so many'],
      (below) => ['XDEL', 'k', ...Array.from({ length: 40 }, () => `${lastId - below(3500)}-1`)],
      (below) => ['XDEL', 'k', `${lastId - below(40)}`, `${lastId - below(40)}-0`, `${lastId + below(9)}-1`],
      (below) => ['XTRIM', 'k', 'MINID', `${lastId - 1800 - below(2000)}-1`],
      (below) => ['XREADGROUP', 'GROUP', 'g', `${below(3)}`, 'COUNT', `${below(30)}`, 'STREAMS', 'k', '>'],
      (below) => ['XREADGROUP', 'GROUP', 'h', `${below(3)}`, 'NOACK', 'COUNT', '20', 'STREAMS', 'k', '>'],
      (below) => ['XACK', 'k', 'g', ...Array.from({ length: 9 }, () => `${lastId - below(3500)}-1`)],
      (below) => ['XGROUP', 'CREATE', 'k', `${below(3)}`, `${lastId - below(2000)}`],
      (below) => ['XGROUP', 'SETID', 'k', 'g', `${lastId - below(3000)}`],
      (below) => ['XGROUP', 'DESTROY', 'k', `${below(3)}`],
      (below) => ['XGROUP', 'DELCONSUMER', 'k', 'g', `${below(3)}`],
    ],
    steady: () => ['XADD', 'k', 'MAXLEN', '2500', `${++lastId}-1`, 'n', 'v'],
  },
  string: {
    // Of which each byte has five.
    count: 'BITCOUNT',
    left: 5 * 400 * 1024,
    make: (n) => [
      ['SET', 'k', 's'.repeat(n * 150)],
      ['SETRANGE', 'k', `${n * 200}`, 's'.repeat(n * 50)],
    ],
    writes: [
      (below) => ['SETRANGE', 'k', `${below(900_000)}`, `${below(1000)}`],
      (below) => ['SETRANGE', 'k', `${below(900_000)}`, `${below(1000)}`],
      (below) => ['APPEND', 'k', `${below(1000)}`],
      (below) => ['APPEND', 'k', 'long'.repeat(below(5000))],
      (below) => ['SETBIT', 'k', `${below(8_000_000)}`, `${below(2)}`],
      (below) => [
        'BITFIELD',
        'k',
        'SET',
        'i33',
        `${below(8_000_000)}`,
        '-5',
        'GET',
        'u8',
        '0',
        'INCRBY',
        'u63',
        `#${below(9000)}`,
        '99',
      ],
      (below) => ['BITFIELD', 'k', 'OVERFLOW', 'FAIL', 'INCRBY', 'u2', `#${below(4_000_000)}`, '3', 'OVERFLOW', 'SAT'],
    ],
    steady: (below) => ['SETRANGE', 'k', `${below(500_000)}`, `${below(1000)} and more`],
  },
  list: {
    count: 'LLEN',
    left: 1000,
    make: (n) => [['RPUSH', 'k', ...Array.from({ length: n }, (_, i) => `element ${i}`)]],
    writes: [
      (below) => ['LPUSH', 'k', `left ${below(9999)}`, 'second'],
      (below) => ['RPUSH', 'k', ...Array.from({ length: 1 + below(100) }, (_, i) => `right ${i} ${below(9999)}`)],
      (below) => ['LPUSHX', 'k', `${below(9999)}`],
      (below) => ['RPUSHX', 'k', `${below(9999)}`],
      () => ['LPOP', 'k'],
      () => ['RPOP', 'k'],
      (below) => ['LPOP', 'k', `${below(20)}`],
      (below) => ['RPOP', 'k', `${below(110)}`],
      (below) => ['LTRIM', 'k', `${below(5)}`, `${-1 - below(5)}`],
      (below) => ['LTRIM', 'k', `${-3500 - below(100)}`, `${3000 + below(9000)}`],
      () => ['RPOPLPUSH', 'k', 'k'],
      () => ['LMOVE', 'k', 'k', 'left', 'RIGHT'],
      () => ['LMPOP', '1', 'k', 'LEFT'],
      (below) => ['LMPOP', '2', 'k', 'elsewhere', 'right', 'COUNT', `${1 + below(9)}`],
      () => ['LMOVE', 'k', 'k', 'LEFT', 'LEFT'],
      () => ['LMOVE', 'k', 'elsewhere', 'RIGHT', 'LEFT'],
    ],
    steady: (below) => (below(2) === 0 ? ['RPOPLPUSH', 'k', 'k'] : ['LMOVE', 'k', 'k', 'LEFT', 'RIGHT']),
  },
}

/** Of the streams' entries. */
let lastId = 0

/** What spoils what was built ahead. */
const EVENTS: ((story: PiecesStory, make: (n: number) => string[][]) => void)[] = [
  (story) => story.write(['UNLINK', 'k']),
  (story) => story.write(['SET', 'k', 'another type']),
  (story) => story.flush(),
  (story) => story.write(['RENAME', 'k', 'elsewhere'], ['k', 'elsewhere']),
  (story, make) => {
    for (const command of [['UNLINK', 'k'], ...make(2500)]) story.write(command, ['k'])
  },
  (story) => story.write(['XSETID', 'k', `${(lastId += 1000)}`]),
  (story) => story.write(['PEXPIREAT', 'k', String(Date.now() + 1_000_000)]),
]

for (const [type, { count, left = 400, make, writes, steady }] of Object.entries(TYPES)) {
  // Some name two.
  const keysOf = ([name, ...args]: string[]) =>
    name === 'LMOVE' || name === 'RPOPLPUSH'
      ? [...new Set(args.slice(0, 2))]
      : args[0] === '2'
        ? ['k', 'elsewhere']
        : ['k']

  t.test(`nearly all of a ${type} is there before any write waits for it`, async (t) => {
    const story = await PiecesStory.begin(t)
    const random = new Random(1, type)
    for (const command of make(4000)) story.write(command, ['k'])
    await story.quiet()
    await story.on('target', 'DEL', 'k')
    let [isOver, isPaused] = [false, false]
    const writing = (async () => {
      for (; !isOver; await story.on('source', 'PING')) {
        if (isPaused) continue
        const command = random.pick(writes)((n) => random.below(n))
        story.write(command, keysOf(command))
      }
    })()
    let missing = Number.POSITIVE_INFINITY
    const result = await story.copyAhead('k', async () => {
      isPaused = true
      const [there, here] = await Promise.all([story.on('target', count, HIDDEN_NAME), story.on('source', count, 'k')])
      isPaused = false
      missing = Number(String(here).slice(1)) - Number(String(there).slice(1))
    })
    isOver = true
    await writing
    t.ok(result === 'copied' && story.wasOfUse)
    t.ok(missing < left, `${missing} of ${count} were left`)
    await story.quiet()
    t.equal(await story.differs('k'), false)
  })

  t.test(`a ${type} that is built ahead of its copy while it is written is equal in the end`, async (t) => {
    const story = await PiecesStory.begin(t)
    let [ahead, ofUse] = [0, 0]
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed, type)
      const below = (n: number) => random.below(n)
      const write = seed % 2 === 0 && steady !== undefined ? () => steady : () => writes[below(writes.length)]
      story.flush()
      await story.quiet()
      for (const command of make(2000 + below(2000))) story.write(command, ['k'])
      await story.quiet()
      await story.on('target', 'DEL', 'k')
      const one = () => {
        const command = write()(below)
        story.write(command, keysOf(command))
      }
      const copied = story.copyAhead('k', async () => {
        for (let i = seed % 4 === 0 ? 0 : below(60); i > 0; i--) one()
      })
      let isOver = false
      copied.finally(() => (isOver = true))
      // Until it is over, and then some.
      for (let i = 0; i < 5000 && !(isOver && i > 40); i++) {
        if (seed % 3 === 0 && below(200) === 0) EVENTS[below(EVENTS.length)](story, make)
        else one()
        if (below(8) === 0) await sleep(below(2))
      }
      const result = await copied
      if (result !== undefined) ahead++
      if (seed % 3 !== 0) {
        t.equal(result, 'copied', `seed ${seed}`)
        if (story.wasOfUse) ofUse++
      }
      await story.quiet()
      t.equal(await story.differs('k'), false, `seed ${seed}`)
      await story.nothingIsLeft()
    }
    t.ok(ahead >= 40, `${ahead} were built ahead`)
    // Who builds gives up what has to wait for long, which is a matter of the clock: a busy machine may have one of these.
    t.ok(ofUse >= 36, `${ofUse} of 40 were of use`)
  })
}

t.test('a key that expires and is made again while it is built ahead is copied as it is', async (t) => {
  const story = await PiecesStory.begin(t)
  story.write(TYPES.hash.make(4000)[0])
  await story.quiet()
  await story.on('target', 'DEL', 'k')
  const copied = story.copyAhead('k')
  await sleep(3)
  // As if its deadline had passed: nobody tells.
  await story.on('source', 'UNLINK', 'k')
  story.write(TYPES.hash.make(500)[0])
  await copied
  await story.quiet()
  t.equal(await story.differs('k'), false)
  await story.nothingIsLeft()
})

t.test('a write that is refused while a list is built ahead leaves its elements at their places', async (t) => {
  const story = await PiecesStory.begin(t)
  const full = async () => {
    await story.on('source', 'CONFIG', 'SET', 'maxmemory', '1')
    // Refused, it leaves a list of the same length.
    story.write(['RPOPLPUSH', 'k', 'k'])
  }
  for (const isLate of [false, true]) {
    story.flush()
    await story.quiet()
    for (const command of TYPES.list.make(4000)) story.write(command)
    await story.quiet()
    await story.on('target', 'DEL', 'k')
    const copied = story.copyAhead('k', async () => {
      if (isLate) await full()
    })
    if (!isLate) {
      await sleep(3)
      await full()
    }
    t.equal(await copied, 'copied')
    await story.on('source', 'CONFIG', 'SET', 'maxmemory', '0')
    await story.quiet()
    t.equal(await story.differs('k'), false, isLate ? 'when nearly all is there' : 'while it is read')
    await story.nothingIsLeft()
  }
})

t.test('writes that come while the elements of a list are counted do not spoil what is built of it', async (t) => {
  const story = await PiecesStory.begin(t)
  const { source } = story.links
  const emitFrame = source.emitFrame.bind(source)
  for (const writes of [
    [['LTRIM', 'k', '1', '-3']],
    [
      ['LPUSH', 'k', 'left'],
      ['LTRIM', 'k', '0', '2999'],
      ['RPOP', 'k', '7'],
      ['LMOVE', 'k', 'k', 'RIGHT', 'LEFT'],
    ],
    [['LTRIM', 'k', '1', '0'], ['LPUSHX', 'k', 'nothing is there'], ['RPOPLPUSH', 'k', 'k'], ...TYPES.list.make(900)],
  ]) {
    story.flush()
    await story.quiet()
    for (const each of TYPES.list.make(4000)) story.write(each)
    await story.quiet()
    await story.on('target', 'DEL', 'k')
    let isCounted = false
    source.emitFrame = (frame, ...rest) => {
      emitFrame(frame, ...rest)
      if (isCounted || !argumentOf(frame, 0).equals(Buffer.from('LLEN'))) return
      isCounted = true
      queueMicrotask(() => {
        for (const write of writes) story.write(write, ['k'])
      })
    }
    const before = story.inPieces
    t.equal(await story.copyAhead('k'), 'copied')
    t.ok(isCounted && story.wasOfUse)
    t.equal(story.inPieces, before + 1, 'it is not begun anew')
    source.emitFrame = emitFrame
    await story.quiet()
    t.equal(await story.differs('k'), false)
    await story.nothingIsLeft()
  }
})

t.test('writes of which it is not known what they do to a value spoil what was built of it', async (t) => {
  const story = await PiecesStory.begin(t)
  const writes: Record<string, string[][]> = {
    list: [
      ['LSET', 'k', '5', 'other'],
      ['LINSERT', 'k', 'BEFORE', 'element 7', 'other'],
      ['LREM', 'k', '1', 'element 9'],
      ['LMOVE', 'nothing', 'k', 'LEFT', 'LEFT'],
      ['LMPOP', '2', 'k', 'nothing', 'LEFT', 'COUNT', '+3'],
      ['LTRIM', 'k', '0', '+8'],
    ],
    string: [
      ['SET', 'k', 'short'],
      ['SETRANGE', 'k', '+5', 'x'],
      ['BITFIELD', 'k', 'SET', 'u9', 'first', '1'],
    ],
    stream: [
      ['XSETID', 'k', '999999'],
      ['XDEL', 'k', 'first'],
    ],
  }
  for (const [type, commands] of Object.entries(writes)) {
    for (const command of commands) {
      story.flush()
      await story.quiet()
      for (const each of TYPES[type].make(3000)) story.write(each, ['k'])
      await story.quiet()
      await story.on('target', 'DEL', 'k')
      const copied = story.copyAhead('k', async () => story.write(command, command.slice(1, 3)))
      t.equal(await copied, 'copied', `${command}`)
      await story.quiet()
      t.equal(await story.differs('k'), false, `${command}`)
    }
  }
})

t.test('the link of either member breaks while a key is built ahead', async (t) => {
  for (const side of ['source', 'target'] as const) {
    const story = await PiecesStory.begin(t)
    story.write(TYPES.hash.make(4000)[0])
    await story.quiet()
    await story.on('target', 'DEL', 'k')
    const copied = story.copyAhead('k')
    await sleep(3)
    story.links[side].reset('a test')
    story.write(['HSET', 'k', 'field 1', 'one'])
    t.equal(await copied, undefined, 'it is given up')
    await story.quiet()
    // What was written while the source could not be reached is nobody's.
    t.equal(await story.differs('k'), false)
    await story.nothingIsLeft()
  }
})
