import t from 'tap'
import { cases } from './cases/index.js'
import { Pair } from './pair.js'
import { parseScript } from './script.js'

/*
 * The cases of commands.test.ts once more, by way of another proxy, which sends its clients on: what is between is not to be noticed.
 */

const pair = await Pair.start(t, { throughFront: true })

for (const [name, script] of Object.entries(cases)) {
  t.test(`${name} answers and writes as Redis does through a front`, async (t) => {
    const lines = parseScript(script)
    for (const [proto, pipelined] of [
      [2, true],
      [3, false],
    ] as const) {
      await pair.flush()
      const startedMs = performance.now()
      t.equal((await pair.differences(lines, proto, pipelined)).join('\n'), '', `replies, RESP${proto}`)
      t.equal((await pair.dataFaults(performance.now() - startedMs)).join('\n'), '', `data, RESP${proto}`)
    }
  })
}
