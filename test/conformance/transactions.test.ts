import fc from 'fast-check'
import t from 'tap'
import { agrees, show } from './compare.js'
import { Pair } from './pair.js'
import { chosenCommand, randomCommand, severalKeysCommand } from './random-commands.js'
import { type Line, parseScript, run } from './script.js'
import { agreesInside, elementsIn, queued } from './transaction-helpers.js'

/** Another one may be given to look further: DT_TEST_SEED=7. A failure is printed with its seed and its shortest sequence. */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)

const pair = await Pair.start(t)
/** No key has a copy, so that values have to go from server to server. */
const apart = await Pair.start(t, { replicas: 0 })

const [MULTI, EXEC, DISCARD] = parseScript('MULTI\nEXEC\nDISCARD')

/** Random transactions on Redis and on a ring; gives how many commands these had. */
async function compare(on: Pair, line: fc.Arbitrary<Line>, numRuns: number): Promise<number> {
  /** Some commands outside, and then some between MULTI and what ends it. */
  const transaction = fc.tuple(
    fc.array(line, { maxLength: 4 }),
    fc.array(line, { maxLength: 30 }),
    fc.constantFrom(EXEC, EXEC, EXEC, EXEC, DISCARD),
  )
  let commands = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(transaction, { minLength: 1, maxLength: 12, size: 'max' }),
      fc.constantFrom<2 | 3>(2, 3),
      fc.boolean(),
      async (transactions, proto, pipelined) => {
        await on.flush()
        const startedMs = performance.now()
        const { ours, theirs, close } = await on.connect(proto)
        const faults: string[] = []
        for (const [before, inside, end] of transactions) {
          const asked = inside.map(queued)
          const lines = [...before, MULTI, ...asked, end]
          const [a, b] = await Promise.all([run(ours, lines, pipelined), run(theirs, lines, pipelined)])
          const elapsedMs = performance.now() - startedMs
          const ways = lines.map((line, i) => (i < before.length ? before[i] : line))
          for (const [i, line] of ways.slice(0, -1).entries()) {
            if (!agrees(line.way, a[i], b[i], elapsedMs)) faults.push(`${line.text}\n  ${show(a[i])}\n  ${show(b[i])}`)
          }
          const [one, other] = [a.at(-1)!, b.at(-1)!].map(elementsIn)
          if (one.length !== other.length) faults.push(`${show(a.at(-1)!)}\n  ${show(b.at(-1)!)}`)
          const differ = inside.filter((line, i) => i < one.length && !agreesInside(line, one[i], other[i], elapsedMs))
          for (const line of differ) {
            const i = inside.indexOf(line)
            faults.push(`in a transaction: ${line.text}\n  dt    ${show(one[i])}\n  redis ${show(other[i])}`)
          }
          commands += inside.length
        }
        close()
        faults.push(...(await on.dataFaults(performance.now() - startedMs)))
        if (faults.length > 0) throw new Error(faults.join('\n'))
      },
    ),
    { seed: SEED, numRuns, interruptAfterTimeLimit: 40_000, markInterruptAsFailure: true },
  )
  return commands
}

t.test('random transactions are answered as Redis does, and leave the same data', async (t) => {
  const commands = await compare(pair, randomCommand, 200)
  t.ok(commands > 3000, `${commands} commands`)
})

t.test('random transactions on keys of which none are on the same server', async (t) => {
  const line = fc.oneof({ weight: 2, arbitrary: randomCommand }, { weight: 3, arbitrary: severalKeysCommand })
  const commands = await compare(apart, line, 100)
  t.ok(commands > 2000, `${commands} commands`)
})

t.test('whatever transactions of several clients choose, the replicas of every key are equal', async (t) => {
  const line = fc.oneof({ weight: 3, arbitrary: randomCommand }, { weight: 2, arbitrary: chosenCommand })
  const sequence = fc.array(fc.tuple(fc.array(line, { maxLength: 4 }), fc.array(line, { maxLength: 12 })), {
    minLength: 1,
    maxLength: 10,
    size: 'max',
  })
  let commands = 0
  await fc.assert(
    fc.asyncProperty(fc.array(sequence, { minLength: 4, maxLength: 4 }), async (sequences) => {
      const scripts = sequences.map((all) => {
        return all.flatMap(([plain, inside]) => [...plain, MULTI, ...inside.map(queued), EXEC])
      })
      await pair.staysEqual(scripts, /^-(CLUSTERDOWN|EXECABORT|ERR (internal|the outcome))/)
      commands += scripts.flat().length
    }),
    { seed: SEED, numRuns: 40, interruptAfterTimeLimit: 40_000, markInterruptAsFailure: true },
  )
  t.ok(commands > 3000, `${commands} commands`)
})
