import type { Operation, Value } from '../history.js'
import { checkSequence } from './sequence.js'
import type { Violation } from './violation.js'

/**
 * INCR and GET on one key that begins at 0: replies of INCR are unique, and acknowledged ≤ any later value ≤
 * acknowledged + unknown, in an order that time allows.
 */
export function checkCounter(key: string, operations: readonly Operation[]): Violation[] {
  const mutations = new Map<number, Operation>()
  const reads: { length: number; operation: Operation }[] = []
  for (const operation of operations) {
    const { outcome, name } = operation
    if (outcome.kind !== 'ok') continue
    const value = counted(outcome.value)
    if (value === undefined) {
      return [{ check: 'value', key, message: 'a counter is a whole number', witness: [operation] }]
    }
    if (name === 'get') {
      reads.push({ length: value, operation })
      continue
    }
    const twin = mutations.get(value)
    if (twin !== undefined || value === 0) {
      const message = `INCR answered ${value} ${value === 0 ? '' : 'twice'}`.trim()
      return [{ check: 'replies unique', key, message, witness: twin ? [twin, operation] : [operation] }]
    }
    mutations.set(value, operation)
  }
  const spare = operations.filter(({ outcome, name }) => outcome.kind === 'unknown' && name === 'incr')
  const wrong = checkSequence({ key, mutations, spare, reads })
  return wrong ? [wrong] : []
}

function counted(value: Value): number | undefined {
  if (value === null) return 0
  const number = Number(value)
  return typeof value !== 'object' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}
