import fc from 'fast-check'
import t from 'tap'
import { commandDocs } from './command-docs.js'
import { anyCommand, whyNotHere } from './everything.js'
import { Pair } from './pair.js'

/** Another one may be given to look further: DT_TEST_SEED=7. `npm run conformance:random` looks much further. */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)

t.test('random commands of every kind, with every option, are answered as Redis does', async (t) => {
  const pairs = [await Pair.start(t), await Pair.start(t, { replicas: 0 })]
  const docs = await commandDocs(await pairs[0].open(3))
  const said = new Set<string>()
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyCommand(docs), { minLength: 1, maxLength: 120, size: 'max' }),
      fc.constantFrom(...pairs),
      fc.constantFrom<2 | 3>(2, 3),
      fc.boolean(),
      async (lines, pair, proto, pipelined) => {
        await pair.agrees(lines, proto, pipelined)
        for (const { args } of lines) said.add(args[0].toString().toLowerCase())
      },
    ),
    { seed: SEED, numRuns: 30, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true },
  )
  const names = new Set(docs.filter(({ name }) => whyNotHere(name) === undefined).map(({ name }) => name.split('|')[0]))
  t.ok(names.size > 150)
  t.ok(said.size > 0.9 * names.size, `${said.size} of ${names.size} commands were said`)
})
