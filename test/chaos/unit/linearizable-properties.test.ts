import t from 'tap'
import { expiringModel } from '../checkers/expiring.js'
import { hashModel } from '../checkers/hash.js'
import { checkLinearizable } from '../checkers/linearizable.js'
import type { Model } from '../checkers/model.js'
import { registerModel } from '../checkers/register.js'
import { setModel } from '../checkers/set.js'
import type { Operation } from '../history.js'
import { Random } from '../random.js'
import {
  expiringServer,
  hashServer,
  planExpiring,
  planHash,
  planRegister,
  planSet,
  registerServer,
  type Simulated,
  setServer,
  simulate,
} from './simulate.js'
import { agrees, type Form } from './small-histories.js'

const registerForms: Form[] = [
  ...['a', 'b'].flatMap((value) => [
    { name: 'set', args: [value], replies: ['OK'] },
    { name: 'setnx', args: [value], replies: [0, 1] },
    { name: 'swap', args: [value], replies: [null, 'a', 'b'] },
  ]),
  { name: 'get', args: [], replies: [null, 'a', 'b'] },
  { name: 'getdel', args: [], replies: [null, 'a', 'b'] },
  { name: 'del', args: [], replies: [0, 1] },
]

const setForms: Form[] = [
  ...['a', 'b'].flatMap((member) => [
    { name: 'sadd', args: [member], replies: [1, 1, 0] },
    { name: 'srem', args: [member], replies: [0, 1] },
    { name: 'sismember', args: [member], replies: [0, 1] },
  ]),
  { name: 'spop', args: [], replies: [null, 'a', 'b'] },
  { name: 'smembers', args: [], replies: [[], ['a'], ['b'], ['b', 'a']] },
]

const hashForms: Form[] = [
  ...['f', 'g'].flatMap((field) => [
    { name: 'hset', args: [field, 'a'], replies: [0, 1] },
    { name: 'hset', args: [field, 'b'], replies: [0, 1] },
    { name: 'hsetnx', args: [field, 'b'], replies: [0, 1] },
    { name: 'hdel', args: [field], replies: [0, 1] },
    { name: 'hget', args: [field], replies: [null, 'a', 'b'] },
  ]),
  {
    name: 'hgetall',
    args: [],
    replies: [[], ['f', 'a'], ['f', 'b'], ['g', 'b'], ['f', 'a', 'g', 'a'], ['g', 'b', 'f', 'b']],
  },
]

const expiringForms: Form[] = [
  { name: 'set', args: ['a'], replies: ['OK'] },
  { name: 'setpx', args: ['a', 10], replies: ['OK'] },
  { name: 'setpx', args: ['b', 20], replies: ['OK'] },
  { name: 'setpxat', args: ['b', 30], replies: ['OK'] },
  { name: 'setkeep', args: ['b'], replies: ['OK'] },
  { name: 'pexpire', args: [15], replies: [0, 1] },
  { name: 'persist', args: [], replies: [0, 1] },
  { name: 'get', args: [], replies: [null, 'a', 'b'] },
]

t.test('the search says of any small history what trying all orders says', async (t) => {
  const answers = {
    register: agrees(registerModel, registerForms, 20, 3000),
    set: agrees(setModel, setForms, 20, 3000),
    hash: agrees(hashModel, hashForms, 20, 3000),
    expiring: agrees(expiringModel, expiringForms, 50, 3000),
  }
  for (const [name, [wrong, right]] of Object.entries(answers)) {
    t.ok(wrong > 300 && right > 300, `${name}: ${right} were linearizable and ${wrong} were not`)
  }
})

const simulations = {
  register: { model: registerModel, server: registerServer, plan: planRegister },
  set: { model: setModel, server: setServer, plan: planSet },
  hash: { model: hashModel, server: hashServer, plan: planHash },
  expiring: { model: expiringModel, server: expiringServer, plan: planExpiring },
} as const

type Name = keyof typeof simulations

function simulated(name: Name, seed: number, count: number, spreadMs: number, unknown: number): Simulated {
  const { server, plan } = simulations[name]
  const options = { workload: name, count, spreadMs, unknown, failed: 0.02 }
  return simulate(new Random(seed, name), server(), plan, options)
}

function verdictOf(name: Name, operations: readonly Operation[]) {
  return checkLinearizable(simulations[name].model as Model<unknown>, operations)
}

t.test('what one server did is linearizable, with thousands of operations on one key', async (t) => {
  for (const name of Object.keys(simulations) as Name[]) {
    for (const [count, spreadMs, unknown] of [
      [200, 0, 0],
      [4000, 40, 0],
      [2000, 60, 0.01],
      [500, 60, 0.05],
    ]) {
      for (let seed = 1; seed <= 2; seed++) {
        const startedMs = performance.now()
        const { kind, steps } = verdictOf(name, simulated(name, seed, count, spreadMs, unknown).operations)
        const tookMs = performance.now() - startedMs
        t.equal(
          kind,
          'linearizable',
          `${name}: ${count} operations, ${unknown} unknown: ${steps} steps, ${tookMs.toFixed()} ms`,
        )
      }
    }
  }
})

t.test('one reply that is too old is found among thousands', async (t) => {
  for (const name of Object.keys(simulations) as Name[]) {
    for (let seed = 1; seed <= 3; seed++) {
      const { operations } = simulated(name, seed, 1000, 40, 0.005)
      const stale = makeStale(name, operations, new Random(seed, 'stale'))
      const { kind, steps } = verdictOf(name, stale)
      t.equal(kind, 'violation', `${name}, seed ${seed}: ${steps} steps`)
    }
  }
})

/** Repeats, somewhere in the second half, a reply of a read long before it that cannot be right any more. */
function makeStale(name: Name, operations: readonly Operation[], random: Random): Operation[] {
  const reads = { register: 'get', set: 'smembers', hash: 'hgetall', expiring: 'get' }
  const candidates = operations.filter((read) => read.name === reads[name] && isTelling(read))
  const later = candidates.slice(candidates.length / 2)
  const victim = random.pick(later)
  const old = random.pick(candidates.slice(candidates.length / 4, candidates.length / 3))
  return operations.map((operation) => (operation === victim ? { ...operation, outcome: old.outcome } : operation))
}

function isTelling({ outcome }: Operation): boolean {
  return (
    outcome.kind === 'ok' &&
    outcome.value !== null &&
    (typeof outcome.value === 'string' || [outcome.value].flat().length >= 2)
  )
}
