import type { Link } from '../backend/link.js'
import { type KeyId, keyId } from '../base/key-id.js'
import type { CommandRow } from '../command/row.js'
import type { Frame } from '../resp/frame.js'
import type { Order } from './order.js'
import type { Route } from './router.js'

/*
 * Which replicas may be read, when not everything is certain [design §6].
 */

/** Whether reads of these keys may go to this one of their natural replicas, the first of which is the master. */
export function mayRead(
  { doubts, uncertainty, owedSweeps }: Order,
  link: Link,
  natural: readonly Link[],
  ids: readonly KeyId[],
): boolean {
  if (!link.ready) return false
  if (doubts.any && ids.some((id) => doubts.hides(id, link, natural))) return false
  if (owedSweeps.any && owedSweeps.hides(ids, link, natural)) return false
  // Before a key is settled nobody knows what the others have: the master's word counts.
  return !uncertainty.active || link === natural[0] || ids.every((id) => uncertainty.isSettled(id))
}

/** Where a read goes: to the first natural replica that may be read; undefined while there is none. */
export function readable(
  order: Order,
  { natural }: Route,
  frame: Frame,
  row: CommandRow,
  db: number,
): Link | undefined {
  const ids = order.keyIds(row, frame, db)
  return natural.find((link) => mayRead(order, link, natural, ids))
}

/**
 * Who can be asked for some keys of a route in this turn and at once, not past a replica that is still to execute a write of them
 * [serving/read.ts]; undefined while nobody can.
 *
 * @param inBlock in a transaction of the server: one that refuses those is asked only when nobody else can be
 */
export function readerNow(order: Order, { natural }: Route, ids: readonly KeyId[], inBlock = false): Link | undefined {
  const { lanes } = order
  let refusing: Link | undefined
  for (const link of natural) {
    if (lanes.active > 0 && lanes.mayBeBehind(link, ids)) return undefined
    if (!mayRead(order, link, natural, ids) || lanes.isAnyHeld(link, ids)) continue
    if (!inBlock || !link.refusesBlocks) return link
    refusing ??= link
  }
  return refusing
}

/**
 * Where a read goes for a command that is served step by step, waited for if need be; undefined when none came in time.
 *
 * @param preferred rather this one, if it is a replica and may be read
 */
export async function readableInTime(
  order: Order,
  key: Buffer,
  db: number,
  preferred?: Link,
): Promise<Link | undefined> {
  const ids = [keyId(db, key, 0, key.length)]
  const deadlineMs = order.waiting.deadline()
  for (;;) {
    const { natural } = order.router.routeOfKey(key, 0, key.length)
    const readable = natural.filter((each) => mayRead(order, each, natural, ids))
    if (preferred !== undefined && readable.includes(preferred)) return preferred
    if (readable.length > 0) return readable[0]
    if (!(await order.waiting.change(deadlineMs))) return undefined
  }
}
