import fc from 'fast-check'
import t from 'tap'
import { scriptOf, style } from '../helpers/script-programs.js'
import { Pair } from './pair.js'
import { chosenCommand, randomCommand } from './random-commands.js'
import type { Line } from './script.js'
import { compareTransactions } from './transaction-helpers.js'

/** Another one may be given to look further: DT_TEST_SEED=7. A failure is printed with its seed and its shortest sequence. */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)

const pair = await Pair.start(t)

/** Not to be had inside a script: what concerns whole databases, or other ones, and patterns of SORT. */
function isServed({ args }: Line): boolean {
  const words = args.map((arg) => arg.toString('latin1'))
  const namesPatterns = words[0] === 'SORT' && words.some((word) => word.includes('*'))
  return (
    !/^(SWAPDB|FLUSHDB|SELECT|MOVE)$/.test(words[0]) && !(words[0] === 'COPY' && words.includes('DB')) && !namesPatterns
  )
}

const hasTag = (pattern: RegExp) => (word: Buffer) => pattern.test(word.toString('latin1'))
const isKey = hasTag(/\{[ab]\}$/)

/** A script of those of the commands whose keys have this tag; of all commands where it is both. */
function evaluation(lines: readonly Line[], tag: string, how: Parameters<typeof scriptOf>[2]): Line {
  const isOther = hasTag(tag === '{a}' ? /\{b\}$/ : tag === '{b}' ? /\{a\}$/ : /^$/)
  const fit = lines.filter((line) => isServed(line) && !line.args.some((word, i) => i > 0 && isOther(word)))
  const commands = fit.map(({ args, way }) => ({ args, isTold: way === 'same' }))
  const { source, keys } = scriptOf(commands, isKey, how)
  const args = [Buffer.from('EVAL'), source, Buffer.from(String(keys.length)), ...keys, Buffer.from(tag.slice(0, 3))]
  return {
    way: 'same',
    args,
    text: `${source.toString('latin1')} ${keys.join(' ')}\n-- ${fit.map(({ text }) => text).join('\n-- ')}`,
  }
}

/** Keys with the one are on other servers than those with the other. */
const tag = fc.constantFrom('{a}', '{b}', '{a}{b}')

t.test('random scripts are answered as Redis does, and leave the same data', async (t) => {
  let commands = 0
  const script = fc
    .tuple(fc.array(randomCommand, { maxLength: 20, size: 'max' }), tag, style)
    .map((parts) => evaluation(...parts))
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
    { seed: SEED, numRuns: 75, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
  )
  t.ok(commands > 400, `${commands} scripts`)
})

t.test('whatever scripts of several clients choose at once, the replicas of every key are equal', async (t) => {
  const command = fc.oneof({ weight: 3, arbitrary: randomCommand }, { weight: 2, arbitrary: chosenCommand })
  const script = fc
    .tuple(fc.array(command, { maxLength: 12, size: 'max' }), tag, style)
    .map((parts) => evaluation(...parts))
  const sequence = fc.array(fc.oneof(script, script, command), { minLength: 1, maxLength: 30, size: 'max' })
  let commands = 0
  await fc.assert(
    fc.asyncProperty(fc.array(sequence, { minLength: 4, maxLength: 4 }), async (sequences) => {
      await pair.staysEqual(sequences, /^-(CLUSTERDOWN|NOSCRIPT|ERR (internal|the outcome))/)
      commands += sequences.flat().length
    }),
    { seed: SEED, numRuns: 40, interruptAfterTimeLimit: 40_000, markInterruptAsFailure: true },
  )
  t.ok(commands > 1000, `${commands} scripts and commands`)
})

t.test('random transactions with scripts are answered as Redis does, and leave the same data', async (t) => {
  const script = fc
    .tuple(fc.array(randomCommand, { maxLength: 6, size: 'max' }), tag, style)
    .map((parts) => evaluation(...parts))
  const commands = await compareTransactions(pair, fc.oneof(script, randomCommand), SEED, 40)
  t.ok(commands > 500, `${commands} scripts and commands`)
})
