import { createHash } from 'node:crypto'
import { Random } from '../chaos/random.js'
import type { Action } from './actions.js'
import { checkHistories, checkReplicas, isQuiet, unrest, type Violation } from './checks.js'
import { Chooser } from './chooser.js'
import { drawSettings, type Settings, type Wanted } from './settings.js'
import { stepwise } from './virtual-time.js'
import { World } from './world.js'

export interface RunResult {
  readonly settings: Settings
  /** What happened, in the order in which it did. */
  readonly actions: readonly Action[]
  /** How many things happened, the way to rest included. */
  readonly steps: number
  readonly operations: number
  /** Histories of tags whose search was given up. */
  readonly undecided: number
  readonly violation: Violation | undefined
  readonly trace: readonly string[] | undefined
}

/** When all faults have ended, everything has to be at rest within this time of the run. */
const REST_MS = 120_000
/** And within so many steps. */
const REST_STEPS = 60_000
/** Deadlines nearer than this are waited for, and clocks that are apart. */
const NEAR_MS = 60_000
const CLOCKS_APART_MS = 2000
/** As much as there is. */
const ALL = Number.MAX_SAFE_INTEGER

/** What rejected promises nobody waited for. */
let unhandled: Error | undefined
process.on('unhandledRejection', (reason) => {
  unhandled = reason instanceof Error ? reason : new Error(String(reason))
})

/** A run in which so many actions are drawn from the seed. */
export function runSeed(seed: number, actions: number, wanted: Wanted = {}, isTraced = false): Promise<RunResult> {
  const settings = drawSettings(seed, wanted)
  return run(settings, isTraced, (world) => {
    const chooser = new Chooser(world, new Random(seed, 'choices'))
    let left = actions
    return () => (left-- > 0 ? chooser.next() : undefined)
  })
}

/** A run in which these actions happen. */
export function runActions(settings: Settings, actions: readonly Action[], isTraced = false): Promise<RunResult> {
  return run(settings, isTraced, () => {
    let next = 0
    return () => actions[next++]
  })
}

async function run(
  settings: Settings,
  isTraced: boolean,
  begin: (world: World) => () => Action | undefined,
): Promise<RunResult> {
  const world = new World(settings, isTraced)
  const next = begin(world)
  const actions: Action[] = []
  let steps = 0
  let violation: Violation | undefined
  let rest: Rest | undefined
  unhandled = undefined
  const step = () => {
    if (unhandled !== undefined) throw unhandled
    const action = rest === undefined ? next() : undefined
    if (action !== undefined) {
      if (world.perform(action)) actions.push(action)
      return true
    }
    rest ??= new Rest(world)
    steps++
    return rest.step()
  }
  let undecided = 0
  try {
    await stepwise(step)
    violation = rest?.violation ?? checkReplicas(world)
    if (violation === undefined) ({ violation, undecided } = checkHistories(world))
  } catch (error) {
    violation = { check: 'exception', message: (error as Error).stack ?? String(error) }
  }
  world.proxy.close()
  const { trace, story } = world
  if (violation !== undefined) trace?.push(`VIOLATION (${violation.check}): ${violation.message}`)
  steps += actions.length
  return { settings, actions, steps, operations: story.operations.length, undecided, violation, trace }
}

/** The faults end, everybody does what he has to do, and time passes, until everything is at rest. */
class Rest {
  violation: Violation | undefined
  private readonly startedMs: number
  private steps = 0

  constructor(private readonly world: World) {
    this.startedMs = world.time.nowMs
    world.rest()
  }

  /** False when there is nothing more to come. */
  step(): boolean {
    const { world } = this
    const { time } = world
    if (this.advance()) return true
    if (isQuiet(world)) {
      const deadlineMs = nextDeadline(world)
      if (deadlineMs === undefined) return false
      time.nowMs = Math.max(time.nowMs, deadlineMs - time.wallMs + time.nowMs) + CLOCKS_APART_MS
    }
    if (time.nowMs - this.startedMs > REST_MS || ++this.steps > REST_STEPS) {
      const seconds = Math.round((time.nowMs - this.startedMs) / 1000)
      const message = `${seconds} s after the last fault ${unrest(world) ?? 'it is only just at rest'}`
      this.violation = { check: 'held', message }
      return false
    }
    return world.perform({ do: 'pass', ms: Math.max(1, Math.min(1000, Math.ceil(time.nextTimerInMs))) })
  }

  /** Everything that can happen without time passing. */
  private advance(): boolean {
    const { world } = this
    if (world.time.waitingImmediates > 0) return world.perform({ do: 'immediate' })
    for (let server = 0; server < world.servers.length; server++) {
      if (world.perform({ do: 'connect', server })) return true
      if (world.perform({ do: 'execute', server, connection: 0, count: ALL })) return true
      if (world.perform({ do: 'read', server, count: ALL })) return true
    }
    return false
  }
}

/** The next deadline of any key, by the clock of its server, if it is near. */
function nextDeadline({ servers }: World): number | undefined {
  for (const { store, wallMs } of servers) {
    for (const database of store.databases) {
      for (const { deadlineMs } of database.values()) {
        const isNear = deadlineMs > wallMs - CLOCKS_APART_MS && deadlineMs < wallMs + NEAR_MS
        if (isNear) return deadlineMs
      }
    }
  }
  return undefined
}

/** A fingerprint of everything that happened in a traced run. */
export function fingerprintOf({ trace }: RunResult): string {
  return createHash('sha256')
    .update((trace ?? []).join('\n'))
    .digest('hex')
}
