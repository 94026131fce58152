import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Loss, Pace } from '../../src/migration/pace.js'
import { until } from '../helpers/until.js'

t.test('the share of time in which data moves follows from what clients lose in it', async (t) => {
  const share = (...notes: readonly ['moving' | 'pausing', commands: number, ms: number][]) => {
    const loss = new Loss()
    for (const [during, commands, ms] of notes) loss.note(during, commands, ms)
    return Math.round(loss.share * 100) / 100
  }
  t.equal(share(), 0.75, 'most of it, as long as nothing is known')
  t.equal(share(['moving', 40, 2]), 0.75)
  t.equal(share(['moving', 40, 2], ['pausing', 40, 2]), 0.75, 'most of it, if nothing is lost')
  t.equal(share(['moving', 60, 2], ['pausing', 40, 2]), 0.75)
  t.equal(share(['moving', 32, 2], ['pausing', 80, 4]), 0.5, 'half of it, if a fifth is lost')
  t.equal(share(['moving', 24, 2], ['pausing', 80, 4]), 0.25, 'a quarter, if two fifths are lost')
  t.equal(share(['moving', 0, 2], ['pausing', 80, 4]), 0.1, 'a little in any case')
})

t.test('what was measured long ago counts no more', async (t) => {
  const loss = new Loss()
  for (let i = 0; i < 100; i++) for (const during of ['moving', 'pausing'] as const) loss.note(during, 100, 1)
  for (let i = 0; i < 200; i++) loss.note('moving', 60, 1)
  t.equal(Math.round(loss.share * 100), 25)
})

/** Clients that are served this many commands at a look. */
function paceWith(t: Test, commands: { each: number }): Pace {
  let served = 0
  const pace = new Pace(() => (served += commands.each))
  pace.start()
  t.teardown(() => pace.stop())
  return pace
}

/** Work that ends when it is told. */
function work() {
  const log: string[] = []
  const ends = new Map<string, () => void>()
  const begin = (name: string) => () => {
    log.push(name)
    return new Promise<void>((resolve) => ends.set(name, resolve))
  }
  return { log, begin, end: (name: string) => ends.get(name)!() }
}

t.test('without clients everything begins at once, in large pieces', async (t) => {
  const pace = paceWith(t, { each: 0 })
  const { log, begin, end } = work()
  const all = ['a', 'b', 'c'].map((name) => pace.slice(begin(name)))
  await turn()
  t.same(log, ['a', 'b', 'c'])
  t.ok(pace.piece.keys > 200)
  for (const name of log) end(name)
  await Promise.all(all)
})

t.test(
  'beside clients one slice follows the other, in small pieces, and full speed comes back when they are gone',
  async (t) => {
    const commands = { each: 1000 }
    const pace = paceWith(t, commands)
    await until('the clients are seen', () => pace.busy)
    t.ok(pace.piece.keys < 100)
    const { log, begin, end } = work()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => pace.slice(begin(name)))
    await turn()
    t.same(log, ['a'])
    end('a')
    await a
    t.same(log, ['a'], 'there is a pause')
    await until('the next one', () => log.length > 1)
    t.same(log, ['a', 'b'])
    end('b')
    await b
    await until('the last one', () => log.length > 2)
    end('c')
    await c

    commands.each = 0
    await until('the clients are gone', () => !pace.busy)
    t.ok(pace.piece.keys > 200)
  },
)

t.test('work that fails ends its slice', async (t) => {
  const pace = paceWith(t, { each: 1000 })
  await until('the clients are seen', () => pace.busy)
  await t.rejects(
    pace.slice(() => Promise.reject(new Error('no'))),
    { message: 'no' },
  )
  t.equal(await pace.slice(async () => 1), 1)
})
