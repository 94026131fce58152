import { rowNamed } from '../../src/command/table.js'
import { fingerprint32 } from '../../src/ring/identifier.js'
import type { Random } from '../chaos/random.js'
import { array, bulk, integer, NIL, NOT_KNOWN, OK, Store } from './store.js'
import type { VirtualTime } from './virtual-time.js'

/** A command that is on its way to a server, or waits there. */
export interface Command {
  readonly args: readonly string[]
  readonly db: number
}

/** What a server has written: a reply, or the push that a key has expired. */
export type Written =
  | { readonly kind: 'reply'; readonly text: string }
  | { readonly kind: 'push'; readonly db: number; readonly key: string }

/** One connection of the proxy, from its first byte until the server knows that it is dead. */
export class Connection {
  /** Given to the connection and not executed. */
  readonly commands: Command[] = []
  /** Not read by the proxy yet. */
  readonly written: Written[] = []
  /** Behind MULTI: what EXEC is to execute; and whether one of them was refused, so that it will not. */
  queued: Command[] | undefined
  isAborted = false
}

export const DATABASES = 2
/** A step of SCAN gives no more keys than these, so that even few keys take several. */
const SCAN_KEYS = 3
/** As much memory as a server has, in bytes, and what it uses when it has some left. */
const MEMORY_BYTES = 1_000_000_000
const USED_BYTES = 1_000_000
/** Commands by which the engine looks after the ring, which are never refused. */
const NEVER_REFUSED: ReadonlySet<string> = new Set([
  ...['function', 'info', 'scan', 'memory', 'dump', 'pexpiretime', 'eval_ro'],
])

/** What a process has on its disk. */
export type Snapshot = Store['databases']

/**
 * One redis-server of the simulated ring: a process that executes what its connections bring, one command after the other,
 * and may be stopped, refuse, run out of memory, die, and come back with what it had, with something older or with nothing.
 */
export class Server {
  store!: Store
  /** Of the process. */
  runId = ''
  /** Connections of the proxy that the server has not seen the end of, the newest last. */
  connections: Connection[] = []
  /** It answers nothing, as after SIGSTOP. */
  isStopped = false
  /** Nobody gets a connection to it. */
  isCutOff = false
  isFull = false
  /** Commands that it refuses, for whatever reason. */
  refused: ReadonlySet<string> = new Set()
  /** It is another process than the ring knows, and may lack what the one before had. */
  hasLess = false
  private processes = 0
  private executing: Connection | undefined
  private pushes: Written[] = []

  constructor(
    readonly name: string,
    /** Its clock minus the proxy's, in ms. */
    readonly clockOffsetMs: number,
    /** Whether pushes that a command causes follow its reply, as from Redis 7.2 on. */
    readonly pushesFollow: boolean,
    private readonly time: VirtualTime,
    private readonly random: Random,
  ) {
    this.begin(DATABASES)
  }

  get wallMs(): number {
    return Math.floor(this.time.wallMs) + this.clockOffsetMs
  }

  /** Another process takes its place, with these data. */
  begin(data: number | Snapshot): void {
    this.runId = `${this.name}.${++this.processes}`
    this.connections = []
    const world = {
      nowMs: () => this.wallMs,
      expired: (db: number, key: string) => this.tell({ kind: 'push', db, key }),
      choose: (count: number) => this.random.below(count),
    }
    this.store = new Store(world, data)
  }

  snapshot(): Snapshot {
    return this.store.databases.map((database) => new Map(database))
  }

  /** Takes a new connection: the ones before are killed with all that they brought [design §5 Links]. */
  accept(connection: Connection): void {
    this.connections = [connection]
  }

  /** Executes the next command of a connection. False when there is none. */
  execute(connection: Connection): boolean {
    const command = connection.commands.shift()
    if (command === undefined) return false
    this.executing = connection
    const text = this.serve(connection, command)
    this.executing = undefined
    const reply: Written = { kind: 'reply', text }
    connection.written.push(...(this.pushesFollow ? [reply, ...this.pushes] : [...this.pushes, reply]))
    this.pushes = []
    return true
  }

  /** The active cycle finds a key whose deadline has passed. */
  expireSome(): boolean {
    for (const [db, database] of this.store.databases.entries()) {
      for (const key of [...database.keys()]) if (this.store.find(db, key) === undefined) return true
    }
    return false
  }

  private tell(push: Written): void {
    for (const connection of this.connections) {
      if (connection === this.executing) this.pushes.push(push)
      else connection.written.push(push)
    }
  }

  /** What stands between MULTI and EXEC is executed together, or not at all [Redis multi.c]. */
  private serve(connection: Connection, command: Command): string {
    const { queued } = connection
    switch (command.args[0]) {
      case 'MULTI':
        connection.queued = []
        connection.isAborted = false
        return OK
      case 'EXEC':
        connection.queued = undefined
        if (connection.isAborted) return '-EXECABORT Transaction discarded because of previous errors.\r\n'
        return `*${queued!.length}\r\n${queued!.map((each) => this.execution(each)).join('')}`
    }
    if (queued === undefined) return this.refusal(command.args, false) ?? this.execution(command)
    queued.push(command)
    const refusal = this.refusal(command.args, true)
    if (refusal !== undefined) connection.isAborted = true
    return refusal ?? '+QUEUED\r\n'
  }

  private refusal(args: readonly string[], isQueued: boolean): string | undefined {
    const name = args[0].toLowerCase()
    if (this.refused.has(name) && !NEVER_REFUSED.has(name)) return `-MISCONF ${name} is refused\r\n`
    // Without memory nothing at all is queued [redis-facts].
    if (this.isFull && (isQueued || needsMemory(name)))
      return "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    return undefined
  }

  private execution({ args, db }: Command): string {
    const name = args[0].toLowerCase()
    switch (name) {
      case 'function':
      // Nobody in a run sends a script.
      case 'script':
        return OK
      // Of what is parked nothing is left here, and no result is so large that it would be.
      case 'eval':
        return args[2] === '3' ? this.store.execute(['DUMP', args[3]], db) : NIL
      // The deadlines of several keys, of one moment [src/order/loss.ts].
      case 'eval_ro':
        return `*${args[2]}\r\n${args
          .slice(3)
          .map((key) => this.deadline(key, db))
          .join('')}`
      case 'ping':
        return '+PONG\r\n'
      case 'info':
        return args[1] === 'memory' ? this.memory() : this.keyspace()
      case 'memory':
        return this.store.databases[db].has(args[2]) ? integer(100) : NIL
      case 'dbsize':
        return integer(this.store.databases[db].size)
      case 'scan':
        return this.scan(db, Number(args[1]))
      case 'swapdb':
        if (!args.slice(1).every((number) => Number(number) < DATABASES)) return '-ERR DB index is out of range\r\n'
    }
    const reply = this.store.execute(args, db)
    if (reply.startsWith(NOT_KNOWN)) throw new Error(`the servers of the simulation do not know ${args.join(' ')}`)
    return reply
  }

  private deadline(key: string, db: number): string {
    return this.store.execute(['PEXPIRETIME', key], db)
  }

  private memory(): string {
    const used = this.isFull ? MEMORY_BYTES : USED_BYTES
    return verbatim(`used_memory:${used}\r\nmem_not_counted_for_evict:0\r\nmaxmemory:${MEMORY_BYTES}\r\n`)
  }

  private keyspace(): string {
    const lines = this.store.databases.map(({ size }, db) => (size === 0 ? '' : `db${db}:keys=${size},expires=0\r\n`))
    return verbatim(`# Keyspace\r\n${lines.join('')}`)
  }

  /** Keys in the order of a fingerprint: whoever is there from the beginning to the end comes once. */
  private scan(db: number, cursor: number): string {
    const placed = [...this.store.databases[db].keys()].map((key) => ({ key, at: fingerprint32(key) % 2 ** 28 }))
    const left = placed.filter(({ at }) => at >= cursor).sort((a, b) => a.at - b.at)
    let count = Math.min(SCAN_KEYS, left.length)
    while (count < left.length && left[count].at === left[count - 1].at) count++
    const next = count < left.length ? left[count - 1].at + 1 : 0
    return `*2\r\n${bulk(String(next))}${array(left.slice(0, count).map(({ key }) => key))}`
  }
}

const needing = new Map<string, boolean>()

function needsMemory(name: string): boolean {
  let needs = needing.get(name)
  // The view's marker is small, and refused only when nothing at all is left.
  if (needs === undefined) {
    needs = name !== 'function' && rowNamed(name)?.flags.includes('denyoom') === true
    needing.set(name, needs)
  }
  return needs
}

function verbatim(text: string): string {
  return `=${text.length + 4}\r\ntxt:${text}\r\n`
}
