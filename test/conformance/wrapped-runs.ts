import t from 'tap'
import { ERRORS, type Run, SEED, VALUES, WRITES } from '../serving/script/wrapped-scripts.js'
import type { Pair } from './pair.js'
import type { Line } from './script.js'

/** All keys are on the same servers. */
const tagged = (key: string) => `{t}${key}`

const isKey = (word: string) => /^(s|text|mortal|l|set|z|h|x)$/.test(word)

function line(args: readonly string[]): Line {
  return { way: 'same', args: args.map((arg) => Buffer.from(arg)), text: args.join(' ') }
}

/**
 * Compares what is said to those sources that fit, and what they leave.
 *
 * @param commandsFor a source, and what stands behind its name where it is called: how many keys, these, and arguments
 */
export function compareRuns(
  pair: Pair,
  what: string,
  commandsFor: (source: string, call: readonly string[]) => readonly (readonly string[])[],
  isFit: (source: string) => boolean = () => true,
): void {
  const linesOf = ([source, keys = [], args = []]: Run) => {
    const seed = SEED.map((words) => words.map((word, i) => (i > 0 && i < 3 && isKey(word) ? tagged(word) : word)))
    return [...seed, ...commandsFor(source, [String(keys.length), ...keys.map(tagged), ...args])].map(line)
  }
  for (const [title, runs] of Object.entries({ VALUES, ERRORS, WRITES })) {
    for (const proto of [2, 3] as const) {
      t.test(
        `${what} are answered as by Redis, and leave the same data everywhere: ${title}, RESP${proto}`,
        async (t) => {
          for (const run of runs.filter(([source]) => isFit(source))) {
            await pair.flush()
            const startedMs = performance.now()
            const isChosen = /spop|'\*'|xreadgroup/i.test(run[0])
            const faults = await pair.differences(linesOf(run), proto, true)
            const data = await pair.dataFaults(performance.now() - startedMs)
            faults.push(...data.filter((fault) => !isChosen || !fault.startsWith('key ')))
            t.equal(faults.join('\n'), '', run[0])
          }
        },
      )
    }
  }
}
