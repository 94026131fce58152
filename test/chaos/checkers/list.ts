import type { Operation } from '../history.js'
import { textArg } from './model.js'
import { checkSequence } from './sequence.js'
import type { Violation } from './violation.js'

/**
 * RPUSH of one element, each a different one, LRANGE 0 -1 (`lrange`) and LLEN on one key: every read is a prefix of
 * the longest, every acknowledged element is in it once at the place that its reply named, and time allows the order.
 */
export function checkList(key: string, operations: readonly Operation[]): Violation[] {
  const found = (check: string, message: string, ...witness: Operation[]): Violation[] => [
    { check, key, message, witness },
  ]
  const done = operations.filter(({ outcome }) => outcome.kind === 'ok')
  const ranges = done.filter(({ name }) => name === 'lrange')
  const longest = ranges.reduce<Operation | undefined>(
    (best, range) => (best === undefined || elements(range).length > elements(best).length ? range : best),
    undefined,
  )
  const list = longest === undefined ? [] : elements(longest)
  for (const range of ranges) {
    const wrong = elements(range).findIndex((element, i) => element !== list[i])
    if (wrong >= 0) return found('prefix', `they differ at index ${wrong}`, range, longest!)
  }
  const twice = list.findIndex((element, i) => list.indexOf(element) !== i)
  if (twice >= 0) return found('once', `${list[twice]} is in the list more than once`, longest!)

  const pushes = new Map(operations.filter(({ name }) => name === 'rpush').map((push) => [textArg(push, 0), push]))
  const mutations = new Map<number, Operation>()
  for (const [i, element] of list.entries()) {
    const push = pushes.get(element)
    if (push === undefined) return found('stranger', `${element} was never pushed to this list`, longest!)
    if (push.outcome.kind === 'failed') return found('not applied', `${element} is in the list`, push, longest!)
    mutations.set(i + 1, push)
  }
  for (const push of pushes.values()) {
    if (push.outcome.kind !== 'ok') continue
    const length = Number(push.outcome.value)
    const there = mutations.get(length)
    if (there === push) continue
    if (there !== undefined) {
      const what = list[length - 1] ?? textArg(there, 0)
      return found(
        'lost',
        `${textArg(push, 0)} was acknowledged as element ${length}, which is ${what}`,
        push,
        there,
        ...(length <= list.length ? [longest!] : []),
      )
    }
    if (list.includes(textArg(push, 0))) {
      return found(
        'place',
        `${textArg(push, 0)} was acknowledged as element ${length} and stands elsewhere`,
        push,
        longest!,
      )
    }
    mutations.set(length, push)
  }
  const placed = new Set(mutations.values())
  const spare = [...pushes.values()].filter((push) => push.outcome.kind === 'unknown' && !placed.has(push))
  const reads = done.flatMap((operation) => {
    if (operation.name === 'lrange') return [{ length: elements(operation).length, operation }]
    return operation.name === 'llen' ? [{ length: lengthOf(operation), operation }] : []
  })
  const wrong = checkSequence({ key, mutations, spare, reads })
  return wrong ? [wrong] : []
}

function elements(range: Operation): readonly string[] {
  return range.outcome.kind === 'ok' ? (range.outcome.value as readonly string[]) : []
}

function lengthOf(llen: Operation): number {
  return llen.outcome.kind === 'ok' ? Number(llen.outcome.value) : 0
}
