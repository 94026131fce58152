import { type Link, LinkLostError } from '../../backend/link.js'
import { wordOf } from '../../base/ascii.js'
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
export async function changeDatabases(keyspace: Keyspace, args: readonly Buffer[], slot: ReplySlot): Promise<Reply> {
  const { order } = keyspace
  const { db, client } = slot
  const deadlineMs = order.waiting.deadline()
  const wrong = wrongWords(args)
  if (wrong !== undefined) return wrong
  const { gates } = order
  const claim = { ids: [], isShared: false, isOfDatabase: concernedBy(args, db) }
  const ticket = gates.ticket()
  let entry: Entry | undefined
  for (;;) {
    const isWritable = order.router.anyMember.writable()
    const isBehind = order.lostReads.isBehind(slot)
    if (isWritable && !isBehind && !mustWait(order, args, db)) {
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
    if (nowMs >= deadlineMs) return isWritable ? stillWaiting(wordOf(args[0]).toLowerCase()) : order.unavailable()
    await order.waiting.change(Math.min(deadlineMs, nowMs + HELD_POLL_MS))
  }
  const swept = sweep(keyspace, args, db, client)
  // What others have been waiting with is emitted behind it.
  if (entry !== undefined) gates.leave(entry)
  order.awaited.look()
  return swept
}

/** The databases that it concerns. */
export function concernedBy(args: readonly Buffer[], db: number): (db: number) => boolean {
  const command = wordOf(args[0]).toLowerCase()
  if (command !== 'swapdb') return (each) => command === 'flushall' || each === db
  const [one, other] = args.slice(1).map((arg) => Number(wordOf(arg)))
  // With itself it is not swapped [Redis db.c dbSwapDatabases].
  return (each) => one !== other && (each === one || each === other)
}

/** Whether what is held forbids it for now: see `changeDatabases`. */
export function mustWait({ lanes, doubts }: Order, args: readonly Buffer[], db: number): boolean {
  const command = wordOf(args[0]).toLowerCase()
  if (command === 'flushdb') return lanes.active > 0 && lanes.crosses(db)
  const swapped = args.slice(1).map((arg) => Number(wordOf(arg)))
  return command === 'swapdb' && (lanes.concerns(swapped) || doubts.concerns(swapped))
}

/** Whether servers do it: what names a database that is none all of them refuse. */
function isValid({ databases }: Order, args: readonly Buffer[], command: string): boolean {
  const isDatabase = (arg: Buffer) => /^(0|[1-9]\d{0,8})$/.test(wordOf(arg)) && Number(arg) < databases
  return command !== 'swapdb' || args.slice(1).every(isDatabase)
}

/** What is answered to wrong words. */
export function wrongWords(args: readonly Buffer[]): Reply | undefined {
  const isWrong = args.length > 2 || (args.length === 2 && !/^(a?sync)$/i.test(wordOf(args[1])))
  return isWrong && wordOf(args[0]).toLowerCase() !== 'swapdb' ? error('ERR syntax error') : undefined
}

/** Emits it to all members, in the turn in which it is called, when nothing stands against it. */
export async function sweep(keyspace: Keyspace, args: readonly Buffer[], db: number, client: unknown): Promise<Reply> {
  const { order } = keyspace
  const command = wordOf(args[0]).toLowerCase()
  const { lanes, acknowledgement } = order
  const concerns = concernedBy(args, db)
  let voided: ReturnType<Lanes['cover']> = new Map()
  if (command !== 'swapdb') {
    voided = lanes.cover(concerns)
    // Who is no member any more is not asked to empty anything.
    for (const [link, { held }] of voided) {
      if (!order.router.links.includes(link)) for (const each of held) each.dropped()
    }
  }
  const emitted = emitToAll(order, args, db, command, (link, answer) => {
    if (answer === 'lost') order.lostReads.noteSweep(client, concerns)
    tellVoided(order, link, voided.get(link), answer === 'done')
  })
  // What all refuse has changed nothing.
  if (isValid(order, args, command)) {
    if (order.watches.any) order.watches.swept(concerns)
    if (order.awaited.any && (command === 'swapdb' || order.awaited.ends)) order.awaited.swapped(concerns)
  }
  const { done, refusals, without } = await emitted
  // All refuse what cannot be done, such as a swap with a database that does not exist.
  if (done.length === 0 && refusals.length > 0 && refusals.length === without.length) return refusals[0]
  if (without.length > 0) {
    order.stats.outcomesUnknown++
    return outcomeUnknown(without)
  }
  keyspace.emptied(command, db)
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
  args: readonly Buffer[],
  db: number,
  command: string,
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
  const isSwap = command === 'swapdb' && isValid(order, args, command)
  order.stats.writes++
  const swept = order.absences.sweep()
  const answers = links.map(async (link) => {
    const { name } = link
    try {
      const reply = await emit(order, link, args, db, command, isSwap, answered)
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
      if (command === 'swapdb') distrust(name, `its link broke during ${command}`)
    }
  })
  if (isSwap) order.databasesSwapped(Number(args[1]), Number(args[2]), links)
  await Promise.all(answers).finally(swept)
  return { done, refusals, without }
}

function emit(
  { swaps, owedSweeps }: Order,
  link: Link,
  args: readonly Buffer[],
  db: number,
  command: string,
  isSwap: boolean,
  answered: (link: Link, answer: Answer) => void,
): Promise<Reply> {
  // At once: it may be back before anybody else hears of it.
  const isLost = () => {
    if (command !== 'swapdb') owedSweeps.owe(link, args, db)
  }
  if (!link.ready) {
    isLost()
    return Promise.reject(new LinkLostError(link.name, false))
  }
  link.sweeps++
  return new Promise((resolve, reject) => {
    link.emitFrame(
      frameOf(args),
      db,
      {
        onReply: (_tag, buf, start, end, flags) => {
          // At once: the replies to what was emitted behind it come next.
          const isDone = (flags & IS_ERROR) === 0
          if (isSwap) swaps.answered(link, false)
          if (isSwap && isDone) link.expirations.swapped(Number(args[1]), Number(args[2]))
          answered(link, isDone ? 'done' : 'refused')
          resolve(decodeReply(buf, start, end))
        },
        onLost: () => {
          if (isSwap) swaps.answered(link, true)
          isLost()
          answered(link, 'lost')
          reject(new LinkLostError(link.name, true))
        },
      },
      0,
    )
  })
}
