import t from 'tap'
import { ERRORS, type Run, SEED, VALUES, WRITES } from '../serving/script/wrapped-scripts.js'
import { Pair } from './pair.js'
import type { Line, Way } from './script.js'

const pair = await Pair.start(t)

/** All keys are on the same servers. */
const tagged = (key: string) => `{t}${key}`

function line(args: readonly string[], way: Way = 'same'): Line {
  return { way, args: args.map((arg) => Buffer.from(arg)), text: args.join(' ') }
}

const isKey = (word: string) => /^(s|text|mortal|l|set|z|h|x)$/.test(word)

function linesOf(command: string, [source, keys = [], args = []]: Run): Line[] {
  const seed = SEED.map((words) => line(words.map((word, i) => (i > 0 && i < 3 && isKey(word) ? tagged(word) : word))))
  return [...seed, line([command, source, String(keys.length), ...keys.map(tagged), ...args])]
}

for (const [title, runs] of Object.entries({ VALUES, ERRORS, WRITES })) {
  for (const proto of [2, 3] as const) {
    t.test(
      `scripts are answered as by Redis, and leave the same data everywhere: ${title}, RESP${proto}`,
      async (t) => {
        for (const run of runs) {
          await pair.flush()
          const startedMs = performance.now()
          const lines = linesOf('EVAL', run)
          const isChosen = /spop|'\*'|xreadgroup/i.test(run[0])
          const faults = await pair.differences(lines, proto, true)
          const data = await pair.dataFaults(performance.now() - startedMs)
          faults.push(...data.filter((fault) => !isChosen || !fault.startsWith('key ')))
          t.equal(faults.join('\n'), '', run[0])
        }
      },
    )
  }
}
