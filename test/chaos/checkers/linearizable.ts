import type { Operation } from '../history.js'
import type { Model } from './model.js'

/** How many steps a search may try before it is given up as undecided. */
export const DEFAULT_STEPS_MAX = 1_000_000

/**
 * How many orderings a search rather goes back than to suppose that an operation of unknown outcome had happened: with
 * one supposed too early almost anything can be explained for a while.
 */
const ASSIST_PENALTY = 24

export type Verdict =
  | { readonly kind: 'linearizable'; readonly steps: number }
  | { readonly kind: 'violation'; readonly steps: number; readonly stuck: Stuck }
  | { readonly kind: 'undecided'; readonly steps: number }

/** How far the best attempt came. */
export interface Stuck {
  /** The operations that it could order. */
  readonly ordered: number
  /** The model's state after them, as a text. */
  readonly state: string
  /** The operations of which one had to come next, and none could. */
  readonly candidates: readonly Operation[]
}

/**
 * Whether there is one order of the operations of one key, in which each lies between its invocation and its return,
 * that the model could have gone through with the replies that were given [Herlihy & Wing 1990; Wing & Gong 1993; Lowe
 * 2017; Porcupine]. It searches such orders, the most promising first, and never goes twice through the same
 * operations to the same state.
 *
 * Operations of unknown outcome have no end and need not happen. They multiply the orders, so they are only tried where
 * they help an operation that had to come next (`Model.assist`): one that is not needed at once can as well happen
 * later. And having used fewer of them is never worse: of two ways to the same operations and state the one that used
 * a superset is not followed.
 *
 * Operations that failed did not happen: they are left out, as are reads without a reply.
 */
export function checkLinearizable<State>(
  model: Model<State>,
  operations: readonly Operation[],
  stepsMax = DEFAULT_STEPS_MAX,
  initials: readonly State[] = [model.initial],
): Verdict {
  return new Search(model, operations, stepsMax, initials).run()
}

/** What leads from the root to an initial state. */
const BEGINNING = Number.NaN

/** One point of the search: what was reached, and what can be tried from here. */
interface Node<State> {
  readonly parent: Node<State> | undefined
  readonly depth: number
  readonly state: State
  /** What led here: the index of a known operation, or -1 - index of an unknown one. */
  readonly by: number
  /** How many known operations are ordered, and which unknown ones were supposed to have happened. */
  readonly ordered: number
  readonly used: bigint
  readonly score: number
  moves: { readonly by: number; readonly state: State }[]
  next: number
  assisted: boolean
}

class Search<State> {
  /** In the order of their invocations. */
  private readonly known: Operation[]
  private readonly unknown: Operation[]
  /** Unknown operations that do the same: of these the earlier is as good as the later. */
  private readonly earlierTwin: Int32Array
  /** For each known operation, the known one that its connection sent before it, or -1. */
  private readonly before: Int32Array

  // The calls (0 … n-1) and returns (n … 2n-1) of the operations not ordered at `at`, linked in the order of time; 2n is the head.
  private readonly next: Int32Array
  private readonly previous: Int32Array
  private readonly head: number
  private readonly isOrdered: Uint8Array
  private orderedLast = -1
  private at: Node<State>

  private readonly open = new Buckets<Node<State>>()
  private readonly states = new Map<string, { readonly id: number; readonly shared: State }>()
  private readonly seen = new Map<string, bigint[]>()
  private steps = 0
  private best: Stuck | undefined

  constructor(
    private readonly model: Model<State>,
    operations: readonly Operation[],
    private readonly stepsMax: number,
    initials: readonly State[],
  ) {
    const started = [...operations].sort((a, b) => a.invokedMs - b.invokedMs || a.id - b.id)
    this.known = started.filter(({ outcome }) => outcome.kind === 'ok')
    this.unknown = started.filter((operation) => operation.outcome.kind === 'unknown' && !model.isRead(operation))
    this.earlierTwin = this.findTwins()
    this.before = this.findPredecessors(started)
    const count = this.known.length
    this.head = 2 * count
    this.next = new Int32Array(2 * count + 1)
    this.previous = new Int32Array(2 * count + 1)
    this.isOrdered = new Uint8Array(count)
    this.link()
    this.at = this.child(undefined, BEGINNING, model.initial, 0, 0n)
    this.at.moves = initials.map((state) => ({ by: BEGINNING, state }))
    this.at.assisted = true
    this.open.push(this.at, 0)
  }

  run(): Verdict {
    for (;;) {
      if (this.at.ordered === this.known.length) return { kind: 'linearizable', steps: this.steps }
      const node = this.open.top()
      if (node === undefined) return { kind: 'violation', steps: this.steps, stuck: this.best! }
      if (node.next === node.moves.length) {
        this.open.pop()
        if (!node.assisted) this.addAssists(node)
        continue
      }
      if (++this.steps > this.stepsMax) return { kind: 'undecided', steps: this.steps }
      this.try(node, node.moves[node.next++])
    }
  }

  private try(node: Node<State>, { by, state }: { by: number; state: State }): void {
    const ordered = by >= 0 ? node.ordered + 1 : node.ordered
    const used = by < 0 ? node.used | (1n << BigInt(-1 - by)) : node.used
    this.goTo(node)
    if (by >= 0) this.order(by)
    const { id, shared } = this.share(state)
    if (this.isNew(id, used)) {
      this.at = this.child(node, by, shared, ordered, used)
      this.expand(this.at)
    } else if (by >= 0) this.unorder(by)
  }

  private child(parent: Node<State> | undefined, by: number, state: State, ordered: number, used: bigint): Node<State> {
    const score = parent === undefined ? 0 : parent.score + (by < 0 ? -ASSIST_PENALTY : 1)
    const depth = parent === undefined ? 0 : parent.depth + 1
    return { parent, depth, by, state, ordered, used, score, moves: [], next: 0, assisted: false }
  }

  /** Finds the known operations that can be next at the node where we are. */
  private expand(node: Node<State>): void {
    for (const entry of this.candidates()) {
      for (const state of this.model.step(node.state, this.known[entry])) node.moves.push({ by: entry, state })
    }
    if (this.best === undefined || node.ordered > this.best.ordered) {
      const candidates = this.candidates().map((i) => this.known[i])
      this.best = { ordered: node.ordered, state: this.model.key(node.state), candidates }
    }
    this.open.push(node, node.score)
  }

  /** Whoever was invoked before the first return may be next. */
  private candidates(): number[] {
    const found: number[] = []
    for (let entry = this.next[this.head]; entry < this.known.length; entry = this.next[entry]) {
      const before = this.before[entry]
      if (before < 0 || this.isOrdered[before] === 1) found.push(entry)
    }
    return found
  }

  /** Adds the unknown operations that were invoked by now and bring one of the candidates nearer. */
  private addAssists(node: Node<State>): void {
    node.assisted = true
    node.moves = []
    node.next = 0
    this.goTo(node)
    const candidates = this.candidates()
    // Some known operation is not ordered yet, so there is a return.
    let entry = this.next[this.head]
    while (entry < this.known.length) entry = this.next[entry]
    const firstReturnMs = this.known[entry - this.known.length].returnedMs
    const isUsed = (u: number) => ((node.used >> BigInt(u)) & 1n) === 1n
    for (let u = 0; u < this.unknown.length; u++) {
      const operation = this.unknown[u]
      if (operation.invokedMs > firstReturnMs) break
      if (isUsed(u) || (this.earlierTwin[u] >= 0 && !isUsed(this.earlierTwin[u]))) continue
      const keys = new Set<string>()
      for (const candidate of candidates) {
        for (const state of this.model.assist(node.state, operation, this.known[candidate])) {
          const key = this.model.key(state)
          if (keys.has(key)) continue
          keys.add(key)
          node.moves.push({ by: -1 - u, state })
        }
      }
    }
    if (node.moves.length > 0) this.open.push(node, node.score - ASSIST_PENALTY)
  }

  /** Whether this set of ordered operations was not yet reached with this state and no more of the unknown ones. */
  private isNew(state: number, used: bigint): boolean {
    const key = `${this.orderedKey()}${state}`
    const ways = this.seen.get(key)
    if (ways === undefined) {
      this.seen.set(key, [used])
      return true
    }
    if (ways.some((way) => (way & used) === way)) return false
    ways.push(used)
    return true
  }

  /** Equal states are the same object, with a number, so that large ones are kept once. */
  private share(state: State): { readonly id: number; readonly shared: State } {
    const key = this.model.key(state)
    let known = this.states.get(key)
    if (known === undefined) {
      known = { id: this.states.size, shared: state }
      this.states.set(key, known)
    }
    return known
  }

  /** The set of ordered operations: all before the first that is not, and bits for those behind it. */
  private orderedKey(): string {
    let first = this.next[this.head]
    if (first === this.head) first = this.known.length
    let key = `${first}:`
    let bits = 1
    for (let i = first; i <= this.orderedLast; i++) {
      bits = (bits << 1) | this.isOrdered[i]
      if (bits >= 0x8000) {
        key += String.fromCharCode(bits)
        bits = 1
      }
    }
    return `${key}${String.fromCharCode(bits)}:`
  }

  /** Makes the linked list that of `target`: back to where the ways parted, and forward from there. */
  private goTo(target: Node<State>): void {
    const forward: number[] = []
    let to = target
    while (to.depth > this.at.depth) {
      forward.push(to.by)
      to = to.parent!
    }
    while (this.at !== to) {
      if (this.at.depth === to.depth) {
        forward.push(to.by)
        to = to.parent!
      }
      if (this.at.by >= 0) this.unorder(this.at.by)
      this.at = this.at.parent!
    }
    for (const by of forward.reverse()) if (by >= 0) this.order(by)
    this.at = target
  }

  private order(entry: number): void {
    this.unlink(entry)
    this.unlink(entry + this.known.length)
    this.isOrdered[entry] = 1
    if (entry > this.orderedLast) this.orderedLast = entry
  }

  /** Undoes the latest `order` that was not undone. */
  private unorder(entry: number): void {
    this.relink(entry + this.known.length)
    this.relink(entry)
    this.isOrdered[entry] = 0
    while (this.orderedLast >= 0 && this.isOrdered[this.orderedLast] === 0) this.orderedLast--
  }

  private findTwins(): Int32Array {
    const last = new Map<string, number>()
    return Int32Array.from(this.unknown, ({ name, args }, u) => {
      if (this.model.timed) return -1
      const text = JSON.stringify([name, args])
      const twin = last.get(text) ?? -1
      last.set(text, u)
      return twin
    })
  }

  /** For each known operation the last known one that its connection sent before it in the same pipeline. */
  private findPredecessors(started: readonly Operation[]): Int32Array {
    const index = new Map(this.known.map((operation, i) => [operation.id, i]))
    const afterOf = new Map(started.map(({ id, after }) => [id, after]))
    return Int32Array.from(this.known, ({ after }) => {
      let before = after
      while (before !== undefined && !index.has(before)) before = afterOf.get(before)
      return before === undefined ? -1 : index.get(before)!
    })
  }

  /** A return at the very moment of a call is taken as after it: then both orders are allowed. */
  private link(): void {
    const count = this.known.length
    const timeOf = (entry: number) =>
      entry < count ? this.known[entry].invokedMs : this.known[entry - count].returnedMs
    const entries = Array.from({ length: 2 * count }, (_, i) => i)
    entries.sort((a, b) => timeOf(a) - timeOf(b) || a - b)
    let last = this.head
    for (const entry of entries) {
      this.next[last] = entry
      this.previous[entry] = last
      last = entry
    }
    this.next[last] = this.head
    this.previous[this.head] = last
  }

  private unlink(entry: number): void {
    this.next[this.previous[entry]] = this.next[entry]
    this.previous[this.next[entry]] = this.previous[entry]
  }

  private relink(entry: number): void {
    this.next[this.previous[entry]] = entry
    this.previous[this.next[entry]] = entry
  }
}

/** What is left to try, the highest score first and of equal ones the latest. */
class Buckets<T> {
  private readonly byScore = new Map<number, T[]>()
  private highest = Number.NEGATIVE_INFINITY
  private lowest = Number.POSITIVE_INFINITY

  push(item: T, score: number): void {
    const bucket = this.byScore.get(score)
    if (bucket === undefined) this.byScore.set(score, [item])
    else bucket.push(item)
    if (score > this.highest) this.highest = score
    if (score < this.lowest) this.lowest = score
  }

  top(): T | undefined {
    for (; this.highest >= this.lowest; this.highest--) {
      const bucket = this.byScore.get(this.highest)
      if (bucket !== undefined && bucket.length > 0) return bucket[bucket.length - 1]
    }
    return undefined
  }

  /** Takes out what `top` gave. */
  pop(): void {
    this.byScore.get(this.highest)?.pop()
  }
}
