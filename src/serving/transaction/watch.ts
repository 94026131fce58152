import type { Link } from '../../backend/link.js'
import { type KeyId, keyId } from '../../base/key-id.js'
import { settling } from '../../order/copy-first.js'
import type { Order } from '../../order/order.js'
import { mayRead } from '../../order/readable.js'
import { answer, NOT_APPLIED } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { error, type Reply, simple } from '../../resp/encode.js'
import type { Watched } from './watched.js'

const OK = simple('OK')
/** How often it is looked again, besides when something has changed. */
const POLL_MS = 100

/** Who watches what from now on; or an answer that does not need to wait; or that it has to. */
type Masters = { readonly masters: ReadonlyMap<KeyId, Link> } | { readonly reply: Reply } | 'wait'

/**
 * WATCH: asks the masters of the keys to tell of changes [order/watches.ts]. They are asked in one turn, when all can be; until then
 * the client waits, so that what it reads next it reads behind that.
 */
export function serveWatch(order: Order, keys: readonly Buffer[], watched: Watched, slot: ReplySlot): void {
  const ids = [...new Set(keys.map((key) => keyId(slot.db, key, 0, key.length)))].filter((id) => !watched.has(id))
  const found = mastersOf(order, ids)
  if (found !== 'wait') {
    begin(found, watched, slot)
    return
  }
  slot.pauseClient()
  inTime(order, ids, slot).then(
    (masters) => begin(masters, watched, slot),
    (failure: Error) => {
      watched.fail()
      slot.fail(failure, false)
    },
  )
}

async function inTime(order: Order, ids: readonly KeyId[], slot: ReplySlot): Promise<Exclude<Masters, 'wait'>> {
  order.stats.waits++
  const deadlineMs = order.waiting.deadline()
  for (;;) {
    const now = performance.now()
    const found = mastersOf(order, ids)
    if (found !== 'wait') return found
    if (slot.abandoned || now >= deadlineMs) return { reply: order.unavailable() }
    await order.waiting.change(Math.min(deadlineMs, now + POLL_MS))
  }
}

/** Each key's master, when it can be asked, has all earlier writes of the key, and nobody is to get what another one has. */
function mastersOf(order: Order, ids: readonly KeyId[]): Masters {
  const { opening, router } = order
  if (opening.refusal !== undefined) return { reply: opening.refusal }
  if (!opening.isOpen) return 'wait'
  const masters = new Map<KeyId, Link>()
  let mustWait = false
  for (const id of ids) {
    const route = router.routeOf(id)
    if (route.gone !== undefined) return { reply: route.gone }
    const [master] = route.natural
    if (master === undefined || !mayRead(order, master, route.natural, [id]) || isSettling(order, id)) mustWait = true
    else masters.set(id, master)
  }
  return mustWait ? 'wait' : { masters }
}

/** Every key is in doubt, and this one has to be made equal first, which is begun. */
function isSettling(order: Order, id: KeyId): boolean {
  if (!order.uncertainty.active) return false
  const settled = settling(order, order.router.routeOf(id), [id], false)
  const wake = () => order.waiting.wake()
  settled?.then(wake, wake)
  return settled !== undefined
}

function begin(found: Exclude<Masters, 'wait'>, watched: Watched, slot: ReplySlot): void {
  if ('reply' in found) {
    watched.fail()
    answer(slot, found.reply)
    return
  }
  let missing = found.masters.size
  let refusal: Reply | undefined
  const finish = () => answer(slot, refusal ?? OK)
  if (missing === 0) finish()
  for (const [id, master] of found.masters) {
    const registered = () => {
      if (--missing === 0) finish()
    }
    const refused = (why: string) => {
      watched.fail()
      refusal ??= error(`ERR ${master.name} does not tell of changes (${why}): ${NOT_APPLIED}`)
      registered()
    }
    watched.watch(id, master, { registered, refused })
  }
}
