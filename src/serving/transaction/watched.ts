import type { Link } from '../../backend/link.js'
import type { KeyId } from '../../base/key-id.js'
import { inSlices } from '../../base/slices.js'
import type { Order } from '../../order/order.js'
import { type Registering, Watch } from '../../order/watches.js'

/** So many keys are forgotten in one turn; of more a step is this many. */
const KEYS_MAX = 512
const STEP_KEYS = 100

/**
 * The keys that one client watches, up to its next EXEC, DISCARD, UNWATCH or RESET. EXEC asks for what it needs to know:
 *
 *     broken    one of them has changed, or nobody can tell: nothing is executed
 *     suspect   something was emitted that may have changed one: its master is asked something behind that (`fence`), and tells
 *               of the change before it answers
 *     asking    an answer is missing
 *     else      none has changed, and what is emitted now comes before whatever will change one
 */
export class Watched {
  private watches = new Map<KeyId, Watch>()
  private hasFailed = false
  private isOver = false
  private fences = 0

  constructor(private readonly order: Order) {}

  get ids(): KeyId[] {
    return [...this.watches.keys()]
  }

  get size(): number {
    return this.watches.size
  }

  /** The bytes of their names. */
  get bytes(): number {
    let bytes = 0
    for (const id of this.watches.keys()) bytes += typeof id === 'string' ? id.length : id.key.length
    return bytes
  }

  has(id: KeyId): boolean {
    return this.watches.has(id)
  }

  /** A WATCH was answered with an error: its client may not have noticed that it watches less than it thinks. */
  fail(): void {
    this.hasFailed = true
  }

  /** Watches one more key on its master, behind what is held for it there. */
  watch(id: KeyId, master: Link, registering: Registering): void {
    const { watches, lanes } = this.order
    // Its client may have gone while it waited for a server.
    if (this.isOver) {
      registering.registered()
      return
    }
    const watch = new Watch(id, master)
    this.watches.set(id, watch)
    watches.add(watch)
    const register = () => watch.register(registering)
    if (lanes.active === 0 || !lanes.isHeld(master, id)) {
      register()
      return
    }
    const dropped = () => {
      watch.isBroken = true
      registering.registered()
    }
    lanes.hold(master, [id], { emit: register, covered: register, dropped })()
  }

  get isBroken(): boolean {
    if (this.hasFailed) return true
    for (const watch of this.watches.values()) if (watch.isBroken || watch.isOver) return true
    return false
  }

  get isAsking(): boolean {
    if (this.fences > 0) return true
    for (const { asked } of this.watches.values()) if (asked > 0) return true
    return false
  }

  get isSuspect(): boolean {
    for (const { isSuspect } of this.watches.values()) if (isSuspect) return true
    return false
  }

  /** It is known that none has changed. */
  get isUnchanged(): boolean {
    return !this.isBroken && !this.isAsking && !this.isSuspect
  }

  /**
   * Finds out whether suspect keys have changed, as far as what may have changed them has been emitted: `answered` is called
   * when something more is known. The gates of the keys are to be held, so that no end of writes follows.
   */
  fence(answered: () => void): void {
    const { lanes } = this.order
    const byMaster = new Map<Link, Watch[]>()
    for (const watch of this.watches.values()) {
      if (!watch.isSuspect) continue
      const its = byMaster.get(watch.link)
      if (its === undefined) byMaster.set(watch.link, [watch])
      else its.push(watch)
    }
    for (const [master, suspects] of byMaster) {
      this.fences++
      const passed = lanes.whenPassed(
        master,
        suspects.map(({ id }) => id),
      )
      if (passed === undefined) for (const watch of suspects) watch.isSuspect = false
      const over = () => {
        this.fences--
        answered()
      }
      const waited = passed ?? master.call(['PING'])
      waited.then(over, over)
    }
  }

  /** Nobody needs to tell of them any more. */
  end(): void {
    this.isOver = true
    const { watches } = this.order
    const all = this.watches.values()
    // Of very many the others are forgotten in turns to come: whether they are suspect concerns nobody any more.
    const step = () => {
      for (let i = 0; i < STEP_KEYS; i++) {
        const { value, done } = all.next()
        if (done === true) return false
        watches.remove(value)
      }
      return true
    }
    const isLarge = this.watches.size > KEYS_MAX
    this.watches = new Map()
    if (isLarge) void inSlices(step)
    else while (step());
  }
}
