import fc from 'fast-check'
import t from 'tap'
import { verify } from '../helpers/verify.js'
import { startChanging } from './member-changes.js'
import { type Count, Player, program, withoutSwaps } from './moving-programs.js'

/**
 * Another one may be given to look further, and more runs: DT_TEST_SEED=7 DT_TEST_RUNS=100. A failure is printed with its seed and
 * the shortest program that was found for it.
 */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)
const RUNS = Number(process.env.DT_TEST_RUNS ?? 8)
const PLAYERS = 3
const { pair, operator, changes } = await startChanging(t)

const letters = 'cdefghijklmnopq'.split('').map((letter) => `{${letter}}`)
const tags = fc.tuple(fc.constantFrom(...letters), fc.constantFrom(...letters))

t.test('random programs are answered as by Redis while members join, leave, fail and come back', async (t) => {
  const count: Count = { commands: 0, execs: 0, watchedDone: 0, watchedNot: 0, notApplied: 0, unknown: 0 }
  const counts = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...(Object.keys(changes) as (keyof typeof changes)[])),
      fc.array(fc.tuple(program, tags, fc.constantFrom<2 | 3>(2, 3)), { minLength: PLAYERS, maxLength: PLAYERS }),
      async (name, programs) => {
        const mayFail = name !== 'moves'
        const players = await Promise.all(
          programs.map(([, own, proto], i) => Player.start(pair, i, own, proto, mayFail, count)),
        )
        let isOver = false
        const change = changes[name]().finally(() => {
          isOver = true
        })
        const play = async (player: Player, i: number) => {
          await player.play(programs[i][0])
          while (!isOver && player.faults.length === 0) await player.play(withoutSwaps(programs[i][0]))
          // Once more when nothing moves.
          await player.play(programs[i][0])
          await player.compare()
        }
        await Promise.all([change, ...players.map(play)])
        for (const player of players) player.close()
        const faults = players.flatMap((player) => player.faults)
        counts.set(name, (counts.get(name) ?? 0) + 1)
        if (faults.length > 0) throw new Error(`${name}: ${faults.slice(0, 10).join('\n')}`)
        const report = await verify(operator)
        if (report.differences !== 0 || report.complete !== 1) throw new Error(`${name}: ${JSON.stringify(report)}`)
      },
    ),
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: 6000 * RUNS, markInterruptAsFailure: true },
  )
  t.comment(JSON.stringify({ ...count, ...Object.fromEntries(counts) }))
  t.ok(count.commands > 1000 && count.watchedDone > 0, JSON.stringify(count))
})
