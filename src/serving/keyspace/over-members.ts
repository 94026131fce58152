import { LinkLostError } from '../../backend/link.js'
import { keyId } from '../../base/key-id.js'
import type { CommandRow } from '../../command/row.js'
import { DatabaseChange } from '../../order/database-change.js'
import type { Order } from '../../order/order.js'
import { answer, READ_UNMARKED } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Reply } from '../../resp/encode.js'
import { type Frame, ownFrame } from '../../resp/frame.js'
import { parseRequest } from '../../resp/request-parser.js'
import { type Keyspace, keyspaceError, UnavailableError } from './keyspace.js'
import { scan, scanKey } from './scan.js'
import { changeDatabases } from './whole-databases.js'

/**
 * Serves a command that asks, or changes, all members [design §7 Keyspace-wide]: in steps, while the client's next command
 * waits.
 */
export function serveOverMembers(keyspace: Keyspace, frame: Frame, row: CommandRow, slot: ReplySlot): void {
  const args = parseRequest(ownFrame(frame))
  slot.pauseClient()
  inSteps(keyspace, row, args, slot).then(
    (reply) => answer(slot, reply),
    (failure: Error) => {
      if (failure instanceof UnavailableError) answer(slot, unavailable(keyspace))
      else if (failure instanceof LinkLostError) answer(slot, keyspaceError(failure))
      else slot.fail(failure, row.replicate !== 'none')
    },
  )
}

function unavailable({ order }: Keyspace): Reply {
  return order.router.someGone ?? order.unavailable()
}

/** Reads whose link breaks are asked again, of those that serve by then [design §6]. */
async function inSteps(keyspace: Keyspace, row: CommandRow, args: Buffer[], slot: ReplySlot): Promise<Reply> {
  const { opening, waiting, stats, lanes } = keyspace.order
  // What the client wrote before may be held on all replicas of its key, and must be seen.
  if (lanes.active > 0) await slot.whenFirst()
  const refusal = await opening.whenOpen()
  if (refusal !== undefined) return refusal
  const deadlineMs = waiting.deadline()
  for (;;) {
    // A step of who has the gates of the database may be in the middle itself, and nobody else is.
    const isOutside = slot.atGates === undefined && row.keyFinder !== 'range' && row.replicate === 'none'
    if (isOutside) await whenOutside(keyspace, row)
    try {
      const reply = await overMembers(keyspace, row, args, slot)
      const mayTell = row.replicate !== 'none' || !seesUnmarked(keyspace.order, row, args, slot.db)
      return mayTell ? reply : await whenMarked(keyspace.order, reply)
    } catch (failure) {
      if (!(failure instanceof LinkLostError) || row.replicate !== 'none' || performance.now() > deadlineMs)
        throw failure
      stats.readsResent++
    }
  }
}

/** Whether such a command that only asks may be told what is not acknowledged [order/unmarked-keys.ts]. */
export function seesUnmarked({ doubts }: Order, row: CommandRow, args: readonly Buffer[], db: number): boolean {
  const { unmarked } = doubts
  if (!unmarked.any) return false
  return row.keyFinder === 'range' ? unmarked.has(keyId(db, args[1], 0, args[1].length)) : unmarked.concerns([db])
}

/** What was found, as soon as it may be told. */
async function whenMarked({ acknowledgement, options }: Order, found: Reply): Promise<Reply> {
  return (await acknowledgement.opens(options.unavailableTimeoutMs)) ? found : READ_UNMARKED
}

/**
 * Resolves when nobody is in the middle of a transaction, in a turn in which it can be asked what is asked: behind a wait for a server
 * somebody may be.
 *
 * @throws UnavailableError
 */
async function whenOutside(keyspace: Keyspace, { asksAll }: CommandRow): Promise<void> {
  const { order } = keyspace
  for (;;) {
    await order.middles.over()
    const { router } = order
    if (asksAll === 'some-name' || router.someGone !== undefined || router.serving().isWhole) return
    await keyspace.serving()
  }
}

/** One attempt. */
async function overMembers(
  keyspace: Keyspace,
  row: CommandRow,
  args: readonly Buffer[],
  slot: ReplySlot,
): Promise<Reply> {
  if (row.replicate === 'none') return askMembers(keyspace, row, args, slot.db, slot.atGates === undefined)
  return keyspace.order.router.someGone ?? changeDatabases(keyspace, new DatabaseChange(row, args, slot.db), slot)
}

/**
 * One attempt of a command that only asks.
 *
 * @param isOutside it is no step of somebody who may be in the middle of a transaction
 * @throws LinkLostError, UnavailableError
 */
export async function askMembers(
  keyspace: Keyspace,
  row: CommandRow,
  args: readonly Buffer[],
  db: number,
  isOutside = false,
): Promise<Reply> {
  const { router } = keyspace.order
  // HSCAN, SSCAN, ZSCAN.
  if (row.keyFinder === 'range') {
    const { gone } = router.routeOfKey(args[1], 0, args[1].length)
    return gone ?? scanKey(keyspace, args, db)
  }
  // What they hold can neither be counted nor emptied, and waiting would be in vain.
  if (router.someGone !== undefined) return router.someGone
  switch (row.asksAll) {
    case 'walk':
      return scan(keyspace, args, db)
    case 'names':
      return keyspace.keys(args, db)
    case 'number':
      return keyspace.size(db, isOutside ? () => keyspace.order.middles.over() : undefined)
    default:
      return keyspace.randomKey(db)
  }
}
