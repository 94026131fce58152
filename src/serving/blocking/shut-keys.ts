import type { KeyId } from '../../base/key-id.js'
import type { Entry } from '../../order/gates.js'
import type { Order } from '../../order/order.js'

/** Before all others in the queue of the gates. */
const FIRST = 0

type Done = (isShut: boolean) => void

/** A key that is shut, or is to be as soon as nobody else has it. */
interface Shut {
  entry: Entry | undefined
  /** For how many. */
  count: number
  /** Who is told when it is. */
  readonly awaiting: Done[]
}

/**
 * Keys on which commands of clients wait while something is found out for those who wait for them [design §7 Waiting]. However many
 * need a key shut, they have one place in its queue: two would wait for each other, as elements are moved one after the other.
 */
export class ShutKeys {
  private readonly shutKeys = new Map<KeyId, Shut>()

  constructor(private readonly order: Order) {}

  /** Calls back when commands of clients wait for the key; with false when others have had it all the time. */
  shut(id: KeyId, done: Done): void {
    const there = this.shutKeys.get(id)
    if (there !== undefined) {
      there.count++
      if (there.entry === undefined) there.awaiting.push(done)
      else done(true)
      return
    }
    const shut: Shut = { entry: undefined, count: 1, awaiting: [done] }
    this.shutKeys.set(id, shut)
    const { gates, waiting } = this.order
    const admitted = (entry: Entry) => {
      shut.entry = entry
      for (const each of shut.awaiting.splice(0)) each(true)
    }
    const tooLate = () => {
      this.shutKeys.delete(id)
      for (const each of shut.awaiting.splice(0)) each(false)
    }
    gates.enter({ ids: [id], isShared: false }, FIRST, waiting.deadline(), admitted, tooLate)
  }

  /** One of those for whom it is shut needs that no more. */
  open(id: KeyId): void {
    const shut = this.shutKeys.get(id)!
    if (--shut.count > 0) return
    this.shutKeys.delete(id)
    this.order.gates.leave(shut.entry!)
  }

  /** Whether somebody else has the key for himself. */
  isTaken(id: KeyId): boolean {
    return this.order.gates.isTaken(id, FIRST)
  }
}
