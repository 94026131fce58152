import fc from 'fast-check'
import t from 'tap'
import { verify } from '../helpers/verify.js'
import { startChanging } from './member-changes.js'
import { type Count, Player, type Unit } from './moving-programs.js'
import { randomCommand } from './random-commands.js'
import { isServed, scripts } from './random-scripts.js'

/** As in moving-programs.test.ts. */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)
const RUNS = Number(process.env.DT_TEST_RUNS ?? 4)
const PLAYERS = 2
const { pair, operator, changes } = await startChanging(t, 60_000)

const letters = 'cdefghijklmnopq'.split('').map((letter) => `{${letter}}`)
const tags = fc.tuple(fc.constantFrom(...letters), fc.constantFrom(...letters))
/** What members keep to themselves, and in what order, differs where a value was copied. */
const command = randomCommand.filter(
  (line) => isServed(line) && !/^(OBJECT|DUMP|SCAN|KEYS|RANDOMKEY|DBSIZE)$/.test(String(line.args[0])),
)
const script = scripts(command, 8)
const program = fc
  .array(fc.oneof({ weight: 3, arbitrary: script }, command), { minLength: 1, maxLength: 12, size: 'max' })
  .map((lines) => lines.map((line): Unit => ({ line })))

t.test('random scripts are answered as by Redis while members join, leave, fail and come back', async (t) => {
  const count: Count = { commands: 0, execs: 0, watchedDone: 0, watchedNot: 0, notApplied: 0, unknown: 0 }
  const counts = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...(Object.keys(changes) as (keyof typeof changes)[])),
      fc.array(fc.tuple(program, tags, fc.constantFrom<2 | 3>(2, 3)), { minLength: PLAYERS, maxLength: PLAYERS }),
      async (name, programs) => {
        const players = await Promise.all(
          programs.map(([, own, proto], i) => Player.start(pair, i, own, proto, name !== 'moves', count)),
        )
        let isOver = false
        const change = changes[name]().finally(() => {
          isOver = true
        })
        const play = async (player: Player, i: number) => {
          do await player.play(programs[i][0])
          while (!isOver && player.faults.length === 0)
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
    {
      seed: SEED,
      numRuns: RUNS,
      endOnFailure: true,
      interruptAfterTimeLimit: 20_000 * RUNS,
      markInterruptAsFailure: true,
    },
  )
  t.comment(JSON.stringify({ ...count, ...Object.fromEntries(counts) }))
  t.ok(count.commands > 50, JSON.stringify(count))
})
