import type { Acl } from '../acl/acl.js'
import { becomeUser } from './commands/connection.js'
import type { Connection } from './connection.js'
import type { Session } from './session.js'

/** What a client has set for itself, for another proxy that goes on to serve it. Bytes are latin1. */
export interface SessionState {
  readonly id: number
  readonly user: string
  readonly authenticated: boolean
  readonly proto: 2 | 3
  readonly db: number
  readonly name: string
  readonly libName: string
  readonly libVersion: string
  readonly noEvict: boolean
  readonly noTouch: boolean
}

type Own = Pick<
  Session,
  'user' | 'authenticated' | 'proto' | 'db' | 'name' | 'libName' | 'libVersion' | 'noEvict' | 'noTouch'
>

/**
 * Whether that is all there is of it. What it listens to, watches, caches or has between MULTI and EXEC is this proxy's: who goes to another one
 * has lost some of it, and is to know that by the end of its connection.
 */
export function isPortable({ state, watched, subscriber, caching, monitoring, replies, postponed }: Session): boolean {
  return (
    state.kind === 'normal' &&
    watched === undefined &&
    subscriber === undefined &&
    caching === undefined &&
    monitoring === undefined &&
    replies === 'on' &&
    !postponed
  )
}

/** What of a session is remembered to see whether it has changed. */
export function ownOf(session: Session): Own {
  const { user, authenticated, proto, db, name, libName, libVersion, noEvict, noTouch } = session
  return { user, authenticated, proto, db, name, libName, libVersion, noEvict, noTouch }
}

export function isSame(a: Own, b: Own): boolean {
  return (
    a.db === b.db &&
    a.user === b.user &&
    a.authenticated === b.authenticated &&
    a.proto === b.proto &&
    a.name === b.name &&
    a.libName === b.libName &&
    a.libVersion === b.libVersion &&
    a.noEvict === b.noEvict &&
    a.noTouch === b.noTouch
  )
}

export function stateOf(id: number, session: Own): SessionState {
  const { user, authenticated, proto, db, name, libName, libVersion, noEvict, noTouch } = session
  return {
    ...{ id, user: user.name, authenticated, proto, db, noEvict, noTouch },
    ...{ name: textOf(name), libName: textOf(libName), libVersion: textOf(libVersion) },
  }
}

/** Whether a client has what it had elsewhere; not when its user is not there any more, or is off. */
export function restore(client: Connection, state: SessionState, { users }: Acl): boolean {
  const { session } = client
  const user = users.get(state.user)
  if (state.authenticated) {
    if (user === undefined || !user.isOn) return false
    becomeUser(client, user)
  }
  const { proto, db, noEvict, noTouch } = state
  const [name, libName, libVersion] = [state.name, state.libName, state.libVersion].map(bytesOf)
  Object.assign(session, { proto, db, noEvict, noTouch, name, libName, libVersion })
  return true
}

function textOf(bytes: Buffer): string {
  return bytes.toString('latin1')
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}
