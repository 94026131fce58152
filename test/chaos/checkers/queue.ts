import type { Operation } from '../history.js'
import { UNBLOCKED, WAITING } from '../queue-commands.js'
import type { Violation } from './violation.js'

/** Where an operation pushes what, by its name. */
const PUSHES: Readonly<Record<string, (args: Operation['args']) => readonly [place: string, value: string][]>> = {
  rpush: ([place, value]) => [[String(place), String(value)]],
  lpush: ([place, value]) => [[String(place), String(value)]],
  scripted: ([place, value]) => [[String(place), String(value)]],
  both: ([one, other]) => [
    ['a', String(one)],
    ['b', String(other)],
  ],
  zadd: ([, value]) => [['z', String(value)]],
  xadd: ([value]) => [['s', String(value)]],
}

/** What takes without waiting, and from where. */
const TAKES: Readonly<Record<string, (args: Operation['args']) => string>> = {
  lpop: ([place]) => String(place),
  zpopmin: () => 'z',
  drain: () => 's',
}

/** The lists of `final`, in their order. */
const FINAL_PLACES = ['a', 'b', 'kept', 'z']
/** So many one operation may take. */
const TAKEN_MAX: Readonly<Record<string, number>> = { blmpop: 2, bzmpop: 2, xreadgroup: 2 }
/** So long after its connection has ended an element may be sent to somebody: as long as the proxy may not have noticed. */
const UNNOTICED_MS = 5000
/** Clocks of two processes. */
const EARLY_MS = 2

interface Pushed {
  readonly value: string
  readonly place: string
  readonly by: Operation
}

/**
 * A queue of which workers take what others push. Each element is delivered once at most; one that was acknowledged is delivered, or
 * there at the end, or was on its way to somebody whose connection ended; nobody gets what somebody who stood in line before has to
 * have; nobody is told too early that nothing came; and at the end nobody waits where something is.
 */
export function checkQueue(key: string, operations: readonly Operation[]): Violation[] {
  const pushed = new Map<string, Pushed>()
  const takenBy = new Map<string, Operation>()
  for (const operation of operations) {
    for (const [place, value] of PUSHES[operation.name]?.(operation.args) ?? []) {
      pushed.set(value, { value, place, by: operation })
    }
  }
  const found = (check: string, message: string, ...witness: Operation[]): Violation[] => [
    { check, key, message, witness },
  ]
  for (const operation of operations) {
    for (const value of takenIn(operation)) {
      const before = takenBy.get(value)
      if (before !== undefined) return found('delivered twice', value, pushed.get(value)!.by, before, operation)
      takenBy.set(value, operation)
    }
  }
  const waiters = operations.filter(({ name, outcome }) => WAITING.includes(name) && outcome.kind === 'ok')
  for (const waiter of waiters) {
    const { outcome, args, invokedMs, returnedMs } = waiter
    const timeoutMs = Number(args[1])
    if (outcome.kind !== 'ok' || outcome.value !== null) continue
    if (timeoutMs === 0 || returnedMs - invokedMs < timeoutMs - EARLY_MS)
      return found('too early', `it was told after ${(returnedMs - invokedMs).toFixed(1)} ms that nothing came`, waiter)
  }
  return [
    ...overtaken(key, operations, waiters, pushed, takenBy),
    ...forgotten(key, operations, waiters),
    ...lost(key, operations, pushed, takenBy),
  ]
}

function takenIn({ name, outcome }: Operation): readonly string[] {
  const takes = name in TAKES || WAITING.includes(name)
  return takes && outcome.kind === 'ok' && Array.isArray(outcome.value) ? outcome.value.map(String) : []
}

function placesOf({ name, args }: Operation): readonly string[] {
  return name in TAKES ? [TAKES[name](args)] : args.slice(2).map(String)
}

/**
 * Somebody who was surely in line, for this place alone, and still waits for what comes there later, was passed over. That one command has been
 * read before another one is certain when the client of the other has sent and got something in between.
 */
function overtaken(
  key: string,
  operations: readonly Operation[],
  waiters: readonly Operation[],
  pushed: ReadonlyMap<string, Pushed>,
  takenBy: ReadonlyMap<string, Operation>,
): Violation[] {
  const before = previousOfEach(operations)
  const single = waiters.filter((waiter) => placesOf(waiter).length === 1)
  for (const [value, taker] of takenBy) {
    const { place, by } = pushed.get(value)!
    // Whoever stood in line before the element came, and, if the taker waited himself, before the taker did.
    const known = [by, ...(WAITING.includes(taker.name) ? [taker] : [])].map((each) => before.get(each))
    if (known.includes(undefined)) continue
    const sinceMs = Math.min(...known.map((each) => each!.invokedMs))
    const victim = single.find((waiter) => {
      const isThere = waiter !== taker && waiter.invokedMs < sinceMs && waiter.returnedMs > taker.returnedMs
      const isSame = placesOf(waiter)[0] === place && waiter.via === taker.via && waiter.via === by.via
      return isThere && isSame && freeUntil(waiter, pushed) > taker.returnedMs
    })
    if (victim === undefined) continue
    const message = `${value} was for somebody who stood in line before`
    return [{ check: 'overtaken', key, message, witness: [victim, by, taker] }]
  }
  return []
}

/** Until when it surely had nothing, and waited. */
function freeUntil(waiter: Operation, pushed: ReadonlyMap<string, Pushed>): number {
  const { outcome, invokedMs, returnedMs, args } = waiter
  if (outcome.kind !== 'ok') return 0
  if (outcome.value === null) return invokedMs + Number(args[1])
  if (outcome.value === UNBLOCKED) return returnedMs
  return Math.min(...takenIn(waiter).map((value) => pushed.get(value)!.by.invokedMs))
}

/** What the same client sent last, over the same proxy, that was answered before. */
function previousOfEach(operations: readonly Operation[]): Map<Operation, Operation> {
  const byClient = new Map<number, Operation[]>()
  const previous = new Map<Operation, Operation>()
  for (const operation of operations) {
    const list = byClient.get(operation.client) ?? []
    byClient.set(operation.client, list)
    const last = list.findLast((each) => each.returnedMs < operation.invokedMs)
    if (last?.outcome.kind === 'ok' && last.via === operation.via) previous.set(operation, last)
    list.push(operation)
    if (list.length > 20) list.shift()
  }
  return previous
}

/** Whoever looks when everything has come to rest does not find anything where somebody waits. */
function forgotten(key: string, operations: readonly Operation[], waiters: readonly Operation[]): Violation[] {
  for (const look of operations) {
    if (look.outcome.kind !== 'ok' || (look.name !== 'final' && look.name !== 'drain')) continue
    const lists = look.outcome.value as readonly (readonly string[])[]
    const filled =
      look.name === 'drain' ? takenIn(look).map(() => 's') : FINAL_PLACES.filter((_, i) => lists[i].length > 0)
    const waiter = waiters.find((each) => {
      const isThere = each.invokedMs < look.invokedMs && each.returnedMs > look.returnedMs
      return isThere && takenIn(each).length === 0 && placesOf(each).some((place) => filled.includes(place))
    })
    if (waiter === undefined) continue
    return [{ check: 'forgotten', key, message: 'somebody waits, and something is there', witness: [waiter, look] }]
  }
  return []
}

/** What was acknowledged, delivered to nobody, and is not there at the end, unless it was on its way to somebody who has gone. */
function lost(
  key: string,
  operations: readonly Operation[],
  pushed: ReadonlyMap<string, Pushed>,
  takenBy: ReadonlyMap<string, Operation>,
): Violation[] {
  const final = operations.findLast(({ name, outcome }) => name === 'final' && outcome.kind === 'ok')
  const isDrained = operations.some(({ name, outcome }) => name === 'drain' && outcome.kind === 'ok')
  if (final?.outcome.kind !== 'ok') return []
  const left = new Set((final.outcome.value as readonly (readonly string[])[]).flat())
  // An element that is moved is on both sides or on one, but not on none: it is not lost by that.
  const excuses = operations
    .filter(({ name, outcome }) => outcome.kind === 'unknown' && (WAITING.includes(name) || name in TAKES))
    .filter(({ name }) => name !== 'blmove')
    .flatMap((operation) => Array.from({ length: TAKEN_MAX[operation.name] ?? 1 }, () => operation))
    .sort((one, other) => lostMs(one) - lostMs(other))
  const missing = [...pushed.values()]
    .filter(({ value, by, place }) => {
      const isKnown = by.outcome.kind === 'ok' && (place !== 's' || isDrained)
      return isKnown && !takenBy.has(value) && !left.has(value)
    })
    .sort((one, other) => other.by.invokedMs - one.by.invokedMs)
  for (const { value, place, by } of missing) {
    const at = excuses.findIndex((each) => {
      return placesOf(each).includes(place) && lostMs(each) + UNNOTICED_MS >= by.invokedMs
    })
    if (at >= 0) excuses.splice(at, 1)
    else return [{ check: 'lost', key, message: `${value} was delivered to nobody and is not there`, witness: [by] }]
  }
  return []
}

function lostMs({ lostMs: ms }: Operation): number {
  return ms ?? Number.POSITIVE_INFINITY
}
