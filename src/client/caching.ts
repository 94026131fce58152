import type { KeyId } from '../base/key-id.js'
import type { CachedKeys, CachingClient, CachingEar } from '../channels/cached-keys.js'
import { brokenRedirection, type Invalidation } from '../channels/invalidation.js'
import { hasOneKey } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import { answersOld, findsNothing, writtenOf } from '../command/written.js'
import type { Frame } from '../resp/frame.js'
import type { Clients } from './clients.js'
import type { Connection } from './connection.js'
import { outputLimitsOf } from './output-limit.js'
import { BEHIND_BYTES_MIN } from './pace.js'
import type { Server } from './server.js'
import type { Slot, Written } from './slot.js'

/** What of the server is touched here. */
type Needs = Pick<Server, 'cachedKeys' | 'order'>

/*
 * Clients that have caches of their own: what they read is remembered when it is sent, and what anybody writes is told when it is
 * answered [channels/cached-keys.ts].
 */

const EMPTY = Buffer.alloc(0)

/** How a client is told that its cache is old. */
export class ClientCachingEar implements CachingEar {
  constructor(
    private readonly client: Connection,
    private readonly clients: Clients,
  ) {}

  /** [CachingEar] */
  get oldest(): number {
    return this.client.queue.oldest
  }

  /** [CachingEar] */
  tell(to: CachingClient, invalidation: Invalidation, again: boolean, isOwn: boolean): Buffer | undefined {
    const { client } = this
    if (client.deaf) return undefined
    const { proto, caching } = client.session
    if (to.redirect !== 0) {
      this.redirected(to, invalidation)
      if (again) this.whenAnswered(to, () => caching === client.session.caching && this.redirected(to, invalidation))
      return undefined
    }
    if (proto === 2) return undefined
    const bytes = invalidation.in(3, 3)
    if (isOwn) return bytes
    pushFirst(client, bytes)
    if (again) client.queue.pushBehindReads(bytes, isOnce(to))
    return undefined
  }

  private redirected(to: CachingClient, invalidation: Invalidation): void {
    const { client } = this
    const { proto } = client.session
    const target = this.clients.get(to.redirect)
    if (target === undefined) {
      to.isBroken = true
      if (proto === 3) pushFirst(client, brokenRedirection(to.redirect))
      return
    }
    if (target.deaf) return
    // In RESP2 only who listens gets what it has not asked for.
    const { session } = target
    if (session.proto === 3 || session.subscriber !== undefined)
      pushFirst(target, invalidation.in(session.proto, proto))
  }

  /** When all is answered that the client has sent, if anything is to come. */
  private whenAnswered(to: CachingClient, then: () => void): void {
    for (const slot of this.client.queue.behindReads(isOnce(to))) {
      slot.silent = true
      void slot.whenFirst().then(() => {
        slot.finish(EMPTY, 0, 0, true)
        then()
      })
    }
  }
}

/**
 * Whether it is told again but once for each read: then also behind one that waits for what may never come. By prefixes it is told of
 * everything, which would be kept for as long as that waits.
 */
function isOnce({ isBroadcast }: CachingClient): boolean {
  return !isBroadcast
}

/** Sends what its client is to have before anybody else has what is answered in this turn. */
function pushFirst(client: Connection, bytes: Buffer): void {
  const { surroundings, outbox } = client
  outbox.append(bytes, 0, bytes.length, true)
  surroundings.turn.first(outbox)
  if (client.pendingBytes >= BEHIND_BYTES_MIN)
    surroundings.clients.pace.pushed(client, outputLimitsOf(client.session, surroundings))
  client.repliesDone()
}

/** A client has sent a command for servers, which has this slot: for what is read and written by it. */
export function noteCommand(server: Needs, client: Connection, frame: Frame, row: CommandRow, slot: Slot): void {
  if (onlyReads(row) && !isScript(row)) noteRead(server, client, frame, row, slot)
  else new Noting(server, client, slot, true).note(frame, row, client.session.db)
}

/** As with Redis the database does not count. */
function noteRead(
  { order, cachedKeys }: Needs,
  { session }: Connection,
  frame: Frame,
  row: CommandRow,
  slot: Slot,
): void {
  const { caching } = session
  if (caching?.remembers !== true) return
  if (!hasOneKey(row)) cachedKeys.read(caching, order.keyIds(row, frame, 0), slot.number)
  else {
    const { buf, argStart, argEnd } = frame
    cachedKeys.readOne(caching, buf, argStart[row.firstKey], argEnd[row.firstKey], slot.number)
  }
}

/** PFCOUNT is a read, although it is sent to all replicas, because they keep what it has counted: who has the value has no other one then. */
function onlyReads({ replicate, flags }: CommandRow): boolean {
  return replicate === 'none' || flags.includes('readonly')
}

function isScript({ route }: CommandRow): boolean {
  return route === 'script' || route === 'function'
}

/** What the commands behind one slot read and write. */
export class Noting {
  private writes: WrittenKeys | undefined

  constructor(
    private readonly server: Needs,
    private readonly client: Connection,
    private readonly slot: Slot,
    /** The answer is that of one command, not of a transaction. */
    private readonly isAlone = false,
  ) {}

  note(frame: Frame, row: CommandRow, db: number): void {
    const { order, cachedKeys } = this.server
    const { caching } = this.client.session
    const { server, client, slot } = this
    const runsScript = isScript(row)
    if (onlyReads(row) || runsScript) noteRead(server, client, frame, row, slot)
    if (onlyReads(row)) return
    const isFirst = this.writes === undefined
    const isAlone = isFirst && this.isAlone
    const writes = (this.writes ??= new WrittenKeys(cachedKeys, caching, this.slot.number))
    // With several there is no telling from the answer what each has done.
    writes.row = isAlone ? row : undefined
    // Nor does it tell of a script, which says itself what it has written.
    writes.isSilent = isFirst && (runsScript || answersOld(row, frame))
    if (row.route === 'members') writes.isSweep = true
    else if (!runsScript) writes.wrote(writtenOf(row, order.keyIds(row, frame, db)))
    this.slot.written = writes
  }
}

/** The keys that the commands behind one slot write. */
class WrittenKeys implements Written {
  isSweep = false
  row: CommandRow | undefined
  /** Its answer says nothing of whether it has written. */
  isSilent = false
  private readonly ids: KeyId[] = []
  private isTold = false
  private behind: Buffer | undefined

  constructor(
    private readonly cachedKeys: CachedKeys,
    private readonly client: CachingClient | undefined,
    private readonly number: number,
  ) {}

  wrote(ids: readonly KeyId[]): void {
    for (const id of ids) this.ids.push(id)
  }

  /** [Written] */
  get isToBeTold(): boolean {
    return this.cachedKeys.any && !this.isTold
  }

  /** [Written] */
  tellNow(): void {
    if (!this.isToBeTold) return
    this.isTold = true
    this.behind = this.tell()
  }

  /** [Written] */
  answered(buf: Buffer, start: number, end: number): Buffer | undefined {
    if (this.isTold) return this.behind
    if (!this.cachedKeys.any || (!this.isSilent && findsNothing(this.row, buf, start, end))) return undefined
    return this.tell()
  }

  /** Gives what the writer himself is to get behind his reply. */
  private tell(): Buffer | undefined {
    const { cachedKeys, client, number, ids, isSweep, row, isSilent } = this
    // Of one command with one key the answer says whether it has written.
    const writer = { client, number, mayNotHave: row === undefined || isSilent || ids.length > 1 }
    if (isSweep) return cachedKeys.allChanged(writer)
    return ids.length === 0 ? undefined : cachedKeys.changed(ids, writer)
  }
}

/** Somebody begins to cache while nobody did: what is under way to be written was not looked at. */
export function markWrites({ clients, cachedKeys }: Pick<Server, 'cachedKeys' | 'clients'>): void {
  const written: Written = {
    isToBeTold: true,
    wrote: () => {},
    // Others are marked with it, too.
    tellNow: () => cachedKeys.allChanged(),
    answered: () => cachedKeys.allChanged(),
  }
  for (const client of clients.all()) client.queue.markWrites(written)
}

/** A command was served: what CLIENT CACHING has said was for it, or for its transaction. */
export function endCachingOnce({ session }: Connection, row: CommandRow): void {
  const { caching } = session
  if (caching?.isNextOther !== true || session.transaction !== undefined || row.name.startsWith('client|')) return
  caching.isNextOther = false
}
