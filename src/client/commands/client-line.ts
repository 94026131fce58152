import { memoryOf } from '../client-memory.js'
import type { Connection } from '../connection.js'
import { fileDescriptorOf, isUnix } from '../peer.js'
import { offers } from '../ring-version.js'
import type { Server } from '../server.js'

const NAME_BYTES_SHOWN = 128

/**
 * One client as CLIENT LIST and CLIENT INFO describe it: the fields of Redis 7.0 in its order, then the two of 7.2 that
 * client libraries set, of an older ring when they are set [Redis networking.c catClientInfoString]. What only Redis has (its static reply buffer)
 * is 0.
 */
export function describeClient(ring: Pick<Server, 'config' | 'order'>, client: Connection): string {
  const { session, queue } = client
  const queued = session.transaction?.queued
  const now = performance.now()
  const queryBytes = client.framer.bufferedBytes
  const { pendingBytes } = client
  const fields: [string, string | number][] = [
    ['id', client.id],
    ['addr', client.address],
    ['laddr', client.localAddress],
    ['fd', fileDescriptorOf(client.socket)],
    ['name', shown(session.name)],
    ['age', Math.floor((now - client.createdAtMs) / 1000)],
    ['idle', Math.floor((now - client.lastActiveMs) / 1000)],
    ['flags', flagsOf(client)],
    ['db', session.db],
    ['sub', session.subscriber?.count('channel') ?? 0],
    ['psub', session.subscriber?.count('pattern') ?? 0],
    ['ssub', session.subscriber?.count('shard') ?? 0],
    ['multi', queued?.length ?? -1],
    ['qbuf', queryBytes],
    ['qbuf-free', 0],
    ['argv-mem', queue.requestBytes],
    ['multi-mem', queued?.bytes ?? 0],
    ['rbs', 0],
    ['rbp', 0],
    ['obl', 0],
    ['oll', queue.length],
    ['omem', pendingBytes],
    ['tot-mem', memoryOf(client)],
    ['events', `${client.isRead ? 'r' : ''}${client.socket.writableLength > 0 ? 'w' : ''}`],
    ['cmd', client.lastCommand?.name ?? 'NULL'],
    ['user', session.user.name],
    ['redir', session.caching?.redirect ?? -1],
    ['resp', session.proto],
    ...libraryOf(session, offers(ring, 'libraries of clients')),
  ]
  return fields.map(([name, value]) => `${name}=${value}`).join(' ')
}

function libraryOf({ libName, libVersion }: Connection['session'], isAlways: boolean): [string, string][] {
  if (!isAlways && libName.length === 0 && libVersion.length === 0) return []
  return [
    ['lib-name', shown(libName)],
    ['lib-ver', shown(libVersion)],
  ]
}

/** A name, which is printable ASCII; of a long one the beginning, as there may be many clients. */
function shown(name: Buffer): string {
  return name.toString('latin1', 0, NAME_BYTES_SHOWN)
}

/**
 * `O`: it monitors; `P`: it listens; `x`: it is between MULTI and EXEC; `b`: its next command waits for the one before; `t`: it has a cache, `B`: by prefixes, `R`: who is to be told for it is gone;
 * `d`: a key that it watches has changed;
 * `c`: it is closed after its replies; `U`: it came through the Unix socket; `e`: CLIENT NO-EVICT; `T`: CLIENT NO-TOUCH; else `N`.
 */
function flagsOf(client: Connection): string {
  const { session, isBlocked, deaf } = client
  const isInTransaction = session.transaction !== undefined
  const isDirty = session.watched?.isBroken === true
  const { caching } = session
  const cached = caching === undefined ? '' : `t${caching.isBroken ? 'R' : ''}${caching.isBroadcast ? 'B' : ''}`
  const monitor = session.monitoring === undefined ? '' : 'O'
  const flags = `${monitor}${session.subscriber === undefined ? '' : 'P'}${isInTransaction ? 'x' : ''}${isBlocked ? 'b' : ''}${cached}${isDirty ? 'd' : ''}${deaf ? 'c' : ''}${isUnix(client) ? 'U' : ''}${session.noEvict ? 'e' : ''}${session.noTouch ? 'T' : ''}`
  return flags === '' ? 'N' : flags
}
