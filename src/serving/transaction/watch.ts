import type { Link } from '../../backend/link.js'
import { type KeyId, keyId } from '../../base/key-id.js'
import { inSlices } from '../../base/slices.js'
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
/** So many keys are asked about in one turn; of more a step is this many. */
const KEYS_MAX = 512
const STEP_KEYS = 16
const NOBODY: ReadonlyMap<KeyId, Link> = new Map()

/** Who watches what from now on; or an answer that does not need to wait; or that it has to. */
type Found = { readonly masters: ReadonlyMap<KeyId, Link> } | { readonly reply: Reply }
type Masters = Found | 'wait'

/**
 * WATCH: asks the masters of the keys to tell of changes [order/watches.ts]. They are asked in one turn, when all can be; until then
 * the client waits, so that what it reads next it reads behind that. Of very many keys some are asked about after the others, and the client
 * waits for all: what changes meanwhile counts as changed where that is known already, and it has not been told yet that it watches.
 */
export function serveWatch(order: Order, keys: readonly Buffer[], watched: Watched, slot: ReplySlot): void {
  const registry = new Registry(watched, slot)
  const failed = (failure: Error) => {
    watched.fail()
    slot.fail(failure, false)
  }
  if (keys.length > KEYS_MAX) {
    slot.pauseClient()
    watchInSlices(order, keys, registry, slot).catch(failed)
    return
  }
  const ids = registry.unknown(keys)
  const found = mastersOf(order, ids)
  if (found !== 'wait') {
    registry.ends(found)
    return
  }
  slot.pauseClient()
  inTime(order, ids, slot)
    .then((masters) => registry.ends(masters))
    .catch(failed)
}

/** A little in each turn of the event loop; what has to wait for a server waits there. */
async function watchInSlices(
  order: Order,
  keys: readonly Buffer[],
  registry: Registry,
  slot: ReplySlot,
): Promise<void> {
  let from = 0
  const next = () => registry.unknown(keys.slice(from, from + STEP_KEYS))
  const step = () => {
    const found = slot.abandoned ? 'wait' : mastersOf(order, next())
    if (found === 'wait' || 'reply' in found) return false
    registry.begins(found.masters)
    from += STEP_KEYS
    return from < keys.length
  }
  while (from < keys.length) {
    await inSlices(step)
    if (from >= keys.length) break
    const found = slot.abandoned ? { reply: order.unavailable() } : await inTime(order, next(), slot)
    if ('reply' in found) {
      registry.ends(found)
      return
    }
    registry.begins(found.masters)
    from += STEP_KEYS
  }
  registry.ends({ masters: NOBODY })
}

async function inTime(order: Order, ids: readonly KeyId[], slot: ReplySlot): Promise<Found> {
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

/** What is heard of the keys that one WATCH names: its client is answered when all that were asked about are registered. */
class Registry {
  /** One more as long as others are to be asked about. */
  private missing = 1
  private refusal: Reply | undefined

  constructor(
    private readonly watched: Watched,
    private readonly slot: ReplySlot,
  ) {}

  /** The names of those of these keys that its client does not watch yet. */
  unknown(keys: readonly Buffer[]): KeyId[] {
    const { watched, slot } = this
    return [...new Set(keys.map((key) => keyId(slot.db, key, 0, key.length)))].filter((id) => !watched.has(id))
  }

  begins(masters: ReadonlyMap<KeyId, Link>): void {
    this.missing += masters.size
    const registered = () => this.registered()
    for (const [id, master] of masters) {
      const refused = (why: string) => {
        this.fails(error(`ERR ${master.name} does not tell of changes (${why}): ${NOT_APPLIED}`))
        registered()
      }
      this.watched.watch(id, master, { registered, refused })
    }
  }

  /** These are the last ones. */
  ends(found: Found): void {
    if ('reply' in found) this.fails(found.reply)
    else this.begins(found.masters)
    this.registered()
  }

  private fails(reply: Reply): void {
    this.watched.fail()
    this.refusal ??= reply
  }

  private registered(): void {
    if (--this.missing === 0) answer(this.slot, this.refusal ?? OK)
  }
}
