import { idInDb, type KeyId, keyOfId } from '../base/key-id.js'
import { nameOf } from '../base/name-of.js'
import { RecentNames } from '../base/recent-names.js'
import { Invalidation } from './invalidation.js'

/**
 * Which clients may have which keys in a cache of their own (CLIENT TRACKING) [design §7 Client-side caching]. A key is remembered when a read of
 * it is sent, and forgotten when it changes: then those who read it are told. As with Redis the database does not count.
 *
 *     a read ────────────read────> CachedKeys ──CachingEar.tell──> client/caching-ear
 *     a write's reply ──changed──────┘
 *
 * They are told when the write is answered, before its reply is written: a read that is sent later finds what was written. An
 * earlier one may not have, and its reply may still be to come: so it is told again behind that.
 */

/** How it reaches a client. */
export interface CachingEar {
  /**
   * Says it at once.
   *
   * @param again and once more when all that the client has sent is answered
   * @param isOwn the client itself wrote it: gives the bytes that are to stand behind its reply, instead of sending them
   */
  tell(to: CachingClient, invalidation: Invalidation, again: boolean, isOwn: boolean): Buffer | undefined
  /** The number of the oldest command that is not answered; infinite when all are. */
  readonly oldest: number
}

export interface CachingOptions {
  readonly isBroadcast: boolean
  readonly isOptIn: boolean
  readonly isOptOut: boolean
  readonly isNoLoop: boolean
  /** The id of the client that is told instead, or 0. */
  readonly redirect: number
}

/** A client that wants to be told. */
export class CachingClient implements CachingOptions {
  isBroadcast = false
  isOptIn = false
  isOptOut = false
  isNoLoop = false
  redirect = 0
  /** Who was to be told instead is gone. */
  isBroken = false
  /** CLIENT CACHING: the next command is another one than the mode says. */
  isNextOther = false
  /** How many keys are remembered for it. */
  readings = 0
  /** By their names. */
  readonly prefixes = new Map<string, Buffer>()

  /** @param ear undefined when the client tracks no more */
  constructor(
    private readonly keys: CachedKeys,
    public ear: CachingEar | undefined,
  ) {}

  /** It wants to be told no more. */
  end(): void {
    this.keys.end(this)
  }

  /** Whether the keys of a read that it sends now are remembered. */
  get remembers(): boolean {
    if (this.isBroadcast) return false
    if (this.isOptIn) return this.isNextOther
    return !(this.isOptOut && this.isNextOther)
  }
}

/** When a client has read a key: the places of the first and the last such command. */
interface Reading {
  readonly first: number
  last: number
}

/** Who has written, and at which place of his commands. */
export interface Writer {
  readonly client: CachingClient | undefined
  readonly number: number
  /** Of each key it is not certain that he has. */
  readonly mayNotHave?: boolean
}

/** The beginning of keys that some clients want to be told of, read or not. */
interface Prefix {
  readonly bytes: Buffer
  readonly clients: CachingClient[]
}

const NOBODY: Writer = { client: undefined, number: 0 }

/** So many keys are looked at in one turn for clients that are told no more. */
const SWEPT_KEYS = 10_000

export class CachedKeys {
  /** Whether any client wants to be told: nobody needs to say anything while not. */
  any = false
  private readonly clients = new Set<CachingClient>()
  private readonly recentNames = new RecentNames()
  private readonly byName = new Map<KeyId, Map<CachingClient, Reading>>()
  private items = 0
  /** How many of these are of clients that are told no more. */
  private gone = 0
  private isSweeping = false
  /** In their order. */
  private prefixes: readonly Prefix[] = []

  /** @param keysMax so many keys are remembered at most: for one more the oldest is told as changed */
  constructor(public keysMax: number) {}

  get clientCount(): number {
    return this.clients.size
  }

  get keyCount(): number {
    return this.byName.size
  }

  /** How many clients are remembered for all keys. */
  get itemCount(): number {
    return this.items
  }

  get prefixCount(): number {
    return this.prefixes.length
  }

  /** The client wants to be told from now on, with these options instead of those that it had; prefixes are added to its own. */
  begin(client: CachingClient, options: CachingOptions, prefixes: readonly Buffer[]): void {
    const { isBroadcast, isOptIn, isOptOut, isNoLoop, redirect } = options
    Object.assign(client, { isBroadcast, isOptIn, isOptOut, isNoLoop, redirect, isBroken: false })
    if (isBroadcast) {
      const wanted = prefixes.length === 0 ? [Buffer.alloc(0)] : prefixes
      for (const prefix of wanted) client.prefixes.set(nameOf(prefix), Buffer.from(prefix))
    }
    this.clients.add(client)
    this.any = true
    if (isBroadcast) this.sortPrefixes()
  }

  /** For CachingClient: it does not any more. */
  end(client: CachingClient): void {
    client.ear = undefined
    this.clients.delete(client)
    this.any = this.clients.size > 0
    if (client.isBroadcast) this.sortPrefixes()
    this.gone += client.readings
    if (!this.any) this.forget()
    else if (!this.isSweeping && 2 * this.gone > this.items) this.sweep(this.byName.entries())
  }

  /** Forgets who is told no more, also for keys that never change: as soon as that is half of what is remembered. */
  private sweep(rest: IterableIterator<[KeyId, Map<CachingClient, Reading>]>): void {
    this.isSweeping = false
    for (let count = 0; count < SWEPT_KEYS; count++) {
      const next = rest.next()
      if (next.done === true) return
      const [name, readers] = next.value
      for (const client of readers.keys()) if (client.ear === undefined) this.drop(readers, client)
      if (readers.size === 0) this.byName.delete(name)
    }
    this.isSweeping = true
    setImmediate(() => this.sweep(rest))
  }

  private drop(readers: Map<CachingClient, Reading>, client: CachingClient): void {
    readers.delete(client)
    client.readings--
    this.items--
    if (client.ear === undefined) this.gone--
  }

  /** A client sends a read of these keys, at this place of its commands. */
  read(client: CachingClient, ids: readonly KeyId[], number: number): void {
    for (const id of ids) this.note(client, idInDb(id, 0), number)
    this.forgetOldest()
  }

  /** The same for one key, as it lies in memory. */
  readOne(client: CachingClient, buf: Buffer, start: number, end: number, number: number): void {
    this.note(client, this.recentNames.of(buf, start, end), number)
    this.forgetOldest()
  }

  private note(client: CachingClient, name: KeyId, number: number): void {
    let readers = this.byName.get(name)
    if (readers === undefined) this.byName.set(name, (readers = new Map()))
    const reading = readers.get(client)
    if (reading !== undefined) reading.last = number
    else {
      readers.set(client, { first: number, last: number })
      client.readings++
      this.items++
    }
  }

  private forgetOldest(): void {
    while (this.byName.size > this.keysMax) this.changedName(this.byName.keys().next().value!, NOBODY)
  }

  /**
   * Keys have changed, or may have: whoever may have them is told. Gives what the writer himself is to get behind his reply.
   */
  changed(ids: readonly KeyId[], writer: Writer = NOBODY): Buffer | undefined {
    const own: Buffer[] = []
    const names = new Set(ids.map((id) => idInDb(id, 0)))
    for (const name of names) {
      const bytes = this.changedName(name, writer)
      if (bytes !== undefined) own.push(bytes)
    }
    this.broadcast(names, writer, own)
    return own.length === 0 ? undefined : Buffer.concat(own)
  }

  /** All keys may have changed. Gives the same. */
  allChanged(writer: Writer = NOBODY): Buffer | undefined {
    this.forget()
    const all = new Invalidation(null)
    let own: Buffer | undefined
    for (const client of this.clients) {
      const ear = client.ear!
      const bytes = ear.tell(client, all, isUnanswered(ear), client === writer.client)
      own ??= bytes
    }
    return own
  }

  private forget(): void {
    this.byName.clear()
    this.items = 0
    this.gone = 0
    for (const client of this.clients) client.readings = 0
  }

  private changedName(name: KeyId, writer: Writer): Buffer | undefined {
    const readers = this.byName.get(name)
    if (readers === undefined) return undefined
    let own: Buffer | undefined
    const invalidation = new Invalidation([keyOfId(name).key])
    for (const [client, { first, last }] of readers) {
      // Who is told may be cut off, and be the last one: then all is forgotten.
      if (!this.any) break
      const isOwn = client === writer.client
      // What a client reads behind its own write is what that has left; in EXEC, and in a script, it may have been behind it. Who is not
      // told has to be told of the next write, unless this one is certain: then he knows better.
      const isUncertain = client.isNoLoop && (last === writer.number || writer.mayNotHave === true)
      const staysCached = isOwn && (last > writer.number || isUncertain)
      if (!staysCached || client.ear === undefined) this.drop(readers, client)
      const { ear } = client
      if (ear === undefined || client.isBroadcast || (isOwn && (client.isNoLoop || first > writer.number))) continue
      const bytes = ear.tell(client, invalidation, last >= ear.oldest, isOwn)
      own ??= bytes
    }
    if (readers.size === 0) this.byName.delete(name)
    return own
  }

  /** Each prefix has a message of its own, with all its keys in their order. */
  private broadcast(names: ReadonlySet<KeyId>, writer: Writer, own: Buffer[]): void {
    if (this.prefixes.length === 0) return
    const keys = [...names].map((name) => keyOfId(name).key).sort(Buffer.compare)
    for (const { bytes: prefix, clients } of this.prefixes) {
      const those = keys.filter((key) => key.subarray(0, prefix.length).equals(prefix))
      if (those.length === 0) continue
      const invalidation = new Invalidation(those)
      for (const client of clients) {
        const isOwn = client === writer.client
        // Who is told may be cut off, or another one with it.
        const { ear } = client
        if (ear === undefined || (isOwn && client.isNoLoop)) continue
        const bytes = ear.tell(client, invalidation, isUnanswered(ear), isOwn)
        if (bytes !== undefined) own.push(bytes)
      }
    }
  }

  private sortPrefixes(): void {
    const byName = new Map<string, Prefix>()
    for (const client of this.clients) {
      for (const [name, bytes] of client.prefixes) {
        const prefix = byName.get(name)
        if (prefix === undefined) byName.set(name, { bytes, clients: [client] })
        else prefix.clients.push(client)
      }
    }
    this.prefixes = [...byName.values()].sort((one, other) => Buffer.compare(one.bytes, other.bytes))
  }
}

/** Whether something is still to be answered that the client has sent. */
function isUnanswered({ oldest }: CachingEar): boolean {
  return oldest !== Number.POSITIVE_INFINITY
}
