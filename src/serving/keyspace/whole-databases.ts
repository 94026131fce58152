import { type Link, LinkLostError } from '../../backend/link.js'
import { ALL_DATABASES, type DatabaseChange } from '../../order/database-change.js'
import type { Entry } from '../../order/gates.js'
import type { Lanes, Voided } from '../../order/lanes.js'
import type { Order } from '../../order/order.js'
import { outcomeUnknown } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { decodeReply } from '../../resp/decode.js'
import { error, isError, type Reply, simple } from '../../resp/encode.js'
import { frameOf } from '../../resp/frame.js'
import { IS_ERROR } from '../../resp/reply-framer.js'
import type { Keyspace } from './keyspace.js'

/** How often somebody who waits for held writes looks again, besides when nothing is held any more. */
const HELD_POLL_MS = 10

/**
 * FLUSHALL, FLUSHDB and SWAPDB [design §7 Keyspace-wide]: to all members in one turn, so that every member executes it at
 * the same place in the order of writes. What is held is void in an emptied database, when the member has emptied it: until then
 * nobody is told that it has what was held for it. It is waited for by SWAPDB, which
 * would make it land in the other one, as are keys in doubt there; and by FLUSHDB when it concerns another database, too (MOVE,
 * COPY with DB).
 *
 * Whoever refuses it is filled anew from those who have executed it, and so is one whose link breaks during SWAPDB; what was to
 * empty databases is sent again as soon as there is a link (see `OwedSweeps`).
 *
 * @param slot that of the command, which somebody else answers
 */
export async function changeDatabases(keyspace: Keyspace, change: DatabaseChange, slot: ReplySlot): Promise<Reply> {
  const { order } = keyspace
  const deadlineMs = order.waiting.deadline()
  const refusal = change.refusal()
  if (refusal !== undefined) return refusal
  const { gates } = order
  const claim = { ids: [], isShared: false, isOfDatabase: (db: number) => change.concerns(db) }
  const ticket = gates.ticket()
  let entry: Entry | undefined
  for (;;) {
    const isWritable = order.router.anyMember.writable()
    if (!isWritable && order.router.someGone !== undefined) return order.router.someGone
    const isBehind = order.lostReads.isBehind(slot)
    if (isWritable && !isBehind && !mustWait(order, change)) {
      if (entry !== undefined || gates.isFree(claim)) break
      // Operations that have looked at keys write first.
      entry = await gates.entered(claim, ticket, deadlineMs)
      if (entry === undefined) return order.stillGated()
      continue
    }
    if (entry !== undefined) gates.leave(entry)
    entry = undefined
    if (isBehind) {
      await order.lostReads.passed(slot)
      continue
    }
    const nowMs = performance.now()
    if (nowMs >= deadlineMs) return isWritable ? stillWaiting(change.name) : order.unavailable()
    await order.waiting.change(Math.min(deadlineMs, nowMs + HELD_POLL_MS))
  }
  const swept = sweep(keyspace, change, slot.client)
  // What others have been waiting with is emitted behind it.
  if (entry !== undefined) gates.leave(entry)
  order.awaited.look()
  return swept
}

/** Whether what is held forbids it for now: see `changeDatabases`. */
export function mustWait({ lanes, doubts }: Order, change: DatabaseChange): boolean {
  const { isSwap, emptied } = change
  if (isSwap) return lanes.concerns(change.exchanged) || doubts.concerns(change.exchanged)
  return emptied !== ALL_DATABASES && lanes.active > 0 && lanes.crosses(emptied as number)
}

/** Emits it to all members, in the turn in which it is called, when nothing stands against it. */
export async function sweep(keyspace: Keyspace, change: DatabaseChange, client: unknown): Promise<Reply> {
  const { order } = keyspace
  const { lanes, acknowledgement } = order
  const concerns = (db: number) => change.concerns(db)
  let voided: ReturnType<Lanes['cover']> = new Map()
  if (!change.isSwap) {
    voided = lanes.cover(concerns)
    // Who is no member any more is not asked to empty anything.
    for (const [link, { held }] of voided) {
      if (!order.router.links.includes(link)) for (const each of held) each.dropped()
    }
  }
  // What it has done is not acknowledged yet, and so not to be read.
  const notRead = () => order.doubts.untilMarked([], change.changed)
  const emitted = emitToAll(order, change, (link, answer) => {
    if (answer === 'done') notRead()
    if (answer === 'lost') order.lostReads.noteSweep(client, concerns)
    tellVoided(order, link, voided.get(link), answer === 'done')
  })
  // What all refuse has changed nothing.
  if (change.isValid(order.databases)) {
    if (order.watches.any) order.watches.swept(concerns)
    if (order.awaited.any && (change.isSwap || order.awaited.ends)) order.awaited.swapped(concerns)
  }
  const { done, refusals, without } = await emitted
  // All refuse what cannot be done, such as a swap with a database that does not exist.
  if (done.length === 0 && refusals.length > 0 && refusals.length === without.length) return refusals[0]
  notRead()
  if (without.length > 0) {
    order.stats.outcomesUnknown++
    return outcomeUnknown(without)
  }
  keyspace.changed(change)
  if (!(await acknowledgement.opens(order.options.unavailableTimeoutMs))) {
    order.stats.outcomesUnknown++
    return outcomeUnknown([])
  }
  return done[0] ?? simple('OK')
}

function stillWaiting(command: string): Reply {
  return error(
    `TRYAGAIN all the time there were writes of which not all servers know yet what they do; ${command} was not applied, try again`,
  )
}

/** A member has emptied its databases, or it lacks what was held for it, which will not be emitted any more. */
function tellVoided({ doubts }: Order, link: Link, voided: Voided | undefined, isEmptied: boolean): void {
  if (voided === undefined) return
  for (const held of voided.held) isEmptied ? held.covered() : held.dropped()
  if (!isEmptied) doubts.note(link, voided.ids)
}

/** What became of a command on one member. */
type Answer = 'done' | 'refused' | 'lost'

interface Outcome {
  readonly done: readonly Reply[]
  readonly refusals: readonly Reply[]
  /** Members that have not executed it, or may not have. */
  readonly without: readonly string[]
}

async function emitToAll(
  order: Order,
  change: DatabaseChange,
  answered: (link: Link, answer: Answer) => void,
): Promise<Outcome> {
  const { links } = order.router
  order.pieces.aheads.spoilAll()
  const done: Reply[] = []
  const refusals: Reply[] = []
  const without: string[] = []
  let refusing: { readonly name: string; readonly reason: string }[] = []
  // At once: it may be back, and be read, before all others have answered.
  const distrust = (name: string, reason: string) => {
    if (order.isMember(name)) order.options.distrust(name, reason)
  }
  const distrustRefusing = () => {
    if (done.length === 0) return
    for (const { name, reason } of refusing) distrust(name, reason)
    refusing = []
  }
  const { name: command } = change
  const isSwapped = change.isSwap && change.isValid(order.databases)
  order.stats.writes++
  const swept = order.absences.sweep()
  const answers = links.map(async (link) => {
    const { name } = link
    try {
      const reply = await emit(order, link, change, isSwapped, answered)
      if (isError(reply)) {
        refusals.push(reply)
        without.push(name)
        refusing.push({ name, reason: `it refused ${command}: ${reply.message}` })
      } else done.push(reply)
      distrustRefusing()
    } catch (failure) {
      if (!(failure instanceof LinkLostError)) throw failure
      // What those have who have left does not count.
      if (!order.isMember(name)) return
      without.push(name)
      // Whether it has swapped them nobody knows, and twice is not once.
      if (change.isSwap) distrust(name, `its link broke during ${command}`)
    }
  })
  if (isSwapped) order.databasesSwapped(...change.exchanged, links)
  await Promise.all(answers).finally(swept)
  return { done, refusals, without }
}

function emit(
  { swaps, owedSweeps }: Order,
  link: Link,
  change: DatabaseChange,
  isSwapped: boolean,
  answered: (link: Link, answer: Answer) => void,
): Promise<Reply> {
  // At once: it may be back before anybody else hears of it.
  const isLost = () => {
    if (change.emptied !== undefined) owedSweeps.owe(link, change.emptied)
  }
  if (!link.ready) {
    isLost()
    return Promise.reject(new LinkLostError(link.name, false))
  }
  link.sweeps++
  return new Promise((resolve, reject) => {
    link.emitFrame(
      frameOf(change.args),
      change.db,
      {
        onReply: (_tag, buf, start, end, flags) => {
          // At once: the replies to what was emitted behind it come next.
          const isDone = (flags & IS_ERROR) === 0
          if (isSwapped) swaps.answered(link, false)
          if (isSwapped && isDone) link.expirations.swapped(...change.exchanged)
          answered(link, isDone ? 'done' : 'refused')
          resolve(decodeReply(buf, start, end))
        },
        onLost: () => {
          if (isSwapped) swaps.answered(link, true)
          isLost()
          answered(link, 'lost')
          reject(new LinkLostError(link.name, true))
        },
      },
      0,
    )
  })
}
