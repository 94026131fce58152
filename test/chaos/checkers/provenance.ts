import type { Operation, Value } from '../history.js'
import type { Violation } from './violation.js'

/**
 * What written values look like: the client and a number of its own, so that no two operations of a run write the same.
 */
export const VALUE_PATTERN = /^c\d+\.\d+$/

/** Which operation wrote a value, whatever the key. */
export function writersOf(operations: readonly Operation[]): Map<string, Operation> {
  const writers = new Map<string, Operation>()
  for (const operation of operations) {
    for (const arg of operation.args) {
      if (typeof arg === 'string' && VALUE_PATTERN.test(arg) && !writers.has(arg)) writers.set(arg, operation)
    }
  }
  return writers
}

/**
 * Every value that was read was written before, to this very key, and not by a write that was answered as not
 * applied. A value of another key shows a reply that went to the wrong client.
 */
export function checkProvenance(
  operations: readonly Operation[],
  writers: ReadonlyMap<string, Operation>,
): Violation | undefined {
  for (const operation of operations) {
    if (operation.outcome.kind !== 'ok') continue
    for (const value of textsOf(operation.outcome.value)) {
      if (!VALUE_PATTERN.test(value)) continue
      const wrong = judge(operation, value, writers.get(value))
      if (wrong !== undefined) return wrong
    }
  }
  return undefined
}

function judge(reader: Operation, value: string, writer: Operation | undefined): Violation | undefined {
  const { key } = reader
  if (writer === undefined) {
    return { check: 'stranger', key, message: `${value} was never written`, witness: [reader] }
  }
  if (writer.key !== key) {
    const message = `${value} was written to ${writer.key}: a reply of somebody else`
    return { check: 'wrong reply', key, message, witness: [writer, reader] }
  }
  if (writer.outcome.kind === 'failed') {
    return { check: 'not applied', key, message: `${value} was read`, witness: [writer, reader] }
  }
  // What one connection sent in one piece has the same time, and ids in the order in which it was sent.
  if (writer.client === reader.client && writer.invokedMs === reader.invokedMs && writer.id > reader.id) {
    const message = `${value} was read before the same connection wrote it`
    return { check: 'pipeline', key, message, witness: [reader, writer] }
  }
  if (writer.invokedMs > reader.returnedMs) {
    return { check: 'future', key, message: `${value} was read before it was written`, witness: [reader, writer] }
  }
  return undefined
}

function textsOf(value: Value): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? value.flatMap(textsOf) : []
}
