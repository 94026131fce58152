import { LinkLostError } from '../../backend/link.js'
import type { Order } from '../../order/order.js'
import { answer } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Keyspace } from '../keyspace/keyspace.js'
import { mustWait, sweep } from '../keyspace/whole-databases.js'
import { LOST } from './block-read.js'
import type { WidePiece } from './plan.js'
import type { Results } from './results.js'

/*
 * FLUSHALL, FLUSHDB and KEYS in a transaction: in the block of every member, at their place among its other commands.
 */

/** Whether a database is emptied by one of them. */
export function concernedByAny(wide: readonly WidePiece[]): ((db: number) => boolean) | undefined {
  const all = wide.flatMap(({ change }) => change ?? [])
  return all.length === 0 ? undefined : (db) => all.some((change) => change.concerns(db))
}

/**
 * What stands against emitting them: a member that cannot be reached or serve, something that is held, or a transaction that is in the
 * middle of its steps.
 */
export function barrierOf(
  order: Order,
  wide: readonly WidePiece[],
  isInMiddle: boolean,
): 'server' | 'keys' | 'middles' | undefined {
  const { router, middles } = order
  const asks = wide.some(({ change }) => change === undefined)
  // A backup may get what a master has chosen only behind its block, so it is the masters that tell what there is.
  const tells = () => router.routes.every(({ natural }) => natural[0]?.serving === true)
  if (!router.anyMember.writable() || (asks && !tells())) return 'server'
  // What is not to be told of yet is waited for as a server is.
  if (wide.some(({ change, db }) => change === undefined && order.doubts.unmarked.concerns([db]))) return 'server'
  // Another one that others may see in the middle of neither.
  if (!isInMiddle && middles.active > 0 && asks) return 'middles'
  return wide.some(({ change }) => change !== undefined && mustWait(order, change)) ? 'keys' : undefined
}

/** Emits one of them to all members, on whose links blocks are open. */
export function emitWide(keyspace: Keyspace, piece: WidePiece, slot: ReplySlot, results: Results): void {
  const { args, db, change } = piece
  const refusal = change?.refusal()
  if (refusal !== undefined) {
    answer(slot, refusal)
    return
  }
  const reply =
    change === undefined
      ? keyspace.keysOf(keyspace.order.router.serving(), args, db)
      : sweep(keyspace, change, slot.client)
  reply.then(
    (value) => answer(slot, value),
    (failure: Error) => {
      if (!(failure instanceof LinkLostError)) {
        slot.fail(failure, change !== undefined)
        return
      }
      // When all that was in flight on the link has been told already.
      results.lost(failure.member, 'uncertain')
      slot.finish(LOST, 0, LOST.length, true)
    },
  )
}
