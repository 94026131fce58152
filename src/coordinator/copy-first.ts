import type { Link } from '../backend/link.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import type { CommandRow } from '../command/row.js'
import { type Frame, ownFrame } from '../resp/frame.js'
import type { Coordinator } from './coordinator.js'
import type { ReplySlot } from './reply-slot.js'
import type { Route } from './router.js'

/*
 * Keys that have to be copied before a command on them is served: in the order of emissions the copy comes first.
 */

/**
 * Every key is in doubt [design §8 Start]: those of this command are copied from their master to the others, and from
 * then on are in doubt no more. A write goes behind the copies; a read waits for them, for otherwise its answer could be
 * another one on the next replica.
 *
 * @returns true when the read is served later
 */
export function settleFirst(
  coordinator: Coordinator,
  route: Route,
  frame: Frame,
  row: CommandRow,
  slot: ReplySlot,
): boolean {
  const { uncertainty, doubts } = coordinator
  const source: Link | undefined = route.natural[0]
  const isRead = row.replicate === 'none'
  // Who cannot be asked or written to now is waited for.
  if (source?.ready !== true || (!isRead && !route.writable())) return false
  // What is in doubt on the master has been touched since the start.
  const isOpen = (id: KeyId) => !uncertainty.isSettled(id) && !doubts.isInDoubt(source, id)
  const ids = coordinator.keyIds(row, frame, slot.db).filter(isOpen)
  const others = route.targets.filter((link) => link !== source)
  let open = ids.length * others.length
  if (open === 0) return false
  const own = ownFrame(frame)
  const copied = (target: Link, id: KeyId, equal: boolean) => {
    if (!equal) doubts.note(target, [id])
    if (--open === 0 && isRead) coordinator.resubmit(own, row, slot)
  }
  if (isRead) slot.pauseClient()
  for (const id of ids) {
    uncertainty.settle(id)
    for (const target of others) {
      if (target.ready)
        coordinator.copyKeys([id], source, target, (_, result) => copied(target, id, result === 'copied'))
      else queueMicrotask(() => copied(target, id, false))
    }
  }
  return isRead
}

/**
 * Where a write goes whose range has pending replicas [design §8 Join]: to those that have its keys. To the others the keys
 * are owed; where they cannot be any more, they are copied first.
 */
export function routeOfWrite(coordinator: Coordinator, route: Route, ids: readonly KeyId[]): Route {
  const { arrivals, doubts } = coordinator
  const isCertain = (link: Link) => link.ready && !ids.some((id) => doubts.isInDoubt(link, id))
  const certain = route.serving() ?? route.natural.find(isCertain)
  const owing: Link[] = []
  for (const target of route.pending) {
    const missing = ids.filter((id) => !arrivals.has(target, id))
    if (missing.length === 0) continue
    if (arrivals.owe(target, ids)) owing.push(target)
    else {
      for (const id of missing) {
        coordinator.copyKeys([id], certain ?? route.natural[0], target, (_target, result) => {
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
export function doubtOwed(coordinator: Coordinator, targets: readonly Link[], ids: readonly KeyId[]): void {
  for (const id of ids) {
    const { key } = keyOfId(id)
    for (const link of coordinator.router.routeOfKey(key, 0, key.length).targets) {
      if (!targets.includes(link)) coordinator.doubts.note(link, [id])
    }
  }
}
