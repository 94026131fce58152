import { NAMES } from './checkers/tagged.js'
import { CARRYING_TYPES, DEADLINE_TYPES, isRead, type Plan, WATCHED_TYPE } from './commands.js'
import { FLUSHED_DB, SWAPPED_DBS } from './databases.js'
import { ownerOf } from './listening-commands.js'
import type { Random } from './random.js'
import { ACCOUNTS, ELEMENTS, isTogether, PLACES } from './several-keys.js'

/** What one client does next. */
export type Task =
  /** Commands that are sent together, and then how long the client thinks. */
  | { readonly kind: 'batch'; readonly plans: readonly Plan[]; readonly thinkMs: number }
  /** Several keys that one command is about. */
  | { readonly kind: 'together'; readonly plans: readonly Plan[] }
  /** The keys (of a bank: accounts) are watched and read, and after a while set to something new, if nobody else has. */
  | { readonly kind: 'compare'; readonly watch: Plan; readonly set: Plan; readonly thinkMs: number }
  /** A key with a deadline, and a write that is aimed at it so many ms after (or, below 0, before). */
  | { readonly kind: 'deadline'; readonly key: string; readonly ttlMs: number; readonly aimMs: number }

export interface WorkloadOptions {
  /** Names of those to be used. */
  readonly workloads: readonly string[]
  /** Keys that were written before the start, and are read and deleted, in the database of the client. */
  readonly ballast: readonly string[]
  /** It writes nothing: so it reads on while everybody else waits with a write for some server. */
  readonly readsOnly?: boolean
}

/** Keys of each workload that are in use at a time; of those that expire so many that some are there at the end. */
export const SLOTS = 3
const EXPIRING_KEYS = 48
/** Keys that are cached: most are seldom written, so that it shows when what is old stays. */
export const CACHED_KEYS = 30
const QUIET_SHARE = 0.3
/** The share of tasks in which something is watched. */
const COMPARING_SHARE = 0.08
/** The share in which something is written and then announced. */
const ANNOUNCING_SHARE = 0.04
/** After so many operations of each client new keys take the place of the old ones, so that histories stay short. */
const OPERATIONS_PER_GENERATION = 1000

/** Fields of each hash of the workload `fields` that are written while others are in it, too: so many that it is large. */
const FIELDS = 40
export const FIELDS_FILLED = 2000
export const FIELDS_KEY = 'fields:'

/** Stands for the id of the entry that a group delivered last to this client. */
export const DELIVERED_ID = '@'

const TAGGED = [
  'set',
  'set',
  'set',
  'set',
  'get',
  'get',
  'mget',
  'rename',
  'rename',
  'renamenx',
  'copy',
  'copy',
  'bitop',
  'dels',
  'unlinks',
]

const MOVED = ['sadd', 'smove', 'smove', 'smove', 'smove', 'srem', 'srem', 'sunionstore', 'sunion', 'look', 'look']
const ROTATED = [
  'rpush',
  'rpush',
  'lpop',
  'lmpop',
  'lmove',
  'lmove',
  'lmove',
  'lmove',
  'rpoplpush',
  'look',
  'look',
  'look',
]
const SCRIPTED = [
  'add',
  'add',
  'addByFunction',
  'half',
  'push',
  'push',
  'push',
  'pick',
  'pickByFunction',
  'serve',
  'tend',
  'tend',
  'tend',
  'tend',
  'tend',
  'tend',
  'tend',
  'tend',
  'lock',
  'lock',
  'unlock',
  'unlock',
  'pass',
  'pass',
  'lift',
  'look',
  'look',
  'look',
]
const SCATTERED = [
  'transfer',
  'transfer',
  'transferByFunction',
  'transferToOther',
  'transferByOther',
  'balance',
  'balance',
  'look',
  'look',
]
const QUEUED = [
  'rpush',
  'rpush',
  'rpush',
  'lpush',
  'both',
  'both',
  'scripted',
  'zadd',
  'zadd',
  'xadd',
  // Most of it is taken at once, so that workers wait.
  ...Array.from({ length: 8 }, () => 'lpop'),
  'zpopmin',
  'zpopmin',
  'look',
]
/** The accounts on the same servers. */
const TOGETHER = ACCOUNTS.filter((name) => isTogether(name, ACCOUNTS[ACCOUNTS.length - 1]))
/** So many that hardly two amounts, or sums of some, are the same. */
const AMOUNT_MAX = 1_000_000_000

/** Their keys are the same in a whole run: somebody waits for them, and their checks take no longer for it. */
const LASTING: readonly string[] = ['queue', 'channel', 'caching']

/** `register:2:0`, the third register of the first generation; some keys have bytes that are no text. */
export function keyOfSlot(workload: string, slot: number, generation: number): string {
  return `${workload}:${slot}:${generation}${slot === 2 ? '\r\n\0\xff' : ''}`
}

/** `value` gives a new value, `known` one that this client meant to write to the key before. */
type Planner = (random: Random, value: () => string, known: () => string) => { name: string; args: (string | number)[] }

const register: Planner = (random, value) => {
  const name = random.pick(['set', 'set', 'set', 'get', 'get', 'get', 'get', 'setnx', 'swap', 'getdel', 'del'])
  return { name, args: ['set', 'setnx', 'swap'].includes(name) ? [value()] : [] }
}

const named =
  (all: readonly string[]): Planner =>
  (random, value) => {
    const name = random.pick(all)
    const [one, other, third] = random.sample(NAMES, NAMES.length)
    if (name === 'mget') return { name, args: [] }
    if (name === 'get') return { name, args: [one] }
    if (name === 'set') return { name, args: [one, value()] }
    if (name === 'mset') return { name, args: [one, other, value()] }
    const names = random.chance(0.3) ? [one, other, third] : [one, other]
    return { name, args: name === 'dels' || name === 'unlinks' ? names : [one, other] }
  }

/** The operations of each workload, as often as they stand in the list. */
const PLANNERS: Readonly<Record<string, Planner>> = {
  register,
  flushed: register,
  swapped: register,
  counter: (random) => ({ name: random.pick(['incr', 'incr', 'get']), args: [] }),
  list: (random, value) => {
    const name = random.pick(['rpush', 'rpush', 'rpush', 'lrange', 'llen'])
    return { name, args: name === 'rpush' ? [value()] : [] }
  },
  set: (random, value, known) => {
    const names = ['sadd', 'sadd', 'sadd', 'sadd', 'spop', 'spop', 'spop', 'srem', 'sismember', 'smembers', 'smembers']
    const name = random.pick(names)
    if (name === 'spop' || name === 'smembers') return { name, args: [] }
    return { name, args: [name === 'sadd' ? value() : known()] }
  },
  hash: (random, value) => {
    const name = random.pick(['hset', 'hset', 'hset', 'hsetnx', 'hdel', 'hget', 'hget', 'hgetall'])
    const field = `f${random.below(5)}`
    if (name === 'hgetall') return { name, args: [] }
    return { name, args: name.startsWith('hset') ? [field, value()] : [field] }
  },
  expiring: (random, value) => {
    const name = random.pick(['setpx', 'setpx', 'set', 'setkeep', 'pexpire', 'persist', 'get', 'get', 'get', 'get'])
    const ttlMs = random.pick([20, 100, 500, 2000, 60_000, 90_000])
    if (name === 'setpx') return { name, args: [value(), ttlMs] }
    if (name === 'pexpire') return { name, args: [ttlMs] }
    return { name, args: name.startsWith('set') ? [value()] : [] }
  },
  tagged: named(TAGGED),
  ring: named([...TAGGED, 'mset', 'mset', 'mget']),
  // Nothing is ever deleted: what is missing was lost.
  renamed: named(['set', 'set', 'mget', 'mget', 'rename', 'rename', 'rename', 'rename', 'renamenx']),
  cas: register,
  fields: (random, value) => {
    const name = random.pick(['set', 'set', 'set', 'get', 'get', 'get', 'setnx', 'del'])
    return { name, args: name.startsWith('set') ? [value()] : [] }
  },
  group: (random, value) => {
    const name = random.pick([
      'create',
      'xadd',
      'xadd',
      'xadd',
      'xreadgroup',
      'xreadgroup',
      'xack',
      'xclaim',
      'xautoclaim',
      'xrange',
    ])
    const consumer = `consumer${random.below(3)}`
    if (name === 'xadd') return { name, args: [value()] }
    if (name === 'xack') return { name, args: [DELIVERED_ID] }
    if (name === 'xclaim') return { name, args: [consumer, DELIVERED_ID] }
    return { name, args: name.startsWith('x') && name !== 'xrange' ? [consumer] : [] }
  },
  bank: (random) => {
    const name = random.pick([
      'transfer',
      'transfer',
      'transfer',
      'audited',
      'logged',
      'balance',
      'look',
      'look',
      'lookWithMget',
      'mget',
    ])
    const [from, to] = random.sample(name === 'logged' ? TOGETHER : random.chance(0.3) ? TOGETHER : ACCOUNTS, 2)
    if (name === 'balance') return { name, args: [from] }
    return { name, args: name.startsWith('look') || name === 'mget' ? [] : [from, to, random.between(1, AMOUNT_MAX)] }
  },
  moved: (random) => {
    const name = random.pick(MOVED)
    const [from, to, other] = random.sample(PLACES, PLACES.length)
    if (name === 'look' || name === 'sunion') return { name, args: [] }
    if (name === 'sunionstore') return { name, args: [from, to, other] }
    const element = random.pick(ELEMENTS)
    return { name, args: name === 'smove' ? [from, to, element] : [from, element] }
  },
  rotated: (random, value) => {
    const name = random.pick(ROTATED)
    const [from, to] = random.chance(0.2) ? [PLACES[0], PLACES[0]] : random.sample(PLACES, 2)
    const side = () => random.pick(['LEFT', 'RIGHT'])
    switch (name) {
      case 'rpush':
        return { name, args: [from, value()] }
      case 'lpop':
        return { name, args: [from] }
      case 'lmpop':
        return { name, args: [side()] }
      case 'lmove':
        return { name, args: [from, to, side(), side()] }
      default:
        return { name, args: name === 'look' ? [] : [from, to] }
    }
  },
  scripted: (random, value, known) => {
    const name = random.pick(SCRIPTED)
    if (name === 'push') return { name, args: [value()] }
    // A client by its number.
    return { name, args: name.endsWith('lock') ? [known().replace(/\..*/, '')] : [] }
  },
  scattered: (random) => {
    const name = random.pick(SCATTERED)
    const [from, to] = random.sample(random.chance(0.3) ? TOGETHER : ACCOUNTS, 2)
    if (name === 'balance') return { name, args: [from] }
    return { name, args: name === 'look' ? [] : [from, to, random.between(1, AMOUNT_MAX)] }
  },
  queue: (random, value) => {
    const name = random.pick(QUEUED)
    switch (name) {
      case 'both':
        return { name, args: [value(), value()] }
      case 'zadd':
        return { name, args: [random.below(1000), value()] }
      case 'xadd':
        return { name, args: [value()] }
      case 'lpop':
        return { name, args: [random.pick(['a', 'b'])] }
      default:
        return { name, args: name === 'zpopmin' || name === 'look' ? [] : [random.pick(['a', 'b']), value()] }
    }
  },
  channel: (random, value) => {
    const name = random.pick(['publish', 'publish', 'publish', 'spublish', 'say', 'told'])
    return { name, args: [name === 'told' ? ownerOf(value()) : value()] }
  },
  caching: (random, value) => {
    const name = random.pick(['set', 'set', 'set', 'scripted', 'inMulti', 'del', 'get', 'get'])
    return { name, args: name === 'get' || name === 'del' ? [] : [value()] }
  },
  stream: (random, value) => {
    const name = random.pick(['xadd', 'xadd', 'xadd', 'xrange'])
    return { name, args: name === 'xadd' ? ['*', value()] : [] }
  },
}

/** Those that have databases of their own, with which something happens as a whole: in which their clients work. */
export const OWN_DATABASES: Readonly<Record<string, readonly number[]>> = {
  flushed: [FLUSHED_DB, FLUSHED_DB],
  swapped: SWAPPED_DBS,
}

/** All that there are. `deadline`, `carried` and `echo` have a shape of their own. */
export const WORKLOADS: readonly string[] = [...Object.keys(PLANNERS), 'deadline', 'carried', 'echo']

/**
 * What one client does, from its random numbers alone: the same seed gives the same operations in the same order,
 * whatever is answered.
 */
export class ClientPlan {
  private planned = 0
  private values = 0
  private readonly kinds: readonly string[]
  /** The types of keys with a write that is aimed at their deadline. */
  private readonly aimed: readonly string[]
  /** The value that was last meant for each key. */
  private readonly latest = new Map<string, string>()

  constructor(
    private readonly client: number,
    private readonly random: Random,
    private readonly options: WorkloadOptions,
  ) {
    this.kinds = options.workloads.filter((name) => name in PLANNERS)
    this.aimed = DEADLINE_TYPES.filter((type) => {
      return options.workloads.includes(CARRYING_TYPES.includes(type) ? 'carried' : 'deadline')
    })
  }

  next(): Task {
    const { random, options } = this
    const aims = this.aimed.length > 0 && !options.readsOnly
    if (aims && random.chance(this.kinds.length === 0 ? 0.5 : 0.06)) return this.deadline()
    if (this.kinds.includes('register') && !options.readsOnly && random.chance(this.kinds.length > 2 ? 0.08 : 0.4))
      return this.together()
    const compared = this.kinds.filter((name) => name === 'cas' || name === 'bank')
    if (compared.length > 0 && !options.readsOnly && random.chance(COMPARING_SHARE)) {
      return this.compare(random.pick(compared))
    }
    if (
      this.kinds.includes('channel') &&
      !options.readsOnly &&
      random.chance(this.kinds.length > 2 ? ANNOUNCING_SHARE : 0.4)
    )
      return this.announce()
    const count = random.chance(0.25) ? random.between(2, 8) : 1
    const plans: Plan[] = []
    while (plans.length < count) {
      const last = plans.at(-1)
      // A read of what the same connection has just written must not overtake the write.
      const again = last !== undefined && last.workload in PLANNERS && random.chance(0.5) ? last : undefined
      plans.push(options.readsOnly ? this.read() : this.plan(again))
    }
    return { kind: 'batch', plans, thinkMs: random.below(9) }
  }

  private read(): Plan {
    for (const { planned } = this; ; this.planned = planned) {
      const plan = this.plan(undefined)
      if (isRead(plan)) return plan
    }
  }

  private plan(like: Plan | undefined): Plan {
    const { random, options } = this
    this.planned++
    if (options.workloads.includes('echo') && random.chance(0.05)) {
      return { workload: 'echo', key: `echo:${this.client}`, name: 'echo', args: [this.value()] }
    }
    if (options.ballast.length > 0 && random.chance(0.05)) {
      // Some go and never come back: who missed that has them still.
      const name = random.chance(0.3) ? 'del' : 'get'
      return { workload: 'register', key: random.pick(options.ballast), name, args: [] }
    }
    if (this.kinds.length === 0)
      return { workload: 'echo', key: `echo:${this.client}`, name: 'echo', args: [this.value()] }
    const workload = like?.workload ?? random.pick(this.kinds)
    const key = like?.key ?? this.key(workload)
    const value = () => {
      const fresh = this.value()
      this.latest.set(key, fresh)
      return fresh
    }
    return { workload, key, ...PLANNERS[workload](random, value, () => this.latest.get(key) ?? value()) }
  }

  private key(workload: string): string {
    if (workload === 'caching' && this.random.chance(QUIET_SHARE)) {
      return this.keyAt(workload, this.random.between(SLOTS, CACHED_KEYS - 1))
    }
    return this.keyAt(workload, this.random.below(workload === 'expiring' ? EXPIRING_KEYS : SLOTS))
  }

  private keyAt(workload: string, slot: number): string {
    if (workload === 'fields') return `${FIELDS_KEY}${slot % 2}#f${this.random.below(FIELDS)}`
    const generation = LASTING.includes(workload) ? 0 : Math.floor(this.planned / OPERATIONS_PER_GENERATION)
    return keyOfSlot(workload, slot, generation)
  }

  /** Of a register each, all of them or all but one. */
  private together(): Task {
    const keys = Array.from({ length: SLOTS }, (_, slot) => this.keyAt('register', slot))
    if (this.random.chance(0.5)) keys.splice(this.random.below(SLOTS), 1)
    this.planned += keys.length
    const name = this.random.pick(['set', 'set', 'get', 'wipe', 'unlink'])
    const args = () => (name === 'set' ? [this.value()] : [])
    return { kind: 'together', plans: keys.map((key) => ({ workload: 'register', key, name, args: args() })) }
  }

  /** Something is said, and announced behind it. */
  private announce(): Task {
    const key = this.key('channel')
    this.planned += 2
    const plans = ['say', 'publish'].map((name): Plan => ({ workload: 'channel', key, name, args: [this.value()] }))
    return { kind: 'batch', plans, thinkMs: this.random.below(9) }
  }

  private compare(workload: string): Task {
    const { random } = this
    const key = this.key(workload)
    const thinkMs = random.chance(0.5) ? 0 : random.below(20)
    this.planned += 2
    if (workload === 'cas') {
      const plan = { workload, key }
      return {
        kind: 'compare',
        watch: { ...plan, name: 'watch', args: [] },
        set: { ...plan, name: 'cas', args: [this.value()] },
        thinkMs,
      }
    }
    const names = random.sample(ACCOUNTS, 2)
    const set = { workload, key, name: 'watched', args: [...names, random.between(1, AMOUNT_MAX)] }
    return { kind: 'compare', watch: { workload, key, name: 'watch', args: names }, set, thinkMs }
  }

  private deadline(): Task {
    const { random } = this
    const type = random.pick(this.aimed)
    const key = `${type}:deadline:${this.client}:${this.values++}`
    const aimMs = type === WATCHED_TYPE ? random.between(-2, 12) : random.pick([-2, -1, -1, 0, 0, 0, 1, 1, 2])
    return { kind: 'deadline', key, ttlMs: random.between(30, 120), aimMs }
  }

  /** A value that nobody else writes. */
  private value(): string {
    return `c${this.client}.${this.values++}`
  }
}
