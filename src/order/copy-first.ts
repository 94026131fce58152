import type { Link } from '../backend/link.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import type { CommandRow } from '../command/row.js'
import { type Frame, ownFrame } from '../resp/frame.js'
import type { Order } from './order.js'
import type { ReplySlot } from './reply-slot.js'
import type { Route } from './router.js'

/*
 * Keys that have to be copied before a command on them is served: in the order of emissions the copy comes first.
 */

/**
 * Every key is in doubt [design §8 Start]: those of this command are made equal on all their replicas, and from then on are
 * in doubt no more. The command waits for that: what it finds has to be the same on the next replica, too.
 *
 * @returns true when the command is served later
 */
export function settleFirst(order: Order, route: Route, frame: Frame, row: CommandRow, slot: ReplySlot): boolean {
  const settled = settling(order, route, order.keyIds(row, frame, slot.db), row.replicate !== 'none')
  if (settled === undefined) return false
  serveAfter(order, settled, frame, row, slot)
  return true
}

/** Serves a command when its keys have been settled, or could not be. */
export function serveAfter(
  order: Order,
  settled: Promise<unknown>,
  frame: Frame,
  row: CommandRow,
  slot: ReplySlot,
): void {
  if (slot.putOff !== undefined) {
    slot.putOff(settled)
    return
  }
  const own = ownFrame(frame)
  slot.pauseClient()
  const again = async () => {
    if (order.lostReads.isBehind(slot)) await order.lostReads.passed(slot)
    order.resubmit(own, row, slot)
  }
  settled.then(again, again)
}

/**
 * Makes these keys of one replica set equal on all of it; undefined when there is nothing to do, or it cannot be done now.
 *
 * @param isWritten whether one of them will be written
 */
export function settling(
  order: Order,
  route: Route,
  ids: readonly KeyId[],
  isWritten: boolean,
): Promise<unknown> | undefined {
  const { uncertainty, doubts } = order
  const master: Link | undefined = route.natural[0]
  // Who cannot be asked or written to now is waited for.
  if (master?.ready !== true || (isWritten && !route.writable())) return undefined
  if (route.targets.length < 2) return undefined
  // What is in doubt on the master has been touched since the start.
  const open = ids.filter((id) => !uncertainty.isSettled(id) && !doubts.isInDoubt(master, id))
  if (open.length === 0) return undefined
  return Promise.all(open.map((id) => uncertainty.once(id, () => settleKey(order, id))))
}

/**
 * Copies a key to all its replicas from the one whose word counts. Rejects when a link breaks, and does nothing when it cannot
 * be said any more what was looked at: whoever waits asks again.
 */
async function settleKey(order: Order, id: KeyId): Promise<void> {
  const { uncertainty, doubts, stats } = order
  const { key } = keyOfId(id)
  const route = order.router.routeOfKey(key, 0, key.length)
  const { swaps } = stats
  const source = await whoseWordCounts(route.natural, id)
  const isSame = route === order.router.routeOfKey(key, 0, key.length) && swaps === stats.swaps
  if (!isSame || !source.ready || uncertainty.isSettled(id)) return
  uncertainty.settle(id)
  if (source !== route.natural[0]) uncertainty.noteRestored(route.natural[0].name)
  const copies = route.targets.map((target) => {
    if (target === source) return undefined
    return new Promise<void>((resolve) => {
      const copied = (isEqual: boolean) => {
        if (!isEqual) doubts.note(target, [id])
        resolve()
      }
      if (target.ready) order.copyKeys([id], source, target, (_target, result) => copied(result === 'copied'))
      else copied(false)
    })
  })
  await Promise.all(copies)
}

/**
 * The master's, because what it alone has may have been read. But a key that it alone lacks, of at least three, is more likely
 * to have been lost there than deleted in the moment in which the proxy died; and a deletion takes the others' with it.
 */
async function whoseWordCounts(natural: readonly Link[], id: KeyId): Promise<Link> {
  const [master, ...others] = natural
  if (others.length < 2 || natural.some((link) => !link.ready)) return master
  const { db, key } = keyOfId(id)
  const replies = await Promise.all(natural.map((link) => link.call(['EXISTS', key], db)))
  return replies[0] === 0 && replies.every((reply, i) => i === 0 || reply === 1) ? others[0] : master
}

/**
 * Where a write goes whose range has pending replicas [design §8 Join]: to those that have its keys. To the others the keys
 * are owed; where they cannot be any more, they are copied first.
 */
export function routeOfWrite(order: Order, route: Route, ids: readonly KeyId[]): Route {
  const { arrivals, doubts } = order
  const isCertain = (link: Link) => link.ready && !ids.some((id) => doubts.isInDoubt(link, id))
  const certain = route.serving() ?? route.natural.find(isCertain)
  const owing: Link[] = []
  for (const target of route.pending) {
    const missing = ids.filter((id) => !arrivals.has(target, id))
    if (missing.length === 0) continue
    if (arrivals.owe(target, ids)) owing.push(target)
    else {
      for (const id of missing) {
        order.copyKeys([id], certain ?? route.natural[0], target, (_target, result) => {
          if (result !== 'copied' || certain === undefined) doubts.note(target, [id])
        })
      }
    }
  }
  return route.without(owing)
}

/**
 * One of the targets of a write may have missed it: who was not sent it, because it was owed the keys, may have got a copy
 * of what that one has.
 */
export function doubtOwed(order: Order, targets: readonly Link[], ids: readonly KeyId[]): void {
  for (const id of ids) {
    const { key } = keyOfId(id)
    for (const link of order.router.routeOfKey(key, 0, key.length).targets) {
      if (!targets.includes(link)) order.doubts.note(link, [id])
    }
  }
}
