import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { PiecesStory } from './pieces-story.js'

type Random = (below: number) => number

/** How a large value of each type is made, and what writes there are of it: their effect is equal on equal replicas. */
const TYPES: Record<string, { make(n: number): string[]; writes: ((random: Random) => string[])[] }> = {
  string: {
    make: () => ['SET', 'k', 'x'.repeat(90_000)],
    writes: [
      () => ['APPEND', 'k', 'more'],
      (r) => ['SETRANGE', 'k', String(r(90_000)), 'other'],
      (r) => ['SETBIT', 'k', String(r(800_000)), '1'],
    ],
  },
  list: {
    make: (n) => ['RPUSH', 'k', ...Array.from({ length: n }, (_, i) => `element ${i} ${'l'.repeat(20)}`)],
    writes: [
      (r) => ['LPUSH', 'k', `${r(1000)}`],
      (r) => ['RPUSH', 'k', `${r(1000)}`],
      () => ['LPOP', 'k', '3'],
      () => ['RPOP', 'k'],
      (r) => ['LSET', 'k', String(r(100)), 'set'],
      (r) => ['LREM', 'k', '1', `${r(1000)}`],
    ],
  },
  set: {
    make: (n) => ['SADD', 'k', ...Array.from({ length: n }, (_, i) => `member ${i}`)],
    writes: [(r) => ['SADD', 'k', `member ${r(4000)}`], (r) => ['SREM', 'k', `member ${r(2000)}`]],
  },
  hash: {
    make: (n) => ['HSET', 'k', ...Array.from({ length: n }, (_, i) => [`field ${i}`, `${i}`]).flat()],
    writes: [
      (r) => ['HSET', 'k', `field ${r(4000)}`, `${r(99)}`],
      (r) => ['HINCRBY', 'k', `field ${r(2000)}`, '1'],
      (r) => ['HDEL', 'k', `field ${r(2000)}`],
    ],
  },
  zset: {
    make: (n) => ['ZADD', 'k', ...Array.from({ length: n }, (_, i) => [`${i}.5`, `member ${i}`]).flat()],
    writes: [
      (r) => ['ZINCRBY', 'k', `${r(99)}`, `member ${r(4000)}`],
      (r) => ['ZREM', 'k', `member ${r(2000)}`],
      (r) => ['ZREMRANGEBYRANK', 'k', `${r(1000)}`, '9'],
      () => ['ZPOPMAX', 'k'],
    ],
  },
  stream: {
    make: () => ['XADD', 'k', '1-0', 'payload', 'x'.repeat(60_000)],
    writes: [
      (r) => ['XADD', 'k', `2-*`, 'n', `${r(99)}`],
      () => ['XTRIM', 'k', 'MAXLEN', '500'],
      () => ['XGROUP', 'CREATE', 'k', 'g', '0'],
      () => ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '2', 'STREAMS', 'k', '>'],
      (r) => ['XDEL', 'k', `2-${r(100)}`],
    ],
  },
}

/** What may happen to the key as a whole. */
const EVENTS: ((story: PiecesStory, make: (n: number) => string[]) => void)[] = [
  (story) => story.write(['UNLINK', 'k']),
  (story) => story.write(['SET', 'k', 'another type']),
  (story) => story.flush(),
  (story) => story.write(['RENAME', 'k', 'elsewhere'], ['k', 'elsewhere']),
  (story) => story.write(['RENAME', 'elsewhere', 'k'], ['k', 'elsewhere']),
  (story, make) => story.write(make(2500)),
  (story) => story.write(['PEXPIREAT', 'k', String(Date.now() + 1_000_000)]),
  (story) => story.write(['PERSIST', 'k']),
]

for (const [type, { make, writes }] of Object.entries(TYPES)) {
  t.test(`a ${type} that is written while it is copied in pieces is equal in the end`, async (t) => {
    const story = await PiecesStory.begin(t)
    // The seed is in the name of whatever fails.
    for (let seed = 1; seed <= 40; seed++) {
      let state = seed * 7919
      const random: Random = (below) => {
        state = (state * 1103515245 + 12345) % 2 ** 31
        return Math.floor(state / 2 ** 16) % below
      }
      story.flush()
      await story.quiet()
      story.write(make(2000 + random(2000)))
      // The target is without something.
      await story.on('target', 'DEL', 'k')
      await story.quiet()
      await story.on('target', 'SET', 'k', 'left over')
      const copied = story.copy('k')
      for (let i = random(30); i >= 0; i--) {
        if (random(12) === 0) EVENTS[random(EVENTS.length)](story, make)
        else story.write(writes[random(writes.length)](random), ['k'])
        if (random(3) === 0) await sleep(random(2))
      }
      t.same(await copied, ['copied'], `seed ${seed}`)
      await story.quiet()
      for (const key of ['k', 'elsewhere']) t.equal(await story.differs(key), false, `${key}, seed ${seed}`)
    }
    t.ok(story.inPieces > 30, `${story.inPieces} were large`)
    await story.nothingIsLeft()
  })
}
