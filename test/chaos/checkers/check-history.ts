import { byKey, isWide, type Operation } from '../history.js'
import { bankModelFor } from './bank.js'
import { checkCaching } from './caching.js'
import { checkChannel } from './channel.js'
import { checkCounter } from './counter.js'
import { checkDeadline } from './deadline.js'
import { expiringModel } from './expiring.js'
import { checkGroup } from './group.js'
import { hashModel } from './hash.js'
import { checkHonesty } from './honesty.js'
import { checkLinearizable } from './linearizable.js'
import { checkList } from './list.js'
import type { Model } from './model.js'
import { movedModel } from './moved.js'
import { checkProvenance, writersOf } from './provenance.js'
import { checkQueue } from './queue.js'
import { casModel, registerModel } from './register.js'
import { rotatedModel } from './rotated.js'
import { scriptedModelFor } from './scripted.js'
import { setModel } from './set.js'
import { checkStream } from './stream.js'
import { swappedModel, untilUnknownSwap } from './swapped.js'
import { ringModel, taggedModel } from './tagged.js'
import type { Violation } from './violation.js'
import { findWitness } from './witness.js'

/** What was checked of one workload. */
export interface Checked {
  keys: number
  /** Operations with a known reply: those that say anything. */
  operations: number
  violations: number
}

export interface HistoryReport {
  readonly checked: ReadonlyMap<string, Checked>
  readonly violations: readonly Violation[]
  /** Keys whose search was given up: a failure of the harness, never a pass. */
  readonly undecided: readonly string[]
  /** Keys that were not looked at any more, after so many violations. */
  readonly unchecked: number
}

/** After so many violations nothing is learnt from more of them, and each may take long to find. */
const VIOLATIONS_MAX = 30
/** Small witnesses take long to find, too. */
const WITNESSES_MAX = 3

const UNDECIDED = Symbol('undecided')

/** `brief`: a violation need not be explained. */
type Check = (key: string, operations: readonly Operation[], brief: boolean) => readonly Violation[] | typeof UNDECIDED

/** How the keys of each workload are checked. */
const checks: Readonly<Record<string, Check>> = {
  register: linearizable(registerModel),
  flushed: linearizable(registerModel),
  swapped: (key, operations, brief) => linearizable(swappedModel)(key, untilUnknownSwap(operations), brief),
  set: linearizable(setModel),
  tagged: linearizable(taggedModel),
  fields: linearizable(registerModel),
  cas: linearizable(casModel),
  bank: (key, operations, brief) => linearizable(bankModelFor(operations))(key, operations, brief),
  moved: linearizable(movedModel),
  rotated: linearizable(rotatedModel),
  ring: linearizable(ringModel),
  renamed: linearizable(ringModel),
  // A smaller witness has writes that are taken for unknown; with so many kinds of these the search for one takes minutes.
  scripted: (key, operations) => linearizable(scriptedModelFor(operations))(key, operations, true),
  scattered: (key, operations, brief) => linearizable(bankModelFor(operations))(key, operations, brief),
  group: checkGroup,
  queue: checkQueue,
  channel: checkChannel,
  caching: checkCaching,
  hash: linearizable(hashModel),
  expiring: linearizable(expiringModel),
  counter: checkCounter,
  list: checkList,
  stream: checkStream,
  deadline: checkDeadline,
  carried: checkDeadline,
  echo: checkEcho,
}

/** The names of the workloads that can be checked. */
export const workloadNames: readonly string[] = Object.keys(checks)

/**
 * Checks everything that a history can show. Each key is checked by itself, because a history is linearizable exactly
 * when it is for each key [Herlihy & Wing 1990, locality]. Looks at no more keys after `violationsMax` violations.
 */
export function checkHistory(
  operations: readonly Operation[],
  onKey: (done: number, of: number) => void = () => {},
  violationsMax = VIOLATIONS_MAX,
): HistoryReport {
  // Whoever wants no more than to know whether there is one is not kept waiting for its explanation.
  const witnessesMax = violationsMax === 1 ? 0 : WITNESSES_MAX
  const checked = new Map<string, Checked>()
  const violations: Violation[] = []
  const undecided: string[] = []
  const writers = writersOf(operations)
  const keys = byKey(operations)
  let done = 0
  let explained = 0
  for (const [key, ofKey] of keys) {
    if (violations.length + undecided.length >= violationsMax) break
    const { workload } = ofKey.find((operation) => !isWide(operation)) ?? ofKey[0]
    const check = checks[workload]
    if (check === undefined) throw new Error(`there is no check for the workload '${workload}' of ${key}`)
    const entry = checked.get(workload) ?? { keys: 0, operations: 0, violations: 0 }
    checked.set(workload, entry)
    entry.keys++
    entry.operations += ofKey.filter(({ outcome }) => outcome.kind === 'ok').length
    const stranger = checkProvenance(ofKey, writers)
    const found = stranger === undefined ? check(key, ofKey, explained >= witnessesMax) : [stranger]
    if (found === UNDECIDED) undecided.push(key)
    else {
      violations.push(...found)
      entry.violations += found.length
      if (found.some((violation) => violation.check === 'linearizable')) explained++
    }
    onKey(++done, keys.size)
  }
  violations.push(...checkHonesty(operations))
  return { checked, violations, undecided, unchecked: keys.size - done }
}

function linearizable<State>(model: Model<State>): Check {
  return (key, operations, brief) => {
    const verdict = checkLinearizable(model, operations)
    if (verdict.kind === 'undecided') return UNDECIDED
    if (verdict.kind === 'linearizable') return []
    const { stuck } = verdict
    const witness = brief ? stuck.candidates : findWitness(model, operations)
    const message = `no order of its operations explains the replies; the best one gets ${stuck.ordered} operations far, to the state ${stuck.state || '(empty)'}`
    return [{ check: 'linearizable', key, message, witness }]
  }
}

/** ECHO answers with what it was given: another text is somebody else's reply. */
function checkEcho(key: string, operations: readonly Operation[]): readonly Violation[] {
  return operations.flatMap((operation): Violation[] => {
    const { outcome, args } = operation
    if (operation.name !== 'echo' || outcome.kind !== 'ok' || outcome.value === args[0]) return []
    return [{ check: 'wrong reply', key, message: 'ECHO answered something else', witness: [operation] }]
  })
}
