import { UserError } from '../../src/base/user-error.js'
import { bar, count, counted, duration, Progress } from '../../src/cli/terminal.js'
import { FURTHER_NAMES, type FurtherFigure, measureFurther } from './further.js'
import { type Options, parseOptions, USAGE } from './options.js'
import { verdictsOf } from './report.js'
import { linesOf, type Sample } from './results.js'
import type { Comparison, SoakPoint } from './results-data.js'
import { runRounds, systemsOf } from './rounds.js'
import { ROWS } from './rows.js'
import { soak } from './soak.js'
import { soakSpread } from './soak-summary.js'
import { describeRun, readResults, writeResults } from './store.js'
import { SYSTEM_TITLES, withSystems } from './systems.js'
import { resultTables } from './table.js'

/*
 * `npm run bench`: starts the systems [systems.ts], measures every row [rows.ts] in turn [rounds.ts] and the further
 * figures [further.ts], judges them by the targets [targets.ts], prints them [table.ts] and writes them [store.ts]. What
 * was measured before Ctrl-C is kept.
 */

// Each of what is started wants to be ended with us.
process.setMaxListeners(30)
const progress = new Progress(process.stderr)
const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // The second time nobody wants to wait for what is being cleaned up; what we started ends with us.
    if (interrupt.signal.aborted) process.exit(130)
    interrupt.abort(new UserError('interrupted'))
  })
}

/** For whoever waits without a terminal. */
function note(text: string): void {
  if (process.stderr.isTTY) return
  process.stderr.write(`${text}\n`)
}

async function compare(options: Options): Promise<number> {
  const { rows, rounds, seconds, json } = options
  const endRun = describeRun()
  const samples: Sample[] = []
  const further: FurtherFigure[] = []
  const notes: string[] = []
  let whole = 0
  const comparison = (): Comparison => ({ about: endRun(), rounds: whole, seconds, samples, further, notes })
  const save = () => {
    if (options.complete && whole > 0) writeResults({ ...readResults(), comparison: comparison() })
  }
  progress.show(['starting Redis, twemproxy and DT'])
  await orInterrupted(
    withSystems(async (systems) => {
      const { all } = systems
      if (!all.some(({ name }) => name === 'twemproxy')) {
        notes.push('Twemproxy (the program nutcracker) is not installed: its columns are missing.')
      }
      const perRound = rows.reduce((sum, row) => sum + systemsOf(row, all).length, 0)
      const watch = new Watch(rounds * perRound)
      await runRounds({
        ...{ rows, systems: all, rounds, seconds, signal: interrupt.signal },
        onTrial: (row) => progress.show([`a first try of everything: ${row.title}`]),
        onBegin: (row, system) => watch.begin(`${row.title}, P=${row.pipeline}: ${SYSTEM_TITLES[system.name]}`),
        onSample: (sample) => {
          samples.push(sample)
          watch.end()
        },
        onRound: (round) => {
          whole = round
          note(`round ${round} of ${rounds} is done; ${watch.left()}`)
          save()
        },
      })
      await measureFurther(systems, {
        ...{ names: options.further, quick: options.quick, signal: interrupt.signal },
        onStep: (what) => progress.show([what]),
        onFigure: (figure) => further.push(figure),
        onMissing: (why) => notes.push(`${why}.`),
      })
    }),
  )
  progress.clear()
  if (interrupt.signal.aborted) notes.push('The run was interrupted.')
  if (options.quick) notes.push('A quick run: these are no measurements.')
  save()
  const data = { comparison: comparison() }
  const verdicts = verdictsOf(data)
  process.stdout.write(
    json
      ? `${JSON.stringify({ ...data.comparison, lines: linesOf(samples), verdicts }, null, 1)}\n`
      : resultTables(process.stdout, data.comparison, verdicts),
  )
  if (options.complete && whole > 0)
    process.stderr.write('bench/results.md, results.svg and results.json are written.\n')
  return interrupt.signal.aborted ? 130 : 0
}

/** Shows how far it is, and how long it will take. */
class Watch {
  private done = 0
  private beganAtMs: number | undefined

  constructor(private readonly total: number) {}

  begin(what: string): void {
    this.beganAtMs ??= performance.now()
    progress.show([`${bar(this.done, this.total)}  ${this.left()}`, what])
  }

  end(): void {
    this.done++
  }

  left(): string {
    const { beganAtMs, done, total } = this
    if (done === 0 || beganAtMs === undefined) return ''
    return `${duration(((performance.now() - beganAtMs) / 1000 / done) * (total - done))} to go`
  }
}

async function soakAlone(options: Options): Promise<number> {
  const wanted = options.soak as number
  const endRun = describeRun()
  const points: SoakPoint[] = []
  await orInterrupted(
    soak(wanted, interrupt.signal, (point) => {
      points.push(point)
      const { seconds, commands, rssBytes } = point
      const left = duration((seconds / commands) * (wanted - commands))
      const now = `${counted(commands, 'command')}, ${(rssBytes / 1e6).toFixed(0)} MB`
      progress.show([`${bar(commands, wanted)}  ${left} to go`, now])
    }),
  )
  progress.clear()
  const found = { about: endRun(), commands: points.at(-1)?.commands ?? 0, points }
  const spread = soakSpread(found)
  if (spread === undefined) throw new UserError('these were too few commands to say anything about the memory')
  writeResults({ ...readResults(), soak: found })
  const text = `${count(found.commands)} commands: memory of the last quarter is ${spread.median.toFixed(3)} × that of the second.\n`
  process.stdout.write(options.json ? `${JSON.stringify({ ...found, spread }, null, 1)}\n` : text)
  return interrupt.signal.aborted ? 130 : 0
}

/** Resolves also when it ended because of Ctrl-C. */
async function orInterrupted(task: Promise<unknown>): Promise<void> {
  try {
    await task
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
  }
}

function main(): Promise<number> | number {
  const options = parseOptions(process.argv.slice(2))
  if (options.instead === 'usage') process.stdout.write(USAGE)
  else if (options.instead === 'list') process.stdout.write(listing())
  else if (options.instead === 'render') writeResults(readResults())
  else return options.soak === undefined ? compare(options) : soakAlone(options)
  return 0
}

function listing(): string {
  const lines = ROWS.map(
    ({ id, group, title, pipeline }) => `${group.padEnd(12)} ${id.padEnd(11)} ${title}, P=${pipeline}`,
  )
  return [...lines, ...FURTHER_NAMES.map((name) => `further      ${name}`)].join('\n').concat('\n')
}

try {
  process.exitCode = await main()
} catch (error) {
  progress.clear()
  if (!(error instanceof UserError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
