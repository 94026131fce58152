import { preciseNowMs } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import { inTurns } from '../base/others-turn.js'
import { elementsOf } from '../resp/decode.js'
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
  const lost: Promise<boolean>[] = []
  await inTurns([...new Set(ids)], (some) => {
    const asked = some.filter((id) => mayBeAsked(order, id))
    lost.push(isAnyLostBy(order, some, new Deadlines(order, asked, () => true)))
  })
  return (await Promise.all(lost)).includes(true)
}

/** The same, of who has asked for the deadlines of these keys, and perhaps others, for another reason as well. */
export async function isAnyLostBy(order: Order, ids: readonly KeyId[], deadlines: Deadlines): Promise<boolean> {
  const lost = await Promise.all(ids.map((id) => isLost(order, id, deadlines)))
  return lost.includes(true)
}

/** Whether there are three of whom nothing stands against being asked. */
export function mayBeAsked(order: Order, id: KeyId): boolean {
  const { natural } = order.router.routeOf(id)
  return natural.length === VOTERS && isCertain(order, natural, id)
}

async function isLost(order: Order, id: KeyId, deadlines: Deadlines): Promise<boolean> {
  const { natural } = order.router.routeOf(id)
  if (!mayBeAsked(order, id)) return false
  const [master, one, other] = natural.map((link) => deadlines.on(link, id))
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

/** So many keys are asked about one by one: a server looks at a script of its own first. */
const FEW_KEYS = 3
const ASK_ALL = "local t={} for i=1,#KEYS do t[i]=redis.call('PEXPIRETIME',KEYS[i]) end return t"

/** What PEXPIRETIME answers of some keys on some of their replicas: asked in this turn, by one command of each server. */
export class Deadlines {
  private readonly said = new Map<Link, Map<KeyId, Promise<number | undefined>>>()

  /** @param isAsked whether a replica of a key is asked */
  constructor(
    private readonly order: Order,
    ids: readonly KeyId[],
    isAsked: (link: Link, natural: readonly Link[], id: KeyId) => boolean,
  ) {
    const asked = new Map<Link, KeyId[]>()
    for (const id of ids) {
      const { natural } = order.router.routeOf(id)
      for (const link of natural) {
        if (!isAsked(link, natural, id)) continue
        const ofLink = asked.get(link)
        if (ofLink === undefined) asked.set(link, [id])
        else ofLink.push(id)
      }
    }
    for (const [link, some] of asked) this.said.set(link, this.ask(link, some))
  }

  /** Undefined when that is not known. */
  async on(link: Link, id: KeyId): Promise<number | undefined> {
    return this.said.get(link)?.get(id)
  }

  private ask(link: Link, ids: readonly KeyId[]): Map<KeyId, Promise<number | undefined>> {
    const { db } = keyOfId(ids[0])
    const isOfOne = ids.every((id) => keyOfId(id).db === db)
    if (ids.length <= FEW_KEYS || !isOfOne) return new Map(ids.map((id) => [id, this.askOne(link, id)]))
    const all = this.askTogether(link, db, ids)
    return new Map(ids.map((id, i) => [id, all.then((said) => said[i])]))
  }

  private async askOne(link: Link, id: KeyId): Promise<number | undefined> {
    const { db, key } = keyOfId(id)
    const held = this.passed(link, [id])
    if (held !== undefined) await held
    const reply = await link.call(['PEXPIRETIME', key], db).catch(() => undefined)
    return typeof reply === 'number' ? reply : undefined
  }

  private async askTogether(link: Link, db: number, ids: readonly KeyId[]): Promise<readonly (number | undefined)[]> {
    const held = this.passed(link, ids)
    if (held !== undefined) await held
    const words = ['EVAL_RO', ASK_ALL, String(ids.length), ...ids.map((id) => keyOfId(id).key)]
    const reply = await link.call(words, db).catch(() => undefined)
    return elementsOf(reply ?? null)?.map((each) => (typeof each === 'number' ? each : undefined)) ?? []
  }

  /** What a write before has left for these keys, and is held. */
  private passed(link: Link, ids: readonly KeyId[]): Promise<unknown> | undefined {
    const { lanes } = this.order
    return lanes.active === 0 ? undefined : lanes.whenPassed(link, ids)
  }
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
