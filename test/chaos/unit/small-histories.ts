import {
  type Arbitrary,
  array,
  assert,
  constant,
  constantFrom,
  integer,
  oneof,
  option,
  property,
  record,
} from 'fast-check'
import { checkLinearizable } from '../checkers/linearizable.js'
import type { Model } from '../checkers/model.js'
import type { Operation, Outcome, Value } from '../history.js'
import { isLinearizable } from './brute-force.js'

/** An operation, and replies that it may get, whether they make sense or not. */
export interface Form {
  readonly name: string
  readonly args: readonly (string | number)[]
  readonly replies: readonly Value[]
}

/** Histories of up to seven operations in any arrangement, with replies that may or may not make sense. */
function smallHistories(forms: readonly Form[], timeMaxMs: number): Arbitrary<Operation[]> {
  const one = record({
    form: constantFrom(...forms),
    reply: integer({ min: 0, max: 9 }),
    how: oneof({ weight: 4, arbitrary: constant('ok') }, { weight: 2, arbitrary: constant('unknown') }),
    fromMs: integer({ min: 0, max: timeMaxMs }),
    lengthMs: integer({ min: 0, max: timeMaxMs / 2 }),
    after: option(integer({ min: 1, max: 7 }), { freq: 6 }),
  })
  return array(one, { minLength: 2, maxLength: 7, size: 'max' }).map((parts) => {
    const sent = [...parts].sort((a, b) => a.fromMs - b.fromMs)
    return sent.map(({ form, reply, how, fromMs, lengthMs, after }, i): Operation => {
      const outcome: Outcome =
        how === 'ok'
          ? { kind: 'ok', value: form.replies[reply % form.replies.length] }
          : { kind: 'unknown', reason: '' }
      const returnedMs = how === 'ok' ? fromMs + lengthMs : Infinity
      const { name, args } = form
      const operation = {
        id: i + 1,
        client: 1,
        workload: '',
        key: 'k',
        name,
        args,
        invokedMs: fromMs,
        returnedMs,
        outcome,
      }
      const before = after !== null && after <= i && returnedMs >= sent[after - 1].fromMs ? after : undefined
      return before === undefined ? operation : { ...operation, after: before }
    })
  })
}

/** Both searches agree on any history; the share of each answer shows that both were asked for. */
export function agrees<State>(
  model: Model<State>,
  forms: readonly Form[],
  timeMaxMs: number,
  numRuns: number,
  modelFor: (operations: readonly Operation[]) => Model<State> = () => model,
): [number, number] {
  const answers: [number, number] = [0, 0]
  assert(
    property(smallHistories(forms, timeMaxMs), (operations) => {
      const expected = isLinearizable(model, operations)
      answers[Number(expected)]++
      return (checkLinearizable(modelFor(operations), operations).kind === 'linearizable') === expected
    }),
    { numRuns },
  )
  return answers
}
