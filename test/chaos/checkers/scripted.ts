import type { Operation, Value } from '../history.js'
import { LIMIT, QUEUE_MAX, TEND_EACH } from '../scripts.js'
import { equal, type Model, NONE, replyOf, textArg } from './model.js'

/** What scripts keep. */
interface Kept {
  /** A counter, and how many calls have counted and not failed then. */
  readonly n: number
  readonly calls: number
  readonly queue: readonly string[]
  /** Who has the lock, or nobody, and how often it was taken. */
  readonly holder: string
  readonly fence: number
  /** How many have passed the limiter since it was lifted. */
  readonly passed: number
}

/** What each operation is about: who answers otherwise because of another one has a part in common with it. */
const PARTS: Readonly<Record<string, readonly (keyof Kept)[]>> = {
  add: ['n', 'calls'],
  addByFunction: ['n', 'calls'],
  half: [],
  push: ['queue'],
  pick: ['queue'],
  pickByFunction: ['queue'],
  serve: ['n', 'queue'],
  tend: ['n', 'queue'],
  lock: ['holder', 'fence'],
  unlock: ['holder'],
  pass: ['passed'],
  lift: ['passed'],
  look: ['n', 'calls', 'queue', 'holder', 'fence', 'passed'],
}

/** Those that count. */
const COUNTING: readonly string[] = ['add', 'addByFunction', 'half', 'serve', 'tend']

/**
 * The work of scripts [chaos/scripts.ts], as if each were one step: a counter (`add`, `half`, which fails after its first write), a
 * bounded queue (`push`, `pick`, which takes any element, `serve`, which counts and takes the first one, `tend`, which does so now and then), a lock whose holders get
 * rising numbers (`lock`, `unlock`), a limiter (`pass`, `lift`); `look` reads all.
 *
 * For a history: it supposes of no element that was never seen, and kept nobody out, that it came.
 */
export function scriptedModelFor(operations: readonly Operation[]): Model<Kept> {
  const seen = new Set(operations.flatMap(({ outcome }) => (outcome.kind === 'ok' ? textsIn(outcome.value) : [])))
  return {
    name: 'scripted',
    initial: { n: 0, calls: 0, queue: [], holder: '', fence: 0, passed: 0 },
    key: ({ n, calls, queue, holder, fence, passed }) => [n, calls, queue, holder, fence, passed].join(' '),
    isRead: ({ name }) => name === 'look',
    step(state, operation) {
      const reply = replyOf(operation)
      if (isPick(operation)) {
        if (reply === null) return state.queue.length === 0 ? [state] : NONE
        return state.queue.includes(String(reply)) ? [without(state, String(reply))] : NONE
      }
      const [then, said] = execute(state, operation)
      return equal(said, reply) ? [then] : NONE
    },
    outcomes(state, unknown) {
      if (isPick(unknown)) return state.queue.length === 0 ? [state] : state.queue.map((one) => without(state, one))
      const [then] = execute(state, unknown)
      // That the queue is gone may be undone, when the proxy died as the master alone had executed it [design §2 G3].
      return mayEmpty(unknown, state) ? [then, { ...then, queue: state.queue }] : [then]
    },
    assist(state, unknown, next) {
      if (unknown.name === 'push') {
        // Where it stands in the queue matters for who comes later.
        const matters = next.name === 'push' || !(this.step(state, next).length > 0)
        if (!matters || !(seen.has(textArg(unknown, 0)) || replyOf(next) === 0)) return NONE
      } else if (unknown.name === 'tend' && COUNTING.includes(next.name)) {
        // Whether it takes an element depends on what it counts, and so on who has counted before.
        return this.outcomes(state, unknown)
      } else if (this.step(state, next).length > 0) return NONE
      const parts = PARTS[next.name]
      return this.outcomes(state, unknown).filter((then) => parts.some((part) => then[part] !== state[part]))
    },
  }
}

/** Whether it takes the last element, without saying before which key it touches. */
function mayEmpty({ name }: Operation, { n, queue }: Kept): boolean {
  return queue.length === 1 && (name === 'serve' || (name === 'tend' && (n + 1) % TEND_EACH === 0))
}

function isPick({ name }: Operation): boolean {
  return name === 'pick' || name === 'pickByFunction'
}

/** What is kept then, and what is answered; of all but `pick`. */
function execute(state: Kept, operation: Operation): [Kept, Value] {
  const { n, calls, queue, holder, fence, passed } = state
  switch (operation.name) {
    case 'add':
    case 'addByFunction':
      return [{ ...state, n: n + 1, calls: calls + 1 }, [n + 1, calls + 1]]
    case 'half':
      return [{ ...state, n: n + 1 }, 'half']
    case 'push':
      return queue.length >= QUEUE_MAX ? [state, 0] : [{ ...state, queue: [...queue, textArg(operation, 0)] }, 1]
    case 'serve':
      return [
        { ...state, n: n + 1, calls: calls + 1, queue: queue.length === 0 ? queue : queue.slice(1) },
        [n + 1, queue[0] ?? null],
      ]
    case 'tend': {
      const counted = { ...state, n: n + 1, calls: calls + 1 }
      if ((n + 1) % TEND_EACH > 0 || queue.length === 0) return [counted, [n + 1, null]]
      return [{ ...counted, queue: queue.slice(1) }, [n + 1, queue[0]]]
    }
    case 'lock':
      if (holder !== '') return [state, 0]
      return [{ ...state, holder: textArg(operation, 0), fence: fence + 1 }, fence + 1]
    case 'unlock':
      return holder === textArg(operation, 0) ? [{ ...state, holder: '' }, 1] : [state, 0]
    case 'pass':
      return passed >= LIMIT ? [state, 0] : [{ ...state, passed: passed + 1 }, passed + 1]
    case 'lift':
      return [{ ...state, passed: 0 }, passed]
    case 'look':
      return [state, [n, calls, queue, holder, fence, passed]]
    default:
      throw new Error(`the model of scripts does not know '${operation.name}'`)
  }
}

function without(state: Kept, element: string): Kept {
  const at = state.queue.indexOf(element)
  return { ...state, queue: state.queue.filter((_, i) => i !== at) }
}

function textsIn(value: Value): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? value.flatMap(textsIn) : []
}
