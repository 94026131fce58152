import t from 'tap'
import { frameOf } from '../../../src/resp/frame.js'
import { type Guess, Shapes } from '../../../src/serving/script/shapes.js'

/** A call with these keys and arguments. */
function call(keys: readonly string[], args: readonly string[] = []) {
  return { frame: frameOf(['EVALSHA', 'f'.repeat(40), String(keys.length), ...keys, ...args]), numkeys: keys.length }
}

type Call = ReturnType<typeof call>

const texts = (guesses: readonly Guess[]) => guesses.map(({ key }) => key.toString('latin1')).sort()
const guess = (shapes: Shapes, { frame, numkeys }: Call) => shapes.guess(frame, numkeys)
const stop = (shapes: Shapes, key: string, { frame, numkeys }: Call, guesses: Guess[] = []) =>
  shapes.note(Buffer.from(key, 'latin1'), frame, numkeys, guesses)
const touching =
  (...keys: string[]) =>
  (key: Buffer) =>
    keys.includes(key.toString('latin1'))

t.test('what stands behind a whole key', (t) => {
  const shapes = new Shapes()
  for (const job of ['a', 'b']) {
    t.same(texts(guess(shapes, call([`jobs:${job}`]))), [], 'once is not enough')
    stop(shapes, `jobs:${job}:lock`, call([`jobs:${job}`]))
  }
  t.same(texts(guess(shapes, call(['jobs:c']))), ['jobs:c:lock'])
  t.same(texts(guess(shapes, call([]))), [], 'where there is no such key')
  t.end()
})

t.test('the beginning of a key, and an argument', (t) => {
  const shapes = new Shapes()
  for (const user of ['ann', 'bob'])
    stop(shapes, `app-1:user:${user}:seen`, call(['other', 'app-1:online'], ['x', `user:${user}`]))
  t.same(texts(guess(shapes, call(['other', 'a-pp-2:online'], ['x', 'user:eve']))), ['a-pp-2:user:eve:seen'])
  t.same(texts(guess(shapes, call(['other', 'nothing'], ['x', 'user:eve']))), [], 'a key that has no such beginning')
  t.same(texts(guess(shapes, call(['other', 'app:online'], ['x']))), [], 'without that argument')
  t.end()
})

t.test('something stands between', (t) => {
  const shapes = new Shapes()
  for (const n of [1, 2]) {
    stop(shapes, `jobs:of:user ${n}:x`, call(['jobs'], ['y', `user ${n}`]))
    stop(shapes, `jobs:last:${n}`, call(['jobs'], ['y']))
  }
  t.same(texts(guess(shapes, call(['work'], ['y', 'ann']))), ['work:of:ann:x'])
  t.same(texts(guess(shapes, call(['jobs'], ['y', 'ann']))), ['jobs:last:3', 'jobs:of:ann:x'])
  t.end()
})

t.test('an argument that is some digits of a number is not that', (t) => {
  const shapes = new Shapes()
  const queue = call(['bull:mail:wait'], ['1', '610'])
  for (const n of [8609, 8610]) stop(shapes, `bull:mail:${n}:logs`, queue)
  for (const n of [10, 11]) stop(shapes, `bull:post:${n}:logs`, call(['bull:post:wait'], ['1', '610']))
  t.same(texts(guess(shapes, queue)), ['bull:mail:8611:logs'])
  t.end()
})

t.test('an argument is the beginning', (t) => {
  const shapes = new Shapes()
  for (const queue of ['bull:a:', 'bull:b:']) stop(shapes, `${queue}repeat`, call([], [queue]))
  t.same(texts(guess(shapes, call([], ['bull:c:']))), ['bull:c:repeat'])
  t.end()
})

t.test('numbers count up, and several names have the same', (t) => {
  const shapes = new Shapes()
  const queue = call(['bull:mail:wait'])
  for (const n of [7, 8]) for (const tail of ['', ':lock']) stop(shapes, `bull:mail:${n}${tail}`, queue)
  const first = guess(shapes, queue)
  const second = guess(shapes, queue)
  t.same(texts(first), ['bull:mail:9', 'bull:mail:9:lock'])
  t.same(texts(second), ['bull:mail:10', 'bull:mail:10:lock'])
  shapes.settle(first, touching('bull:mail:9'))
  shapes.settle(second, touching('bull:mail:10:lock'))
  t.same(texts(guess(shapes, queue)), ['bull:mail:11', 'bull:mail:11:lock'])
  t.same(texts(guess(shapes, call(['bull:other:wait']))), [], 'nobody knows the numbers of another queue')
  t.end()
})

t.test('a number was wrong: so are those that were given behind it', (t) => {
  const shapes = new Shapes()
  const queue = call(['bull:mail:wait'])
  for (const n of [7, 8]) for (const tail of ['', ':lock']) stop(shapes, `bull:mail:${n}${tail}`, queue)
  const [first, second, third] = [0, 1, 2].map(() => guess(shapes, queue))
  t.same(texts(second), ['bull:mail:10', 'bull:mail:10:lock'])
  const others = stop(shapes, 'bull:mail:20', queue, first)
  const shown = others.map((pair) => pair.map(String).join(' is '))
  t.same(shown, ['bull:mail:9 is bull:mail:20', 'bull:mail:9:lock is bull:mail:20:lock'])
  t.same(texts(guess(shapes, queue)), ['bull:mail:23', 'bull:mail:23:lock'], 'two are on their way')
  stop(shapes, 'bull:mail:21', queue, second)
  stop(shapes, 'bull:mail:22', queue, third)
  shapes.settle(third, touching('bull:mail:22'))
  shapes.settle(first, touching('bull:mail:20'))
  t.same(texts(guess(shapes, queue)), ['bull:mail:24', 'bull:mail:24:lock'], 'that was known already')
  t.same(
    stop(shapes, 'bull:mail:20:more', queue, first),
    [],
    'the same number behind another name is no news of the number',
  )
  t.end()
})

t.test('nobody has needed a number: who comes next gets it', (t) => {
  const shapes = new Shapes()
  const queue = call(['bull:mail:wait'])
  for (const n of [7, 8]) stop(shapes, `bull:mail:${n}`, queue)
  shapes.settle(guess(shapes, queue), touching())
  t.same(texts(guess(shapes, queue)), ['bull:mail:9'])
  t.end()
})

t.test('what is not touched any more is forgotten', (t) => {
  const shapes = new Shapes()
  for (const job of ['a', 'b']) stop(shapes, `jobs:${job}:lock`, call([`jobs:${job}`]))
  for (let i = 0; i < 8; i++) {
    const guesses = guess(shapes, call(['jobs:c']))
    t.equal(guesses.length, 1)
    shapes.settle(guesses, touching())
  }
  t.same(texts(guess(shapes, call(['jobs:c']))), [])
  t.end()
})

t.test('two that count up behind the same text, each by itself', (t) => {
  const shapes = new Shapes()
  const queue = call(['bull:mail:wait'])
  let stops = 0
  // One job is begun, and an older one forgotten, as BullMQ does.
  for (let n = 200; n < 220; n++) {
    const needed = [
      `bull:mail:${n}`,
      `bull:mail:${n}:lock`,
      ...['', ':logs', ':failed'].map((tail) => `bull:mail:${n - 100}${tail}`),
    ]
    const guesses = guess(shapes, queue)
    for (const key of needed) {
      if (texts(guesses).includes(key)) continue
      stop(shapes, key, queue, guesses)
      if (n >= 204) stops++
    }
    shapes.settle(guesses, touching(...needed))
  }
  t.equal(stops, 0)
  t.same(texts(guess(shapes, queue)), [
    'bull:mail:120',
    'bull:mail:120:failed',
    'bull:mail:120:logs',
    'bull:mail:220',
    'bull:mail:220:lock',
  ])
  t.end()
})

t.test('once a number is known, so are all names that have it', (t) => {
  const shapes = new Shapes()
  const queue = call(['bull:mail:wait'])
  for (const n of [1, 2]) for (const tail of ['', ':lock', ':logs']) stop(shapes, `bull:mail:${n}${tail}`, queue)
  const guesses = guess(shapes, queue)
  shapes.settle(guesses, touching(...texts(guesses)))
  const others = stop(shapes, 'bull:mail:500:lock', queue, guesses)
  t.same(others.map(([, key]) => key.toString()).sort(), ['bull:mail:500', 'bull:mail:500:lock', 'bull:mail:500:logs'])
  t.end()
})

const groupOf = (n: number) => Math.floor(n / 12)
const textually = (x: number, y: number) => (String(x) < String(y) ? -1 : 1)

t.test('a number jumps: one stop tells all names that have it', (t) => {
  const shapes = new Shapes()
  const queue = call(['bull:mail:wait'], ['1'])
  const tails = ['', ':logs', ':dependencies', ':processed', ':failed', ':unsuccessful', ':lock']
  let stops = 0
  // Of those that were done in the same millisecond BullMQ forgets the one first that is first as a text.
  const forgotten = Array.from({ length: 200 }, (_, i) => i + 1).sort(
    (x, y) => groupOf(x) - groupOf(y) || textually(x, y),
  )
  for (const [i, old] of forgotten.entries()) {
    const needed = [
      `bull:mail:${i + 301}`,
      `bull:mail:${i + 301}:lock`,
      ...tails.map((tail) => `bull:mail:${old}${tail}`),
    ]
    const guesses = guess(shapes, queue)
    const extra = texts(guesses)
    for (const key of needed) {
      if (extra.includes(key)) continue
      extra.push(key)
      if (i >= 20) stops++
      for (const [before, after] of stop(shapes, key, queue, guesses)) {
        if (before !== undefined) extra.splice(extra.indexOf(before.toString()), 1)
        extra.push(after.toString())
      }
    }
    shapes.settle(guesses, touching(...needed))
  }
  const jumps = forgotten.filter((old, i) => i >= 20 && old !== forgotten[i - 1] + 1).length
  t.ok(stops <= 2 * jumps, `${stops} stops at ${jumps} jumps`)
  t.end()
})

t.test('numbers that do not count up are not guessed for ever, and found again when they do', (t) => {
  const shapes = new Shapes()
  const user = call(['users:all'])
  const run = (n: number) => {
    const guesses = guess(shapes, user)
    const guessed = guesses.length
    const key = `users:${n}`
    if (!texts(guesses).includes(key)) stop(shapes, key, user, guesses)
    shapes.settle(guesses, touching(key))
    return guessed
  }
  const random = (i: number) => 1 + ((i * 7919) % 10_007)
  for (let i = 0; i < 30; i++) run(random(i))
  t.same(
    Array.from({ length: 20 }, (_, i) => run(random(100 + i))).filter((guessed) => guessed > 0),
    [],
  )
  for (let n = 20_001; n < 20_004; n++) run(n)
  t.same(texts(guess(shapes, user)), ['users:20004'])
  t.end()
})

t.test('names of no such kind, and very many', (t) => {
  const shapes = new Shapes()
  for (let i = 0; i < 2; i++) {
    stop(shapes, 'x'.repeat(600), call(['x'.repeat(599)]))
    stop(shapes, 'unlike', call(['another']))
    stop(shapes, 'jobs:12', call(['jobs:1']))
    stop(shapes, '', call(['', 'jobs']))
  }
  t.same(texts(guess(shapes, call(['jobs:1']))), ['jobs:13'], 'it is not jobs:1 and a 2')
  for (let i = 0; i < 1000; i++) for (let k = 0; k < 2; k++) stop(shapes, `a:b${i}`, call(['a:']))
  t.ok(guess(shapes, call(['a:'])).length <= 32)
  t.end()
})

t.test('a name that was seen once is no guess behind a number either, and what is forgotten has no numbers', (t) => {
  const shapes = new Shapes()
  for (const n of [1, 2, 3]) stop(shapes, `jobs:${n}`, call(['jobs:wait']))
  for (let i = 0; i < 100; i++) {
    const guesses = guess(shapes, call(['jobs:wait']))
    t.ok(
      texts(guesses).every((text) => /^jobs:\d+$/.test(text)),
      texts(guesses).join(' '),
    )
    const [number] = guesses.length === 0 ? [4 + i] : guesses.map(({ counted }) => counted!.number)
    stop(shapes, `jobs:${number}:once-${'x'.repeat(i % 50)}`, call(['jobs:wait']), guesses)
    stop(shapes, `jobs:${number}`, call(['jobs:wait']), guesses)
  }
  t.end()
})
