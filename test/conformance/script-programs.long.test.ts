import fc from 'fast-check'
import t from 'tap'
import { Pair } from './pair.js'
import { chosenCommand, randomCommand } from './random-commands.js'
import { isServed, scripts } from './random-scripts.js'
import { compareTransactions } from './transaction-helpers.js'

/** Another one may be given to look further: DT_TEST_SEED=7. A failure is printed with its seed and its shortest sequence. */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)

const pair = await Pair.start(t)

t.test('random scripts are answered as Redis does, and leave the same data', async (t) => {
  let commands = 0
  const script = scripts(randomCommand, 20)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(script, script, randomCommand.filter(isServed)), { minLength: 1, maxLength: 15, size: 'max' }),
      fc.constantFrom<2 | 3>(2, 3),
      fc.boolean(),
      async (lines, proto, pipelined) => {
        await pair.agrees(lines, proto, pipelined)
        commands += lines.length
      },
    ),
    { seed: SEED, numRuns: 75, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true },
  )
  t.ok(commands > 400, `${commands} scripts`)
})

t.test('whatever scripts of several clients choose at once, the replicas of every key are equal', async (t) => {
  const command = fc.oneof({ weight: 3, arbitrary: randomCommand }, { weight: 2, arbitrary: chosenCommand })
  const script = scripts(command, 12)
  const sequence = fc.array(fc.oneof(script, script, command), { minLength: 1, maxLength: 30, size: 'max' })
  let commands = 0
  await fc.assert(
    fc.asyncProperty(fc.array(sequence, { minLength: 4, maxLength: 4 }), async (sequences) => {
      await pair.staysEqual(sequences, /^-(CLUSTERDOWN|NOSCRIPT|ERR (internal|the outcome))/)
      commands += sequences.flat().length
    }),
    { seed: SEED, numRuns: 40, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true },
  )
  t.ok(commands > 1000, `${commands} scripts and commands`)
})

t.test('random transactions with scripts are answered as Redis does, and leave the same data', async (t) => {
  const script = scripts(randomCommand, 6)
  const commands = await compareTransactions(pair, fc.oneof(script, randomCommand), SEED, 40)
  t.ok(commands > 500, `${commands} scripts and commands`)
})
