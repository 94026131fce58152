import { preciseNowMs } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import { eachInTurns } from '../base/others-turn.js'
import { isSoon } from './deadline.js'
import { haveFieldDeadlines, lastsOnAll } from './field-deadlines.js'
import type { Order } from './order.js'
import { VOTERS } from './votes.js'

const NO_KEY = -2

/**
 * Whether the master of one of these keys has lost it without a trace, as far as the other two replicas can tell: then it is in
 * doubt there, and gets what they have. Asked behind a look that found nothing, or may have, by whoever is going to overwrite values on
 * all servers with what comes of that look [design §7 Differences]:
 *
 *     master   [DUMP a] → nothing   [PEXPIRETIME a]        a was lost here: no key
 *     others                        [PEXPIRETIME a]        there: the look does not count, and is done again when the master has it
 *
 * Who overwrites compares no answers, as other writes do, so that nobody would notice. One of the others who says the same as the
 * master is enough, so a silent one holds up nobody. Where there are not three nobody can be outvoted.
 *
 * The caller has the gates of the keys: nothing changes them meanwhile but time. So of very many some are asked about later.
 */
export async function isAnyLost(order: Order, ids: Iterable<KeyId>): Promise<boolean> {
  const all = [...new Set(ids)]
  const lost = await eachInTurns(all, (id) => isLost(order, id))
  return lost.includes(true)
}

async function isLost(order: Order, id: KeyId): Promise<boolean> {
  const { natural } = order.router.routeOf(id)
  if (natural.length !== VOTERS || !isCertain(order, natural, id)) return false
  const [master, one, other] = natural.map((link) => deadlineOn(order, link, id))
  if (await isSame(master, one, other)) return false
  const said = [await master, await one, await other]
  if (!isAlone(said) || !isCertain(order, natural, id)) return false
  // It has removed what had expired, and the others have not yet.
  if (said[0] === NO_KEY && haveFieldDeadlines(natural)) {
    const lasts = await lastsOnAll(natural.slice(1), [id]).catch(() => false)
    if (!lasts || !isCertain(order, natural, id)) return false
  }
  order.onOutvoted(natural[0].name)
  order.doubts.note(natural[0], [id], undefined, 0, true)
  return true
}

/** What PEXPIRETIME answers; undefined when that is not known. */
async function deadlineOn({ lanes }: Order, link: Link, id: KeyId): Promise<number | undefined> {
  const { db, key } = keyOfId(id)
  // What a write before has left for it, and is held.
  const held = lanes.active === 0 ? undefined : lanes.whenPassed(link, [id])
  if (held !== undefined) await held
  const reply = await link.call(['PEXPIRETIME', key], db).catch(() => undefined)
  return typeof reply === 'number' ? reply : undefined
}

/** Whether one of the others says what the master says: known as soon as one of them does. */
function isSame(
  master: Promise<number | undefined>,
  ...others: readonly Promise<number | undefined>[]
): Promise<boolean> {
  return new Promise((resolve) => {
    let open = others.length
    for (const other of others) {
      void Promise.all([master, other]).then(([first, second]) => {
        if (first === second && first !== undefined) resolve(true)
        else if (--open === 0) resolve(false)
      })
    }
  })
}

/** Whether the first one stands alone, and nothing explains that. */
function isAlone([first, one, other]: readonly (number | undefined)[]): boolean {
  if (first === undefined || one === undefined || one !== other || first === one) return false
  // Two who lack what it has are no majority [design §8 Verify], and at a deadline clocks are apart.
  const nowMs = preciseNowMs()
  return one !== NO_KEY && ![first, one].some((deadlineMs) => deadlineMs >= 0 && isSoon(deadlineMs, nowMs))
}

/** Whether it is known of all replicas that they have what was written, so far. */
function isCertain({ doubts, absences, uncertainty }: Order, natural: readonly Link[], id: KeyId): boolean {
  if (absences.isSweeping || natural.some(({ ready }) => !ready)) return false
  if (uncertainty.active && !uncertainty.isSettled(id)) return false
  return !doubts.any || !natural.some((link) => doubts.isInDoubt(link, id))
}
