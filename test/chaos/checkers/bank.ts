import type { Operation } from '../history.js'
import { ACCOUNTS, isTogether } from '../several-keys.js'
import { type Model, NONE, replyOf, textArg } from './model.js'

/** What is on each account; nothing to begin with. */
type Balances = Readonly<Record<string, number>>

const LOOKS = new Set(['look', 'lookWithMget', 'mget', 'watch', 'balance'])

/** So many transfers of unknown outcome on one account that all their sums can be known. */
const SUMS_OF = 14

/**
 * Transfers (`transfer from to amount`, answered by what is on both then; `audited`, which reads all accounts between the two
 * parts; `logged`; by scripts `transferByFunction`, `transferToOther`, `transferByOther`; `watched from to amount less more`, which is executed if the two have that), and looks at one account or at all of them. Every amount is another one, so a balance tells what has come to it.
 *
 * A transfer of unknown outcome may have been executed on the servers of one account alone; where both are on the same servers, in
 * both parts or not at all [README Transactions].
 *
 * For a history: it tries no transfer of unknown outcome of which a balance says that it did not happen.
 */
export function bankModelFor(operations: readonly Operation[]): Model<Balances> {
  const unknown = operations.filter(({ name, outcome }) => outcome.kind === 'unknown' && !LOOKS.has(name))
  const sums = new Map(ACCOUNTS.map((name) => [name, sumsOf(unknown, name)]))
  const mayHelp = (name: string, missing: number, { id }: Operation) => {
    const known = sums.get(name)
    return unknown.length === 0 || known === undefined || known.get(missing)?.has(id) === true
  }
  return modelOf(mayHelp)
}

/** Without such knowledge. */
export const bankModel: Model<Balances> = bankModelFor([])

/** Which transfers may have brought about a difference; undefined when there are too many of them. */
function sumsOf(unknown: readonly Operation[], name: string): ReadonlyMap<number, ReadonlySet<number>> | undefined {
  const here = unknown.filter((operation) => partOf(operation, name) !== 0)
  if (here.length > SUMS_OF) return undefined
  const sums = new Map<number, Set<number>>()
  for (let chosen = 1; chosen < 1 << here.length; chosen++) {
    const some = here.filter((_, i) => ((chosen >> i) & 1) === 1)
    const sum = some.reduce((total, operation) => total + partOf(operation, name), 0)
    const ids = sums.get(sum) ?? new Set()
    for (const { id } of some) ids.add(id)
    sums.set(sum, ids)
  }
  return sums
}

/** What a transfer brings to an account. */
function partOf({ args: [from, to, amount] }: Operation, name: string): number {
  return name === from ? -Number(amount) : name === to ? Number(amount) : 0
}

function modelOf(mayHelp: (name: string, missing: number, unknown: Operation) => boolean): Model<Balances> {
  return {
    name: 'bank',
    initial: {},
    key: (state) => ACCOUNTS.map((name) => state[name] ?? 0).join(' '),
    isRead: ({ name }) => LOOKS.has(name),
    step(state, operation) {
      const then = after(state, operation)
      return isAs(then, seen(operation)) ? [then] : NONE
    },
    outcomes(state, unknown) {
      const [from, to] = [textArg(unknown, 0), textArg(unknown, 1)]
      const both = after(state, unknown)
      if (
        unknown.name === 'watched' &&
        !isAs(state, { [from]: Number(unknown.args[3]), [to]: Number(unknown.args[4]) })
      )
        return [state]
      if (isTogether(from, to)) return [both]
      return [both, { ...state, [from]: both[from] }, { ...state, [to]: both[to] }]
    },
    assist(state, unknown, next) {
      // What it asks of the accounts may not be so any more behind the next operation: it happens now, or not at all.
      const isLastTime =
        !LOOKS.has(next.name) && unknown.args.slice(0, 2).some((name) => partOf(next, String(name)) !== 0)
      if (unknown.name === 'watched' && isLastTime)
        return this.outcomes(state, unknown).filter((then) => then !== state)
      const wanted = before(next)
      const differs = (name: string) => wanted[name] !== undefined && (state[name] ?? 0) !== wanted[name]
      const missing = ACCOUNTS.filter(
        (name) => differs(name) && mayHelp(name, wanted[name] - (state[name] ?? 0), unknown),
      )
      if (missing.length === 0) return NONE
      return this.outcomes(state, unknown).filter((then) => missing.some((name) => then[name] !== state[name]))
    },
  }
}

function after(state: Balances, operation: Operation): Balances {
  if (LOOKS.has(operation.name)) return state
  const [from, to, amount] = [textArg(operation, 0), textArg(operation, 1), Number(operation.args[2])]
  return { ...state, [from]: (state[from] ?? 0) - amount, [to]: (state[to] ?? 0) + amount }
}

function isAs(state: Balances, wanted: Balances): boolean {
  return Object.entries(wanted).every(([name, amount]) => (state[name] ?? 0) === amount)
}

/** What the operation says of the accounts right after it. */
function seen(operation: Operation): Balances {
  const reply = replyOf(operation) as readonly number[]
  const [from, to, amount] = [textArg(operation, 0), textArg(operation, 1), Number(operation.args[2])]
  switch (operation.name) {
    case 'balance':
      return { [from]: reply[0] }
    case 'watch':
      return { [from]: reply[0], [to]: reply[1] }
    case 'watched':
      return { [from]: Number(operation.args[3]) - amount, [to]: Number(operation.args[4]) + amount }
    case 'look':
    case 'lookWithMget':
    case 'mget':
      return Object.fromEntries(ACCOUNTS.map((name, i) => [name, reply[i]]))
    case 'transfer':
    case 'transferByFunction':
    case 'transferToOther':
    case 'transferByOther':
    case 'logged':
      return { [from]: reply[0], [to]: reply[1] }
    case 'audited': {
      const between = Object.fromEntries(ACCOUNTS.map((name, i) => [name, reply[i + 1]]))
      const [less, more] = [reply[0], reply[reply.length - 1]]
      // The one is what it was made, and the other what it was before.
      const fits = between[from] === less && between[to] === more - amount
      return { ...between, [from]: fits ? less : Number.NaN, [to]: more }
    }
    default:
      throw new Error(`the bank model does not know '${operation.name}'`)
  }
}

/** What it says of the accounts right before it. */
function before(operation: Operation): Balances {
  const then = seen(operation)
  if (LOOKS.has(operation.name)) return then
  const [from, to, amount] = [textArg(operation, 0), textArg(operation, 1), Number(operation.args[2])]
  return { ...then, [from]: then[from] + amount, [to]: then[to] - amount }
}
