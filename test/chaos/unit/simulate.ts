import type { Operation, Outcome, Value } from '../history.js'
import type { Random } from '../random.js'

/** One key of one server, which runs an operation at one moment: changes itself and gives the reply. */
export type Server = (name: string, args: readonly (string | number)[], atMs: number) => Value

export interface SimulateOptions {
  readonly workload: string
  readonly count: number
  /** How long before and after its moment an operation is invoked and returns, at most; the moments are 10 ms apart. */
  readonly spreadMs: number
  /** Which share of the operations has an unknown outcome, half of them applied, and which is refused. */
  readonly unknown: number
  readonly failed: number
}

export interface Simulated {
  readonly operations: Operation[]
  /** For each operation the moment at which it ran, or undefined if it never did. */
  readonly momentMs: ReadonlyMap<number, number>
}

/** A history that is linearizable by its making: every operation runs at a moment between its invocation and its return. */
export function simulate(
  random: Random,
  server: Server,
  plan: (random: Random, i: number) => { name: string; args: readonly (string | number)[] },
  options: SimulateOptions,
): Simulated {
  const momentMs = new Map<number, number>()
  const operations: Operation[] = []
  for (let i = 0; i < options.count; i++) {
    const { name, args } = plan(random, i)
    const atMs = 1000 + i * 10
    const id = i + 1
    let outcome: Outcome
    if (random.chance(options.failed)) outcome = { kind: 'failed', error: 'the command was not applied' }
    else if (random.chance(options.unknown)) {
      outcome = { kind: 'unknown', reason: 'the connection was closed' }
      if (random.chance(0.5)) {
        server(name, args, atMs)
        momentMs.set(id, atMs)
      }
    } else {
      outcome = { kind: 'ok', value: server(name, args, atMs) }
      momentMs.set(id, atMs)
    }
    const invokedMs = atMs - random.below(options.spreadMs + 1)
    const returnedMs = outcome.kind === 'unknown' ? Infinity : atMs + random.below(options.spreadMs + 1)
    const { workload } = options
    operations.push({ id, client: i % 10, workload, key: 'k', name, args, invokedMs, returnedMs, outcome })
  }
  return { operations, momentMs }
}

/** The n-th value of a history, different from all others. */
export function nthValue(i: number): string {
  return `c1.${i}`
}

export function registerServer(): Server {
  let value: string | null = null
  return (name, [arg]) => {
    const before = value
    switch (name) {
      case 'set':
        value = String(arg)
        return 'OK'
      case 'swap':
        value = String(arg)
        return before
      case 'setnx':
        value ??= String(arg)
        return before === null ? 1 : 0
      case 'getdel':
        value = null
        return before
      case 'del':
        value = null
        return before === null ? 0 : 1
      default:
        return value
    }
  }
}

export function planRegister(random: Random, i: number) {
  const name = random.pick(['set', 'set', 'get', 'get', 'get', 'setnx', 'getdel', 'swap', 'del'])
  return { name, args: ['set', 'setnx', 'swap'].includes(name) ? [nthValue(i)] : [] }
}

export function setServer(): Server {
  const members = new Set<string>()
  return (name, [arg]) => {
    const member = String(arg)
    switch (name) {
      case 'sadd':
        return members.size === members.add(member).size ? 0 : 1
      case 'srem':
        return members.delete(member) ? 1 : 0
      case 'sismember':
        return members.has(member) ? 1 : 0
      case 'spop': {
        const popped = [...members][members.size >> 1] ?? null
        if (popped !== null) members.delete(popped)
        return popped
      }
      default:
        return [...members]
    }
  }
}

export function planSet(random: Random, i: number) {
  const name = random.pick(['sadd', 'sadd', 'sadd', 'spop', 'spop', 'srem', 'srem', 'smembers', 'sismember'])
  const member = name === 'sadd' ? nthValue(i) : nthValue(Math.max(0, i - 1 - random.below(12)))
  return { name, args: ['spop', 'smembers'].includes(name) ? [] : [member] }
}

export function hashServer(): Server {
  const fields = new Map<string, string>()
  return (name, args) => {
    const field = String(args[0])
    const has = fields.has(field)
    switch (name) {
      case 'hset':
        fields.set(field, String(args[1]))
        return has ? 0 : 1
      case 'hsetnx':
        if (!has) fields.set(field, String(args[1]))
        return has ? 0 : 1
      case 'hdel':
        return fields.delete(field) ? 1 : 0
      case 'hget':
        return fields.get(field) ?? null
      default:
        return [...fields].flat()
    }
  }
}

export function planHash(random: Random, i: number) {
  const name = random.pick(['hset', 'hset', 'hset', 'hsetnx', 'hdel', 'hget', 'hgetall', 'hgetall'])
  const field = `f${random.below(4)}`
  if (name === 'hgetall') return { name, args: [] }
  return { name, args: name.startsWith('hset') ? [field, nthValue(i)] : [field] }
}

export function counterServer(): Server {
  let value = 0
  return (name) => (name === 'incr' ? ++value : value === 0 ? null : String(value))
}

export function planCounter(random: Random) {
  return { name: random.pick(['incr', 'incr', 'get']), args: [] }
}

export function listServer(): Server {
  const list: string[] = []
  return (name, [arg]) => (name === 'rpush' ? list.push(String(arg)) : name === 'llen' ? list.length : [...list])
}

export function planList(random: Random, i: number) {
  const name = random.pick(['rpush', 'rpush', 'lrange', 'llen'])
  return { name, args: name === 'rpush' ? [nthValue(i)] : [] }
}

export function streamServer(): Server {
  const entries: [string, string[]][] = []
  let last = 0
  return (name, args) => {
    if (name === 'xrange') return [...entries]
    last++
    entries.push([`${last}-0`, ['f', String(args[1])]])
    return `${last}-0`
  }
}

export function planStream(random: Random, i: number) {
  const name = random.pick(['xadd', 'xadd', 'xrange'])
  return { name, args: name === 'xadd' ? ['*', nthValue(i)] : [] }
}

export function expiringServer(): Server {
  let value: string | null = null
  let deadlineMs = Infinity
  return (name, args, atMs) => {
    if (atMs > deadlineMs) [value, deadlineMs] = [null, Infinity]
    const before = value
    const hadDeadline = deadlineMs !== Infinity
    if (name.startsWith('set')) value = String(args[0])
    switch (name) {
      case 'set':
        deadlineMs = Infinity
        return 'OK'
      case 'setpx':
        deadlineMs = atMs + Number(args[1])
        return 'OK'
      case 'setkeep':
        return 'OK'
      case 'pexpire':
        if (before !== null) deadlineMs = atMs + Number(args[0])
        return before === null ? 0 : 1
      case 'persist':
        deadlineMs = Infinity
        return hadDeadline ? 1 : 0
      default:
        return before
    }
  }
}

export function planExpiring(random: Random, i: number) {
  const name = random.pick(['setpx', 'setpx', 'set', 'setkeep', 'pexpire', 'persist', 'get', 'get', 'get', 'get'])
  const ttlMs = random.pick([5, 20, 100, 500])
  if (name === 'setpx') return { name, args: [nthValue(i), ttlMs] }
  if (name === 'pexpire') return { name, args: [ttlMs] }
  return { name, args: name.startsWith('set') ? [nthValue(i)] : [] }
}
