import type { Operation, Value } from '../history.js'
import type { Violation } from './violation.js'

/**
 * A stream that is read by one consumer group: what was delivered to one consumer as new is new to nobody else, an entry
 * is taken from the list of the pending ones once, and every id is given once.
 */
export function checkGroup(key: string, operations: readonly Operation[]): Violation[] {
  const twice = (name: string, idsOf: (operation: Operation) => readonly string[], message: string): Violation[] => {
    const first = new Map<string, Operation>()
    for (const operation of operations) {
      if (operation.name !== name || operation.outcome.kind !== 'ok') continue
      for (const id of idsOf(operation)) {
        const before = first.get(id)
        if (before !== undefined) {
          return [{ check: 'group', key, message: `${id} ${message}`, witness: [before, operation] }]
        }
        first.set(id, operation)
      }
    }
    return []
  }
  const value = ({ outcome }: Operation): Value => (outcome.kind === 'ok' ? outcome.value : null)
  return [
    ...twice('xreadgroup', (operation) => idsIn(value(operation)), 'was delivered as new twice'),
    ...twice(
      'xack',
      (operation) => (value(operation) === 1 ? [String(operation.args[0])] : []),
      'was acknowledged twice',
    ),
    ...twice('xadd', (operation) => [String(value(operation))], 'was given to two entries'),
  ]
}

/** The ids of a list of `[id, value]`. */
export function idsIn(entries: Value): string[] {
  if (typeof entries !== 'object' || entries === null) return []
  return entries.map((entry) => String((entry as readonly Value[])[0]))
}
