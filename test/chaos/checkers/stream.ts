import type { Operation } from '../history.js'
import { textArg } from './model.js'
import { checkSequence } from './sequence.js'
import type { Violation } from './violation.js'

/** An entry of a stream as XRANGE gives it: its id and its fields; ours have one field with a value of its own. */
type Entry = readonly [id: string, fields: readonly string[]]

/**
 * XADD of one field (`xadd id value`, the id `*` or `<ms>-*`) and XRANGE - + (`xrange`) on one key: ids grow, every
 * read is a prefix of the longest, every acknowledged entry is in it once under the id of its reply, and time allows the order.
 */
export function checkStream(key: string, operations: readonly Operation[]): Violation[] {
  const found = (check: string, message: string, ...witness: Operation[]): Violation[] => [
    { check, key, message, witness },
  ]
  const done = operations.filter(({ outcome }) => outcome.kind === 'ok')
  const ranges = done.filter(({ name }) => name === 'xrange')
  const longest = ranges.reduce<Operation | undefined>(
    (best, range) => (best === undefined || entries(range).length > entries(best).length ? range : best),
    undefined,
  )
  const stream = longest === undefined ? [] : entries(longest)
  for (const range of ranges) {
    const wrong = entries(range).findIndex(
      (entry, i) => entry[0] !== stream[i][0] || entryValue(entry) !== entryValue(stream[i]),
    )
    if (wrong >= 0) return found('prefix', `they differ at entry ${wrong}`, range, longest!)
  }
  const falls = stream.findIndex((entry, i) => i > 0 && !isBefore(stream[i - 1][0], entry[0]))
  if (falls > 0) return found('ids grow', `${stream[falls][0]} follows ${stream[falls - 1][0]}`, longest!)

  const adds = new Map(operations.filter(({ name }) => name === 'xadd').map((add) => [textArg(add, 1), add]))
  const mutations = new Map<number, Operation>()
  const idOf = new Map<Operation, string>()
  for (const [i, entry] of stream.entries()) {
    const add = adds.get(entryValue(entry))
    if (add === undefined) return found('stranger', `${entryValue(entry)} was never added to this stream`, longest!)
    if (add.outcome.kind === 'failed')
      return found('not applied', `${entryValue(entry)} is in the stream`, add, longest!)
    if (idOf.has(add)) return found('once', `${entryValue(entry)} is in the stream more than once`, longest!)
    idOf.set(add, entry[0])
    mutations.set(i + 1, add)
  }
  const last = stream.at(-1)?.[0]
  const later: { id: string; add: Operation }[] = []
  for (const add of adds.values()) {
    if (add.outcome.kind !== 'ok') continue
    const id = String(add.outcome.value)
    const there = idOf.get(add)
    if (there === id) continue
    if (there !== undefined) return found('place', `it was acknowledged as ${id} and is ${there}`, add, longest!)
    // Ids grow, so what has a lower id was there when a higher one was seen.
    if (last !== undefined && !isBefore(last, id))
      return found('lost', `${id} was acknowledged and is missing`, add, longest!)
    later.push({ id, add })
  }
  later.sort((a, b) => (isBefore(a.id, b.id) ? -1 : 1))
  for (const [i, { id, add }] of later.entries()) {
    if (later[i + 1]?.id === id) return found('ids grow', `${id} was given twice`, add, later[i + 1].add)
    mutations.set(stream.length + i + 1, add)
  }
  const reads = ranges.map((operation) => ({ length: entries(operation).length, operation }))
  const wrong = checkSequence({ key, mutations, spare: [], reads })
  return wrong ? [wrong] : []
}

function entries(range: Operation): readonly Entry[] {
  return range.outcome.kind === 'ok' ? (range.outcome.value as unknown as readonly Entry[]) : []
}

function entryValue([, fields]: Entry): string {
  return fields[1]
}

/** Whether one stream id is below the other: both parts are 64-bit numbers. */
export function isBefore(a: string, b: string): boolean {
  const [aMs, aSeq] = a.split('-').map(BigInt)
  const [bMs, bSeq] = b.split('-').map(BigInt)
  return aMs < bMs || (aMs === bMs && aSeq < bSeq)
}
