import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { commandDocs } from './command-docs.js'
import { anyCommand, withoutRacingSizes } from './everything.js'
import { startChanging } from './member-changes.js'
import type { Count } from './moving-programs.js'
import { Pair } from './pair.js'
import { type Line, parseScript } from './script.js'
import { castFor, playThrough } from './through-changes.js'

const USAGE = `Usage: npm run conformance:random -- [options]

Says random commands of every kind, with every option that Redis knows, in both protocols to a plain Redis and to a ring,
and compares each reply and, behind each program, each key on each of its servers.

  --commands N   so many commands (default 20000)
  --seed N       of the first program (default: from the clock)
  --phase a,b    only these of: together (three copies), apart (no copies, keys on several servers), changes (a member
                 joins, leaves, fails, comes back, or its connection breaks meanwhile)
  --path P       the shrunk case of that seed and phase, as a failure has printed it

Exits with 0 when nothing differs. After an unknown outcome each key has to be as before or as after the command.
`

const PHASES = ['together', 'apart', 'changes'] as const
type Phase = (typeof PHASES)[number]

/** Of all commands; those of a ring that changes take longest. */
const SHARE: Readonly<Record<Phase, number>> = { together: 0.4, apart: 0.4, changes: 0.2 }
/** Programs that are made of one seed. */
const RUNS: Readonly<Record<Phase, number>> = { together: 40, apart: 40, changes: 4 }
/** How long one change of the members may take beside clients that say one command after the other. */
const CHANGE_MS = 180_000
/** So many different failures are shown. */
const FAILURES_MAX = 10

interface Teardown {
  teardown(end: () => Promise<unknown> | unknown): void
}

/** What tries one phase: the property of one seed, and how many commands it has said since it was asked last. */
interface Trial {
  property: fc.IAsyncPropertyWithHooks<never> | fc.IAsyncProperty<never>
  said(): number
}

/** Libraries and scripts belong to no database. */
const BEGIN = parseScript('FUNCTION FLUSH\nSCRIPT FLUSH')

/** The lines that several players may say at the same time, each in databases of his own, to a ring that changes. */
function isAlone({ args }: Line): boolean {
  return !/^(FLUSHALL|SWAPDB|FUNCTION|SCRIPT|FCALL|FCALL_RO|EVALSHA|EVALSHA_RO|OBJECT|DUMP|PUBSUB|PUBLISH|SPUBLISH)$/.test(
    args[0].toString(),
  )
}

async function still(t: Teardown, replicas: number, line: fc.Arbitrary<Line>): Promise<Trial> {
  const pair = await Pair.start(t, { replicas })
  let commands = 0
  const property = fc.asyncProperty(
    fc.array(line, { minLength: 1, maxLength: 120, size: 'max' }),
    fc.constantFrom<2 | 3>(2, 3),
    fc.boolean(),
    async (sequence, proto, pipelined) => {
      await pair.agrees([...BEGIN, ...withoutRacingSizes(sequence, false)], proto, pipelined)
      commands += sequence.length
    },
  )
  return { property: property as never, said: () => commands }
}

async function changing(t: Teardown, line: fc.Arbitrary<Line>): Promise<Trial> {
  const ring = await startChanging(t, CHANGE_MS)
  const count: Count = { commands: 0, execs: 0, watchedDone: 0, watchedNot: 0, notApplied: 0, unknown: 0 }
  const program = fc.array(line.filter(isAlone), { minLength: 1, maxLength: 80, size: 'max' })
  const property = fc.asyncProperty(...castFor(ring, program, 3), (name, parts) =>
    playThrough(ring, name, parts, count, async (player, lines, goesOn) => {
      const units = withoutRacingSizes(lines, true).map((each) => ({ line: each }))
      do await player.play(units)
      while (goesOn())
    }),
  )
  return { property: property as never, said: () => count.commands }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      commands: { type: 'string', default: '20000' },
      seed: { type: 'string' },
      phase: { type: 'string' },
      path: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const phases = (values.phase?.split(',') ?? PHASES) as Phase[]
  for (const phase of phases)
    if (!PHASES.includes(phase)) throw new Error(`There is no phase ${phase}: ${PHASES.join(', ')}.`)
  const first = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
  const shares = phases.reduce((sum, phase) => sum + SHARE[phase], 0)
  let failures = 0
  for (const phase of phases) {
    const wanted = (Number(values.commands) * SHARE[phase]) / shares
    failures += await tryPhase(phase, wanted, first, values.path)
  }
  return failures === 0 ? 0 : 1
}

/** Gives the number of seeds that showed a difference. */
async function tryPhase(phase: Phase, wanted: number, first: number, path: string | undefined): Promise<number> {
  const ends: (() => unknown)[] = []
  const t: Teardown = { teardown: (end) => ends.unshift(end) }
  try {
    const docs = await commandDocs(await (await Pair.start(t, { nodes: 1, replicas: 0 })).open(3))
    const line = anyCommand(docs)
    const trial = phase === 'changes' ? await changing(t, line) : await still(t, phase === 'apart' ? 0 : 2, line)
    let failures = 0
    let seed = first
    while (trial.said() < wanted && failures < FAILURES_MAX) {
      const how = {
        seed,
        numRuns: RUNS[phase],
        interruptAfterTimeLimit: 300_000,
        ...(path === undefined ? {} : { path, endOnFailure: true }),
      }
      const run = await fc.check(trial.property, how)
      if (run.failed && run.counterexamplePath !== null) {
        failures++
        const { message } = run.errorInstance as Error
        console.log(
          `DIFFERENT (${run.numShrinks} times shrunk): npm run conformance:random -- --phase ${phase} --seed ${seed} --path ${run.counterexamplePath}`,
        )
        console.log(`${described(run.counterexample)}\n${message.slice(0, 3000)}\n`)
      }
      seed++
      if (path !== undefined) break
    }
    console.log(`${phase}: ${trial.said()} commands from seed ${first} to ${seed - 1}, ${failures} differences`)
    return failures
  } finally {
    for (const end of ends) await end()
  }
}

/** The lines of a program, one below the other. */
function described(example: unknown): string {
  const texts: string[] = []
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(walk)
    else if (typeof value === 'object' && value !== null && 'text' in value) texts.push(`  ${value.text}`)
    else texts.push(`  (${value})`)
  }
  walk(example)
  return texts.join('\n')
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
