import fc from 'fast-check'
import t from 'tap'
import { Pair } from './pair.js'
import { chosenCommand, randomCommand, severalKeysCommand } from './random-commands.js'

/** Another one may be given to look further: DT_TEST_SEED=7. A failure is printed with its seed and its shortest sequence. */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)

const pair = await Pair.start(t)
/** No key has a copy, so that values have to go from server to server. */
const apart = await Pair.start(t, { replicas: 0 })

t.test('random sequences of commands are answered as Redis does, and leave the same data', async (t) => {
  let commands = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(randomCommand, { minLength: 1, maxLength: 150, size: 'max' }),
      fc.constantFrom<2 | 3>(2, 3),
      fc.boolean(),
      async (sequence, proto, pipelined) => {
        await pair.agrees(sequence, proto, pipelined)
        commands += sequence.length
      },
    ),
    { seed: SEED, numRuns: 100, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true },
  )
  t.ok(commands > 3000, `${commands} commands`)
})

t.test(
  'whatever several clients write at once, the replicas of every key are equal and nobody else has it',
  async (t) => {
    const sequence = fc.array(fc.oneof({ weight: 4, arbitrary: randomCommand }, chosenCommand), {
      minLength: 1,
      maxLength: 100,
      size: 'max',
    })
    let commands = 0
    await fc.assert(
      fc.asyncProperty(fc.array(sequence, { minLength: 4, maxLength: 4 }), async (sequences) => {
        await pair.staysEqual(sequences, /^-(CLUSTERDOWN|ERR (internal|the outcome))/)
        commands += sequences.flat().length
      }),
      { seed: SEED, numRuns: 50, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true },
    )
    t.ok(commands > 5000, `${commands} commands`)
  },
)

t.test('random sequences of commands on several keys, none of which are on the same server', async (t) => {
  let commands = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 1, arbitrary: randomCommand }, { weight: 4, arbitrary: severalKeysCommand }), {
        minLength: 1,
        maxLength: 100,
        size: 'max',
      }),
      fc.constantFrom<2 | 3>(2, 3),
      fc.boolean(),
      async (sequence, proto, pipelined) => {
        await apart.agrees(sequence, proto, pipelined)
        commands += sequence.length
      },
    ),
    { seed: SEED, numRuns: 60, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true },
  )
  t.ok(commands > 1500, `${commands} commands`)
})
