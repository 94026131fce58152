import { parseArgs } from 'node:util'
import { Random } from '../chaos/random.js'
import { fingerprintOf, type RunResult, runSeed } from './run.js'
import { FAULTS, KINDS, MORE_FAULTS, MORE_KINDS, type Wanted } from './settings.js'
import { shrink } from './shrink.js'
import { installVirtualTime } from './virtual-time.js'

const DEFAULT_STEPS = 400
const USAGE = `Usage: npm run simulate:order -- [options]

Runs the order engine against servers in memory, one seed after the other, until a run shows that something is wrong or
the time is over: a reply that cannot be, an acknowledged write that is lost, replicas that differ, something that is
held for ever. What is found is told in as few steps as can be.

  --seed N      the first seed (default 1)
  --seconds S   for so long (default 30)
  --runs N      so many, however long that takes
  --steps N     things that happen in a run before the faults end (default ${DEFAULT_STEPS})
  --faults a,b  these kinds of faults (${FAULTS.join(', ')}; ${MORE_FAULTS.join(', ')})
  --kinds a,b   these kinds of commands (${KINDS.join(', ')}; ${MORE_KINDS.join(', ')})
  --replicas N  so many backups
  --trace       one run: show what happens
  --brief       say what was found, and not the way to it
  --keep-going  count what is found, and go on
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '30' },
      runs: { type: 'string' },
      steps: { type: 'string', default: String(DEFAULT_STEPS) },
      faults: { type: 'string' },
      kinds: { type: 'string' },
      replicas: { type: 'string' },
      brief: { type: 'boolean', default: false },
      trace: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const [firstSeed, seconds, steps] = [Number(values.seed), Number(values.seconds), Number(values.steps)]
  const wanted = wantedOf(values.faults, values.kinds, values.replicas)
  // Before the clock is replaced.
  const clock = process.hrtime.bigint
  const elapsed = (since: bigint) => Number(clock() - since) / 1e9
  const random = new Random(firstSeed, 'Math.random')
  installVirtualTime(() => random.next())

  if (values.trace) {
    const result = await runSeed(firstSeed, steps, wanted, true)
    say(`${JSON.stringify(result.settings)}\n${(result.trace ?? []).join('\n')}\n`)
    say(`${result.operations} operations, fingerprint ${fingerprintOf(result)}\n`)
    return result.violation === undefined ? 0 : 1
  }
  const since = clock()
  const isOver = (runs: number) => (values.runs === undefined ? elapsed(since) >= seconds : runs >= Number(values.runs))
  const total = { runs: 0, steps: 0, operations: 0, undecided: 0, found: 0 }
  for (let seed = firstSeed; total.runs === 0 || !isOver(total.runs); seed++) {
    const result = await runSeed(seed, steps, wanted)
    total.runs++
    total.steps += result.steps
    total.operations += result.operations
    total.undecided += result.undecided
    if (result.violation === undefined) continue
    total.found++
    if (values['keep-going']) {
      say(`seed ${seed}: ${result.violation.check}: ${result.violation.message.slice(0, 300)}\n`)
      continue
    }
    say(`seed ${seed}: VIOLATION (${result.violation.check}): ${result.violation.message}\n`)
    if (!values.brief) await tell(`--seed ${seed} --runs 1${optionsBeside(process.argv.slice(2))}`, result)
    break
  }
  const took = elapsed(since)
  const perMinute = Math.round((total.steps / took) * 60)
  say(
    `${total.runs} runs (seeds ${firstSeed} to ${firstSeed + total.runs - 1}), ${total.steps} steps, ${total.operations} operations in ` +
      `${took.toFixed(1)} s: ${perMinute} steps a minute; ${total.undecided} histories undecided, ${total.found} violations\n`,
  )
  return total.found === 0 ? 0 : 1
}

async function tell(options: string, result: RunResult): Promise<void> {
  const shortest = await shrink(result)
  say(`the shortest way to it that was found, ${shortest.actions.length} of ${result.actions.length} actions:\n`)
  say(`${(shortest.trace ?? []).map((line) => `  ${line}`).join('\n')}\n`)
  say(`to see it again: npm run simulate:order -- ${options}\n`)
}

/** The options that make a run what it is, beside its seed. */
function optionsBeside(args: readonly string[]): string {
  const isOption = (arg: string) => ['--steps', '--faults', '--kinds', '--replicas'].includes(arg)
  return args.map((arg, i) => (isOption(arg) ? ` ${arg} ${args[i + 1]}` : '')).join('')
}

function wantedOf(faults: string | undefined, kinds: string | undefined, replicas: string | undefined): Wanted {
  const some = <T extends string>(text: string, all: readonly T[]) => {
    return text.split(',').map((name) => {
      const found = all.find((each) => each === name)
      if (found === undefined) throw new Error(`there is no ${name} among ${all.join(', ')}`)
      return found
    })
  }
  return {
    ...(faults === undefined ? {} : { faults: some(faults, [...FAULTS, ...MORE_FAULTS]) }),
    ...(kinds === undefined ? {} : { kinds: some(kinds, [...KINDS, ...MORE_KINDS]) }),
    ...(replicas === undefined ? {} : { replicas: Number(replicas) }),
  }
}

function say(text: string): void {
  process.stdout.write(text)
}

process.exitCode = await main()
