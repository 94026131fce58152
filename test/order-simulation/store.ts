/*
 * A small honest Redis: strings, lists, hashes and sets in numbered databases, with deadlines. Arguments and replies are
 * texts of one character a byte; replies are RESP3. Values are never changed but replaced, so that a copy of a store costs
 * little: the members of the simulated ring hold their data in one, and the checker tries histories on many.
 *
 * What is in no order comes in the order of its bytes.
 */

export type Kind = 'string' | 'list' | 'hash' | 'set'

/** A key's value. */
export interface Entry {
  readonly kind: Kind
  /** The text of a string; the elements of a list; fields and values of a hash in turn; the members of a set. */
  readonly items: readonly string[]
  /** In ms since 1970; Infinity is none. */
  readonly deadlineMs: number
  /** The deadline is no later than this: it is what it is on a member, and a guess in a checker's store. */
  readonly latestMs: number
}

export const NIL = '_\r\n'
export const OK = '+OK\r\n'
export const NOT_KNOWN = '-ERR unknown command'
const WRONG_TYPE = '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'
const NO_INTEGER = '-ERR value is not an integer or out of range\r\n'
const NEVER = Number.POSITIVE_INFINITY

export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
export const integer = (value: number): string => `:${value}\r\n`
export const array = (items: readonly string[]): string => `*${items.length}\r\n${items.map(bulk).join('')}`

type Database = Map<string, Entry>

/** What a store cannot know by itself. */
export interface StoreWorld {
  nowMs(): number
  /** A key was found to be past its deadline, and is gone. */
  expired(db: number, key: string): void
  /** A number below `count`: what a server chooses. */
  choose(count: number): number
}

type Command = (store: Store, db: number, args: readonly string[]) => string

export class Store {
  databases: Database[]
  /** Which of them are not another store's, too. */
  private readonly own: boolean[]

  /** @param databases how many, or those of another store, which are copied when something in them changes */
  constructor(
    private readonly world: StoreWorld,
    databases: number | readonly Database[],
  ) {
    const isNew = typeof databases === 'number'
    this.databases = isNew ? Array.from({ length: databases }, () => new Map()) : [...databases]
    this.own = this.databases.map(() => isNew)
  }

  /** Executes a command and gives the bytes of its reply. */
  execute(args: readonly string[], db: number): string {
    const command = COMMANDS[args[0].toLowerCase()]
    return command === undefined ? `${NOT_KNOWN} '${args[0]}'\r\n` : command(this, db, args)
  }

  /** The key, unless its deadline has passed: then it expires. */
  find(db: number, key: string): Entry | undefined {
    const entry = this.databases[db].get(key)
    if (entry === undefined || entry.deadlineMs > this.world.nowMs()) return entry
    this.delete(db, key)
    this.world.expired(db, key)
    return undefined
  }

  put(db: number, key: string, kind: Kind, items: readonly string[], like?: Entry): void {
    const { deadlineMs, latestMs } = like ?? { deadlineMs: NEVER, latestMs: NEVER }
    if (items.length === 0) this.mutable(db).delete(key)
    else this.mutable(db).set(key, { kind, items, deadlineMs, latestMs })
  }

  delete(db: number, key: string): boolean {
    return this.mutable(db).delete(key)
  }

  empty(db: number): void {
    this.databases[db] = new Map()
    this.own[db] = true
  }

  swap(one: number, other: number): void {
    const { databases, own } = this
    ;[databases[one], databases[other]] = [databases[other], databases[one]]
    ;[own[one], own[other]] = [own[other], own[one]]
  }

  choose(count: number): number {
    return this.world.choose(count)
  }

  nowMs(): number {
    return this.world.nowMs()
  }

  private mutable(db: number): Database {
    if (!this.own[db]) this.databases[db] = new Map(this.databases[db])
    this.own[db] = true
    return this.databases[db]
  }
}

/** A command on one value of some kind: gives the reply, and the new items when they change; undefined for no key. */
function onKind(kind: Kind, act: (items: readonly string[], args: readonly string[], store: Store) => Change): Command {
  return (store, db, args) => {
    const entry = store.find(db, args[1])
    if (entry !== undefined && entry.kind !== kind) return WRONG_TYPE
    const { reply, items } = act(entry?.items ?? [], args, store)
    if (items !== undefined) store.put(db, args[1], kind, items, entry)
    return reply
  }
}

interface Change {
  readonly reply: string
  readonly items?: readonly string[]
}

function setCommand(store: Store, db: number, args: readonly string[]): string {
  const [, key, value] = args
  const options = args.slice(3).map((option) => option.toLowerCase())
  const before = store.find(db, key)
  if (options.includes('nx') && before !== undefined) return NIL
  if (options.includes('xx') && before === undefined) return NIL
  const at = options.indexOf('pxat')
  if (at >= 0) store.put(db, key, 'string', [value], deadlineIn(args[at + 4]))
  else store.put(db, key, 'string', [value], options.includes('keepttl') ? before : undefined)
  return OK
}

/** `1000`, or `1000~1200` when a checker does not know better. */
function deadlineIn(text: string): Entry {
  const [deadlineMs, latestMs = deadlineMs] = text.split('~').map(Number)
  return { kind: 'string', items: [], deadlineMs, latestMs }
}

function removeKeys(store: Store, db: number, args: readonly string[]): string {
  let count = 0
  for (const key of args.slice(1)) if (store.find(db, key) !== undefined && store.delete(db, key)) count++
  return integer(count)
}

/** No key of the store's is named by the hidden part: fields are kept in order. */
function withField(items: readonly string[], field: string, value: string): { items: string[]; isNew: boolean } {
  const pairs = new Map<string, string>()
  for (let i = 0; i < items.length; i += 2) pairs.set(items[i], items[i + 1])
  const isNew = !pairs.has(field)
  pairs.set(field, value)
  return { items: [...pairs].sort(([a], [b]) => (a < b ? -1 : 1)).flat(), isNew }
}

const COMMANDS: Readonly<Record<string, Command>> = {
  get: onKind('string', (items) => ({ reply: items.length === 0 ? NIL : bulk(items[0]) })),
  set: setCommand,
  append: onKind('string', ([text = ''], [, , more]) => ({
    reply: integer(text.length + more.length),
    items: [text + more],
  })),
  incr: onKind('string', ([text = '0']) => {
    const value = Number(text) + 1
    return Number.isSafeInteger(value) ? { reply: integer(value), items: [String(value)] } : { reply: NO_INTEGER }
  }),
  getdel: onKind('string', (items) => ({ reply: items.length === 0 ? NIL : bulk(items[0]), items: [] })),
  mget: (store, db, args) => {
    const texts = args.slice(1).map((key) => {
      const entry = store.find(db, key)
      return entry?.kind === 'string' ? bulk(entry.items[0]) : NIL
    })
    return `*${texts.length}\r\n${texts.join('')}`
  },
  msetnx: (store, db, args) => {
    if (args.some((key, i) => i % 2 === 1 && store.find(db, key) !== undefined)) return ':0\r\n'
    COMMANDS.mset(store, db, args)
    return ':1\r\n'
  },
  mset: (store, db, args) => {
    for (let i = 1; i + 1 < args.length; i += 2) {
      store.find(db, args[i])
      store.put(db, args[i], 'string', [args[i + 1]])
    }
    return OK
  },

  rpush: onKind('list', (items, args) => {
    const now = [...items, ...args.slice(2)]
    return { reply: integer(now.length), items: now }
  }),
  lpop: onKind('list', (items) =>
    items.length === 0 ? { reply: NIL } : { reply: bulk(items[0]), items: items.slice(1) },
  ),
  lrange: onKind('list', (items) => ({ reply: array(items) })),
  /** Stands for what XCLAIM does, which nobody can tell from its reply: one of the last two arguments is added. */
  xclaim: onKind('list', (items, args, store) => {
    const chosen = args[args.length - 2 + store.choose(2)]
    return { reply: array([chosen]), items: [...items, chosen] }
  }),
  /** Stands for approximate trims, of which the reply does not tell all: the oldest go, as many as the server likes. */
  xtrim: onKind('list', (items, [, , , sign, length], store) => {
    const most = Math.max(0, items.length - Number(length))
    const count = sign === '=' ? most : store.choose(most + 1)
    return { reply: integer(count), items: items.slice(count) }
  }),
  xlen: onKind('list', (items) => ({ reply: integer(items.length) })),

  hset: onKind('hash', (before, [, , field, value]) => {
    const { items, isNew } = withField(before, field, value)
    return { reply: integer(isNew ? 1 : 0), items }
  }),
  hgetall: onKind('hash', (items) => ({ reply: `%${items.length / 2}\r\n${items.map(bulk).join('')}` })),

  sadd: onKind('set', (items, [, , member]) =>
    items.includes(member) ? { reply: integer(0) } : { reply: integer(1), items: [...items, member].sort() },
  ),
  srem: onKind('set', (items, args) => {
    const left = items.filter((item) => !args.includes(item, 2))
    return { reply: integer(items.length - left.length), items: left }
  }),
  spop: onKind('set', (items, _args, store) => {
    if (items.length === 0) return { reply: NIL }
    const popped = items[store.choose(items.length)]
    return { reply: bulk(popped), items: items.filter((item) => item !== popped) }
  }),
  smembers: onKind('set', (items) => ({ reply: `~${items.length}\r\n${items.map(bulk).join('')}` })),

  del: removeKeys,
  unlink: removeKeys,
  exists: (store, db, args) => integer(args.slice(1).reduce((count, key) => count + (store.find(db, key) ? 1 : 0), 0)),
  rename: (store, db, [, from, to]) => {
    const entry = store.find(db, from)
    if (entry === undefined) return '-ERR no such key\r\n'
    store.find(db, to)
    store.delete(db, from)
    store.put(db, to, entry.kind, entry.items, entry)
    return OK
  },
  copy: (store, db, [, from, to, ...options]) => {
    const entry = store.find(db, from)
    if (entry === undefined) return integer(0)
    if (store.find(db, to) !== undefined && options[0]?.toLowerCase() !== 'replace') return integer(0)
    store.put(db, to, entry.kind, entry.items, entry)
    return integer(1)
  },

  pexpireat: (store, db, [, key, at]) => {
    const entry = store.find(db, key)
    if (entry === undefined) return integer(0)
    const like = deadlineIn(at)
    // A deadline that has passed deletes the key, and nobody calls that expired.
    if (like.latestMs <= store.nowMs()) store.delete(db, key)
    else store.put(db, key, entry.kind, entry.items, like)
    return integer(1)
  },
  pexpiretime: (store, db, [, key]) => {
    const entry = store.find(db, key)
    return integer(entry === undefined ? -2 : entry.deadlineMs === NEVER ? -1 : entry.deadlineMs)
  },
  persist: (store, db, [, key]) => {
    const entry = store.find(db, key)
    if (entry === undefined || entry.deadlineMs === NEVER) return integer(0)
    store.put(db, key, entry.kind, entry.items)
    return integer(1)
  },

  dump: (store, db, [, key]) => {
    const entry = store.find(db, key)
    return entry === undefined ? NIL : bulk(JSON.stringify([entry.kind, ...entry.items]))
  },
  /** Always as the engine sends it: RESTORE key deadline payload REPLACE ABSTTL. */
  restore: (store, db, [, key, at, payload]) => {
    const [kind, ...items] = JSON.parse(payload) as [Kind, ...string[]]
    const like = deadlineIn(at === '0' ? 'Infinity' : at)
    if (like.deadlineMs <= store.nowMs()) store.delete(db, key)
    else store.put(db, key, kind, items, like)
    return OK
  },

  flushall: (store) => {
    for (let db = 0; db < store.databases.length; db++) store.empty(db)
    return OK
  },
  flushdb: (store, db) => {
    store.empty(db)
    return OK
  },
  swapdb: (store, _db, [, one, other]) => {
    store.swap(Number(one), Number(other))
    return OK
  },
}
