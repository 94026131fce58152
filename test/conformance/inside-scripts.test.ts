import t from 'tap'
import { rowNamed } from '../../src/command/table.js'
import { cases } from './cases/index.js'
import { Pair } from './pair.js'
import { type Line, parseScript } from './script.js'

/*
 * Whatever a script may call is answered there as Redis answers it there, and does what it does there: the cases of all these commands, each
 * line as a call of a script that declares no key.
 */

const pair = await Pair.start(t)

const CALL = Buffer.from('return redis.pcall(unpack(ARGV))')

/** What concerns whole databases, or other ones: see the test below. */
const OF_DATABASES = /^(select|swapdb|flushall|flushdb|move)$/

/** What depends on how long things take, and on how much a server holds: scripts.test.ts has that. */
const VARIES = /^(slowlog|memory\|doctor)/

/** The line as a call inside a script, where scripts may call it and the proxy serves that. */
function inside(line: Line): Line {
  const words = line.args.map((arg) => arg.toString('latin1').toLowerCase())
  const row = rowNamed(words[0])
  const container = row?.subcommands?.get(words[1]) ?? row
  if (container === undefined || container.flags.includes('noscript') || /silent|refused/.test(line.way)) return line
  if (OF_DATABASES.test(words[0]) || (words[0] === 'copy' && words.includes('db'))) return line
  // All of it is given at once there, and a cursor is another one on each server.
  const way = line.way === 'scan' ? 'chosen' : line.way
  return { ...line, way, args: [Buffer.from('EVAL'), CALL, Buffer.from('0'), ...line.args] }
}

for (const [name, script] of Object.entries(cases)) {
  const row = rowNamed(name)
  if (row === undefined || row.flags.includes('noscript') || VARIES.test(name)) continue
  t.test(`${name} inside a script answers and writes as Redis does`, async (t) => {
    const lines = parseScript(script).map(inside)
    for (const proto of [2, 3] as const) {
      await pair.flush()
      const startedMs = performance.now()
      t.equal((await pair.differences(lines, proto, false)).join('\n'), '', `replies, RESP${proto}`)
      t.equal((await pair.dataFaults(performance.now() - startedMs)).join('\n'), '', `data, RESP${proto}`)
    }
  })
}
