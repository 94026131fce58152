import type { Operation } from '../history.js'
import type { Violation } from './violation.js'

/**
 * A key that only grows, one step with each mutation, and whose replies tell the step: a counter, a list that is only
 * appended to, a stream. The order of its operations is known then, and what remains is whether time allows it.
 */
export interface Sequence {
  readonly key: string
  /** The mutation that made the key this long: 1, 2, … Each length was made by one mutation at most. */
  readonly mutations: ReadonlyMap<number, Operation>
  /** Mutations of unknown outcome of which nobody knows which length they made, if any. */
  readonly spare: readonly Operation[]
  readonly reads: readonly { readonly length: number; readonly operation: Operation }[]
}

/**
 * The first thing that is wrong with the order of a sequence in time, or undefined when it is linearizable. Exact: a
 * point in time is chosen for every operation, each as early as possible.
 */
export function checkSequence(sequence: Sequence): Violation | undefined {
  return checkTimes(sequence) ?? checkPipelines(sequence)
}

function checkTimes({ key, mutations, spare, reads }: Sequence): Violation | undefined {
  const fillers = [...spare].sort((a, b) => a.invokedMs - b.invokedMs)
  const readsOf = new Map<number, Operation[]>()
  let longest = 0
  for (const { length, operation } of reads) {
    longest = Math.max(longest, length)
    const list = readsOf.get(length)
    if (list === undefined) readsOf.set(length, [operation])
    else list.push(operation)
  }
  for (const length of mutations.keys()) longest = Math.max(longest, length)

  let point = Number.NEGATIVE_INFINITY
  let pointBy: Operation | undefined
  const moveTo = (operation: Operation) => {
    if (operation.invokedMs <= point) return
    point = operation.invokedMs
    pointBy = operation
  }
  const tooLate = (operation: Operation, length: number): Violation => ({
    check: 'order',
    key,
    message: `length ${length} is older than what had been seen before it`,
    witness: [pointBy!, operation],
  })
  for (let length = 0; length <= longest; length++) {
    const mutation = length === 0 ? undefined : (mutations.get(length) ?? fillers.shift())
    const here = readsOf.get(length) ?? []
    if (length > 0 && mutation === undefined) return fromNobody(key, length, mutations, here)
    if (mutation !== undefined) {
      moveTo(mutation)
      if (point > mutation.returnedMs) return tooLate(mutation, length)
    }
    for (const read of here) if (point > read.returnedMs) return tooLate(read, length)
    for (const read of here) moveTo(read)
  }
  return undefined
}

function fromNobody(
  key: string,
  length: number,
  mutations: ReadonlyMap<number, Operation>,
  reads: readonly Operation[],
): Violation {
  const above = [...mutations.entries()].filter(([at]) => at > length).sort(([a], [b]) => a - b)
  const witness = [...above.slice(0, 1).map(([, operation]) => operation), ...reads.slice(0, 1)]
  return { check: 'too many', key, message: `nobody made it ${length} long, but it was`, witness }
}

/** What one connection sends without waiting happens in the order in which it was sent. */
function checkPipelines({ key, mutations, reads }: Sequence): Violation | undefined {
  const lengthAfter = new Map<number, { length: number; mutates: boolean; operation: Operation }>()
  for (const [length, operation] of mutations) lengthAfter.set(operation.id, { length, mutates: true, operation })
  for (const { length, operation } of reads) lengthAfter.set(operation.id, { length, mutates: false, operation })
  for (const { length, mutates, operation } of lengthAfter.values()) {
    const before = operation.after === undefined ? undefined : lengthAfter.get(operation.after)
    // An unknown mutation may have been executed by another replica later.
    if (before === undefined || before.operation.outcome.kind !== 'ok') continue
    if (before.length <= (mutates ? length - 1 : length)) continue
    const message = `length ${length} although the same connection had seen ${before.length} just before`
    return { check: 'pipeline', key, message, witness: [before.operation, operation] }
  }
  return undefined
}
