import fc from 'fast-check'
import t from 'tap'
import { startChanging } from './member-changes.js'
import type { Count, Unit } from './moving-programs.js'
import { randomCommand } from './random-commands.js'
import { isServed, scripts } from './random-scripts.js'
import { castFor, playThrough } from './through-changes.js'

/** As in moving-programs.long.test.ts. */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)
const RUNS = Number(process.env.DT_TEST_RUNS ?? 4)
const PLAYERS = 2
const ring = await startChanging(t, 60_000)

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
    fc.asyncProperty(...castFor(ring, program, PLAYERS), async (name, parts) => {
      counts.set(name, (counts.get(name) ?? 0) + 1)
      await playThrough(ring, name, parts, count, async (player, units, goesOn) => {
        do await player.play(units)
        while (goesOn())
        // Once more when nothing moves.
        await player.play(units)
      })
    }),
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
