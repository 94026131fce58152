import { parseArgs } from 'node:util'
import { type Comparison, compare, startPair } from './compare.js'
import { missing } from './packages.js'
import { PROGRAMS, type Program } from './programs.js'

const USAGE = `Usage: npm run applications -- [options] [name …]

Has real programs do their work on a plain Redis and on a ring of three members with one backup of each key, unchanged
but for the port, and compares what they print. Names are parts of names, in any case of letters; without one, all.

  --kill      also kill a member (kill -9) in the middle, for those that can bear it
  --list      name the programs

Packages that are missing are installed, with npm, and with apt-get where that may be. A program that cannot be had is
skipped, which is no success. Exits with 0 when none has failed and at least one has passed.
`

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { kill: { type: 'boolean' }, list: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help) return say(USAGE)
  if (values.list) return say(PROGRAMS.map(({ name, language }) => `${name} (${language})\n`).join(''))
  const programs = chosen(positionals)
  const absent = missing(programs)
  const ends: (() => unknown)[] = []
  const counts = { passed: 0, failed: 0, skipped: 0 }
  try {
    const pair = await startPair({ teardown: (end) => ends.unshift(end) })
    for (const program of programs) {
      const why = absent.get(program.name)
      const comparison = why === undefined ? await compare(pair, program, values.kill === true) : undefined
      counts[comparison === undefined ? 'skipped' : comparison.faults.length === 0 ? 'passed' : 'failed']++
      console.log(lineOf(program, comparison, why))
    }
  } finally {
    for (const end of ends) await end()
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1
}

function chosen(words: readonly string[]): readonly Program[] {
  if (words.length === 0) return PROGRAMS
  const found = (word: string) => PROGRAMS.filter(({ name }) => name.toLowerCase().includes(word.toLowerCase()))
  for (const word of words)
    if (found(word).length === 0) throw new Error(`There is no program ${word}; --list names them.`)
  return [...new Set(words.flatMap(found))]
}

function lineOf({ name, language }: Program, comparison: Comparison | undefined, why: string | undefined): string {
  const title = `${name} (${language})`
  if (comparison === undefined) return `skipped  ${title}: ${why}`
  const { faults, redisMs, dtMs, killMs } = comparison
  if (faults.length > 0) return [`FAILED   ${title}`, ...faults.map((fault) => `         ${fault}`)].join('\n')
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  const killed = killMs === undefined ? '' : `, ${seconds(killMs)} when a member is killed`
  return `passed   ${title}: ${seconds(redisMs)} on Redis, ${seconds(dtMs)} on DT${killed}`
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
